//===- ScalarTest.cpp - arithmetic of the scalar unit ---------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "MemoryKernels.h"

namespace zorse::emulator::test {
namespace {

constexpr uint64_t untouched = 0x2525252524242424u;

/// One instruction with sources s[20:21] and s[22:23] and result s[24:25].
struct Case {
  const char *text;
  uint64_t first, second; ///< s[20:21], s[22:23]
  bool sccBefore;
  uint64_t result; ///< s[24:25]
  bool scc;
};

/// The upper half of an untouched result.
constexpr uint64_t low(uint32_t value) { return (untouched & ~uint64_t(0xffffffffu)) | value; }

constexpr uint32_t intMin = 0x80000000u, intMax = 0x7fffffffu, minus1 = 0xffffffffu;

const Case cases[] = {
    // Unsigned sums carry, signed ones overflow.
    {"s_add_u32 s24, s20, s22", minus1, 1, false, low(0), true},
    {"s_add_u32 s24, s20, s22", intMax, 1, true, low(intMin), false},
    {"s_add_i32 s24, s20, s22", minus1, 1, true, low(0), false},
    {"s_add_i32 s24, s20, s22", intMax, 1, false, low(intMin), true},
    {"s_add_i32 s24, s20, s22", intMin, minus1, false, low(intMax), true},
    {"s_addc_u32 s24, s20, s22", minus1, 0, true, low(0), true},
    {"s_addc_u32 s24, s20, s22", minus1, minus1, true, low(minus1), true},
    {"s_addc_u32 s24, s20, s22", 1, 2, false, low(3), false},
    {"s_sub_u32 s24, s20, s22", 1, 2, false, low(minus1), true},
    {"s_sub_u32 s24, s20, s22", intMin, 1, true, low(intMax), false},
    {"s_sub_i32 s24, s20, s22", intMin, 1, false, low(intMax), true},
    {"s_sub_i32 s24, s20, s22", 1, 2, true, low(minus1), false},
    {"s_sub_i32 s24, s20, s22", 0, intMin, false, low(intMin), true},
    {"s_subb_u32 s24, s20, s22", 0, 0, true, low(minus1), true},
    {"s_subb_u32 s24, s20, s22", 5, 5, false, low(0), false},
    {"s_subb_u32 s24, s20, s22", 0, minus1, true, low(0), true},
    {"s_addk_i32 s24, 0x7fff", 0, 0, true, low(0x2424a423), false},
    {"s_mov_b32 s24, s20\ns_addk_i32 s24, 0x8000", intMin, 0, false, low(0x7fff8000), true},
    {"s_mov_b32 s24, s20\ns_addk_i32 s24, 0xffff", 0, 0, true, low(minus1), false},
    {"s_mov_b32 s24, s20\ns_mulk_i32 s24, 0xfffe", intMin + 3, 0, true, low(0u - 6), true},
    // SCC says that the first operand won; of equal ones it wins as the maximum only.
    {"s_min_i32 s24, s20, s22", intMin, 1, false, low(intMin), true},
    {"s_min_u32 s24, s20, s22", intMin, 1, true, low(1), false},
    {"s_min_u32 s24, s20, s22", 4, 4, true, low(4), false},
    {"s_max_i32 s24, s20, s22", intMin, 1, true, low(1), false},
    {"s_max_u32 s24, s20, s22", intMin, 1, false, low(intMin), true},
    {"s_max_u32 s24, s20, s22", 4, 4, false, low(4), true},
    {"s_cselect_b32 s24, s20, s22", 7, 9, true, low(7), true},
    {"s_cselect_b32 s24, s20, s22", 7, 9, false, low(9), false},
    {"s_cselect_b64 s[24:25], s[20:21], s[22:23]", 7, 9ull << 32, false, 9ull << 32, false},
    {"s_cmov_b32 s24, s20", 7, 0, true, low(7), true},
    {"s_cmov_b64 s[24:25], s[20:21]", 7, 0, false, untouched, false},
    {"s_cmovk_i32 s24, 0xfff0", 0, 0, true, low(0xfffffff0), true},
    {"s_cmovk_i32 s24, 0xfff0", 0, 0, false, untouched, false},
    {"s_movk_i32 s24, 0x8000", 0, 0, true, low(0xffff8000), true},
    // Logic: SCC is a result other than 0, of all 64 bits.
    {"s_and_b32 s24, s20, s22", 12, 3, true, low(0), false},
    {"s_andn2_b64 s[24:25], s[20:21], s[22:23]", 3ull << 40, 1ull << 40, false, 2ull << 40, true},
    {"s_orn2_b32 s24, s20, s22", 0, minus1, true, low(0), false},
    {"s_xnor_b64 s[24:25], s[20:21], s[22:23]", 5, ~5ull, true, 0, false},
    {"s_nand_b32 s24, s20, s22", minus1, minus1, true, low(0), false},
    {"s_nor_b64 s[24:25], s[20:21], s[22:23]", 0, 0, false, ~0ull, true},
    {"s_not_b64 s[24:25], s[20:21]", ~0ull, 0, true, 0, false},
    // Shifts take the low bits of their count.
    {"s_lshl_b32 s24, s20, s22", 3, 33, false, low(6), true},
    {"s_lshl_b32 s24, s20, s22", 3, 32, false, low(3), true},
    {"s_lshl_b32 s24, s20, s22", 1, 0xffffffff, false, low(intMin), true},
    {"s_lshr_b32 s24, s20, s22", intMin, 63, true, low(1), true},
    {"s_lshr_b32 s24, s20, s22", 1, 1, true, low(0), false},
    {"s_ashr_i32 s24, s20, s22", intMin, 31, false, low(minus1), true},
    {"s_ashr_i32 s24, s20, s22", intMin, 64 + 4, false, low(0xf8000000), true},
    {"s_lshl_b64 s[24:25], s[20:21], s22", 3, 63, false, 1ull << 63, true},
    {"s_lshl_b64 s[24:25], s[20:21], s22", 3, 64, false, 3, true},
    {"s_lshr_b64 s[24:25], s[20:21], s22", 1ull << 63, 63, false, 1, true},
    {"s_ashr_i64 s[24:25], s[20:21], s22", 1ull << 63, 63, false, ~0ull, true},
    {"s_ashr_i64 s[24:25], s[20:21], s22", 1, 1, true, 0, false},
    // Bit fields: offset, width << 16.
    {"s_bfe_u32 s24, s20, s22", 0xabcd1234, 8 | 8 << 16, false, low(0x12), true},
    {"s_bfe_u32 s24, s20, s22", 0xabcd1234, 8, true, low(0), false},
    {"s_bfe_u32 s24, s20, s22", 0xabcd1234, 16 | 32 << 16, false, low(0xabcd), true},
    {"s_bfe_u32 s24, s20, s22", 0xabcd1234, 127u << 16, false, low(0xabcd1234), true},
    {"s_bfe_u32 s24, s20, s22", 0xabcd1234, 36 | 4 << 16, false, low(3), true},
    {"s_bfe_i32 s24, s20, s22", 0xabcd1234, 12 | 8 << 16, false, low(0xffffffd1), true},
    {"s_bfe_i32 s24, s20, s22", 0xabcd1234, 24 | 16 << 16, false, low(0xffffffab), true},
    {"s_bfe_i32 s24, s20, s22", 0xabcd1234, 5, true, low(0), false},
    {"s_bfe_i32 s24, s20, s22", 0xabcd1234, 32 << 16, false, low(0xabcd1234), true},
    {"s_bfe_u64 s[24:25], s[20:21], s22", 0x123456789abcdef0u, 28 | 36 << 16, false, 0x123456789ull,
     true},
    {"s_bfe_u64 s[24:25], s[20:21], s22", 0x123456789abcdef0u, 64 << 16, false, 0x123456789abcdef0u,
     true},
    {"s_bfe_i64 s[24:25], s[20:21], s22", 0x1234567898765432u, 8 | 24 << 16, false,
     0xffffffffff987654u, true},
    {"s_bfe_i64 s[24:25], s[20:21], s22", ~0ull, 0, true, 0, false},
    {"s_bfm_b32 s24, s20, s22", 4, 28, true, low(0xf0000000), true},
    {"s_bfm_b32 s24, s20, s22", 32, 3, true, low(0), true},
    {"s_bfm_b32 s24, s20, s22", 31, 30, false, low(0xc0000000), false},
    {"s_bfm_b64 s[24:25], s20, s22", 40, 20, false, ((1ull << 40) - 1) << 20, false},
    // Products leave SCC.
    {"s_mul_i32 s24, s20, s22", 0x10001, 0x10001, true, low(0x20001), true},
    {"s_mul_hi_u32 s24, s20, s22", minus1, minus1, false, low(0xfffffffe), false},
    {"s_mul_hi_i32 s24, s20, s22", minus1, minus1, true, low(0), true},
    {"s_mul_hi_i32 s24, s20, s22", intMin, 2, true, low(minus1), true},
    // The carry counts the bits that the shift loses.
    {"s_lshl1_add_u32 s24, s20, s22", intMin, 1, false, low(1), true},
    {"s_lshl2_add_u32 s24, s20, s22", 3, 4, true, low(16), false},
    {"s_lshl3_add_u32 s24, s20, s22", 0x1fffffff, 8, false, low(0), true},
    {"s_lshl4_add_u32 s24, s20, s22", 0x10000001, 0, false, low(16), true},
    {"s_pack_ll_b32_b16 s24, s20, s22", 0xaaaabbbb, 0xccccdddd, true, low(0xddddbbbb), true},
    {"s_pack_lh_b32_b16 s24, s20, s22", 0xaaaabbbb, 0xccccdddd, true, low(0xccccbbbb), true},
    {"s_pack_hh_b32_b16 s24, s20, s22", 0xaaaabbbb, 0xccccdddd, false, low(0xccccaaaa), false},
    {"s_absdiff_i32 s24, s20, s22", 2, 5, false, low(3), true},
    {"s_absdiff_i32 s24, s20, s22", 5, 5, true, low(0), false},
    {"s_absdiff_i32 s24, s20, s22", intMin, 0, false, low(intMin), true},
    {"s_abs_i32 s24, s20", intMin, 0, false, low(intMin), true},
    {"s_abs_i32 s24, s20", 0, 0, true, low(0), false},
    {"s_sext_i32_i8 s24, s20", 0x1280, 0, true, low(0xffffff80), true},
    {"s_sext_i32_i16 s24, s20", 0x12348000, 0, false, low(0xffff8000), false},
    // Searches give -1 where there is nothing to find and leave SCC.
    {"s_ff1_i32_b32 s24, s20", 0, 0, true, low(minus1), true},
    {"s_ff1_i32_b32 s24, s20", 0x00f00000, 0, false, low(20), false},
    {"s_ff1_i32_b64 s24, s[20:21]", 1ull << 45, 0, false, low(45), false},
    {"s_ff0_i32_b32 s24, s20", minus1, 0, true, low(minus1), true},
    {"s_ff0_i32_b64 s24, s[20:21]", 0xffffffffffull, 0, false, low(40), false},
    {"s_flbit_i32_b32 s24, s20", 0, 0, true, low(minus1), true},
    {"s_flbit_i32_b32 s24, s20", 1, 0, false, low(31), false},
    {"s_flbit_i32_b32 s24, s20", minus1, 0, false, low(0), false},
    {"s_flbit_i32 s24, s20", 0, 0, true, low(minus1), true},
    {"s_flbit_i32 s24, s20", minus1, 0, true, low(minus1), true},
    {"s_flbit_i32 s24, s20", 0xffff0000, 0, false, low(16), false},
    {"s_flbit_i32 s24, s20", 0x00010000, 0, false, low(15), false},
    {"s_flbit_i32_b64 s24, s[20:21]", 1, 0, false, low(63), false},
    {"s_flbit_i32_i64 s24, s[20:21]", ~0ull, 0, true, low(minus1), true},
    {"s_flbit_i32_i64 s24, s[20:21]", ~0ull << 20, 0, true, low(44), true},
    {"s_bcnt0_i32_b32 s24, s20", minus1, 0, true, low(0), false},
    {"s_bcnt1_i32_b64 s24, s[20:21]", 0xff000000000000ffull, 0, false, low(16), true},
    {"s_bcnt0_i32_b64 s24, s[20:21]", 0xff000000000000ffull, 0, false, low(48), true},
    {"s_brev_b32 s24, s20", 0x00000005, 0, true, low(0xa0000000), true},
    {"s_brev_b64 s[24:25], s[20:21]", 5, 0, false, 0xa000000000000000ull, false},
    {"s_bitset1_b32 s24, s20", 32 + 3, 0, false, low(0x2424242c), false},
    {"s_bitset0_b32 s24, s20", 29, 0, true, low(0x04242424), true},
    {"s_bitset1_b64 s[24:25], s20", 63, 0, false, untouched | 1ull << 63, false},
    {"s_bitset0_b64 s[24:25], s20", 64 + 34, 0, false, untouched & ~(1ull << 34), false},
    {"s_wqm_b32 s24, s20", 0x00100001, 0, false, low(0x00f0000f), true},
    {"s_wqm_b64 s[24:25], s[20:21]", 0x8000000000000000ull, 0, false, 0xf000000000000000ull, true},
    {"s_wqm_b64 s[24:25], s[20:21]", 0, 0, true, 0, false},
    {"s_quadmask_b32 s24, s20", 0x80010000, 0, false, low(0x90), true},
    {"s_quadmask_b64 s[24:25], s[20:21]", 0x8000000000000001ull, 0, false, 0x8001, true},
    {"s_bitreplicate_b64_b32 s[24:25], s20", 0x80000001, 0, true, 0xc000000000000003ull, true},
    // Comparisons.
    {"s_cmp_gt_i32 s20, s22", minus1, 0, true, untouched, false},
    {"s_cmp_gt_u32 s20, s22", minus1, 0, false, untouched, true},
    {"s_cmp_le_i32 s20, s22", intMin, intMax, false, untouched, true},
    {"s_cmp_lt_u32 s20, s22", intMin, intMax, true, untouched, false},
    {"s_cmp_eq_u64 s[20:21], s[22:23]", 5, 5 | 1ull << 32, true, untouched, false},
    {"s_cmp_lg_u64 s[20:21], s[22:23]", 5, 5 | 1ull << 32, false, untouched, true},
    {"s_cmpk_lt_i32 s20, 0xffff", intMin, 0, false, untouched, true},
    {"s_cmpk_lt_u32 s20, 0xffff", 0xfffe, 0, false, untouched, true},
    {"s_cmpk_eq_u32 s20, 0xffff", minus1, 0, true, untouched, false},
    {"s_cmpk_eq_i32 s20, 0xffff", minus1, 0, false, untouched, true},
    {"s_bitcmp0_b32 s20, s22", 8, 32 + 3, true, untouched, false},
    {"s_bitcmp1_b64 s[20:21], s22", 1ull << 40, 40, false, untouched, true},
    {"s_bitcmp0_b64 s[20:21], s22", 1ull << 40, 64 + 41, false, untouched, true},
    // Relative moves.
    {"s_mov_b32 m0, 2\ns_movrels_b32 s24, s20", 11, 33, true, low(33), true},
    {"s_mov_b32 m0, 2\ns_movrels_b64 s[24:25], s[20:21]", 11, 33ull << 32, true, 33ull << 32, true},
    {"s_mov_b32 m0, 3\ns_movreld_b32 s22, s20", 11, 0, false, 11ull << 32 | 0x24242424, false},
    {"s_mov_b32 m0, 4\ns_movreld_b64 s[20:21], s[22:23]", 0, 11ull << 40, false, 11ull << 40,
     false},
};

class ScalarTest : public testing::TestWithParam<std::string> {};

TEST_P(ScalarTest, ResultsAndScc) {
  std::string body = "s_mov_b64 exec, 1\n";
  for (const Case &c : cases) {
    const std::pair<int, uint64_t> presets[] = {{20, c.first}, {22, c.second}, {24, untouched}};
    for (auto [reg, value] : presets)
      body += fmt::format("s_mov_b32 s{}, 0x{:x}\ns_mov_b32 s{}, 0x{:x}\n", reg,
                          value & 0xffffffffu, reg + 1, value >> 32);
    body += fmt::format("s_cmp_eq_u32 {}, 0\n{}\ns_cselect_b32 s26, 1, 0\n", c.sccBefore ? 0 : 1,
                        c.text);
    body += "v_mov_b32 v4, s24\nv_mov_b32 v5, s25\nv_mov_b32 v6, s26\n"
            "v_mov_b32 v2, s10\nv_mov_b32 v3, s11\n"
            "global_store_dwordx3 v[2:3], v[4:6], off\n"
            "s_add_u32 s10, s10, 12\ns_addc_u32 s11, s11, 0\n";
  }
  WaveRun run;
  run.arch = GetParam();
  WaveResult result = runWave(body, {0}, 3 * std::size(cases), run);
  ASSERT_EQ(result.error, "");
  for (size_t i = 0; i < std::size(cases); ++i) {
    uint64_t got = result.out[3 * i] | uint64_t(result.out[3 * i + 1]) << 32;
    EXPECT_EQ(got, cases[i].result)
        << cases[i].text << fmt::format(": got {:#x}, expected {:#x}", got, cases[i].result);
    EXPECT_EQ(result.out[3 * i + 2], cases[i].scc) << cases[i].text << ": SCC, case " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, ScalarTest, testing::Values("gfx90a", "gfx942"),
                         [](const auto &test) { return test.param; });

} // namespace
} // namespace zorse::emulator::test
