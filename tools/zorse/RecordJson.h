//===- RecordJson.h - trials for people and programs ------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Tool.h"

#include <set>

namespace zorse::tool {

Json recordJson(const KernelRecord &record, bool isWinner);

/// One line a trial under a heading, winners marked.
std::string recordTable(const std::vector<KernelRecord> &records, const std::set<int64_t> &winners);

/// Every field of one trial, a line each.
std::string describeRecord(const KernelRecord &record, bool isWinner);

} // namespace zorse::tool
