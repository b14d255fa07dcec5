//===- ScratchMemoryTest.cpp - private memory on both targets -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MemoryKernels.h"

using namespace zorse::emulator;
using namespace zorse::emulator::test;

namespace {

/// Two waves in two workgroups: nobody sees what another lane has stored.
WaveRun twoGroups(const std::string &arch, bool checks) {
  WaveRun run;
  run.arch = arch;
  run.options.scratchBytesPerLane = 48;
  run.options.privateSegmentBuffer = arch == "gfx90a";
  run.shape = {.grid = {256, 1, 1}, .block = {128, 1, 1}};
  run.machine.checks = checks;
  return run;
}

// A private array, filled in order and read at an index that differs by lane.
TEST(ScratchMemory, PrivateArraysByScratchInstructions) {
  std::vector<uint32_t> in = randomDwords(64, 21);
  for (bool checks : {false, true}) {
    WaveResult r = runWave(R"(
      s_lshl_b32 s12, s2, 7
      v_add_u32 v20, s12, v0
      v_lshlrev_b32 v2, 8, v20
      s_mov_b32 s13, 8
      scratch_store_dword off, v2, off offset:4
      v_add_u32 v3, 1, v2
      scratch_store_dword off, v3, s13
      v_add_u32 v4, 2, v2
      v_add_u32 v5, 3, v2
      v_mov_b32 v6, 8
      scratch_store_dwordx2 v6, v[4:5], off offset:4
      v_mov_b32 v7, 12
      scratch_store_short v7, v5, s13
      s_waitcnt vmcnt(0)
      v_and_b32 v8, 3, v0
      v_lshlrev_b32 v8, 2, v8
      scratch_load_dword v12, v8, off offset:4
      scratch_load_ushort v13, off, s13 offset:12
      v_lshlrev_b32 v11, 3, v20
      s_waitcnt vmcnt(0)
      global_store_dwordx2 v11, v[12:13], s[10:11]
    )",
                           in, 512, twoGroups("gfx942", checks));
    ASSERT_EQ(r.error, "");
    for (uint32_t i = 0; i < 256; ++i) {
      ASSERT_EQ(r.out[2 * i], 256 * i + i % 4) << i;
      ASSERT_EQ(r.out[2 * i + 1], (256 * i + 3) & 0xffff) << i;
    }
    EXPECT_EQ(r.counts.scratchBytes, 256u * (4 + 4 + 8 + 2 + 4 + 2));
    EXPECT_EQ(r.counts.loads.requested, 0u);
  }
}

// The same through the descriptor of the private segment: the stack pointer counts bytes of all 64
// lanes, other offsets those of one.
TEST(ScratchMemory, PrivateArraysByBufferInstructions) {
  std::vector<uint32_t> in = randomDwords(64, 22);
  for (bool checks : {false, true}) {
    WaveResult r = runWave(R"(
      s_add_u32 s0, s0, s7
      s_addc_u32 s1, s1, 0
      s_lshl_b32 s12, s6, 7
      v_add_u32 v20, s12, v0
      v_lshlrev_b32 v2, 8, v20
      s_movk_i32 s32, 0x200
      buffer_store_dword v2, off, s[0:3], 0 offset:4
      v_add_u32 v3, 1, v2
      buffer_store_dword v3, off, s[0:3], s32
      v_add_u32 v4, 2, v2
      v_mov_b32 v6, 8
      buffer_store_dword v4, v6, s[0:3], 0 offen offset:4
      v_add_u32 v5, 3, v2
      buffer_store_short v5, v6, s[0:3], s32 offen
      s_waitcnt vmcnt(0)
      v_and_b32 v8, 1, v0
      v_lshlrev_b32 v8, 2, v8
      buffer_load_dword v12, v8, s[0:3], 0 offen offset:4
      buffer_load_ushort v13, off, s[0:3], s32 offset:8
      v_lshlrev_b32 v11, 3, v20
      s_waitcnt vmcnt(0)
      global_store_dwordx2 v11, v[12:13], s[10:11]
    )",
                           in, 512, twoGroups("gfx90a", checks));
    ASSERT_EQ(r.error, "");
    for (uint32_t i = 0; i < 256; ++i) {
      ASSERT_EQ(r.out[2 * i], 256 * i + i % 2) << i;
      ASSERT_EQ(r.out[2 * i + 1], (256 * i + 3) & 0xffff) << i;
    }
    EXPECT_EQ(r.counts.scratchBytes, 256u * (4 + 4 + 4 + 2 + 4 + 2));
  }
}

TEST(ScratchMemory, BeyondItsEndIsAFault) {
  std::vector<uint32_t> in = randomDwords(64, 23);
  WaveResult r = runWave("scratch_load_dword v2, v1, off", in, 64, twoGroups("gfx942", false));
  EXPECT_NE(r.error.find("lane 12 loads 4 bytes at offset 48 of its scratch, of which each lane "
                         "has 48 bytes"),
            std::string::npos)
      << r.error;
  r = runWave("v_sub_u32 v2, 0, v1\nbuffer_store_dword v1, v2, s[0:3], 0 offen", in, 64,
              twoGroups("gfx90a", false));
  EXPECT_NE(r.error.find("lane 1 stores 4 bytes at offset -4 of its scratch"), std::string::npos)
      << r.error;
}

} // namespace
