//===- VectorsTest.cpp - one instruction against two other emulators ------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Assemble.h"

#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <nlohmann/json.hpp>
#include <zlib.h>

namespace zorse::emulator::test {

namespace {

constexpr size_t inputDwords = 1024, outputDwords = 512;
constexpr const char *inputNames[] = {"int", "flt", "half", "spec"};

std::string slurp(const std::string &name) {
  std::ifstream in(std::string(ZORSE_SOURCE_DIR "/tests/unit/emulator/vectors/") + name,
                   std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Entry {
  std::string kernel, name, assembly;
};

struct Vectors {
  std::vector<Entry> entries;
  std::vector<std::vector<uint32_t>> inputs;
  std::vector<uint32_t> expected;

  Vectors() {
    for (const auto &entry : nlohmann::json::parse(slurp("index.json")))
      entries.push_back({entry["kernel"], entry["name"], entry["asm"]});
    for (const char *name : inputNames) {
      std::string bytes = slurp(fmt::format("in_{}.u32", name));
      inputs.emplace_back(inputDwords);
      std::memcpy(inputs.back().data(), bytes.data(), inputDwords * 4);
    }
    std::string packed = slurp("expected.u32.zlib");
    expected.resize(entries.size() * std::size(inputNames) * outputDwords);
    uLongf bytes = expected.size() * 4;
    if (uncompress(reinterpret_cast<Bytef *>(expected.data()), &bytes,
                   reinterpret_cast<const Bytef *>(packed.data()), packed.size()) != Z_OK ||
        bytes != expected.size() * 4)
      throw std::runtime_error("expected.u32.zlib does not hold what index.json lists");
  }
};

std::string frame(const Entry &entry) {
  std::string lines;
  for (size_t at = 0; at < entry.assembly.size();) {
    size_t end = std::min(entry.assembly.find(';', at), entry.assembly.size());
    lines += entry.assembly.substr(at, end - at) + "\n";
    at = end + 1;
  }
  KernelOptions options;
  options.vgprs = 128;
  options.accumOffset = 64;
  options.ldsBytes = 8192;
  options.kernargBytes = 16;
  return kernelText(entry.kernel, R"(
 s_load_dwordx4 s[4:7], s[0:1], 0x0
 s_waitcnt lgkmcnt(0)
 v_lshlrev_b32 v1, 4, v0
 global_load_dwordx4 v[10:13], v1, s[4:5]
 global_load_dwordx4 v[14:17], v1, s[4:5] offset:1024
 global_load_dwordx4 v[18:21], v1, s[4:5] offset:2048
 s_load_dwordx4 s[20:23], s[4:5], 0x0
 s_mov_b32 s24, 0x24242424
 s_mov_b32 s25, 0x25252525
 s_mov_b32 s26, 37
 v_mov_b32 v2, 0x2222
 v_mov_b32 v3, 0x33330000
 v_mov_b32 v4, 0x4444
 v_mov_b32 v5, 0x5555
 s_waitcnt vmcnt(0) lgkmcnt(0)
 s_mov_b64 vcc, s[22:23]
 s_mov_b32 m0, -1
 s_cmp_eq_u32 s26, 37
 s_nop 7
)" + lines + R"( s_nop 7
 s_cselect_b32 s27, 1, 0
 s_mov_b64 exec, -1
 v_mov_b32 v6, s24
 v_mov_b32 v7, s25
 v_mov_b32 v8, vcc_lo
 v_mov_b32 v9, s27
 v_lshlrev_b32 v1, 5, v0
 global_store_dwordx4 v1, v[2:5], s[6:7]
 global_store_dwordx4 v1, v[6:9], s[6:7] offset:16
 s_endpgm
)",
                    options);
}

void compareAll(const std::string &arch, bool checks) {
  const Vectors vectors;
  // Instructions that came after the oldest of the targets.
  auto isKnown = [&](const Entry &entry) {
    return arch == "gfx942" || (entry.assembly.find("v_mov_b64") == std::string::npos &&
                                entry.assembly.find("v_lshl_add_u64") == std::string::npos);
  };
  std::string text;
  for (const Entry &entry : vectors.entries)
    if (isKnown(entry))
      text += frame(entry);
  auto machine = makeMachine(arch, {.threads = 1, .checks = checks});
  auto elf = assemble(arch, text);
  auto image = machine->load(elf);
  ASSERT_TRUE(image) << image.error().message;
  size_t compared = 0;
  for (size_t e = 0; e < vectors.entries.size(); ++e) {
    const Entry &entry = vectors.entries[e];
    if (!isKnown(entry))
      continue;
    for (size_t set = 0; set < std::size(inputNames); ++set) {
      Buffer in(*machine, vectors.inputs[set]);
      Buffer out(*machine, std::vector<uint32_t>(outputDwords, 0xdeadbeef));
      auto counts = machine->launch(**image, entry.kernel, {{64, 1, 1}, {64, 1, 1}, 0},
                                    Kernarg().add(in.address()).add(out.address()));
      ASSERT_TRUE(counts) << entry.assembly << ": " << counts.error().message;
      auto got = out.read<uint32_t>();
      const uint32_t *want =
          vectors.expected.data() + (e * std::size(inputNames) + set) * outputDwords;
      for (size_t i = 0; i < outputDwords; ++i)
        if (got[i] != want[i]) {
          ADD_FAILURE() << fmt::format("{} {} ({}), input {}, lane {}, dword {}: got {:#010x}, "
                                       "expected {:#010x}",
                                       entry.kernel, entry.name, entry.assembly, inputNames[set],
                                       i / 8, i % 8, got[i], want[i]);
          break;
        }
      compared += outputDwords;
    }
  }
  EXPECT_GE(compared, 300 * std::size(inputNames) * outputDwords);
}

} // namespace

TEST(Vectors, Gfx942) { compareAll("gfx942", false); }
TEST(Vectors, Gfx942Checked) { compareAll("gfx942", true); }
TEST(Vectors, Gfx90a) { compareAll("gfx90a", false); }
TEST(Vectors, Gfx90aChecked) { compareAll("gfx90a", true); }

} // namespace zorse::emulator::test
