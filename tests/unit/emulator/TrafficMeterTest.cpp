//===- TrafficMeterTest.cpp - allocations and the lines touched in them ---===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "memory/AddressSpace.h"

#include <gtest/gtest.h>
#include <thread>

using namespace zorse::emulator;

namespace {

AddressSpace threeRegions() {
  return AddressSpace({{.begin = 0x1000, .end = 0x1100, .index = 0},
                       {.begin = 0x2000, .end = 0x2000, .index = 1}, // of no bytes
                       {.begin = 0x2000, .end = 0x2abc, .index = 2}});
}

TEST(AddressSpace, FindsWhatHoldsAllBytes) {
  AddressSpace space = threeRegions();
  for (uint32_t stale : {0u, 1u, 2u, 77u}) { // whatever the hint is
    uint32_t hint = stale;
    EXPECT_EQ(space.find(0x1000, 256, hint), &space.all()[0]);
    EXPECT_EQ(space.find(0x10fc, 4, hint), &space.all()[0]);
    EXPECT_EQ(space.find(0x10fd, 4, hint), nullptr);
    EXPECT_EQ(space.find(0xfff, 1, hint), nullptr);
    EXPECT_EQ(space.find(0x1100, 1, hint), nullptr);
    EXPECT_EQ(space.find(0x2000, 0xabc, hint), &space.all()[2]);
    EXPECT_EQ(space.find(0x2abb, 1, hint), &space.all()[2]);
    EXPECT_EQ(space.find(0x2abc, 1, hint), nullptr);
    EXPECT_EQ(space.find(0x2ab0, ~uint64_t(0), hint), nullptr);
  }
}

TEST(AddressSpace, NamesTheNearest) {
  AddressSpace space = threeRegions();
  EXPECT_EQ(space.nearest(0x800), &space.all()[0]);
  EXPECT_EQ(space.nearest(0x1200), &space.all()[0]);
  EXPECT_EQ(space.nearest(0x1f00), &space.all()[1]);
  EXPECT_EQ(space.nearest(0x9000), &space.all()[2]);
  EXPECT_EQ(AddressSpace({}).nearest(0x1000), nullptr);
}

TEST(TrafficMeter, CountsEachLineOnceADirection) {
  AddressSpace space = threeRegions();
  TrafficMeter meter(space);
  const Region &small = space.all()[0], &large = space.all()[2];
  meter.touch(small, 0x1000, 4, false);
  meter.touch(small, 0x103c, 4, false); // same line
  meter.touch(small, 0x103e, 4, false); // straddles into the other half of the 128
  EXPECT_EQ(meter.totals().load64, 128u);
  EXPECT_EQ(meter.totals().load128, 128u);
  EXPECT_EQ(meter.totals().store64, 0u);
  meter.touch(large, 0x2000, 0xabc, true);
  meter.touch(large, 0x2000, 0xabc, true);
  EXPECT_EQ(meter.totals().store64, 64u * 43);
  EXPECT_EQ(meter.totals().store128, 128u * 22);
  EXPECT_EQ(meter.totals().load64, 128u);
}

TEST(TrafficMeter, ThreadsTogetherCountEachLineOnce) {
  AddressSpace space({{.begin = 0x10000, .end = 0x10000 + (1 << 20), .index = 0}});
  TrafficMeter meter(space);
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (uint64_t line = 0; line < (1 << 20) / 64; ++line)
        if (line % 4 != t) // every line is touched by three of four
          meter.touch(space.all()[0], 0x10000 + 64 * line, 64, line % 2 != 0);
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(meter.totals().load64, 1u << 19);
  EXPECT_EQ(meter.totals().store64, 1u << 19);
  EXPECT_EQ(meter.totals().load128, 1u << 20);
  EXPECT_EQ(meter.totals().store128, 1u << 20);
}

} // namespace
