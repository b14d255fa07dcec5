//===- RegisterFaultTest.cpp - registers unwritten, or not written yet ----===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Faults.h"

namespace zorse::emulator::test {
namespace {

class RegisterFaultTest : public FaultTest {};
INSTANTIATE_TEST_SUITE_P(Targets, RegisterFaultTest, testing::Values("gfx90a", "gfx942"));

//===- Never written ------------------------------------------------------===//

TEST_P(RegisterFaultTest, OneLaneNeverWritten) {
  std::string body = R"(
    s_mov_b64 exec, {}
    v_mov_b32_e32 v2, 7
    s_mov_b64 exec, -1
    fault:
    global_store_dword v1, v2, s[6:7]
  )";
  expectFault(
      fmt::format(fmt::runtime(body), "0xffffffdf"),
      {"data of a store: v2 of lane 5 was never written", "global_store_dword v1, v2, s[6:7]"});
  expectClean(fmt::format(fmt::runtime(body), "-1"));
}

TEST_P(RegisterFaultTest, OnlyActiveLanesCount) {
  expectClean(R"(
    s_mov_b64 exec, 0xff
    v_mov_b32_e32 v2, 7
    global_store_dword v1, v2, s[6:7]
  )");
}

TEST_P(RegisterFaultTest, ComputedFromSomethingNeverWritten) {
  std::string body = R"(
    s_mov_b64 exec, {}
    v_mov_b32_e32 v2, 7
    s_mov_b64 exec, -1
    cause:
    v_add_u32_e32 v3, v2, v1
    fault:
    global_store_dword v1, v3, s[6:7]
  )";
  expectFault(fmt::format(fmt::runtime(body), "-2"),
              {"data of a store: v3 of lane 0 holds what 'v_add_u32_e32 v3, v2, v1' at PC {cause} "
               "made of v2, which was never written",
               "global_store_dword v1, v3, s[6:7]"});
  expectClean(fmt::format(fmt::runtime(body), "-1"));
}

TEST_P(RegisterFaultTest, AddressNeverWritten) {
  std::string body = R"(
    {}
    fault:
    global_load_dword v2, v9, s[4:5]
  )";
  expectFault(fmt::format(fmt::runtime(body), ""),
              {"the address of a memory access: v9 of lane 0 was never written",
               "global_load_dword v2, v9, s[4:5]"});
  expectClean(fmt::format(fmt::runtime(body), "v_mov_b32_e32 v9, v1"));
}

TEST_P(RegisterFaultTest, ScalarNeverWritten) {
  std::string body = R"(
    {}
    fault:
    s_cmp_eq_u32 s20, 0
    s_cselect_b32 s9, 1, 0
  )";
  expectFault(fmt::format(fmt::runtime(body), ""),
              {"an operand that decides how the wave goes on: s20 was never written",
               "s_cmp_eq_u32 s20, 0"});
  expectClean(fmt::format(fmt::runtime(body), "s_mov_b32 s20, 0"));
}

TEST_P(RegisterFaultTest, ScalarAddressHalfWritten) {
  std::string body = R"(
    s_mov_b32 s20, s4
    {}
    fault:
    s_load_dword s9, s[20:21], 0x0
  )";
  expectFault(
      fmt::format(fmt::runtime(body), ""),
      {"the address of a scalar load: s21 was never written", "s_load_dword s9, s[20:21], 0x0"});
  expectClean(fmt::format(fmt::runtime(body), "s_mov_b32 s21, s5"));
}

TEST_P(RegisterFaultTest, BranchOnALaneNeverWritten) {
  std::string body = R"(
    s_mov_b64 exec, {}
    v_mov_b32_e32 v2, 0
    s_mov_b64 exec, -1
    cause:
    v_cmp_eq_u32_e32 vcc, 7, v2
    fault:
    s_cbranch_vccnz over
    over:
  )";
  expectFault(
      fmt::format(fmt::runtime(body), "-9"),
      {"the condition of a branch: bit 3 of vcc_lo is of what 'v_cmp_eq_u32_e32 vcc, 7, v2' "
       "at PC {cause} made of v2, which was never written",
       "s_cbranch_vccnz 0"});
  expectClean(fmt::format(fmt::runtime(body), "-1"));
}

TEST_P(RegisterFaultTest, ExecFromALaneNeverWritten) {
  std::string body = R"(
    s_mov_b64 exec, 0xf
    v_mov_b32_e32 v2, 0
    s_mov_b64 exec, {}
    cause:
    v_cmp_eq_u32_e32 vcc, 0, v2
    fault:
    s_and_saveexec_b64 s[10:11], vcc
  )";
  expectFault(fmt::format(fmt::runtime(body), "0x1f"),
              {"a new EXEC: bit 4 of vcc_lo is of what 'v_cmp_eq_u32_e32 vcc, 0, v2' at PC {cause} "
               "made of v2, which was never written",
               "s_and_saveexec_b64 s[10:11], vcc"});
  expectClean(fmt::format(fmt::runtime(body), "0xf"));
}

