//===- Shards.h - what a fleet would have written ---------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Samples.h"

namespace zorse::test {

/// Databases of `rows` trials each. A part of the keys is in several shards with other evidence:
/// other times, samples, states, devices and dates. A tenth of the shards carry code.
std::vector<std::string> makeShards(const TemporaryFolder &folder, int shards, int rows,
                                    uint64_t seed);

/// Merges into a file that may not be there yet; fails the test if it cannot.
MergeReport mergeInto(const std::string &path, const std::vector<std::string> &paths);
Hash128 contentHashOf(const std::string &path);

} // namespace zorse::test
