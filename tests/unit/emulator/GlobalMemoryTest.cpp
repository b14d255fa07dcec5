//===- GlobalMemoryTest.cpp - loads and stores of every width and space ---===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MemoryKernels.h"

using namespace zorse::emulator;
using namespace zorse::emulator::test;

namespace {

/// v[4:5]: address of the input plus v3. s[12:15]: a buffer over the input.
const std::string addresses = R"(
  v_mov_b32 v5, s9
  v_add_co_u32 v4, vcc, s8, v3
  v_addc_co_u32 v5, vcc, 0, v5, vcc
  s_mov_b32 s12, s8
  s_mov_b32 s13, s9
  s_movk_i32 s14, 0x2000
  s_mov_b32 s15, 0x20000
)";

/// The same load through each path; {0} is what is loaded, {1} the result.
const std::vector<std::string> loadForms = {
    "global_load_{0} {1}, v3, s[8:9] offset:6", "global_load_{0} {1}, v[4:5], off offset:6",
    "flat_load_{0} {1}, v[4:5] offset:6", "buffer_load_{0} {1}, v3, s[12:15], 0 offen offset:6"};

struct Narrow {
  const char *name;
  uint32_t (*value)(uint32_t low16); ///< of two bytes in memory
};

const Narrow narrowLoads[] = {
    {"ubyte", [](uint32_t m) { return m & 0xff; }},
    {"sbyte", [](uint32_t m) { return uint32_t(int32_t(int8_t(m))); }},
    {"ushort", [](uint32_t m) { return m; }},
    {"sshort", [](uint32_t m) { return uint32_t(int32_t(int16_t(m))); }},
    {"ubyte_d16", [](uint32_t m) { return m & 0xff; }},
    {"ubyte_d16_hi", [](uint32_t m) { return (m & 0xff) << 16; }},
    {"sbyte_d16", [](uint32_t m) { return uint32_t(uint16_t(int8_t(m))); }},
    {"sbyte_d16_hi", [](uint32_t m) { return uint32_t(uint16_t(int8_t(m))) << 16; }},
    {"short_d16", [](uint32_t m) { return m; }},
    {"short_d16_hi", [](uint32_t m) { return m << 16; }},
};

TEST(GlobalMemory, NarrowLoads) {
  std::vector<uint32_t> in = randomDwords(64, 1);
  for (const Narrow &narrow : narrowLoads) {
    std::string body = "v_lshlrev_b32 v3, 1, v0\nv_lshlrev_b32 v6, 4, v0\n" + addresses;
    for (size_t form = 0; form < loadForms.size(); ++form) {
      std::string result = fmt::format("v{}", 16 + form);
      body += "v_mov_b32 " + result + ", 0x77777777\n" +
              fmt::format(fmt::runtime(loadForms[form]), narrow.name, result) + "\n";
    }
    body += "s_waitcnt vmcnt(0) lgkmcnt(0)\nglobal_store_dwordx4 v6, v[16:19], s[10:11]";
    WaveResult r = runWave(body, in, 256);
    ASSERT_EQ(r.error, "") << narrow.name;
    for (size_t l = 0; l < 64; ++l)
      for (size_t form = 0; form < loadForms.size(); ++form)
        ASSERT_EQ(r.out[4 * l + form],
                  narrow.value(byteAt(in, 2 * l + 6) | uint32_t(byteAt(in, 2 * l + 7)) << 8))
            << narrow.name << " as in " << loadForms[form] << ", lane " << l;
  }
}

