//===- TrafficTest.cpp - bytes moved by known access patterns -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MemoryKernels.h"

#include <set>

using namespace zorse::emulator;
using namespace zorse::emulator::test;

namespace {

void expectTraffic(const Traffic &t, uint64_t requested, uint64_t moved64, uint64_t moved128,
                   uint64_t first64, uint64_t first128, const std::string &what) {
  EXPECT_EQ(t.requested, requested) << what;
  EXPECT_EQ(t.moved64, moved64) << what;
  EXPECT_EQ(t.moved128, moved128) << what;
  EXPECT_EQ(t.first64, first64) << what;
  EXPECT_EQ(t.first128, first128) << what;
}

const std::vector<uint32_t> in(1 << 16, 1);

/// One load by one wave, of which the address is `v_mul_lo_u32 v3, v0, stride` plus `offset`.
Counts loadStrided(const std::string &width, uint32_t stride, int offset,
                   uint64_t exec = ~uint64_t(0)) {
  WaveResult r = runWave(
      fmt::format("v_mul_u32_u24 v3, {}, v0\ns_mov_b32 exec_lo, {:#x}\ns_mov_b32 exec_hi, {:#x}\n"
                  "global_load_{} {}, v3, s[8:9] offset:{}\ns_waitcnt vmcnt(0)",
                  stride, uint32_t(exec), uint32_t(exec >> 32), width,
                  width == "dwordx4" ? "v[16:19]" : "v16", offset),
      in, 1);
  EXPECT_EQ(r.error, "");
  return r.counts;
}

TEST(Traffic, SideBySide) {
  expectTraffic(loadStrided("dword", 4, 0).loads, 256, 256, 256, 256, 256, "dwords");
  expectTraffic(loadStrided("dwordx4", 16, 0).loads, 1024, 1024, 1024, 1024, 1024, "x4");
  expectTraffic(loadStrided("ubyte", 1, 0).loads, 64, 64, 128, 64, 128, "bytes");
  expectTraffic(loadStrided("ushort", 2, 64).loads, 128, 128, 256, 128, 256, "words, one line in");
  // A dword beyond: one line more.
  expectTraffic(loadStrided("dwordx4", 16, 4).loads, 1024, 1088, 1152, 1088, 1152, "off by 4");
  expectTraffic(loadStrided("dword", 4, 2).loads, 256, 320, 384, 320, 384, "off by 2");
}

TEST(Traffic, StridedAndBroadcast) {
  expectTraffic(loadStrided("dword", 0, 60).loads, 256, 64, 128, 64, 128, "one dword");
  expectTraffic(loadStrided("dword", 0, 62).loads, 256, 128, 128, 128, 128, "over two lines");
  expectTraffic(loadStrided("dword", 0, 126).loads, 256, 128, 256, 128, 256, "over two of 128");
  expectTraffic(loadStrided("dword", 8, 0).loads, 256, 512, 512, 512, 512, "every other dword");
  expectTraffic(loadStrided("dword", 64, 0).loads, 256, 4096, 4096, 4096, 4096, "a line each");
  expectTraffic(loadStrided("dword", 256, 0).loads, 256, 4096, 8192, 4096, 8192, "every fourth");
  expectTraffic(loadStrided("dwordx4", 1024, 56).loads, 1024, 8192, 8192, 8192, 8192, "straddling");
  expectTraffic(loadStrided("dwordx4", 1024, 120).loads, 1024, 8192, 16384, 8192, 16384,
                "straddling 128");
  expectTraffic(loadStrided("dword", 4, 0, 0x10001).loads, 8, 128, 128, 128, 128, "two lanes");
  expectTraffic(loadStrided("dword", 4, 0, 0).loads, 0, 0, 0, 0, 0, "no lane");
}

// Any order, near or far, through the definition of a line.
TEST(Traffic, ScatteredAsCountedByHand) {
  for (uint32_t range : {64u, 1000u, 5000u, 60000u, 250000u}) {
    std::vector<uint32_t> offsets = randomDwords(64, range), memory = in;
    std::set<uint32_t> lines64, lines128;
    for (size_t l = 0; l < 64; ++l) {
      offsets[l] = offsets[l] % range + 256;
      memory[l] = offsets[l];
      for (uint32_t byte : {offsets[l], offsets[l] + 7}) {
        lines64.insert(byte / 64);
        lines128.insert(byte / 128);
      }
    }
    WaveResult r = runWave("global_load_dword v2, v1, s[8:9]\ns_waitcnt vmcnt(0)\n"
                           "v_cmp_ne_u32 vcc, 7, v0\ns_mov_b64 exec, vcc\n"
                           "global_load_dwordx2 v[4:5], v2, s[8:9]\n"
                           "s_mov_b64 exec, 0x80\nglobal_load_dwordx2 v[6:7], v2, s[8:9]\n"
                           "s_waitcnt vmcnt(0)",
                           memory, 1);
    ASSERT_EQ(r.error, "");
    std::set<uint32_t> of63, of63wide;
    for (size_t l = 0; l < 64; ++l)
      if (l != 7)
        for (uint32_t byte : {offsets[l], offsets[l] + 7}) {
          of63.insert(byte / 64);
          of63wide.insert(byte / 128);
        }
    uint64_t alone64 = offsets[7] / 64 == (offsets[7] + 7) / 64 ? 1 : 2;
    uint64_t alone128 = offsets[7] / 128 == (offsets[7] + 7) / 128 ? 1 : 2;
    expectTraffic(r.counts.loads, 256 + 512, 256 + 64 * (of63.size() + alone64),
                  256 + 128 * (of63wide.size() + alone128), 256 + 64 * lines64.size(),
                  256 + 128 * lines128.size(), fmt::format("within {} bytes", range));
  }
}

// The second time is a repeat; stores and atomics count on their side.
TEST(Traffic, FirstTouchAndDirections) {
  WaveRun run;
  run.shape = {.grid = {512, 1, 1}, .block = {128, 1, 1}};
  run.machine.threads = 2;
  WaveResult r = runWave("s_lshl_b32 s12, s2, 9\nv_add_u32 v3, s12, v1\n"
                         "global_load_dword v4, v3, s[8:9]\n" // own part
                         "global_load_dword v5, v1, s[8:9]\n" // the same of all workgroups
                         "s_waitcnt vmcnt(0)\nglobal_store_dword v3, v4, s[10:11]\n"
                         "global_atomic_add v1, v5, s[10:11]\n",
                         in, 512, run);
  ASSERT_EQ(r.error, "");
  expectTraffic(r.counts.loads, 2048 * 3, 2048 * 3, 2048 * 3, 2048 + 512, 2048 + 512, "loads");
  EXPECT_EQ(r.counts.loads.repeat64(), 2048u * 2 - 512);
  expectTraffic(r.counts.stores, 2048 * 2, 2048 * 2, 2048 * 2, 2048, 2048, "stores");
}

TEST(Traffic, LocalMemory) {
  WaveRun run;
  run.options.ldsBytes = 16384;
  struct Case {
    const char *text;
    uint32_t stride;
    uint64_t read, written, conflicts;
  };
  for (const Case &c : {Case{"ds_read_b32 v16, v3", 4, 256, 0, 0},
                        {"ds_read_b32 v16, v3", 128, 256, 0, 62},
                        {"ds_read_b32 v16, v3 offset:4", 0, 256, 0, 0},
                        {"ds_read_b128 v[16:19], v3", 16, 1024, 0, 0},
                        {"ds_read_b128 v[16:19], v3", 64, 1024, 0, 24},
                        {"ds_write_b64 v3, v[16:17]", 16, 0, 512, 4},
                        {"ds_read2_b32 v[16:17], v3 offset0:1 offset1:9", 8, 512, 0, 4},
                        {"ds_add_u32 v3, v16", 0, 256, 256, 0}}) {
    WaveResult r = runWave(fmt::format("v_mul_u32_u24 v3, {}, v0\nv_mov_b32 v16, 0\n"
                                       "v_mov_b32 v17, 0\n{}\ns_waitcnt lgkmcnt(0)",
                                       c.stride, c.text),
                           in, 1, run);
    ASSERT_EQ(r.error, "");
    EXPECT_EQ(r.counts.ldsReadBytes, c.read) << c.text;
    EXPECT_EQ(r.counts.ldsWrittenBytes, c.written) << c.text;
    EXPECT_EQ(r.counts.ldsConflictCycles, c.conflicts) << c.text << ", stride " << c.stride;
    EXPECT_EQ(r.counts.loads.requested, 0u);
  }
}

} // namespace
