//===- VectorEncodingsTest.cpp - every vector opcode, every encoding ------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tries all opcode numbers of VOP1, VOP2, VOPC and VOP3 through the decoder:
// whatever LLVM knows must be executed, touch nothing but its results, and mean
// the same in each encoding.
//
//===----------------------------------------------------------------------===//

#include "decode/Program.h"
#include "execute/Handlers.h"
#include "execute/Wave.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <random>
#include <set>

namespace zorse::emulator::test {

namespace {

constexpr uint32_t dst = 2, src0 = 10, src1 = 14, src2 = 18;
using Words = std::array<uint32_t, 3>; // with room for a literal

enum class Form { Short, Long, Dpp, Sdwa };

/// Encodings by the number of the opcode in its table, in the order VOP1, VOP2, VOPC.
Words encode(int table, uint32_t opcode, Form form) {
  const uint32_t extra = form == Form::Dpp ? 0xfa : form == Form::Sdwa ? 0xf9 : 0x100 | src0;
  constexpr uint32_t literal = 0x3fc00000;
  uint32_t second = literal;
  if (form == Form::Dpp) // quad_perm:[0,1,2,3], all rows and banks
    second = src0 | 0xe4 << 8 | 0xffu << 24;
  if (form == Form::Sdwa) // dwords throughout, vcc for compares
    second = src0 | (table == 2 ? 0 : 6 << 8) | 6 << 16 | 6 << 24;
  const uint32_t longOpcode = opcode + (table == 0 ? 0x140 : table == 1 ? 0x100 : 0);
  if (form == Form::Long)
    return {0xd0000000 | longOpcode << 16 | (table == 2 ? 106 : dst),
            (0x100 | src0) | (table == 0 ? 0 : (0x100 | src1) << 9), 0};
  switch (table) {
  case 0:
    return {0x7e000000 | dst << 17 | opcode << 9 | extra, second, 0};
  case 1:
    return {opcode << 25 | dst << 17 | src1 << 9 | extra, second, 0};
  default:
    return {0x7c000000 | opcode << 17 | src1 << 9 | extra, second, 0};
  }
}

/// The instruction at the start of some words; null when LLVM knows none.
struct Decoder {
  explicit Decoder(const std::string &arch) : target(*findTarget(arch)) {}
  std::unique_ptr<Program> decode(const Words &words) const {
    CodeSegment segment{0, {reinterpret_cast<const uint8_t *>(words.data()), sizeof words}};
    auto program = decodeProgram(target, {segment}, {0});
    if (!program || program->instructions.empty())
      return nullptr;
    auto owned = std::make_unique<Program>(program.take());
    const Instruction &first = owned->instructions.front();
    bool isVector =
        first.mnemonic.substr(0, 2) == "v_" && first.text.find("Invalid") == std::string::npos;
    return isVector ? std::move(owned) : nullptr;
  }
  TargetDesc target;
};

/// A wave whose registers are all random, with a mask of lanes.
std::unique_ptr<Wave> randomWave(uint64_t seed, uint64_t exec) {
  std::mt19937_64 random(seed);
  auto wave = std::make_unique<Wave>();
  for (auto &row : wave->vgpr)
    for (uint32_t &lane : row.lane)
      lane = uint32_t(random());
  for (uint32_t &value : wave->sgpr)
    value = uint32_t(random());
  wave->setPair(sreg::Exec, exec);
  return wave;
}

/// Calls `visit(program, table, opcode, form)` for everything that decodes.
template <class Visit> void forAll(const Decoder &decoder, Visit visit) {
  for (int table = 0; table < 3; ++table)
    for (uint32_t opcode = 0; opcode < (table == 1 ? 62u : 256u); ++opcode)
      for (Form form : {Form::Short, Form::Long, Form::Dpp, Form::Sdwa})
        if (auto program = decoder.decode(encode(table, opcode, form)))
          visit(*program, table, opcode, form);
  for (uint32_t opcode = 0; opcode < 1024; ++opcode) {
    Words words = {0xd0000000 | opcode << 16 | dst,
                   (0x100 | src0) | (0x100 | src1) << 9 | (0x100 | src2) << 18, 0};
    if (auto program = decoder.decode(words))
      visit(*program, 3, opcode, Form::Long);
  }
}

class VectorEncodings : public testing::TestWithParam<const char *> {};

TEST_P(VectorEncodings, AllAreExecuted) {
  Decoder decoder(GetParam());
  std::set<std::string> known, unknown;
  forAll(decoder, [&](const Program &program, int, uint32_t, Form) {
    const Instruction &inst = program.instructions.front();
    (findHandler(inst, decoder.target) ? known : unknown).insert(inst.mnemonic);
  });
  // A lookup table of texture addressing that no compiler emits.
  EXPECT_THAT(unknown, testing::ElementsAre("v_screen_partition_4se_b32"));
  EXPECT_GT(known.size(), 470u);
}

TEST_P(VectorEncodings, OnlyActiveLanesOfTheResultChange) {
  Decoder decoder(GetParam());
  const uint64_t exec = 0x0ff0f00f12345678;
  size_t visited = 0;
  forAll(decoder, [&](const Program &program, int, uint32_t, Form) {
    const Instruction &inst = program.instructions.front();
    if (inst.cls != InstructionClass::Valu || inst.mnemonic == "v_screen_partition_4se_b32" ||
        inst.mnemonic == "v_readlane_b32")
      return;
    ++visited;
    auto before = randomWave(7, exec), after = randomWave(7, exec);
    inst.execute(*after, inst);
    EXPECT_EQ(after->fault, "") << inst.text;
    const bool writesAnyLane = inst.mnemonic == "v_writelane_b32";
    for (int r = 0; r < 512; ++r)
      for (int l = 0; l < waveSize; ++l) {
        bool isResult =
            inst.dst.isVgpr() && r >= inst.dst.index && r < inst.dst.index + inst.dst.dwords;
        isResult |= inst.mnemonic == "v_swap_b32" && r == inst.src[0].index;
        bool mayChange = isResult && (writesAnyLane || (exec >> l & 1));
        if (!mayChange) {
          ASSERT_EQ(after->vgpr[r].lane[l], before->vgpr[r].lane[l])
              << inst.text << " v" << r << " lane " << l;
        }
      }
    for (int s = 0; s < sreg::Count; ++s) {
      auto isIn = [&](const Operand &o) {
        return o.isSgpr() && s >= o.index && s < o.index + o.dwords;
      };
      bool isExec = inst.mnemonic.substr(0, 6) == "v_cmpx" && (s | 1) == sreg::Exec + 1;
      if (!isIn(inst.dst) && !isIn(inst.scalarDst) && !isExec) {
        ASSERT_EQ(after->sgpr[s], before->sgpr[s]) << inst.text << " s" << s;
      }
    }
  });
  EXPECT_GT(visited, 900u);
}

TEST_P(VectorEncodings, FormsAgree) {
  Decoder decoder(GetParam());
  std::map<std::pair<int, uint32_t>, std::unique_ptr<Wave>> byOpcode;
  size_t compared = 0;
  forAll(decoder, [&](const Program &program, int table, uint32_t opcode, Form form) {
    const Instruction &inst = program.instructions.front();
    if (inst.cls != InstructionClass::Valu || table == 3 ||
        inst.mnemonic == "v_screen_partition_4se_b32" || inst.mnemonic == "v_readfirstlane_b32")
      return;
    auto wave = randomWave(opcode, ~uint64_t(0x8000000000000010));
    if (form == Form::Long && inst.carryIn) // s[0:1], which is what zeros encode
      wave->setPair(inst.carryIn.index, wave->vcc());
    inst.execute(*wave, inst);
    EXPECT_EQ(wave->fault, "") << inst.text;
    auto &first = byOpcode[{table, opcode}];
    if (!first) {
      first = std::move(wave);
      return;
    }
    ++compared;
    for (uint32_t r : {dst, dst + 1})
      for (int l = 0; l < waveSize; ++l) {
        ASSERT_EQ(wave->vgpr[r].lane[l], first->vgpr[r].lane[l])
            << inst.text << " v" << r << " lane " << l;
      }
    const uint64_t mask = inst.scalarDst ? wave->pair(inst.scalarDst.index) : wave->vcc();
    ASSERT_EQ(mask, first->vcc()) << inst.text;
    ASSERT_EQ(wave->exec(), first->exec()) << inst.text;
  });
  EXPECT_GT(compared, 500u);
}

INSTANTIATE_TEST_SUITE_P(Targets, VectorEncodings, testing::Values("gfx90a", "gfx942"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace

} // namespace zorse::emulator::test
