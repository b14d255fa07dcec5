//===- LaunchTest.cpp - how a kernel begins and who runs ------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Assemble.h"

#include <gtest/gtest.h>

namespace zorse::emulator::test {
namespace {

class LaunchTest : public testing::TestWithParam<std::string> {};

/// Each work-item adds its global number to a cell of its own; partial workgroups at every edge.
TEST_P(LaunchTest, IdsInThreeDimensionsWithPartialGroups) {
  const char *body = R"(
    s_load_dwordx4 s[8:11], s[0:1], 0x0
    v_and_b32_e32 v1, 0x3ff, v0
    v_bfe_u32 v2, v0, 10, 10
    v_bfe_u32 v3, v0, 20, 10
    s_mul_i32 s5, s2, 5
    v_add_u32_e32 v1, s5, v1
    s_mul_i32 s5, s3, 3
    v_add_u32_e32 v2, s5, v2
    s_mul_i32 s5, s4, 2
    v_add_u32_e32 v3, s5, v3
    s_waitcnt lgkmcnt(0)
    v_mul_lo_u32 v4, v3, s11
    v_add_u32_e32 v4, v4, v2
    v_mul_lo_u32 v4, v4, s10
    v_add_u32_e32 v4, v4, v1
    v_lshlrev_b32_e32 v5, 2, v4
    v_mov_b32_e32 v6, 1
    global_atomic_add v5, v6, s[8:9]
    s_endpgm
  )";
  auto elf = assemble(
      GetParam(),
      kernelText("ids", body, {.kernargBytes = 16, .workitemIdDims = 3, .workgroupIdDims = 3}));
  for (int threads : {1, 3}) {
    auto machine = makeMachine(GetParam(), {.threads = threads, .checks = true});
    constexpr uint32_t x = 12, y = 7, z = 5; // of groups of 5 x 3 x 2
    Buffer cells(*machine, std::vector<uint32_t>(x * y * z, 0));
    Kernarg kernarg;
    kernarg.add(cells.address()).add(x).add(y);
    auto counts = runKernel(*machine, elf, "ids", {.grid = {x, y, z}, .block = {5, 3, 2}}, kernarg);
    ASSERT_TRUE(counts) << counts.error().message;
    EXPECT_EQ(counts->workgroups, 3u * 3 * 3);
    EXPECT_EQ(counts->waves, 27u);
    for (uint32_t i = 0; i < x * y * z; ++i)
      EXPECT_EQ(cells.read<uint32_t>()[i], 1u) << "work-item " << i;
  }
}

/// Arguments that the hardware puts into registers before the first instruction.
TEST_P(LaunchTest, PreloadsKernelArguments) {
  const char *body = R"(
    v_lshlrev_b32_e32 v1, 2, v0
    v_mov_b32_e32 v2, s4
    global_store_dword v1, v2, s[2:3]
    s_endpgm
  )";
  auto elf =
      assemble(GetParam(), kernelText("preloaded", body,
                                      {.kernargBytes = 16,
                                       .directives = " .amdhsa_user_sgpr_kernarg_preload_length 3\n"
                                                     " .amdhsa_user_sgpr_kernarg_preload_offset 0\n"
                                                     " .amdhsa_user_sgpr_count 5\n"}));
  auto machine = makeMachine(GetParam(), {.checks = true});
  Buffer out(*machine, std::vector<uint32_t>(64, 0));
  Kernarg kernarg;
  kernarg.add(out.address()).add(uint32_t(0xfeed));
  auto counts = runKernel(*machine, elf, "preloaded", {.grid = {64, 1, 1}}, kernarg);
  ASSERT_TRUE(counts) << counts.error().message;
  for (uint32_t l = 0; l < 64; ++l)
    EXPECT_EQ(out.read<uint32_t>()[l], 0xfeedu);
}

/// Hidden arguments lie behind the explicit ones, 8-aligned, where no metadata says otherwise.
TEST_P(LaunchTest, WritesHiddenArgumentsWithoutMetadata) {
  const char *body = R"(
    s_load_dwordx2 s[4:5], s[0:1], 0x0
    s_load_dwordx4 s[8:11], s[0:1], 0x8
    s_load_dwordx2 s[12:13], s[0:1], 0x18
    v_mov_b32_e32 v1, 0
    s_waitcnt lgkmcnt(0)
    v_mov_b32_e32 v2, s8
    v_mov_b32_e32 v3, s9
    v_mov_b32_e32 v4, s10
    v_mov_b32_e32 v5, s11
    global_store_dwordx4 v1, v[2:5], s[4:5]
    v_mov_b32_e32 v2, s12
    v_mov_b32_e32 v3, s13
    global_store_dwordx2 v1, v[2:3], s[4:5] offset:16
    s_endpgm
  )";
  auto elf = assemble(GetParam(), kernelText("hidden", body, {.kernargBytes = 264}));
  auto machine = makeMachine(GetParam());
  Buffer out(*machine, std::vector<uint32_t>(6, 0));
  Kernarg kernarg;
  kernarg.add(out.address());
  auto counts =
      runKernel(*machine, elf, "hidden", {.grid = {70, 9, 4}, .block = {32, 2, 4}}, kernarg);
  ASSERT_TRUE(counts) << counts.error().message;
  // Whole groups in each dimension; sizes and remainders as halves.
  const std::vector<uint32_t> got = out.read<uint32_t>();
  EXPECT_EQ(got[0], 2u);
  EXPECT_EQ(got[1], 4u);
  EXPECT_EQ(got[2], 1u);
  EXPECT_EQ(got[3], 32u | 2u << 16);
  EXPECT_EQ(got[4], 4u | 6u << 16);
  EXPECT_EQ(got[5], 1u);
}

