//===- BufferMemoryTest.cpp - descriptors and their bounds ----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MemoryKernels.h"

using namespace zorse::emulator;
using namespace zorse::emulator::test;

namespace {

/// s[12:15]: a descriptor over the input (s[16:19] over the output).
std::string descriptors(uint32_t records, uint32_t stride = 0) {
  std::string text;
  for (int i = 0; i < 2; ++i)
    text += fmt::format("s_mov_b32 s{}, s{}\ns_or_b32 s{}, s{}, {:#x}\ns_mov_b32 s{}, {}\n"
                        "s_mov_b32 s{}, 0x20000\n",
                        12 + 4 * i, 8 + 2 * i, 13 + 4 * i, 9 + 2 * i, stride << 16, 14 + 4 * i,
                        records, 15 + 4 * i);
  return text;
}

const std::string storeResult = "s_waitcnt vmcnt(0) lgkmcnt(0)\nv_lshlrev_b32 v6, 4, v0\n"
                                "global_store_dwordx4 v6, v[16:19], s[10:11]\n";
const std::string presetResult = "v_mov_b32 v16, 0x77\nv_mov_b32 v17, 0x77\n"
                                 "v_mov_b32 v18, 0x77\nv_mov_b32 v19, 0x77\n";

// Each dword counts by itself, and the offset of the instruction is part of it.
TEST(BufferMemory, LoadsBeyondTheRecordsAreZeroDwordByDword) {
  std::vector<uint32_t> in = randomDwords(512, 11);
  for (uint32_t records : {0u, 3u, 4u, 509u, 512u, 516u, 1024u, 1039u, 1040u})
    for (bool checks : {false, true}) {
      WaveRun run;
      run.machine.checks = checks;
      WaveResult r = runWave(descriptors(records) + presetResult +
                                 "v_lshlrev_b32 v3, 4, v0\n"
                                 "buffer_load_dwordx4 v[16:19], v3, s[12:15], 0 offen offset:16\n" +
                                 storeResult,
                             in, 256, run);
      ASSERT_EQ(r.error, "");
      uint32_t inside = 0;
      for (uint32_t i = 0; i < 256; ++i) {
        bool inRange = 16 + 4 * i + 4 <= records;
        inside += inRange;
        ASSERT_EQ(r.out[i], inRange ? in[4 + i] : 0u) << records << " records, dword " << i;
      }
      EXPECT_EQ(r.counts.loads.requested, 4 * inside);
      EXPECT_EQ(r.counts.loads.moved64, inside ? (4 * inside + 16 + 63) / 64 * 64 : 0u);
    }
}

TEST(BufferMemory, StoresBeyondTheRecordsAreDropped) {
  std::vector<uint32_t> in = randomDwords(512, 12);
  for (uint32_t records : {0u, 100u, 104u, 108u, 1023u, 1024u}) {
    WaveResult r = runWave(descriptors(records) +
                               "v_lshlrev_b32 v3, 4, v0\n"
                               "global_load_dwordx4 v[16:19], v3, s[8:9]\ns_waitcnt vmcnt(0)\n"
                               "buffer_store_dwordx4 v[16:19], v3, s[16:19], 0 offen",
                           in, 256);
    ASSERT_EQ(r.error, "");
    for (uint32_t i = 0; i < 256; ++i)
      ASSERT_EQ(r.out[i], 4 * i + 4 <= records ? in[i] : poison) << records << ", dword " << i;
  }
}

TEST(BufferMemory, NarrowAccessesNeedAllTheirBytes) {
  std::vector<uint32_t> in = randomDwords(64, 13);
  WaveResult r = runWave(descriptors(31) + presetResult +
                             "v_lshlrev_b32 v3, 1, v0\n"
                             "buffer_load_ushort v16, v3, s[12:15], 0 offen\n"
                             "buffer_load_sbyte v17, v0, s[12:15], 0 offen\n" +
                             storeResult,
                         in, 256);
  ASSERT_EQ(r.error, "");
  for (uint32_t l = 0; l < 64; ++l) {
    uint32_t word = byteAt(in, 2 * l % 128) | uint32_t(byteAt(in, 2 * l + 1)) << 8;
    ASSERT_EQ(r.out[4 * l], l < 15 ? word : 0u) << l;
    ASSERT_EQ(r.out[4 * l + 1], l < 31 ? uint32_t(int32_t(int8_t(byteAt(in, l)))) : 0u) << l;
  }
}

// Masking as compilers do it, an offset that would wrap, and soffset, which is not checked.
TEST(BufferMemory, OffsetsAreUnsignedAndSoffsetIsNotChecked) {
  std::vector<uint32_t> in = randomDwords(512, 14);
  WaveResult r = runWave(descriptors(256) + presetResult +
                             "s_mov_b64 s[20:21], 0xff00\nv_mov_b32 v4, 0x80000000\n"
                             "v_cndmask_b32 v3, v1, v4, s[20:21]\n"
                             "buffer_load_dword v16, v3, s[12:15], 0 offen\n"
                             "v_add_u32 v5, -16, v1\n"
                             "buffer_load_dword v17, v5, s[12:15], 0 offen offset:16\n"
                             "s_movk_i32 s22, 512\n"
                             "buffer_load_dword v18, v1, s[12:15], s22 offen\n"
                             "buffer_load_dword v19, off, s[12:15], s22 offset:252\n" +
                             storeResult,
                         in, 256);
  ASSERT_EQ(r.error, "");
  for (uint32_t l = 0; l < 64; ++l) {
    ASSERT_EQ(r.out[4 * l], l >= 8 && l < 16 ? 0u : in[l]) << l;
    ASSERT_EQ(r.out[4 * l + 1], l < 4 ? 0u : in[l]) << l;
    ASSERT_EQ(r.out[4 * l + 2], in[128 + l]) << l;
    ASSERT_EQ(r.out[4 * l + 3], in[128 + 63]) << l;
  }
}

TEST(BufferMemory, StructuresAreCheckedByIndex) {
  std::vector<uint32_t> in = randomDwords(1024, 15);
  WaveResult r = runWave(descriptors(40, 24) + presetResult +
                             "v_mov_b32 v4, v0\nv_and_b32 v5, 1, v0\nv_lshlrev_b32 v5, 2, v5\n"
                             "buffer_load_dwordx2 v[16:17], v0, s[12:15], 0 idxen offset:8\n"
                             "buffer_load_dword v18, v[4:5], s[12:15], 0 idxen offen offset:4\n"
                             "s_movk_i32 s22, 64\n"
                             "buffer_load_dword v19, v0, s[12:15], s22 idxen\n" +
                             storeResult,
                         in, 256);
  ASSERT_EQ(r.error, "");
  for (uint32_t l = 0; l < 64; ++l) {
    ASSERT_EQ(r.out[4 * l], l < 40 ? in[6 * l + 2] : 0u) << l;
    ASSERT_EQ(r.out[4 * l + 1], l < 40 ? in[6 * l + 3] : 0u) << l;
    ASSERT_EQ(r.out[4 * l + 2], l < 40 ? in[6 * l + 1 + (l & 1)] : 0u) << l;
    ASSERT_EQ(r.out[4 * l + 3], l < 40 ? in[6 * l + 16] : 0u) << l;
  }
  // Without an index the records are bytes, whatever the stride.
  r = runWave(descriptors(40, 24) + presetResult +
                  "buffer_load_dword v16, v1, s[12:15], 0 offen\n" + storeResult,
              in, 256);
  ASSERT_EQ(r.error, "");
  for (uint32_t l = 0; l < 64; ++l)
    ASSERT_EQ(r.out[4 * l], l < 10 ? in[l] : 0u) << l;
  r = runWave(descriptors(40, 24) + "buffer_load_dwordx2 v[16:17], v0, s[12:15], 0 idxen offset:20",
              in, 64);
  EXPECT_NE(r.error.find("lane 0 reaches bytes [20, 28) of a buffer element, whose stride is 24"),
            std::string::npos)
      << r.error;
}

TEST(BufferMemory, AtomicsAreCheckedAsAWhole) {
  std::vector<uint32_t> in = randomDwords(128, 16);
  WaveResult r =
      runWave(descriptors(252) + "v_lshlrev_b32 v3, 3, v0\nv_mov_b32 v16, 1\nv_mov_b32 v17, 0\n"
                                 "buffer_atomic_add_x2 v[16:17], v3, s[16:19], 0 offen glc\n"
                                 "s_waitcnt vmcnt(0)\n"
                                 "global_store_dwordx2 v3, v[16:17], s[10:11] offset:1024",
              in, 512, {.arch = "gfx90a"});
  ASSERT_EQ(r.error, "");
  for (uint32_t l = 0; l < 64; ++l) {
    bool inRange = 8 * l + 8 <= 252;
    ASSERT_EQ(r.out[2 * l], poison + inRange) << l;
    ASSERT_EQ(r.out[2 * l + 1], poison) << l;
    ASSERT_EQ(r.out[256 + 2 * l], inRange ? poison : 0u) << l;
  }
}

TEST(BufferMemory, LoadsIntoLocalMemory) {
  std::vector<uint32_t> in = randomDwords(128, 17);
  WaveRun run;
  run.options.ldsBytes = 1024;
  WaveResult r =
      runWave(descriptors(200) + "s_movk_i32 m0, 0x100\nv_mov_b32 v2, 0x77\n"
                                 "buffer_load_dword v1, s[12:15], 0 offen offset:8 lds\n"
                                 "s_waitcnt vmcnt(0)\nds_read_b32 v2, v1 offset:264\n"
                                 "s_waitcnt lgkmcnt(0)\nglobal_store_dword v1, v2, s[10:11]",
              in, 64, run);
  ASSERT_EQ(r.error, "");
  for (uint32_t l = 0; l < 64; ++l)
    ASSERT_EQ(r.out[l], 8 + 4 * l + 4 <= 200 ? in[l + 2] : 0u) << l;
}

TEST(BufferMemory, WhatIsInRangeMustBeAllocated) {
  std::vector<uint32_t> in = randomDwords(64, 18);
  WaveResult r = runWave(
      descriptors(0x7fffffff) + "buffer_load_dword v2, v1, s[12:15], 0 offen offset:4", in, 64);
  EXPECT_NE(r.error.find(fmt::format("lane 63 loads 4 bytes at {:#x}", r.inAddress + 256)),
            std::string::npos)
      << r.error;
  // One lane only in part within the records, but wholly outside of the allocation.
  r = runWave(descriptors(264) + "v_lshlrev_b32 v3, 3, v0\nv_mov_b32 v5, 0\n"
                                 "buffer_load_dwordx4 v[16:19], v3, s[12:15], 0 offen",
              in, 64);
  EXPECT_NE(r.error.find("lane 31 loads 16 bytes"), std::string::npos) << r.error;
  r = runWave("s_mov_b32 s12, s8\ns_or_b32 s13, s9, 0x80000000\ns_mov_b32 s14, 64\n"
              "s_mov_b32 s15, 0x20000\nbuffer_load_dword v2, v1, s[12:15], 0 offen",
              in, 64);
  EXPECT_NE(r.error.find("swizzled addressing"), std::string::npos) << r.error;
}

} // namespace
