//===- Stream.h - the bytes of an op without the op -------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Side.h"

namespace zorse::bench {

/// A side that touches what a launch of the case touches and computes next to nothing: reads the
/// inputs, writes the outputs, and reads and writes back in place what is updated in place. The
/// threads share the elements of every operand evenly. What is memory bound can hardly be faster.
Result<std::unique_ptr<Side>> streamSide(const Case &benchCase, const Setup &setup);

} // namespace zorse::bench
