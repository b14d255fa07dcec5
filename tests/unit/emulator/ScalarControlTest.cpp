//===- ScalarControlTest.cpp - jumps, EXEC, MODE, scalar memory -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "MemoryKernels.h"

#include <gmock/gmock.h>

namespace zorse::emulator::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ScalarControlTest : public testing::TestWithParam<std::string> {
protected:
  WaveResult run(const std::string &body, size_t outDwords = 4,
                 const std::vector<uint32_t> &in = {0}) {
    WaveRun wave;
    wave.arch = GetParam();
    return runWave(body, in, outDwords, wave);
  }
  /// Stores s20, s21, … as the output.
  static std::string store(int dwords) {
    std::string text = "s_mov_b64 exec, 1\nv_mov_b32 v2, 0\n";
    for (int i = 0; i < dwords; ++i)
      text += fmt::format("v_mov_b32 v3, s{}\nglobal_store_dword v2, v3, s[10:11] offset:{}\n",
                          20 + i, 4 * i);
    return text;
  }
};

TEST_P(ScalarControlTest, BranchesFollowTheirCondition) {
  // Every taken branch skips a poisoned write; every one not taken sets a bit.
  std::string body = "s_mov_b32 s20, 0\ns_mov_b32 s21, 0\n";
  int label = 0;
  auto taken = [&](const std::string &set, const std::string &branch) {
    body += fmt::format("{}\n{} L{}\ns_or_b32 s20, s20, 0x{:x}\nL{}:\n", set, branch, label,
                        1u << label, label);
    ++label;
  };
  auto fallsThrough = [&](const std::string &set, const std::string &branch) {
    body +=
        fmt::format("{}\n{} L{}\ns_bitset1_b32 s21, {}\nL{}:\n", set, branch, label, label, label);
    ++label;
  };
  taken("", "s_branch");
  taken("s_cmp_eq_u32 0, 0", "s_cbranch_scc1");
  fallsThrough("s_cmp_eq_u32 0, 0", "s_cbranch_scc0");
  taken("s_cmp_eq_u32 0, 1", "s_cbranch_scc0");
  fallsThrough("s_cmp_eq_u32 0, 1", "s_cbranch_scc1");
  taken("s_mov_b64 vcc, 0", "s_cbranch_vccz");
  fallsThrough("s_mov_b64 vcc, 0", "s_cbranch_vccnz");
  taken("s_mov_b32 vcc_hi, 1", "s_cbranch_vccnz");
  fallsThrough("s_mov_b32 vcc_hi, 1", "s_cbranch_vccz");
  taken("s_mov_b64 exec, 0", "s_cbranch_execz");
  fallsThrough("s_mov_b64 exec, 0", "s_cbranch_execnz");
  taken("s_mov_b32 exec_hi, 1", "s_cbranch_execnz");
  fallsThrough("s_mov_b32 exec_hi, 1", "s_cbranch_execz");
  WaveResult result = run(body + store(2), 2);
  ASSERT_EQ(result.error, "");
  EXPECT_THAT(result.out, ElementsAre(0u, 0b1010101010100u));
}

TEST_P(ScalarControlTest, CallsReturnBehindThemselves) {
  WaveResult result = run("s_mov_b32 s20, 0\n"
                          "s_call_b64 s[30:31], first\n"
                          "s_or_b32 s20, s20, 2\n"
                          "s_getpc_b64 s[32:33]\n"
                          "here:\n"
                          "s_add_u32 s32, s32, second-here\n"
                          "s_addc_u32 s33, s33, 0\n"
                          "s_swappc_b64 s[30:31], s[32:33]\n"
                          "s_or_b32 s20, s20, 8\n"
                          "s_branch finish\n"
                          "first:\n"
                          "s_or_b32 s20, s20, 1\n"
                          "s_setpc_b64 s[30:31]\n"
                          "second:\n"
                          "s_or_b32 s20, s20, 4\n"
                          "s_setpc_b64 s[30:31]\n"
                          "finish:\n" +
                              store(1),
                          1);
  ASSERT_EQ(result.error, "");
  EXPECT_THAT(result.out, ElementsAre(15u));
}

TEST_P(ScalarControlTest, JumpsToNowhereStop) {
  EXPECT_THAT(run("s_mov_b64 s[20:21], 0x40\ns_setpc_b64 s[20:21]").error,
              HasSubstr("where no instruction begins"));
}

