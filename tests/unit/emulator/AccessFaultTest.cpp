//===- AccessFaultTest.cpp - wrong addresses and wrong ways ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Faults.h"

namespace zorse::emulator::test {
namespace {

class AccessFaultTest : public FaultTest {};
INSTANTIATE_TEST_SUITE_P(Targets, AccessFaultTest, testing::Values("gfx90a", "gfx942"));

TEST_P(AccessFaultTest, LoadPastTheEnd) {
  std::string body = R"(
    fault:
    global_load_dword v2, v1, s[4:5] offset:{}
    s_waitcnt vmcnt(0)
    global_store_dword v1, v2, s[6:7]
  )";
  expectFault(fmt::format(fmt::runtime(body), 4),
              {"lane 63 loads 4 bytes at {in_end}, outside of every allocation; the nearest, which "
               "ends 0 bytes below, is the allocation [{in}, {in_end}) of 256 bytes",
               "global_load_dword v2, v1, s[4:5] offset:4"});
  expectClean(fmt::format(fmt::runtime(body), 0));
}

TEST_P(AccessFaultTest, StorePastTheEnd) {
  std::string body = R"(
    v_mov_b32_e32 v2, 7
    fault:
    global_store_dwordx2 v1, v[2:3], s[6:7]{}
  )";
  std::string twin = R"(
    v_mov_b32_e32 v2, 7
    v_mov_b32_e32 v3, 8
    v_min_u32_e32 v1, 0xf8, v1
    global_store_dwordx2 v1, v[2:3], s[6:7]
  )";
  expectFault(fmt::format(fmt::runtime("v_mov_b32_e32 v3, 8\n" + body), ""),
              {"lane 63 stores 8 bytes at {out_last}, 4 bytes past the end of the allocation "
               "[{out}, {out_end}) of 256 bytes",
               "global_store_dwordx2 v1, v[2:3], s[6:7]"});
  expectClean(twin);
}

TEST_P(AccessFaultTest, StoreOutsideOfTheOutput) {
  std::string body = R"(
    v_mov_b32_e32 v2, 7
    fault:
    global_store_dword v1, v2, s[{}]
  )";
  expectFault(fmt::format(fmt::runtime(body), "4:5"),
              {"write outside the output: lane 0 stores 4 bytes at {in}, in the allocation [{in}, "
               "{in_end}), which this launch may only read",
               "global_store_dword v1, v2, s[4:5]"});
  EXPECT_EQ(expectClean(fmt::format(fmt::runtime(body), "6:7")), std::vector<uint32_t>(64, 7));
}

TEST_P(AccessFaultTest, NoAllocationThere) {
  std::string body = R"(
    {}
    fault:
    s_load_dword s8, s[4:5], 0x0
    s_waitcnt lgkmcnt(0)
    v_mov_b32_e32 v2, s8
    global_store_dword v1, v2, s[6:7]
  )";
  Outcome outcome = run(fmt::format(fmt::runtime(body), "s_mov_b64 s[4:5], 0x1000"));
  ASSERT_FALSE(outcome.result.ok());
  EXPECT_NE(outcome.result.error().message.find("0x1000"), std::string::npos)
      << outcome.result.error().message;
  EXPECT_EQ(expectClean(fmt::format(fmt::runtime(body), "")), std::vector<uint32_t>(64, 100));
}

TEST_P(AccessFaultTest, Misaligned) {
  std::string body = R"(
    v_mov_b32_e32 v2, 7
    v_mov_b32_e32 v3, 7
    v_mov_b32_e32 v4, {}
    s_mov_b64 exec, 2
    fault:
    {} v4, {}, s[6:7]
  )";
  auto with = [&](int offset, const char *store, const char *data) {
    return fmt::format(fmt::runtime(body), offset, store, data);
  };
  expectFault(with(6, "global_store_dword", "v2"),
              {"misaligned: lane 1 accesses {out_odd}, which is not a multiple of 4",
               "global_store_dword v4, v2, s[6:7]"});
  expectFault(with(6, "global_store_dwordx2", "v[2:3]"),
              {"misaligned: lane 1 accesses {out_odd}, which is not a multiple of 4",
               "global_store_dwordx2 v4, v[2:3], s[6:7]"});
  expectClean(with(6, "global_store_short", "v2"));
  expectClean(with(4, "global_store_dword", "v2"));
  expectClean(with(4, "global_store_dwordx2", "v[2:3]")); // at dwords, as hardware wants
}

TEST_P(AccessFaultTest, MisalignedScalarLoad) {
  std::string body = R"(
    s_add_u32 s4, s4, {}
    s_addc_u32 s5, s5, 0
    s_load_dword s8, s[4:5], 0x0
    s_waitcnt lgkmcnt(0)
  )";
  Outcome outcome = run(fmt::format(fmt::runtime(body), 2));
  ASSERT_FALSE(outcome.result.ok());
  EXPECT_NE(outcome.result.error().message.find(fmt::format(
                "a scalar load of address {:#x}, which is not a multiple of 4", outcome.in + 2)),
            std::string::npos)
      << outcome.result.error().message;
  expectClean(fmt::format(fmt::runtime(body), 4));
}