// Side by side, in some other order, and with every third lane off.
TEST(GlobalMemory, WideLoads) {
  std::vector<uint32_t> in = randomDwords(2048, 2);
  for (int dwords = 1; dwords <= 4; ++dwords)
    for (uint32_t multiplier : {1u, 37u, 0u})
      for (uint64_t exec : {~uint64_t(0), uint64_t(0xdb6db6db6db6db6d)}) {
        std::string width = dwords == 1 ? "dword" : fmt::format("dwordx{}", dwords);
        std::string registers = dwords == 1 ? "v16" : fmt::format("v[16:{}]", 15 + dwords);
        std::string body =
            fmt::format("v_mul_lo_u32 v3, v0, {}\nv_and_b32 v3, 63, v3\nv_mul_lo_u32 v3, v3, {}\n"
                        "v_lshlrev_b32 v6, 4, v0\n",
                        multiplier, 4 * dwords) +
            addresses;
        for (size_t form = 0; form < loadForms.size(); ++form) {
          for (int d = 0; d < 4; ++d)
            body += fmt::format("v_mov_b32 v{}, 0x77\n", 16 + d);
          body += fmt::format("s_mov_b32 exec_lo, {:#x}\ns_mov_b32 exec_hi, {:#x}\n{}\n",
                              uint32_t(exec), uint32_t(exec >> 32),
                              fmt::format(fmt::runtime(loadForms[form]), width, registers));
          body += fmt::format("s_waitcnt vmcnt(0) lgkmcnt(0)\ns_mov_b64 exec, -1\n"
                              "global_store_dwordx4 v6, v[16:19], s[10:11] offset:{}\n"
                              "s_waitcnt vmcnt(0)\n",
                              form * 1024);
        }
        WaveResult r = runWave(body, in, 1024);
        ASSERT_EQ(r.error, "") << width;
        for (size_t i = 0; i < 1024; ++i) {
          size_t l = i / 4 % 64, d = i % 4;
          bool loaded = (exec >> l & 1) && d < size_t(dwords);
          size_t from = l * multiplier % 64 * 4 * size_t(dwords) + 6 + 4 * d;
          ASSERT_EQ(r.out[i], loaded ? dwordAt(in, from) : 0x77u)
              << width << " as in " << loadForms[i / 256] << ", lane " << l << ", dword " << d
              << ", times " << multiplier;
        }
      }
}

TEST(GlobalMemory, StoresTouchTheirBytesAlone) {
  struct Store {
    const char *name, *registers;
    uint32_t bytes, shift;
  };
  const Store stores[] = {{"byte", "v16", 1, 0},          {"byte_d16_hi", "v16", 1, 16},
                          {"short", "v16", 2, 0},         {"short_d16_hi", "v16", 2, 16},
                          {"dword", "v16", 4, 0},         {"dwordx2", "v[16:17]", 8, 0},
                          {"dwordx3", "v[16:18]", 12, 0}, {"dwordx4", "v[16:19]", 16, 0}};
  const std::vector<std::string> forms = {"global_store_{0} v3, {1}, s[10:11] offset:5",
                                          "global_store_{0} v[4:5], {1}, off offset:5",
                                          "flat_store_{0} v[4:5], {1} offset:5",
                                          "buffer_store_{0} {1}, v3, s[12:15], 0 offen offset:5"};
  std::vector<uint32_t> in = randomDwords(256, 3);
  for (const Store &store : stores)
    for (uint32_t stride : {store.bytes, 20u}) {
      std::string body = fmt::format("v_lshlrev_b32 v6, 4, v0\n"
                                     "global_load_dwordx4 v[16:19], v6, s[8:9]\n"
                                     "s_mov_b64 s[8:9], s[10:11]\nv_mul_lo_u32 v3, v0, {}\n"
                                     "s_waitcnt vmcnt(0)\n",
                                     stride);
      for (const std::string &form : forms)
        body += addresses + fmt::format(fmt::runtime(form), store.name, store.registers) +
                "\ns_waitcnt vmcnt(0)\ns_add_u32 s8, s8, 1600\ns_addc_u32 s9, s9, 0\n"
                "s_mov_b64 s[10:11], s[8:9]\n";
      WaveResult r = runWave(body, in, 1600);
      ASSERT_EQ(r.error, "") << store.name;
      std::vector<uint8_t> expected(1600, uint8_t(poison));
      for (size_t l = 0; l < 64; ++l)
        for (size_t b = 0; b < store.bytes; ++b)
          expected[l * stride + 5 + b] = byteAt(in, 16 * l + b + store.shift / 8);
      for (size_t b = 0; b < 6400; ++b)
        ASSERT_EQ(byteAt(r.out, b), expected[b % 1600])
            << store.name << " as in " << forms[b / 1600] << ", byte " << b % 1600;
    }
}

