//===- LocalFaultTest.cpp - LDS unwritten, and races ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Faults.h"

namespace zorse::emulator::test {
namespace {

/// Two waves unless a test says otherwise; v1 is 4 * the work-item, v2 its partner in the other
/// wave, s8 the first work-item of the wave, v3 = 7.
class LocalFaultTest : public FaultTest {
protected:
  LocalFaultTest() {
    kernel.ldsBytes = 1024;
    shape.grid = shape.block = {128, 1, 1};
  }
  static constexpr const char *setup = R"(
    v_xor_b32_e32 v2, 0x100, v1
    v_readfirstlane_b32 s8, v0
    v_mov_b32_e32 v3, 7
  )";
  static constexpr const char *onlyWave1 = "s_cmp_eq_u32 s8, 0\n s_cbranch_scc1 over\n";
  /// What two waves do one after the other, with a barrier between or not.
  std::string inTurn(const std::string &first, const std::string &between,
                     const std::string &second) const {
    return std::string(setup) + "ds_write_b32 v1, v3\n s_waitcnt lgkmcnt(0)\n s_barrier\n" +
           "s_cmp_eq_u32 s8, 0\n s_cbranch_scc0 not_first\n" + first + "\n not_first:\n" + between +
           "\n s_cmp_eq_u32 s8, 0\n s_cbranch_scc1 not_second\n fault:\n" + second +
           "\n not_second:\n s_waitcnt lgkmcnt(0)\n";
  }
  static std::string race(const std::string &lane, const std::string &verb, int byte,
                          const std::string &by) {
    return fmt::format("race: lane {} {} LDS byte {}, which wave 0 {}, with no s_barrier between "
                       "that wave 0 has come to after waiting for its ",
                       lane, verb, byte, by);
  }
};
INSTANTIATE_TEST_SUITE_P(Targets, LocalFaultTest, testing::Values("gfx90a", "gfx942"));

TEST_P(LocalFaultTest, BytesNeverWritten) {
  shape.grid = shape.block = {64, 1, 1};
  std::string body = std::string(setup) + R"(
    s_mov_b64 exec, {}
    ds_write_b32 v1, v3
    s_mov_b64 exec, -1
    fault:
    ds_read_b32 v4, v1
    s_waitcnt lgkmcnt(0)
    global_store_dword v1, v4, s[6:7]
  )";
  expectFault(fmt::format(fmt::runtime(body), "-5"),
              {"lane 2 reads LDS byte 8, which was never written", "ds_read_b32 v4, v1"});
  expectClean(fmt::format(fmt::runtime(body), "-1"));
}

TEST_P(LocalFaultTest, HalfOfADwordNeverWritten) {
  shape.grid = shape.block = {64, 1, 1};
  std::string body = std::string(setup) + R"(
    ds_write_b16 v1, v3
    {}
    fault:
    ds_read_b32 v4, v1
  )";
  expectFault(fmt::format(fmt::runtime(body), ""),
              {"lane 0 reads LDS byte 2, which was never written", "ds_read_b32 v4, v1"});
  expectClean(fmt::format(fmt::runtime(body), "ds_write_b16 v1, v3 offset:2"));
}

TEST_P(LocalFaultTest, WriteThenRead) {
  std::string write = "cause:\n ds_write_b32 v1, v3\n s_waitcnt lgkmcnt(0)",
              read = "ds_read_b32 v4, v2";
  expectFault(inTurn(write, "", read),
              {race("0", "reads", 0, "writes by 'ds_write_b32 v1, v3' at PC {cause}") + "write",
               "ds_read_b32 v4, v2", 1});
  expectClean(inTurn(write, "s_barrier", read));
}

TEST_P(LocalFaultTest, WriteThenWrite) {
  std::string write = "cause:\n ds_write_b32 v1, v3\n s_waitcnt lgkmcnt(0)",
              again = "ds_write_b8 v2, v3 offset:1";
  expectFault(inTurn(write, "", again),
              {race("0", "writes", 1, "writes by 'ds_write_b32 v1, v3' at PC {cause}") + "write",
               "ds_write_b8 v2, v3 offset:1", 1});
  expectClean(inTurn(write, "s_barrier", again));
}

TEST_P(LocalFaultTest, ReadThenWrite) {
  std::string read = "ds_read_b32 v4, v1\n s_waitcnt lgkmcnt(0)", write = "ds_write_b32 v2, v3";
  expectFault(inTurn(read, "", write),
              {race("0", "writes", 0, "reads") + "access", "ds_write_b32 v2, v3", 1});
  expectClean(inTurn(read, "s_barrier", write));
}

TEST_P(LocalFaultTest, WriteNotWaitedForBeforeTheBarrier) {
  std::string write = "cause:\n ds_write_b32 v1, v3\n", read = "ds_read_b32 v4, v2";
  expectFault(inTurn(write, "s_barrier", read),
              {race("0", "reads", 0, "writes by 'ds_write_b32 v1, v3' at PC {cause}") + "write",
               "ds_read_b32 v4, v2", 1});
  expectClean(inTurn(write + "s_waitcnt lgkmcnt(0)", "s_barrier", read));
}

