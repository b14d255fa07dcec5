//===- LaneExchangeTest.cpp - DPP, SDWA and lane instructions -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneKernel.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace zorse::emulator::test {

namespace {

constexpr uint32_t old = 0x22222222;

Columns randomColumns(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  Columns columns(count, std::vector<uint32_t>(64));
  for (auto &column : columns)
    for (uint32_t &value : column)
      value = uint32_t(random());
  return columns;
}

/// As the ISA words each control: the lane that lane `l` reads, -1 for none.
using Source = int (*)(int l);
struct Control {
  const char *name;
  Source source;
};
const Control controls[] = {
    {"quad_perm:[3,0,2,1]",
     [](int l) {
       const int from[] = {3, 0, 2, 1};
       return l / 4 * 4 + from[l % 4];
     }},
    {"row_shl:1", [](int l) { return l % 16 < 15 ? l + 1 : -1; }},
    {"row_shl:15", [](int l) { return l % 16 == 0 ? l + 15 : -1; }},
    {"row_shr:1", [](int l) { return l % 16 > 0 ? l - 1 : -1; }},
    {"row_shr:8", [](int l) { return l % 16 >= 8 ? l - 8 : -1; }},
    {"row_ror:5", [](int l) { return l / 16 * 16 + (l + 11) % 16; }},
    {"wave_shl:1", [](int l) { return l < 63 ? l + 1 : -1; }},
    {"wave_rol:1", [](int l) { return (l + 1) % 64; }},
    {"wave_shr:1", [](int l) { return l - 1; }},
    {"wave_ror:1", [](int l) { return (l + 63) % 64; }},
    {"row_mirror", [](int l) { return l / 16 * 16 + 15 - l % 16; }},
    {"row_half_mirror", [](int l) { return l / 8 * 8 + 7 - l % 8; }},
    {"row_bcast:15", [](int l) { return l / 16 * 16 - 1; }},
    {"row_bcast:31", [](int l) { return l >= 32 ? 31 : -1; }},
    {"row_newbcast:9", [](int l) { return l / 16 * 16 + 9; }},
};

TEST(LaneExchange, EveryControlWithMasksAndBounds) {
  const Columns in = randomColumns(2, 3);
  struct Variant {
    int rowMask, bankMask;
    bool zero; // "bound_ctrl:0" in assembly sets the bit that makes lanes without a source read 0
    uint64_t exec;
  };
  const Variant variants[] = {{15, 15, false, ~0ull},
                              {15, 15, true, ~0ull},
                              {10, 15, false, ~0ull},
                              {15, 6, true, ~0ull},
                              {5, 9, false, 0x00ff0ff0ffff1234},
                              {15, 15, true, 0xfffffffffffffffe}};
  std::vector<std::string> lines;
  for (const Control &control : controls)
    for (const Variant &v : variants)
      lines.push_back(fmt::format("s_mov_b32 exec_lo, {:#x}\ns_mov_b32 exec_hi, {:#x}\n"
                                  "v_add_u32_dpp v2, v10, v11 {} row_mask:{:#x} bank_mask:{:#x}{}",
                                  uint32_t(v.exec), uint32_t(v.exec >> 32), control.name, v.rowMask,
                                  v.bankMask, v.zero ? " bound_ctrl:0" : ""));
  for (const char *arch : {"gfx90a", "gfx942"}) {
    const LaneKernels kernels(arch, lines, 2);
    for (size_t k = 0; k < lines.size(); ++k) {
      const Control &control = controls[k / std::size(variants)];
      const Variant &v = variants[k % std::size(variants)];
      const Columns out = kernels.run(k, in);
      for (int l = 0; l < 64; ++l) {
        int from = control.source(l);
        bool writes = (v.exec >> l & 1) && (v.rowMask >> (l / 16) & 1) &&
                      (v.bankMask >> (l % 16 / 4) & 1) && (from >= 0 || v.zero);
        uint32_t want = writes ? (from >= 0 ? in[0][from] : 0) + in[1][l] : old;
        ASSERT_EQ(out[0][l], want) << arch << ": " << lines[k] << ", lane " << l;
      }
    }
  }
}

TEST(LaneExchange, ModifiersApplyAfterDpp) {
  Columns in(1, std::vector<uint32_t>(64));
  for (int l = 0; l < 64; ++l)
    in[0][l] = asBits(l % 2 ? -float(l) : float(l));
  const Columns out = runLanes(
      "gfx942", "v_add_f32_dpp v2, -|v10|, v10 quad_perm:[1,0,3,2] row_mask:0xf bank_mask:0xf", in);
  for (int l = 0; l < 64; ++l)
    EXPECT_EQ(asFloat(out[0][l]), -std::fabs(asFloat(in[0][l ^ 1])) + asFloat(in[0][l]));
}

TEST(LaneExchange, DoublesReadBothHalves) {
  const Columns in = randomColumns(2, 5);
  const Columns out = runLanes(
      "gfx942", "v_mov_b64_dpp v[2:3], v[10:11] row_newbcast:3 row_mask:0xd bank_mask:0xf", in);
  for (int l = 0; l < 64; ++l) {
    bool writes = l / 16 != 1;
    EXPECT_EQ(out[0][l], writes ? in[0][l / 16 * 16 + 3] : 0x22222222u);
    EXPECT_EQ(out[1][l], writes ? in[1][l / 16 * 16 + 3] : 0x33333333u);
  }
}

struct Field {
  const char *name;
  int shift, bits;
};
constexpr Field fields[] = {{"BYTE_0", 0, 8},  {"BYTE_1", 8, 8},  {"BYTE_2", 16, 8},
                            {"BYTE_3", 24, 8}, {"WORD_0", 0, 16}, {"WORD_1", 16, 16},
                            {"DWORD", 0, 32}};
uint32_t maskOf(int bits) { return bits == 32 ? ~0u : (1u << bits) - 1; }
uint32_t signExtended(uint32_t x, int bits) {
  return uint32_t(int32_t(x << (32 - bits)) >> (32 - bits));
}

TEST(LaneExchange, SdwaSourceSelects) {
  const Columns in = randomColumns(2, 11);
  std::vector<std::string> lines;
  for (const Field &field : fields)
    for (const char *source : {"v10", "sext(v10)"})
      lines.push_back(fmt::format("v_add_u32_sdwa v2, {}, v11 dst_sel:DWORD "
                                  "dst_unused:UNUSED_PAD src0_sel:{} src1_sel:BYTE_2",
                                  source, field.name));
  const LaneKernels kernels("gfx942", lines, 2);
  for (size_t k = 0; k < lines.size(); ++k) {
    const Field &field = fields[k / 2];
    const Columns out = kernels.run(k, in);
    for (int l = 0; l < 64; ++l) {
      uint32_t a = in[0][l] >> field.shift & maskOf(field.bits);
      a = k % 2 ? signExtended(a, field.bits) : a;
      ASSERT_EQ(out[0][l], a + (in[1][l] >> 16 & 0xff)) << lines[k] << ", lane " << l;
    }
  }
}

TEST(LaneExchange, SdwaResultSelects) {
  const Columns in = randomColumns(2, 13);
  std::vector<std::string> lines;
  for (const Field &field : fields)
    for (const char *unused : {"UNUSED_PAD", "UNUSED_SEXT", "UNUSED_PRESERVE"})
      lines.push_back(fmt::format("v_xor_b32_sdwa v2, v10, v11 dst_sel:{} dst_unused:{} "
                                  "src0_sel:DWORD src1_sel:DWORD",
                                  field.name, unused));
  const LaneKernels kernels("gfx90a", lines, 2);
  for (size_t k = 0; k < lines.size(); ++k) {
    const Field &field = fields[k / 3];
    const Columns out = kernels.run(k, in);
    for (int l = 0; l < 64; ++l) {
      uint32_t part = (in[0][l] ^ in[1][l]) & maskOf(field.bits);
      uint32_t placed = maskOf(field.bits) << field.shift;
      uint32_t want = k % 3 == 0   ? part << field.shift
                      : k % 3 == 1 ? signExtended(part, field.bits) << field.shift
                                   : part << field.shift | (old & ~placed);
      ASSERT_EQ(out[0][l], want) << lines[k] << ", lane " << l;
    }
  }
}

TEST(LaneExchange, SdwaFloatsOfHalfWords) {
  Columns in = {std::vector<uint32_t>(64, 0xc0003c00), std::vector<uint32_t>(64, 0x44004200)};
  auto run = [&](const char *line) { return runLanes("gfx942", line, in)[0][1]; };
  // |-2| + 3 into the high word; the low one stays.
  EXPECT_EQ(run("v_add_f16_sdwa v2, |v10|, v11 dst_sel:WORD_1 dst_unused:UNUSED_PRESERVE "
                "src0_sel:WORD_1 src1_sel:WORD_0"),
            0x45002222u);
  EXPECT_EQ(run("v_cvt_f32_f16_sdwa v2, -v10 dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:WORD_1"),
            asBits(2));
}

TEST(LaneExchange, LanesAndScalars) {
  const Columns in = randomColumns(2, 17);
  const LaneKernels kernels(
      "gfx942",
      {"s_mov_b64 exec, 0x50\nv_readfirstlane_b32 s10, v10\ns_mov_b64 exec, 0\n"
       "v_readfirstlane_b32 s11, v10\nv_readlane_b32 s12, v10, 63\ns_mov_b32 m0, 70\n"
       "v_readlane_b32 s13, v10, m0\ns_mov_b64 exec, -1\nv_mov_b32 v2, s10\nv_mov_b32 v3, s11\n"
       "v_mov_b32 v4, s12\nv_mov_b32 v5, s13",
       "s_mov_b32 s10, 5\ns_mov_b64 exec, 0\nv_writelane_b32 v2, s10, 17\n",
       "s_mov_b64 exec, 0xff\nv_mov_b32 v2, v10\nv_swap_b32 v2, v11\ns_mov_b64 exec, -1\n"
       "v_mov_b32 v3, v11",
       "s_mov_b32 s10, 0xf0f0f0f0\ns_mov_b32 s11, 0x0000ffff\nv_mbcnt_lo_u32_b32 v2, s10, 3\n"
       "v_mbcnt_hi_u32_b32 v2, s11, v2"},
      2);
  Columns out = kernels.run(0, in);
  EXPECT_EQ(out[0][9], in[0][4]);
  EXPECT_EQ(out[1][9], in[0][0]);
  EXPECT_EQ(out[2][9], in[0][63]);
  EXPECT_EQ(out[3][9], in[0][70 & 63]);
  out = kernels.run(1, in);
  for (int l = 0; l < 64; ++l)
    EXPECT_EQ(out[0][l], l == 17 ? 5u : old);
  out = kernels.run(2, in);
  for (int l = 0; l < 64; ++l) {
    EXPECT_EQ(out[0][l], l < 8 ? in[1][l] : old);
    EXPECT_EQ(out[1][l], l < 8 ? in[0][l] : in[1][l]);
  }
  out = kernels.run(3, in);
  for (int l = 0; l < 64; ++l) {
    uint64_t below = (uint64_t(1) << l) - 1;
    EXPECT_EQ(out[0][l], 3u + __builtin_popcountll(0x0000fffff0f0f0f0 & below)) << l;
  }
}

} // namespace

} // namespace zorse::emulator::test