TEST(GlobalMemory, OffsetsAreSignedAndScalarBasesAddUnsigned) {
  std::vector<uint32_t> in = randomDwords(4096, 4);
  // 8192 above the input: the least and the greatest offset.
  WaveResult r = runWave("s_add_u32 s12, s8, 0x2000\ns_addc_u32 s13, s9, 0\n"
                         "global_load_dword v2, v1, s[12:13] offset:-4096\n"
                         "global_load_dword v3, v1, s[12:13] offset:4095\n"
                         "v_lshlrev_b32 v6, 3, v0\ns_waitcnt vmcnt(0)\n"
                         "global_store_dwordx2 v6, v[2:3], s[10:11]",
                         in, 128);
  ASSERT_EQ(r.error, "");
  for (size_t l = 0; l < 64; ++l) {
    ASSERT_EQ(r.out[2 * l], in[1024 + l]);
    ASSERT_EQ(r.out[2 * l + 1], dwordAt(in, 8192 + 4095 + 4 * l));
  }
  // 0x80000000 below the input, and that much in the register.
  r = runWave("s_sub_u32 s12, s8, 0x80000000\ns_subb_u32 s13, s9, 0\n"
              "v_or_b32 v4, 0x80000000, v1\nglobal_load_dword v2, v4, s[12:13]\n"
              "s_waitcnt vmcnt(0)\nglobal_store_dword v1, v2, s[10:11]",
              in, 64);
  ASSERT_EQ(r.error, "");
  for (size_t l = 0; l < 64; ++l)
    ASSERT_EQ(r.out[l], in[l]);
}

// Lanes 0-15 reach LDS, 16-31 scratch, the others global memory, all in one instruction.
TEST(GlobalMemory, FlatAddressesReachAllMemories) {
  std::vector<uint32_t> in = randomDwords(256, 5);
  WaveRun run;
  run.options.ldsBytes = 4096;
  run.options.scratchBytesPerLane = 64;
  for (bool checks : {false, true}) {
    run.machine.checks = checks;
    WaveResult r = runWave(R"(
      s_mov_b64 s[12:13], src_shared_base
      s_mov_b64 s[14:15], src_private_base
      s_mov_b64 s[16:17], 0xffff
      s_mov_b64 s[18:19], 0xffff0000
      v_mov_b32 v5, s11
      v_add_co_u32 v4, vcc, s10, v1
      v_addc_co_u32 v5, vcc, 0, v5, vcc
      v_mov_b32 v8, s13
      v_mov_b32 v9, s15
      v_cndmask_b32 v4, v4, v1, s[16:17]
      v_cndmask_b32 v5, v5, v8, s[16:17]
      v_mov_b32 v10, 20
      v_cndmask_b32 v4, v4, v10, s[18:19]
      v_cndmask_b32 v5, v5, v9, s[18:19]
      global_load_dword v2, v1, s[8:9]
      s_waitcnt vmcnt(0)
      flat_store_dword v[4:5], v2 offset:8
      s_waitcnt vmcnt(0) lgkmcnt(0)
      flat_load_dword v3, v[4:5] offset:8
      v_mov_b32 v6, 0
      s_mov_b64 exec, 0xffff
      ds_read_b32 v6, v1 offset:8
      s_waitcnt lgkmcnt(0)
      s_mov_b64 exec, 0xffff0000
      scratch_load_dword v6, off, off offset:28
      s_mov_b64 exec, -1
      v_lshlrev_b32 v7, 3, v0
      s_waitcnt vmcnt(0) lgkmcnt(0)
      v_mov_b32 v12, v3
      v_mov_b32 v13, v6
      global_store_dwordx2 v7, v[12:13], s[10:11] offset:1024
    )",
                           in, 512, run);
    ASSERT_EQ(r.error, "") << "checks " << checks;
    for (size_t l = 0; l < 64; ++l) {
      ASSERT_EQ(r.out[256 + 2 * l], in[l]) << l;
      ASSERT_EQ(r.out[256 + 2 * l + 1], l < 32 ? in[l] : 0u) << l;
      ASSERT_EQ(r.out[2 + l], l < 32 ? poison : in[l]) << l;
    }
    // Half of the 64 dwords move through LDS and scratch.
    EXPECT_EQ(r.counts.ldsWrittenBytes, 64u);
    EXPECT_EQ(r.counts.ldsReadBytes, 128u);
    EXPECT_EQ(r.counts.scratchBytes, 3u * 64);
  }
}

