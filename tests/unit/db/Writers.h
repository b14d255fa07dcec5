//===- Writers.h - processes that write, and are killed ---------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Samples.h"

#include <functional>

namespace zorse::test {

/// Kills a writing process `rounds` times at random moments and looks for rows that were
/// acknowledged, through a pipe, after record() had returned. Fails the test if one is lost, if an
/// unknown one appears, or if the file is not sound. Prints the counts.
void killWriters(int rounds, uint64_t seed, TemporaryFolder::Place place);

/// Runs `body` in several processes at once; each must return 0.
void inProcesses(int count, const std::function<int(int)> &body);

/// Lets processes record `each` trials each at once, looking up winners meanwhile; all must be
/// there in the end, and nobody may have seen an error.
void writeTogether(int writers, int each);

} // namespace zorse::test