/// Lane l goes round l % 7 + 1 times; an inner branch splits odd rounds from even ones.
TEST_P(LaunchTest, DivergentLoopsAndBranches) {
  const char *body = R"(
    s_load_dwordx2 s[4:5], s[0:1], 0x0
    s_mov_b32 s10, 0x24924925
    v_mul_hi_u32 v1, v0, s10
    v_mul_u32_u24_e32 v1, 7, v1
    v_sub_u32_e32 v1, v0, v1
    v_mov_b32_e32 v2, 0
    v_mov_b32_e32 v3, 0
    s_mov_b64 s[6:7], exec
  again:
    v_and_b32_e32 v4, 1, v2
    v_cmp_eq_u32_e32 vcc, 1, v4
    s_and_saveexec_b64 s[8:9], vcc
    s_cbranch_execz even
    v_add_u32_e32 v3, 100, v3
  even:
    s_xor_b64 exec, exec, s[8:9]
    v_add_u32_e32 v3, 1, v3
    s_mov_b64 exec, s[8:9]
    v_add_u32_e32 v2, 1, v2
    v_cmp_le_u32_e32 vcc, v2, v1
    s_and_b64 exec, exec, vcc
    s_cbranch_execnz again
    s_mov_b64 exec, s[6:7]
    v_lshlrev_b32_e32 v5, 2, v0
    s_waitcnt lgkmcnt(0)
    global_store_dword v5, v3, s[4:5]
    s_endpgm
  )";
  auto elf = assemble(GetParam(), kernelText("divergent", body, {.kernargBytes = 8}));
  auto machine = makeMachine(GetParam(), {.checks = true});
  Buffer out(*machine, std::vector<uint32_t>(64, 0));
  Kernarg kernarg;
  kernarg.add(out.address());
  auto counts = runKernel(*machine, elf, "divergent", {.grid = {64, 1, 1}}, kernarg);
  ASSERT_TRUE(counts) << counts.error().message;
  for (uint32_t l = 0; l < 64; ++l) {
    uint32_t rounds = l % 7 + 1;
    EXPECT_EQ(out.read<uint32_t>()[l], rounds / 2 * 100 + (rounds + 1) / 2) << "lane " << l;
  }
  EXPECT_EQ(counts->byMnemonic["v_cmp_le_u32"], 7u);
}

/// v_mov_b32 v2, v10 takes v12 while M0 says 2; as a result v10 stands for v13 while it says 3.
TEST_P(LaunchTest, RegistersNumberedByM0) {
  const char *body = R"(
    s_load_dwordx2 s[4:5], s[0:1], 0x0
    v_mov_b32_e32 v10, 100
    v_mov_b32_e32 v11, 111
    v_mov_b32_e32 v12, 122
    v_mov_b32_e32 v13, 133
    s_mov_b32 s6, 2
    s_set_gpr_idx_on s6, gpr_idx(SRC0)
    v_mov_b32_e32 v2, v10
    s_set_gpr_idx_idx 1
    v_mov_b32_e32 v3, v10
    s_set_gpr_idx_mode gpr_idx(DST)
    s_set_gpr_idx_idx 3
    v_add_u32_e32 v10, 5, v11
    s_set_gpr_idx_off
    v_mov_b32_e32 v4, v13
    v_mov_b32_e32 v5, v10
    v_lshlrev_b32_e32 v6, 4, v0
    s_waitcnt lgkmcnt(0)
    global_store_dwordx4 v6, v[2:5], s[4:5]
    s_endpgm
  )";
  auto elf = assemble(GetParam(), kernelText("indexed", body, {.vgprs = 16, .kernargBytes = 8}));
  auto machine = makeMachine(GetParam(), {.checks = true});
  Buffer out(*machine, std::vector<uint32_t>(256, 0));
  Kernarg kernarg;
  kernarg.add(out.address());
  auto counts = runKernel(*machine, elf, "indexed", {.grid = {64, 1, 1}}, kernarg);
  ASSERT_TRUE(counts) << counts.error().message;
  const std::vector<uint32_t> got = out.read<uint32_t>();
  for (uint32_t l = 0; l < 64; ++l) {
    EXPECT_EQ(got[4 * l], 122u);
    EXPECT_EQ(got[4 * l + 1], 111u);
    EXPECT_EQ(got[4 * l + 2], 116u);
    EXPECT_EQ(got[4 * l + 3], 100u);
  }
}

