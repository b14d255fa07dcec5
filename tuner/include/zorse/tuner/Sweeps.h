//===- Sweeps.h - recorded trials as spaces with known times ----*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/db/Database.h"
#include "zorse/tuner/QuickList.h"

namespace zorse {

/// One sweep for each op, target, compute units and tuning point among measured rows, in that
/// order; its configurations are those with a result: the default first where it is among them,
/// then in the order of their text. A row that is not Ok counts as failed (infinity); of several
/// times of one configuration the least counts. Rows of models and unfinished trials are left out.
/// Errors: Usage if a row names an op or a target that this program does not know.
Result<std::vector<Sweep>> sweepsOf(const std::vector<KernelRecord> &records);

} // namespace zorse