TEST_P(RegisterFaultTest, MatrixReadsAllLanes) {
  kernel.accumOffset = 32;
  kernel.vgprs = 64;
  std::string body = R"(
    s_mov_b64 exec, {}
    v_mov_b32_e32 v2, 1.0
    s_mov_b64 exec, 1
    fault:
    v_mfma_f32_16x16x4f32 a[0:3], v2, v2, 0
  )";
  std::string text = std::string(GetParam()) == "gfx90a"
                         ? "v_mfma_f32_16x16x4f32 a[0:3], v2, v2, 0"
                         : "v_mfma_f32_16x16x4_f32 a[0:3], v2, v2, 0";
  expectFault(fmt::format(fmt::runtime(body), "0x7fffffff"),
              {"a matrix instruction reads all 64 lanes: v2 of lane 31 was never written", text});
  expectClean(fmt::format(fmt::runtime(body), "-1"));
}

TEST_P(RegisterFaultTest, WhatCompilersDoWithUnwrittenRegistersIsClean) {
  // Copies, unused halves of products, the side that a select drops, sums that nobody uses.
  expectClean(R"(
    v_mov_b32_e32 v10, v11
    v_add_f32_e32 v12, v13, v1
    v_mad_u64_u32 v[20:21], s[10:11], v1, 3, v[30:31]
    v_mov_b32_e32 v30, 5
    v_mad_u64_u32 v[20:21], s[10:11], v1, 3, v[30:31]
    global_store_dword v1, v20, s[6:7]
    v_cmp_gt_u32_e32 vcc, 64, v0
    v_cndmask_b32_e32 v22, v40, v1, vcc
    global_store_dword v1, v22, s[6:7]
    v_cmp_eq_u32_e32 vcc, 0, v40
    s_and_b64 s[10:11], vcc, 0
    s_and_saveexec_b64 s[12:13], s[10:11]
    s_mov_b64 exec, s[12:13]
    s_lshl_b64 s[14:15], s[20:21], 64
    s_mov_b32 s16, s40
    v_writelane_b32 v41, s4, 3
    v_readlane_b32 s18, v41, 3
    s_cmp_eq_u32 s18, 0
    s_mov_b32 s19, 0xffff
    v_bfi_b32 v42, s19, v1, v42
    v_lshl_or_b32 v42, v1, 16, v42
    global_store_dword v1, v42, s[6:7]
    s_mov_b32 s19, 0x05040100
    v_perm_b32 v43, v44, v1, s19
    v_perm_b32 v43, v1, v43, s19
  )");
}

TEST_P(RegisterFaultTest, NothingWrittenGoesIntoAPack) {
  std::string body = R"(
    s_mov_b32 s19, 0xffff
    {}
    cause:
    v_bfi_b32 v42, s19, v40, v41
    fault:
    global_store_dword v1, v42, s[6:7]
  )";
  expectFault(fmt::format(fmt::runtime(body), ""),
              {"data of a store: v42 of lane 0 holds what 'v_bfi_b32 v42, s19, v40, v41' at PC "
               "{cause} made of v40, which was never written",
               "global_store_dword v1, v42, s[6:7]"});
  expectClean(fmt::format(fmt::runtime(body), "v_mov_b32_e32 v41, 0"));
}

TEST_P(RegisterFaultTest, PermuteTakesBytesOfWhatNobodyWrote) {
  std::string body = R"(
    s_mov_b32 s19, {}
    cause:
    v_perm_b32 v42, v1, v41, s19
    fault:
    global_store_dword v1, v42, s[6:7]
  )";
  expectFault(fmt::format(fmt::runtime(body), "0x03020100"),
              {"data of a store: v42 of lane 0 holds what 'v_perm_b32 v42, v1, v41, s19' at PC "
               "{cause} made of v41, which was never written",
               "global_store_dword v1, v42, s[6:7]"});
  expectClean(fmt::format(fmt::runtime(body), "0x07060504"));
}

TEST_P(RegisterFaultTest, ReadlaneOfAnotherLane) {
  std::string body = R"(
    v_writelane_b32 v41, s4, 3
    cause:
    v_readlane_b32 s18, v41, {}
    fault:
    s_cmp_eq_u32 s18, 0
  )";
  expectFault(fmt::format(fmt::runtime(body), 4),
              {"an operand that decides how the wave goes on: bit 0 of s18 is of what "
               "'v_readlane_b32 s18, v41, 4' at PC {cause} made of v41, which was never written",
               "s_cmp_eq_u32 s18, 0"});
  expectClean(fmt::format(fmt::runtime(body), 3));
}

