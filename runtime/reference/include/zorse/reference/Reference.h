//===- Reference.h - obvious fp64 results of every op -----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The oracle. One plain implementation of each op kind, written to be read beside
// the formula of its spec: every element is loaded from its storage dtype, all
// arithmetic is fp64, and each result is rounded once to its storage dtype at the
// end. The exceptions are roundings that belong to the op: `rounding` of rmsnorm, the
// products of a rotation, which the models round before they add them, and what
// mamba2_step rounds between its parts.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/OpDesc.h"
#include "zorse/reference/Compare.h"
#include "zorse/reference/Fill.h"

#include <span>

namespace zorse {

/// Computes `op` at `sizes`. `operands` are host addresses of dense row-major buffers in the order
/// of OpDesc::operands(), with the shapes and dtypes of the spec; Out and InOut operands are
/// written. `sizes` must name every size of the spec. Runs on the calling thread.
/// Errors (Usage): wrong number of operands, a null operand, a missing size, an index operand
/// (ids, slots, positions, offsets) outside of what it indexes.
Status runReference(const OpDesc &op, std::span<void *const> operands, const Sizes &sizes);

/// Whether the kind has a reference. True for every kind of the specs; a test holds that.
bool hasReference(std::string_view kind);

} // namespace zorse
