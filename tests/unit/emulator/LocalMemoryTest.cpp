//===- LocalMemoryTest.cpp - LDS loads, stores and lane exchange ----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MemoryKernels.h"

#include <array>

using namespace zorse::emulator;
using namespace zorse::emulator::test;

namespace {

WaveRun withLds(int bytes, bool checks = false) {
  WaveRun run;
  run.options.ldsBytes = bytes;
  run.machine.checks = checks;
  return run;
}

/// v[16:19]: 16 bytes a lane of the input; v2 = 16 * lane.
const std::string loadInput = "v_lshlrev_b32 v2, 4, v0\n"
                              "global_load_dwordx4 v[16:19], v2, s[8:9]\ns_waitcnt vmcnt(0)\n";
/// The input in LDS from its first byte on.
const std::string fillLds = loadInput + "ds_write_b128 v2, v[16:19]\ns_waitcnt lgkmcnt(0)\n";
const std::string storeResult =
    "s_waitcnt lgkmcnt(0)\nglobal_store_dwordx4 v2, v[20:23], s[10:11]\n";
const std::string presetResult = "v_mov_b32 v20, 0x77777777\nv_mov_b32 v21, 0x77777777\n"
                                 "v_mov_b32 v22, 0x77777777\nv_mov_b32 v23, 0x77777777\n";

TEST(LocalMemory, NarrowReads) {
  std::vector<uint32_t> in = randomDwords(256, 31);
  struct Case {
    const char *name;
    uint32_t (*value)(uint32_t low16);
  };
  const Case cases[] = {
      {"u8", [](uint32_t m) { return m & 0xff; }},
      {"i8", [](uint32_t m) { return uint32_t(int32_t(int8_t(m))); }},
      {"u16", [](uint32_t m) { return m; }},
      {"i16", [](uint32_t m) { return uint32_t(int32_t(int16_t(m))); }},
      {"u8_d16", [](uint32_t m) { return m & 0xff; }},
      {"u8_d16_hi", [](uint32_t m) { return (m & 0xff) << 16; }},
      {"i8_d16", [](uint32_t m) { return uint32_t(uint16_t(int8_t(m))); }},
      {"i8_d16_hi", [](uint32_t m) { return uint32_t(uint16_t(int8_t(m))) << 16; }},
      {"u16_d16", [](uint32_t m) { return m; }},
      {"u16_d16_hi", [](uint32_t m) { return m << 16; }},
  };
  for (const Case &c : cases) {
    WaveResult r = runWave(fillLds + presetResult +
                               fmt::format("v_lshlrev_b32 v3, 1, v0\n"
                                           "ds_read_{} v20, v3 offset:10\n",
                                           c.name) +
                               storeResult,
                           in, 256, withLds(1024));
    ASSERT_EQ(r.error, "") << c.name;
    for (uint32_t l = 0; l < 64; ++l)
      ASSERT_EQ(r.out[4 * l], c.value(dwordAt(in, 2 * l + 10) & 0xffff)) << c.name << " " << l;
  }
}

TEST(LocalMemory, WideAndDoubleReads) {
  std::vector<uint32_t> in = randomDwords(256, 32);
  struct Case {
    const char *text;
    std::vector<uint32_t> from; ///< of each dword of the result, in bytes from the lane's address
  };
  const Case cases[] = {
      {"ds_read_b32 v20, v3 offset:8", {8}},
      {"ds_read_b64 v[20:21], v3 offset:8", {8, 12}},
      {"ds_read_b96 v[20:22], v3 offset:4", {4, 8, 12}},
      {"ds_read_b128 v[20:23], v3 offset:16", {16, 20, 24, 28}},
      {"ds_read2_b32 v[20:21], v3 offset0:3 offset1:1", {12, 4}},
      {"ds_read2_b64 v[20:23], v3 offset0:1 offset1:2", {8, 12, 16, 20}},
      {"ds_read2st64_b32 v[20:21], v3 offset0:1 offset1:0", {256, 0}},
      {"ds_read2st64_b64 v[20:23], v3 offset1:1", {0, 4, 512, 516}},
  };
  for (uint32_t stride : {8u, 4u})
    for (bool checks : {false, true}) {
      std::vector<std::string> bodies;
      for (const Case &c : cases)
        bodies.push_back(
            fillLds + presetResult +
            fmt::format("v_and_b32 v3, 31, v0\nv_mul_lo_u32 v3, v3, {}\n{}\n", stride, c.text) +
            storeResult);
      std::vector<WaveResult> results = runWaves(bodies, in, 256, withLds(1024, checks));
      for (size_t i = 0; i < bodies.size(); ++i) {
        const Case &c = cases[i];
        const WaveResult &r = results[i];
        ASSERT_EQ(r.error, "") << c.text;
        for (uint32_t l = 0; l < 64; ++l)
          for (uint32_t d = 0; d < 4; ++d)
            ASSERT_EQ(r.out[4 * l + d],
                      d < c.from.size() ? dwordAt(in, l % 32 * stride + c.from[d]) : 0x77777777u)
                << c.text << ", lane " << l << ", dword " << d;
        EXPECT_EQ(r.counts.ldsWrittenBytes, 1024u);
        EXPECT_EQ(r.counts.ldsReadBytes, 64 * 4 * c.from.size());
      }
    }
}

TEST(LocalMemory, WritesTouchTheirBytesAlone) {
  std::vector<uint32_t> in = randomDwords(256, 33);
  struct Piece {
    uint32_t at, bytes, from; ///< in the slot of the lane; from byte `from` of its 16
  };
  struct Case {
    const char *text;
    std::vector<Piece> pieces;
  };
  const Case cases[] = {
      {"ds_write_b8 v3, v16 offset:5", {{5, 1, 0}}},
      {"ds_write_b8_d16_hi v3, v16 offset:5", {{5, 1, 2}}},
      {"ds_write_b16 v3, v16 offset:6", {{6, 2, 0}}},
      {"ds_write_b16_d16_hi v3, v16 offset:6", {{6, 2, 2}}},
      {"ds_write_b32 v3, v17 offset:4", {{4, 4, 4}}},
      {"ds_write_b64 v3, v[16:17] offset:8", {{8, 8, 0}}},
      {"ds_write_b96 v3, v[16:18] offset:4", {{4, 12, 0}}},
      {"ds_write_b128 v3, v[16:19] offset:16", {{16, 16, 0}}},
      {"ds_write2_b32 v3, v16, v19 offset0:1 offset1:7", {{4, 4, 0}, {28, 4, 12}}},
      {"ds_write2_b64 v3, v[16:17], v[18:19] offset0:3 offset1:1", {{24, 8, 0}, {8, 8, 8}}},
      {"ds_write2st64_b32 v3, v16, v17 offset1:8", {{0, 4, 0}, {2048, 4, 4}}},
      {"ds_write2st64_b64 v3, v[16:17], v[18:19] offset0:4", {{2048, 8, 0}, {0, 8, 8}}},
  };
  // LDS of 4 KiB: zeroed, written in slots of 32 bytes, and copied out.
  std::string clear = "v_mov_b32 v4, 0\nv_mov_b32 v5, 0\nv_mov_b32 v6, 0\nv_mov_b32 v7, 0\n";
  std::string copy;
  for (int part = 0; part < 4; ++part) {
    clear += fmt::format("ds_write_b128 v2, v[4:7] offset:{}\n", part * 1024);
    copy += fmt::format("ds_read_b128 v[20:23], v2 offset:{0}\ns_waitcnt lgkmcnt(0)\n"
                        "global_store_dwordx4 v2, v[20:23], s[10:11] offset:{0}\n"
                        "s_waitcnt vmcnt(0)\n",
                        part * 1024);
  }
  for (const Case &c : cases) {
    WaveResult r = runWave(loadInput + clear + "v_lshlrev_b32 v3, 5, v0\n" + c.text +
                               "\ns_waitcnt lgkmcnt(0)\n" + copy,
                           in, 1024, withLds(4096));
    ASSERT_EQ(r.error, "") << c.text;
    std::vector<uint8_t> expected(4096, 0);
    for (uint32_t l = 0; l < 64; ++l)
      for (const Piece &piece : c.pieces)
        for (uint32_t b = 0; b < piece.bytes; ++b)
          if (32 * l + piece.at + b < 4096)
            expected[32 * l + piece.at + b] = byteAt(in, 16 * l + piece.from + b);
    for (uint32_t b = 0; b < 4096; ++b)
      ASSERT_EQ(byteAt(r.out, b), expected[b]) << c.text << ", byte " << b;
  }
}

TEST(LocalMemory, AddressesByLane) {
  std::vector<uint32_t> in = randomDwords(256, 34);
  WaveResult r = runWave(loadInput + presetResult +
                             "s_movk_i32 m0, 0x40\nds_write_addtid_b32 v17 offset:8\n"
                             "s_waitcnt lgkmcnt(0)\nv_xor_b32 v3, 12, v1\n"
                             "ds_read_b32 v20, v3 offset:72\nds_read_addtid_b32 v21 offset:8\n" +
                             storeResult,
                         in, 256, withLds(1024));
  ASSERT_EQ(r.error, "");
  for (uint32_t l = 0; l < 64; ++l) {
    ASSERT_EQ(r.out[4 * l], in[4 * (l ^ 3) + 1]);
    ASSERT_EQ(r.out[4 * l + 1], in[4 * l + 1]);
  }
}

// Beyond the LDS of the workgroup hardware reads 0 and drops stores; the checks call it a fault.
TEST(LocalMemory, BeyondTheEnd) {
  std::vector<uint32_t> in = randomDwords(256, 35);
  const std::string body = loadInput + presetResult +
                           "v_lshlrev_b32 v3, 3, v0\nds_write_b64 v3, v[16:17]\n"
                           "s_waitcnt lgkmcnt(0)\nds_read_b64 v[20:21], v3\n" +
                           storeResult;
  WaveResult r = runWave(body, in, 256, withLds(260));
  ASSERT_EQ(r.error, "");
  for (uint32_t l = 0; l < 64; ++l)
    for (uint32_t d = 0; d < 2; ++d)
      ASSERT_EQ(r.out[4 * l + d], l < 32 ? in[4 * l + d] : 0u) << l;
  EXPECT_EQ(r.counts.ldsReadBytes, 256u);
  r = runWave(body, in, 256, withLds(260, true));
  EXPECT_NE(r.error.find("lane 32 stores 8 bytes at offset 256 of LDS, of which the workgroup has "
                         "260 bytes"),
            std::string::npos)
      << r.error;
}

TEST(LocalMemory, PermutesTakeActiveLanesAlone) {
  std::vector<uint32_t> in = randomDwords(256, 36);
  constexpr uint64_t exec = 0x0ff0ff0ff0ff0ff0;
  WaveResult r = runWave(loadInput + presetResult +
                             fmt::format("v_mul_u32_u24 v3, 20, v0\n"
                                         "v_lshlrev_b32 v4, 1, v0\n"
                                         "s_mov_b32 exec_lo, {:#x}\ns_mov_b32 exec_hi, {:#x}\n",
                                         uint32_t(exec), uint32_t(exec >> 32)) +
                             "ds_bpermute_b32 v20, v3, v16 offset:12\n"
                             "ds_permute_b32 v21, v4, v16 offset:4\n"
                             "s_mov_b64 exec, -1\n" +
                             storeResult,
                         in, 256);
  ASSERT_EQ(r.error, "");
  std::array<uint32_t, 64> pushed = {};
  for (uint32_t l = 0; l < 64; ++l) // two lanes meet in one: the later one stays
    if (exec >> l & 1)
      pushed[(2 * l + 4) / 4 % 64] = in[4 * l];
  for (uint32_t l = 0; l < 64; ++l) {
    uint32_t from = (5 * l + 3) % 64;
    uint32_t pulled = exec >> from & 1 ? in[4 * from] : 0;
    ASSERT_EQ(r.out[4 * l], exec >> l & 1 ? pulled : 0x77777777u) << l;
    ASSERT_EQ(r.out[4 * l + 1], exec >> l & 1 ? pushed[l] : 0x77777777u) << l;
  }
  EXPECT_EQ(r.counts.ldsReadBytes + r.counts.ldsWrittenBytes, 0u);
}

TEST(LocalMemory, SwizzlePatterns) {
  std::vector<uint32_t> in = randomDwords(256, 37);
  struct Case {
    std::string pattern;
    uint32_t (*from)(uint32_t lane);
  };
  const Case cases[] = {
      {"swizzle(SWAP,16)", [](uint32_t l) { return l ^ 16; }},
      {"swizzle(SWAP,1)", [](uint32_t l) { return l ^ 1; }},
      {"swizzle(REVERSE,32)", [](uint32_t l) { return l ^ 31; }},
      {"swizzle(REVERSE,4)", [](uint32_t l) { return l ^ 3; }},
      {"swizzle(BROADCAST,8,5)", [](uint32_t l) { return (l & ~7u) | 5; }},
      {"swizzle(QUAD_PERM,3,0,0,2)",
       [](uint32_t l) {
         return (l & ~3u) | (l % 4 == 0 ? 3u : l % 4 == 3 ? 2u : 0u);
       }},
      {"swizzle(BITMASK_PERM,\"01pip\")",
       [](uint32_t l) { return (l & 0x20) | 8 | (l & 4) | (~l & 2) | (l & 1); }},
      // Rotate left by 3 lanes within 8, and right by 1 within 32.
      {"0xc078", [](uint32_t l) { return (l & ~7u) | ((l + 3) & 7); }},
      {"0xc420", [](uint32_t l) { return (l & 0x20) | ((l + 31) & 31); }},
      // Bit reversal of all five bits; and of the upper ones, around a mask of one.
      {"0xe000",
       [](uint32_t l) {
         return (l & 0x20) | (l & 1) << 4 | (l & 2) << 2 | (l & 4) | (l & 8) >> 2 | (l & 16) >> 4;
       }},
      {"0xe01f", [](uint32_t l) { return l; }},
      {"0xe010",
       [](uint32_t l) {
         return (l & 0x30) | (l & 1) << 3 | (l & 2) << 1 | (l & 4) >> 1 | (l & 8) >> 3;
       }},
  };
  for (uint64_t exec : {~uint64_t(0), uint64_t(0xfffffffffffff00f)}) {
    std::vector<std::string> bodies;
    for (const Case &c : cases)
      bodies.push_back(loadInput + presetResult +
                       fmt::format("s_mov_b32 exec_lo, {:#x}\ns_mov_b32 exec_hi, -1\n"
                                   "ds_swizzle_b32 v20, v16 offset:{}\n"
                                   "s_mov_b64 exec, -1\n",
                                   uint32_t(exec), c.pattern) +
                       storeResult);
    std::vector<WaveResult> results = runWaves(bodies, in, 256);
    for (size_t i = 0; i < bodies.size(); ++i) {
      const Case &c = cases[i];
      ASSERT_EQ(results[i].error, "") << c.pattern;
      for (uint32_t l = 0; l < 64; ++l) {
        uint32_t read = exec >> c.from(l) & 1 ? in[4 * c.from(l)] : 0;
        ASSERT_EQ(results[i].out[4 * l], exec >> l & 1 ? read : 0x77777777u)
            << c.pattern << ", lane " << l;
      }
    }
  }
}

} // namespace