TEST_P(RegisterFaultTest, DppKeepsWhatWasThere) {
  // Lane 0 of each row has no source; the old value stays, and nobody wrote that.
  std::string body = R"(
    {}
    cause:
    v_mov_b32_dpp v2, v1 row_shr:1 row_mask:0xf bank_mask:0xf
    fault:
    global_store_dword v1, v2, s[6:7]
  )";
  expectFault(
      fmt::format(fmt::runtime(body), ""),
      {"data of a store: v2 of lane 0 was never written", "global_store_dword v1, v2, s[6:7]"});
  expectClean(fmt::format(fmt::runtime(body), "v_mov_b32_e32 v2, 0"));
  expectClean(R"(
    v_mov_b32_dpp v2, v1 row_shr:1 row_mask:0xf bank_mask:0xf bound_ctrl:0
    global_store_dword v1, v2, s[6:7]
  )");
}

TEST_P(RegisterFaultTest, PermuteMovesTheLaneThatNobodyWrote) {
  std::string body = R"(
    s_mov_b64 exec, {}
    v_mov_b32_e32 v2, 7
    s_mov_b64 exec, -1
    v_xor_b32_e32 v3, 4, v1
    cause:
    ds_bpermute_b32 v4, v3, v2
    s_waitcnt lgkmcnt(0)
    fault:
    global_store_dword v1, v4, s[6:7]
  )";
  expectFault(
      fmt::format(fmt::runtime(body), "-2"),
      {"data of a store: v4 of lane 1 holds what 'ds_bpermute_b32 v4, v3, v2' at PC {cause} "
       "made of v2, which was never written",
       "global_store_dword v1, v4, s[6:7]"});
  expectClean(fmt::format(fmt::runtime(body), "-1"));
}

class ScratchFaultTest : public FaultTest {};
INSTANTIATE_TEST_SUITE_P(Targets, ScratchFaultTest, testing::Values("gfx942"));

TEST_P(ScratchFaultTest, ASpillKeepsWhatNobodyWrote) {
  kernel.scratchBytesPerLane = 16;
  std::string body = R"(
    s_mov_b64 exec, {}
    v_mov_b32_e32 v2, 7
    s_mov_b64 exec, -1
    scratch_store_dword off, v2, off offset:4
    s_waitcnt vmcnt(0)
    cause:
    scratch_load_dword v3, off, off offset:4
    s_waitcnt vmcnt(0)
    v_mov_b32_e32 v4, v3
    fault:
    global_store_dword v1, v3, s[6:7]
  )";
  expectFault(
      fmt::format(fmt::runtime(body), "-5"),
      {"data of a store: v3 of lane 2 holds what 'scratch_load_dword v3, off, off offset:4' "
       "at PC {cause} made of scratch memory, which was never written",
       "global_store_dword v1, v3, s[6:7]"});
  EXPECT_EQ(expectClean(fmt::format(fmt::runtime(body), "-1")), std::vector<uint32_t>(64, 7));
}

TEST_P(ScratchFaultTest, BeyondTheScratchOfALane) {
  kernel.scratchBytesPerLane = 16;
  std::string body = R"(
    fault:
    scratch_store_dword off, v1, off offset:{}
  )";
  expectFault(fmt::format(fmt::runtime(body), 16),
              {"lane 0 stores 4 bytes at offset 16 of its scratch, of which each lane has 16 bytes",
               "scratch_store_dword off, v1, off offset:16"});
  expectClean(fmt::format(fmt::runtime(body), 12));
}

//===- Not written yet ----------------------------------------------------===//

TEST_P(RegisterFaultTest, MissingVmcnt) {
  std::string body = R"(
    cause:
    global_load_dword v2, v1, s[4:5]
    {}
    fault:
    v_add_u32_e32 v3, 1, v2
  )";
  expectFault(fmt::format(fmt::runtime(body), ""),
              {"v2 is read before 'global_load_dword v2, v1, s[4:5]' at PC {cause} has filled it; "
               "s_waitcnt vmcnt(0) is missing between",
               "v_add_u32_e32 v3, 1, v2"});
  expectFault(fmt::format(fmt::runtime(body), "s_waitcnt lgkmcnt(0)"),
              {"v2 is read before 'global_load_dword v2, v1, s[4:5]' at PC {cause} has filled it; "
               "s_waitcnt vmcnt(0) is missing between",
               "v_add_u32_e32 v3, 1, v2"});
  expectClean(fmt::format(fmt::runtime(body), "s_waitcnt vmcnt(0)"));
}

