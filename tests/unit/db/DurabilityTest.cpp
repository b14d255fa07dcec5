//===- DurabilityTest.cpp - nothing acknowledged is ever lost -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Writers.h"

#include <cstdio>

using namespace zorse;
using namespace zorse::test;

namespace {

TEST(DurabilityTest, KilledWritersLoseNothingAcknowledged) {
  // The page cache survives a kill, so memory does here; the long test writes to the disk.
  killWriters(100, 4711, TemporaryFolder::Place::Memory);
}

TEST(DurabilityTest, ProcessesMayCreateTheFileTogether) {
  for (int round = 0; round < 40; ++round) {
    TemporaryFolder folder;
    std::string path = folder.file("deep/kernels.db");
    inProcesses(6, [&](int) {
      Result<std::unique_ptr<Database>> database = Database::open(path, Database::Mode::ReadWrite);
      if (!database)
        std::fprintf(stderr, "%s\n", database.error().message.c_str());
      return database ? 0 : 1;
    });
    EXPECT_EQ(openForWriting(path)->verify().take(), std::vector<std::string>());
  }
}

TEST(DurabilityTest, ConcurrentWritersAreAllHeard) { writeTogether(16, 20); }

} // namespace