TEST(GlobalMemory, LoadsIntoLocalMemory) {
  std::vector<uint32_t> in = randomDwords(512, 6);
  WaveRun run;
  run.options.ldsBytes = 4096;
  struct Case {
    const char *name;
    uint32_t (*value)(uint32_t);
  };
  for (const Case &c : {Case{"dword", [](uint32_t m) { return m; }},
                        Case{"ubyte", [](uint32_t m) { return m & 0xff; }},
                        Case{"sbyte", [](uint32_t m) { return uint32_t(int32_t(int8_t(m))); }},
                        Case{"ushort", [](uint32_t m) { return m & 0xffff; }},
                        Case{"sshort", [](uint32_t m) { return uint32_t(int32_t(int16_t(m))); }}}) {
    // The offset counts on both sides; the high half of m0 does not.
    WaveResult r = runWave(fmt::format("s_mov_b32 m0, 0x70100\nv_xor_b32 v3, 20, v1\n"
                                       "global_load_lds_{} v3, s[8:9] offset:12\n"
                                       "s_waitcnt vmcnt(0)\nds_read_b32 v2, v1 offset:268\n"
                                       "s_waitcnt lgkmcnt(0)\n"
                                       "global_store_dword v1, v2, s[10:11]",
                                       c.name),
                           in, 64, run);
    ASSERT_EQ(r.error, "") << c.name;
    for (size_t l = 0; l < 64; ++l)
      ASSERT_EQ(r.out[l], c.value(in[(l ^ 5) + 3])) << c.name << ", lane " << l;
    EXPECT_EQ(r.counts.ldsWrittenBytes, 256u);
  }
}

TEST(GlobalMemory, FaultsNameLaneAddressAndNeighbour) {
  std::vector<uint32_t> in = randomDwords(64, 7);
  WaveResult r = runWave("global_load_dword v2, v1, s[8:9] offset:4\ns_waitcnt vmcnt(0)", in, 64);
  EXPECT_NE(r.error.find(fmt::format("lane 63 loads 4 bytes at {:#x}", r.inAddress + 256)),
            std::string::npos)
      << r.error;
  EXPECT_NE(r.error.find("which ends 0 bytes below"), std::string::npos) << r.error;
  r = runWave("v_mov_b32 v2, 0\nglobal_store_dwordx4 v1, v[2:5], s[10:11]", in, 64);
  EXPECT_NE(r.error.find("lane 61 stores 16 bytes"), std::string::npos) << r.error;
  EXPECT_NE(r.error.find("4 bytes past the end of the allocation"), std::string::npos) << r.error;
  for (uint32_t value : r.out)
    ASSERT_EQ(value, poison); // nothing moves when one lane is at fault
  r = runWave("v_mov_b32 v4, 0\nv_mov_b32 v5, 0\nflat_load_dword v2, v[4:5]", in, 64);
  EXPECT_NE(r.error.find("lane 0 loads 4 bytes at 0x0, outside of every allocation"),
            std::string::npos)
      << r.error;
  r = runWave("v_lshlrev_b32 v2, 1, v0\nglobal_atomic_add v2, v1, s[10:11]", in, 64);
  EXPECT_NE(r.error.find("lane 1 atomically updates 4 bytes"), std::string::npos) << r.error;
  EXPECT_NE(r.error.find("not a multiple of 4"), std::string::npos) << r.error;
}

TEST(GlobalMemory, StoresToInputsAreFaultsWithChecks) {
  std::vector<uint32_t> in = randomDwords(64, 8);
  WaveRun run;
  run.machine.checks = true;
  const std::string store = "s_mov_b64 exec, 0x80\nglobal_store_dword v1, v1, s[8:9] offset:4";
  WaveResult r = runWave(store, in, 64, run);
  EXPECT_NE(r.error.find(fmt::format("write outside the output: lane 7 stores 4 bytes at {:#x}",
                                     r.inAddress + 32)),
            std::string::npos)
      << r.error;
}

} // namespace