TEST_P(ScalarControlTest, SavesExec) {
  struct Save {
    const char *mnemonic;
    uint64_t exec; ///< after, for source 0b1100 and EXEC 0b1010 before
    bool savesNew = false;
  };
  const Save saves[] = {{"s_and_saveexec_b64", 0b1000},       {"s_or_saveexec_b64", 0b1110},
                        {"s_xor_saveexec_b64", 0b0110},       {"s_nand_saveexec_b64", ~0b1000ull},
                        {"s_nor_saveexec_b64", ~0b1110ull},   {"s_xnor_saveexec_b64", ~0b0110ull},
                        {"s_andn1_saveexec_b64", 0b0010},     {"s_andn2_saveexec_b64", 0b0100},
                        {"s_orn1_saveexec_b64", ~0b0100ull},  {"s_orn2_saveexec_b64", ~0b0010ull},
                        {"s_andn1_wrexec_b64", 0b0010, true}, {"s_andn2_wrexec_b64", 0b0100, true}};
  for (const Save &save : saves) {
    WaveResult result =
        run(fmt::format("s_mov_b64 s[30:31], 12\ns_mov_b64 exec, 10\ns_cmp_eq_u32 0, 1\n"
                        "{} s[20:21], s[30:31]\ns_cselect_b32 s24, 1, 0\n"
                        "s_mov_b64 s[22:23], exec\n",
                        save.mnemonic) +
                store(5),
            5);
    ASSERT_EQ(result.error, "") << save.mnemonic;
    uint64_t saved = save.savesNew ? save.exec : 10;
    EXPECT_THAT(result.out, ElementsAre(uint32_t(saved), uint32_t(saved >> 32), uint32_t(save.exec),
                                        uint32_t(save.exec >> 32), 1u))
        << save.mnemonic;
  }
  WaveResult empty = run("s_mov_b64 exec, 10\ns_cmp_eq_u32 0, 0\ns_and_saveexec_b64 s[20:21], 5\n"
                         "s_cselect_b32 s20, 1, 0\n" +
                             store(1),
                         1);
  EXPECT_THAT(empty.out, ElementsAre(0u)) << "SCC: EXEC is not 0";
}

TEST_P(ScalarControlTest, ModeSwitchesDenormals) {
  WaveResult result = run("s_getreg_b32 s20, hwreg(HW_REG_MODE, 4, 4)\n"
                          "v_mov_b32 v4, 1\n"
                          "v_add_f32 v5, v4, v4\n"
                          "s_setreg_imm32_b32 hwreg(HW_REG_MODE, 4, 2), 0\n"
                          "v_add_f32 v6, v4, v4\n"
                          "s_getreg_b32 s21, hwreg(HW_REG_MODE, 4, 4)\n"
                          "s_mov_b32 s30, -1\n"
                          "s_setreg_b32 hwreg(HW_REG_MODE, 4, 2), s30\n"
                          "v_add_f32 v7, v4, v4\n"
                          "v_readfirstlane_b32 s22, v5\n"
                          "v_readfirstlane_b32 s23, v6\n"
                          "v_readfirstlane_b32 s24, v7\n" +
                              store(5),
                          5);
  ASSERT_EQ(result.error, "");
  EXPECT_THAT(result.out, ElementsAre(15u, 12u, 2u, 0u, 2u));
}

TEST_P(ScalarControlTest, WhatIsNotModelledStops) {
  auto error = [&](const char *body) { return run(body).error; };
  EXPECT_THAT(error("s_setreg_imm32_b32 hwreg(HW_REG_MODE, 0, 4), 5"), HasSubstr("rounding"));
  EXPECT_THAT(error("s_setreg_imm32_b32 hwreg(HW_REG_MODE, 4, 2), 1"), HasSubstr("denormals"));
  EXPECT_THAT(error("s_setreg_imm32_b32 hwreg(HW_REG_MODE, 12, 9), 1"), HasSubstr("exceptions"));
  EXPECT_THAT(error("s_getreg_b32 s20, hwreg(HW_REG_HW_ID)"), HasSubstr("HW_REG_HW_ID"));
  EXPECT_THAT(error("s_getreg_b32 s20, hwreg(HW_REG_LDS_ALLOC)"), HasSubstr("HW_REG_LDS_ALLOC"));
  EXPECT_THAT(error("s_trap 2"), HasSubstr("trap 2"));
  EXPECT_THAT(error("s_sendmsg sendmsg(MSG_INTERRUPT)"), HasSubstr("message 0x1"));
  EXPECT_THAT(error("s_sethalt 1"), HasSubstr("debugger"));
  EXPECT_THAT(error("s_mov_b32 m0, 90\ns_movrels_b32 s20, s20"), HasSubstr("s110"));
  EXPECT_EQ(error("s_sethalt 0\ns_nop 3\ns_sleep 1\ns_setprio 3\ns_icache_inv\ns_dcache_inv\n"
                  "s_dcache_wb\ns_waitcnt vmcnt(0)"),
            "");
}

