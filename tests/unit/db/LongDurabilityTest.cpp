//===- LongDurabilityTest.cpp - a thousand kills, sixteen writers ---------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Writers.h"

using namespace zorse::test;

namespace {

TEST(LongDurabilityTest, AThousandKillsLoseNothingAcknowledged) {
  killWriters(1000, 20261121, TemporaryFolder::Place::Disk);
}

TEST(LongDurabilityTest, SixteenWritersAreAllHeard) { writeTogether(16, 1000); }

} // namespace