TEST_P(AccessFaultTest, MisalignedLds) {
  kernel.ldsBytes = 64;
  std::string body = R"(
    v_mov_b32_e32 v2, 7
    v_mov_b32_e32 v3, 7
    v_mov_b32_e32 v4, {}
    fault:
    ds_write_b64 v4, v[2:3]
  )";
  expectFault(
      fmt::format(fmt::runtime(body), 10),
      {"misaligned: lane 0 accesses 0xa, which is not a multiple of 4", "ds_write_b64 v4, v[2:3]"});
  expectClean(fmt::format(fmt::runtime(body), 12));
}

TEST_P(AccessFaultTest, BeyondLds) {
  kernel.ldsBytes = 256;
  std::string body = R"(
    fault:
    ds_write_b32 v1, v0 offset:{}
  )";
  expectFault(fmt::format(fmt::runtime(body), 8),
              {"lane 62 stores 4 bytes at offset 256 of LDS, of which the workgroup has 256 bytes",
               "ds_write_b32 v1, v0 offset:8"});
  expectClean(fmt::format(fmt::runtime(body), 0));
}

TEST_P(AccessFaultTest, UnknownInstruction) {
  expectFault("fault:\n tbuffer_load_format_x v8, off, s[4:7], 0\n",
              {"this emulator does not know the instruction 'tbuffer_load_format_x v8, off, "
               "s[4:7], 0'; nothing was "
               "executed for it",
               "tbuffer_load_format_x v8, off, s[4:7], 0"});
  expectClean("s_nop 0");
}

TEST_P(AccessFaultTest, NoInstruction) {
  Outcome outcome = run("fault:\n .long 0xffffffff\n");
  ASSERT_FALSE(outcome.result.ok());
  std::string message = outcome.result.error().message;
  EXPECT_NE(message.find("the bytes at this address are not an instruction of the target"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find(fmt::format("at PC {:#x}", outcome.pc)), std::string::npos) << message;
}

TEST_P(AccessFaultTest, BranchIntoTheMiddle) {
  std::string body = R"(
    fault:
    s_branch {}
    s_nop 0
    target:
    v_mov_b32_e32 v2, 0x12345678
    global_store_dword v1, v2, s[6:7]
  )";
  Outcome outcome = run(fmt::format(fmt::runtime(body), 2)); // words from the one after it
  ASSERT_FALSE(outcome.result.ok());
  std::string message = outcome.result.error().message;
  EXPECT_NE(message.find(fmt::format("at PC {:#x}: s_branch", outcome.pc)), std::string::npos)
      << message;
  EXPECT_NE(message.find("no instruction begins"), std::string::npos) << message;
  EXPECT_EQ(expectClean(fmt::format(fmt::runtime(body), "target")),
            std::vector<uint32_t>(64, 0x12345678));
}

TEST_P(AccessFaultTest, EndlessLoop) {
  options.maxInstructions = 1000;
  std::string body = R"(
    s_mov_b32 s8, {}
    loop:
    s_sub_u32 s8, s8, 1
    s_cmp_lg_u32 s8, 0
    s_cbranch_scc1 loop
  )";
  Outcome outcome = run(fmt::format(fmt::runtime(body), 0));
  ASSERT_FALSE(outcome.result.ok());
  EXPECT_NE(
      outcome.result.error().message.find("the wave has executed 1000 instructions, the limit "
                                          "that was set; it may never end"),
      std::string::npos)
      << outcome.result.error().message;
  expectClean(fmt::format(fmt::runtime(body), 300));
}

TEST_P(AccessFaultTest, AWaveMayEndBeforeTheBarrier) {
  // Hardware does not wait for waves that have ended; so this is no fault.
  shape.grid = shape.block = {128, 1, 1};
  expectClean(R"(
    v_readfirstlane_b32 s8, v0
    s_cmp_eq_u32 s8, 0
    s_cbranch_scc0 over
    s_barrier
    over:
  )");
}

TEST_P(AccessFaultTest, NamesTheWorkgroupAndTheWave) {
  shape.grid = {384, 1, 1};
  shape.block = {128, 1, 1};
  expectFault(R"(
    s_cmp_eq_u32 s2, 1
    s_cbranch_scc0 over
    v_cmp_eq_u32_e32 vcc, 0x45, v0
    s_and_b64 exec, exec, vcc
    v_mov_b32_e32 v3, 0
    fault:
    global_store_dword v3, v1, s[4:5]
    over:
  )",
              {"write outside the output: lane 5 stores 4 bytes at {in}, in the allocation [{in}, "
               "{in_end}), which this launch may only read",
               "global_store_dword v3, v1, s[4:5]", 1, 1});
}

} // namespace
} // namespace zorse::emulator::test