TEST_P(RegisterFaultTest, VmcntTooLaxByOne) {
  // Stores count as loads do.
  std::string body = R"(
    cause:
    global_load_dword v2, v1, s[4:5]
    global_load_dword v3, v1, s[4:5]
    global_store_dword v1, v0, s[6:7]
    s_waitcnt vmcnt({})
    fault:
    v_mov_b32_e32 v4, v2
  )";
  expectFault(fmt::format(fmt::runtime(body), 3),
              {"v2 is read before 'global_load_dword v2, v1, s[4:5]' at PC {cause} has filled it; "
               "s_waitcnt vmcnt(2) is missing between",
               "v_mov_b32_e32 v4, v2"});
  expectClean(fmt::format(fmt::runtime(body), 2));
}

TEST_P(RegisterFaultTest, LoadedRegisterOverwritten) {
  std::string body = R"(
    v_min_u32_e32 v1, 0xf8, v1
    cause:
    global_load_dwordx2 v[2:3], v1, s[4:5]
    {}
    fault:
    v_mov_b32_e32 v3, 0
  )";
  expectFault(
      fmt::format(fmt::runtime(body), ""),
      {"v3 is overwritten before 'global_load_dwordx2 v[2:3], v1, s[4:5]' at PC {cause} has "
       "filled it; s_waitcnt vmcnt(0) is missing between",
       "v_mov_b32_e32 v3, 0"});
  expectClean(fmt::format(fmt::runtime(body), "s_waitcnt vmcnt(0)"));
}

TEST_P(RegisterFaultTest, SourcesOfStoresAndLoadsInOrderMayBeOverwritten) {
  expectClean(R"(
    global_store_dword v1, v0, s[6:7]
    v_mov_b32_e32 v0, 1
    global_load_dword v2, v1, s[4:5]
    global_load_dword v2, v1, s[4:5]
    s_waitcnt vmcnt(0)
    global_store_dword v1, v2, s[6:7]
  )");
}

TEST_P(RegisterFaultTest, MissingLgkmcntOfLds) {
  kernel.ldsBytes = 256;
  std::string body = R"(
    ds_write_b32 v1, v0
    cause:
    ds_read_b32 v2, v1
    ds_read_b32 v3, v1
    s_waitcnt {}
    fault:
    v_mov_b32_e32 v4, v2
  )";
  Blame blame = {"v2 is read before 'ds_read_b32 v2, v1' at PC {cause} has filled it; s_waitcnt "
                 "lgkmcnt(1) is missing between",
                 "v_mov_b32_e32 v4, v2"};
  expectFault(fmt::format(fmt::runtime(body), "vmcnt(0)"), blame);
  expectFault(fmt::format(fmt::runtime(body), "lgkmcnt(2)"), blame);
  expectClean(fmt::format(fmt::runtime(body), "lgkmcnt(1)"));
}

TEST_P(RegisterFaultTest, MissingLgkmcntOfScalarLoads) {
  // They come back in any order: nothing but 0 covers them.
  std::string body = R"(
    cause:
    s_load_dword s8, s[4:5], 0x0
    s_load_dword s9, s[4:5], 0x4
    s_waitcnt {}
    fault:
    s_add_u32 s10, s8, 1
  )";
  Blame blame = {"s8 is read before 's_load_dword s8, s[4:5], 0x0' at PC {cause} has filled it; "
                 "s_waitcnt lgkmcnt(0) is missing between",
                 "s_add_u32 s10, s8, 1"};
  expectFault(fmt::format(fmt::runtime(body), "vmcnt(0)"), blame);
  expectFault(fmt::format(fmt::runtime(body), "lgkmcnt(1)"), blame);
  expectClean(fmt::format(fmt::runtime(body), "lgkmcnt(0)"));
}

TEST_P(RegisterFaultTest, FlatLoadsNeedBothCounters) {
  std::string body = R"(
    v_mov_b32_e32 v4, s4
    v_mov_b32_e32 v5, s5
    cause:
    flat_load_dword v2, v[4:5]
    s_waitcnt {}
    fault:
    v_mov_b32_e32 v6, v2
  )";
  Blame blame = {"v2 is read before 'flat_load_dword v2, v[4:5]' at PC {cause} has filled it; "
                 "s_waitcnt vmcnt(0) lgkmcnt(0) is missing between",
                 "v_mov_b32_e32 v6, v2"};
  expectFault(fmt::format(fmt::runtime(body), "vmcnt(0)"), blame);
  expectFault(fmt::format(fmt::runtime(body), "lgkmcnt(0)"), blame);
  expectClean(fmt::format(fmt::runtime(body), "vmcnt(0) lgkmcnt(0)"));
}

} // namespace
} // namespace zorse::emulator::test