TEST_P(LaunchTest, AnIndexBeyondTheRegistersStops) {
  auto elf = assemble(GetParam(), kernelText("far",
                                             "s_set_gpr_idx_on 20, gpr_idx(SRC0)\n"
                                             "v_mov_b32_e32 v1, v3\n",
                                             {.vgprs = 16}));
  auto counts = runKernel(*makeMachine(GetParam()), elf, "far", {}, {});
  ASSERT_FALSE(counts);
  EXPECT_NE(counts.error().message.find("v3 indexed by M0 is v23; the kernel has v0 to v15"),
            std::string::npos)
      << counts.error().message;
}

/// Four waves pass numbers round through LDS, twice; counts are the same on one thread and on many.
TEST_P(LaunchTest, WavesMeetAtBarriers) {
  const char *body = R"(
    s_load_dwordx2 s[4:5], s[0:1], 0x0
    v_lshlrev_b32_e32 v1, 2, v0
    ds_write_b32 v1, v0
    s_waitcnt lgkmcnt(0)
    s_barrier
    v_add_u32_e32 v2, 64, v0
    v_and_b32_e32 v2, 0xff, v2
    v_lshlrev_b32_e32 v2, 2, v2
    ds_read_b32 v3, v2
    s_waitcnt lgkmcnt(0)
    s_barrier
    v_add_u32_e32 v3, 1000, v3
    ds_write_b32 v1, v3
    s_waitcnt lgkmcnt(0)
    s_barrier
    ds_read_b32 v4, v2
    s_lshl_b32 s6, s2, 10
    v_add_u32_e32 v1, s6, v1
    s_waitcnt lgkmcnt(0)
    global_store_dword v1, v4, s[4:5]
    s_endpgm
  )";
  auto elf = assemble(GetParam(), kernelText("ring", body, {.ldsBytes = 1024, .kernargBytes = 8}));
  constexpr uint32_t groups = 17;
  std::vector<uint64_t> instructions;
  for (int threads : {1, 4}) {
    auto machine = makeMachine(GetParam(), {.threads = threads, .checks = true});
    Buffer out(*machine, std::vector<uint32_t>(groups * 256, 0));
    Kernarg kernarg;
    kernarg.add(out.address());
    auto counts = runKernel(*machine, elf, "ring",
                            {.grid = {groups * 256, 1, 1}, .block = {256, 1, 1}}, kernarg);
    ASSERT_TRUE(counts) << counts.error().message;
    for (uint32_t i = 0; i < groups * 256; ++i)
      ASSERT_EQ(out.read<uint32_t>()[i], (i + 128) % 256 + 1000) << i;
    EXPECT_EQ(counts->barriers, groups * 4 * 3u);
    EXPECT_EQ(counts->stores.requested, groups * 1024u);
    EXPECT_EQ(counts->stores.moved64, groups * 1024u);
    EXPECT_EQ(counts->stores.first64, groups * 1024u);
    instructions.push_back(counts->instructions);
  }
  EXPECT_EQ(instructions[0], instructions[1]);
}

/// Of several faulty workgroups the first is told, whatever the threads do.
TEST_P(LaunchTest, TheFirstFaultIsTold) {
  const char *body = R"(
    s_cmp_lt_u32 s2, 20
    s_cbranch_scc1 fine
    s_trap 2
  fine:
    s_endpgm
  )";
  auto elf = assemble(GetParam(), kernelText("late", body));
  for (int repeat = 0; repeat < 20; ++repeat) {
    auto machine = makeMachine(GetParam(), {.threads = 4});
    auto counts = runKernel(*machine, elf, "late", {.grid = {64 * 64, 1, 1}}, {});
    ASSERT_FALSE(counts);
    EXPECT_NE(counts.error().message.find("workgroup (20, 0, 0), wave 0"), std::string::npos)
        << counts.error().message;
  }
}

TEST_P(LaunchTest, ShapesThatDoNotFit) {
  auto elf = assemble(GetParam(), kernelText("k", "s_endpgm", {.ldsBytes = 1024}));
  auto machine = makeMachine(GetParam());
  auto message = [&](const LaunchShape &shape, const std::string &name = "k") {
    auto counts = runKernel(*machine, elf, name, shape, {});
    return counts ? std::string("it ran") : counts.error().message;
  };
  EXPECT_EQ(message({.block = {0, 1, 1}}),
            "a workgroup has 0 x 1 x 1 work-items; each dimension is in [1, 1024]");
  EXPECT_EQ(message({.block = {64, 32, 1}}),
            "a workgroup of kernel 'k' has 2048 work-items; legal are 1 to 1024");
  EXPECT_EQ(message({.dynamicLdsBytes = 65'536}),
            "kernel 'k' needs 66560 bytes of LDS (1024 of its own, 65536 of the launch); " +
                GetParam() + " has 65536");
  EXPECT_EQ(message({}, "q"), "the code object has no kernel 'q'; it has: k");
}

INSTANTIATE_TEST_SUITE_P(Targets, LaunchTest, testing::Values("gfx90a", "gfx942"),
                         [](const auto &info) { return info.param; });

} // namespace
} // namespace zorse::emulator::test