TEST_P(LocalFaultTest, ReadNotWaitedForBeforeTheBarrier) {
  std::string read = "ds_read_b32 v4, v1\n", write = "ds_write_b32 v2, v3";
  expectFault(inTurn(read, "s_barrier", write),
              {race("0", "writes", 0, "reads") + "access", "ds_write_b32 v2, v3", 1});
  expectClean(inTurn(read + "s_waitcnt lgkmcnt(0)", "s_barrier", write));
}

TEST_P(LocalFaultTest, MissingBarrierInALoop) {
  // Each turn writes for the partner and reads what the partner wrote. The second barrier keeps a
  // wave from writing the next turn before the other one has read this one.
  std::string body = std::string(setup) + R"(
    s_mov_b32 s9, 3
    loop:
    fault:
    ds_write_b32 v1, v3
    s_waitcnt lgkmcnt(0)
    s_barrier
    ds_read_b32 v4, v2
    s_waitcnt lgkmcnt(0)
    {}
    s_sub_u32 s9, s9, 1
    s_cmp_lg_u32 s9, 0
    s_cbranch_scc1 loop
  )";
  Outcome outcome = run(fmt::format(fmt::runtime(body), ""));
  ASSERT_FALSE(outcome.result.ok());
  // Wave 0 is in its second turn when wave 1 reads what it wrote in its first.
  EXPECT_NE(
      outcome.result.error().message.find("race: lane 0 reads LDS byte 0, which wave 0 writes"),
      std::string::npos)
      << outcome.result.error().message;
  expectClean(fmt::format(fmt::runtime(body), "s_barrier"));
}

TEST_P(LocalFaultTest, MoreBarriersThanAnEpochHasBits) {
  std::string body = std::string(setup) + R"(
    s_mov_b32 s9, 0x8100
    loop:
    ds_write_b32 v1, v3
    s_waitcnt lgkmcnt(0)
    s_barrier
    ds_read_b32 v4, v2
    s_waitcnt lgkmcnt(0)
    s_barrier
    s_sub_u32 s9, s9, 1
    s_cmp_lg_u32 s9, 0
    s_cbranch_scc1 loop
    cause:
    ds_write_b32 v1, v3
    s_waitcnt lgkmcnt(0)
    {}
    fault:
    ds_read_b32 v4, v2
  )";
  // Wave 0 reads what wave 1 wrote in the last turn, and then wave 1 writes again.
  Outcome outcome = run(fmt::format(fmt::runtime(body), ""));
  ASSERT_FALSE(outcome.result.ok());
  EXPECT_NE(
      outcome.result.error().message.find("race: lane 0 writes LDS byte 256, which wave 0 reads"),
      std::string::npos)
      << outcome.result.error().message;
  expectClean(fmt::format(fmt::runtime(body), "s_barrier"));
}

TEST_P(LocalFaultTest, AtomicsAmongThemselvesAreNoRace) {
  expectClean(std::string(setup) + R"(
    v_mov_b32_e32 v5, 0
    s_cmp_eq_u32 s8, 0
    s_cbranch_scc0 no_zero
    ds_write_b32 v5, v5
    s_waitcnt lgkmcnt(0)
    no_zero:
    s_barrier
    ds_add_u32 v5, v3
    s_waitcnt lgkmcnt(0)
    s_barrier
    ds_read_b32 v6, v5
  )");
}

TEST_P(LocalFaultTest, AtomicAndPlainAccess) {
  std::string zero = std::string(setup) + "v_mov_b32_e32 v5, 0\n" +
                     "s_cmp_eq_u32 s8, 0\n s_cbranch_scc0 no_zero\n" +
                     "ds_write_b32 v5, v5\n s_waitcnt lgkmcnt(0)\n" + "no_zero:\n s_barrier\n" +
                     "cause:\n ds_add_u32 v5, v3\n s_waitcnt lgkmcnt(0)\n";
  std::string read = std::string(onlyWave1) + "fault:\n ds_read_b32 v6, v5\n over:\n";
  expectFault(zero + read,
              {race("0", "reads", 0, "changes by an atomic") + "access", "ds_read_b32 v6, v5", 1});
  expectClean(zero + "s_barrier\n" + read);
}

TEST_P(LocalFaultTest, LoadIntoLdsNotWaitedFor) {
  // Each lane's dword goes to m0 + 4 * lane; vmcnt, not lgkmcnt, tells when.
  shape.grid = shape.block = {64, 1, 1};
  std::string body = R"(
    s_mov_b32 m0, 0
    s_mov_b64 s[8:9], s[4:5]
    s_mov_b32 s10, 256
    s_mov_b32 s11, 0
    cause:
    buffer_load_dword v1, s[8:11], 0 offen lds
    s_waitcnt {}
    fault:
    ds_read_b32 v4, v1
    s_waitcnt lgkmcnt(0)
    global_store_dword v1, v4, s[6:7]
  )";
  expectFault(fmt::format(fmt::runtime(body), "lgkmcnt(0)"),
              {"lane 0 reads LDS byte 0 before 'buffer_load_dword v1, s[8:11], 0 offen lds' at PC "
               "{cause} has "
               "filled it; s_waitcnt vmcnt(0) is missing between",
               "ds_read_b32 v4, v1"});
  EXPECT_EQ(expectClean(fmt::format(fmt::runtime(body), "vmcnt(0)"))[5], 105u);
}

} // namespace
} // namespace zorse::emulator::test