TEST_P(ScalarControlTest, LoadsOfEveryWidth) {
  std::vector<uint32_t> in(64);
  for (uint32_t i = 0; i < 64; ++i)
    in[i] = 0x1000 + i;
  std::string body = "s_load_dword s20, s[8:9], 0x10\n"
                     "s_load_dwordx2 s[22:23], s[8:9], 0x18\n"
                     "s_waitcnt lgkmcnt(0)\ns_mov_b32 s21, s22\ns_mov_b32 s22, s23\n"
                     "s_movk_i32 s40, 0x20\n"
                     "s_load_dwordx4 s[44:47], s[8:9], s40\n"
                     "s_load_dwordx8 s[48:55], s[8:9], 0x40\n"
                     "s_load_dwordx16 s[64:79], s[8:9], 0x80\n"
                     "s_waitcnt lgkmcnt(0)\n"
                     "s_mov_b32 s23, s47\ns_mov_b32 s24, s48\ns_mov_b32 s25, s55\n"
                     "s_mov_b32 s26, s64\ns_mov_b32 s27, s79\n"
                     "s_add_u32 s8, s8, 64\ns_addc_u32 s9, s9, 0\n"
                     "s_load_dword s28, s[8:9], -0x8\n"
                     "s_waitcnt lgkmcnt(0)\n";
  WaveRun wave;
  wave.arch = GetParam();
  wave.options.sgprs = 96;
  WaveResult result = runWave(body + store(9), in, 9, wave);
  ASSERT_EQ(result.error, "");
  EXPECT_THAT(result.out, ElementsAre(0x1004u, 0x1006u, 0x1007u, 0x100bu, 0x1010u, 0x1017u, 0x1020u,
                                      0x102fu, 0x100eu));
  // 16 bytes of kernel arguments; 1 + 2 + 4 + 8 + 16 + 1 dwords.
  EXPECT_EQ(result.counts.scalarBytes, 16u + 4 * 32);
}

TEST_P(ScalarControlTest, LoadsOutsideOfMemoryStop) {
  std::vector<uint32_t> in(4, 7);
  EXPECT_EQ(run("s_load_dwordx4 s[20:23], s[8:9], 0x0\ns_waitcnt lgkmcnt(0)", 1, in).error, "");
  WaveResult beyond = run("s_load_dwordx4 s[20:23], s[8:9], 0x4\ns_waitcnt lgkmcnt(0)", 1, in);
  EXPECT_THAT(beyond.error, HasSubstr("a scalar load of 16 bytes at " +
                                      fmt::format("{:#x}", beyond.inAddress + 4)));
  EXPECT_THAT(beyond.error, HasSubstr("outside of allocated memory"));
  EXPECT_THAT(run("s_load_dword s20, s[8:9], -0x4\ns_waitcnt lgkmcnt(0)", 1, in).error,
              HasSubstr("outside of allocated memory"));
}

TEST_P(ScalarControlTest, BuffersEndAtTheirRecords) {
  std::vector<uint32_t> in = {10, 11, 12, 13, 14, 15, 16, 17};
  std::string resource = "s_mov_b64 s[12:13], s[8:9]\ns_movk_i32 s14, 0x14\ns_mov_b32 s15, 0\n";
  WaveResult result = run(resource +
                              "s_buffer_load_dwordx4 s[20:23], s[12:15], 0x8\n"
                              "s_movk_i32 s30, 0x14\n"
                              "s_buffer_load_dword s24, s[12:15], s30\n"
                              "s_waitcnt lgkmcnt(0)\n" +
                              store(5),
                          5, in);
  ASSERT_EQ(result.error, "");
  EXPECT_THAT(result.out, ElementsAre(12u, 13u, 14u, 0u, 0u));
  // With a stride, num_records counts strides.
  WaveResult strided = run(resource +
                               "s_or_b32 s13, s13, 0x80000\ns_mov_b32 s14, 3\n"
                               "s_buffer_load_dwordx4 s[20:23], s[12:15], 0x10\n"
                               "s_waitcnt lgkmcnt(0)\n" +
                               store(4),
                           4, in);
  ASSERT_EQ(strided.error, "");
  EXPECT_THAT(strided.out, ElementsAre(14u, 15u, 0u, 0u));
}

TEST_P(ScalarControlTest, TimeGoesOn) {
  const std::string body = "s_memtime s[20:21]\ns_nop 0\ns_nop 0\ns_memtime s[22:23]\n"
                           "s_waitcnt lgkmcnt(0)\n" +
                           store(4);
  WaveResult first = run(body, 4), second = run(body, 4);
  ASSERT_EQ(first.error, "");
  EXPECT_LT(first.out[0], first.out[2]);
  EXPECT_EQ(first.out, second.out);
}

INSTANTIATE_TEST_SUITE_P(Targets, ScalarControlTest, testing::Values("gfx90a", "gfx942"),
                         [](const auto &test) { return test.param; });

} // namespace
} // namespace zorse::emulator::test
