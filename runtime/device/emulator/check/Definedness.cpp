//===- Definedness.cpp - which registers hold something -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "check/Definedness.h"

#include "check/DefinedBits.h"
#include "execute/VectorSources.h"

#include <algorithm>
#include <bit>
#include <fmt/format.h>

namespace zorse::emulator {

namespace {

constexpr uint64_t all = ~uint64_t(0);
constexpr uint16_t scalarRoot = 512, noRoot = 0xffff;

bool isExec(uint16_t sgpr) { return sgpr == sreg::Exec || sgpr == sreg::Exec + 1; }

/// The lanes of a mask as DPP moves them: bit l is that of the lane that l reads.
uint64_t throughDpp(const DppControl &dpp, uint64_t mask) {
  LaneDwords from, to;
  expandMask(mask, from.lane);
  dppGather(dpp, from.lane, to.lane);
  uint64_t moved = 0;
  for (int l = 0; l < waveSize; ++l)
    moved |= uint64_t(to.lane[l]) << l;
  // A lane without a source reads 0, which is defined: gather holes as well.
  for (uint32_t &lane : from.lane)
    lane = 1;
  dppGather(dpp, from.lane, to.lane);
  for (int l = 0; l < waveSize; ++l)
    moved |= uint64_t(to.lane[l] == 0) << l;
  return moved;
}

/// Lanes of v_perm_b32 that are defined: those with a byte from a source that is.
uint64_t permuted(const Wave &wave, const Instruction &in, uint64_t first, uint64_t second) {
  if ((first & second) == all)
    return all;
  LaneDwords space;
  const uint32_t *selectors = lanesOf(wave, in.src[2], space);
  uint64_t fromFirst = 0, fromSecond = 0, fromNeither = 0;
  for (int l = 0; l < waveSize; ++l) {
    bool takesFirst = false, takesSecond = false;
    for (int byte = 0; byte < 4; ++byte) {
      uint32_t selector = selectors[l] >> (8 * byte) & 0xff;
      // 0 to 3: bytes of the second; 4 to 7: of the first; 8 to 11: signs; beyond: constants
      takesSecond |= selector < 4 || selector == 8 || selector == 9;
      takesFirst |= (selector >= 4 && selector < 8) || selector == 10 || selector == 11;
    }
    fromFirst |= uint64_t(takesFirst) << l;
    fromSecond |= uint64_t(takesSecond) << l;
    fromNeither |= uint64_t(!takesFirst && !takesSecond) << l;
  }
  return (fromFirst & first) | (fromSecond & second) | fromNeither;
}

} // namespace

std::string vectorName(uint16_t index) {
  return index < firstAgpr ? fmt::format("v{}", index) : fmt::format("a{}", index - firstAgpr);
}

std::string scalarName(uint16_t index) {
  switch (index) {
  case sreg::FlatScratch:
    return "flat_scratch_lo";
  case sreg::FlatScratch + 1:
    return "flat_scratch_hi";
  case sreg::XnackMask:
    return "xnack_mask_lo";
  case sreg::XnackMask + 1:
    return "xnack_mask_hi";
  case sreg::Vcc:
    return "vcc_lo";
  case sreg::Vcc + 1:
    return "vcc_hi";
  case sreg::M0:
    return "m0";
  case sreg::Exec:
    return "exec_lo";
  case sreg::Exec + 1:
    return "exec_hi";
  default:
    return index > sreg::Ttmp0 && index < sreg::M0 ? fmt::format("ttmp{}", index - sreg::Ttmp0)
                                                   : fmt::format("s{}", index);
  }
}

void Definedness::begin(const Wave &wave, uint32_t definedSgprs, uint32_t definedVgprs) {
  std::fill(std::begin(vectors), std::end(vectors), 0);
  std::fill(std::begin(scalars), std::end(scalars), 0);
  std::fill(std::begin(vectorOrigins), std::end(vectorOrigins), Origin());
  std::fill(std::begin(scalarOrigins), std::end(scalarOrigins), Origin());
  for (uint32_t v = 0; v < definedVgprs; ++v)
    vectors[v] = wave.exec();
  for (uint32_t s = 0; s < definedSgprs; ++s)
    scalars[s] = ~0u;
  // What the machine itself sets up or keeps.
  for (uint16_t s = sreg::FlatScratch; s < sreg::Vcc; ++s)
    scalars[s] = ~0u;
  for (uint16_t s = sreg::Ttmp0; s < sreg::M0; ++s)
    scalars[s] = ~0u;
  scalars[sreg::Exec] = scalars[sreg::Exec + 1] = ~0u;
}

uint64_t Definedness::lanes(const Operand &operand, int first, int count) const {
  uint64_t defined = all;
  if (operand.isVgpr()) {
    for (int i = first; i < first + count; ++i)
      defined &= vectors[operand.index + i];
  } else if (operand.isSgpr()) {
    for (int i = first; i < first + count; ++i)
      defined &= scalars[operand.index + i] == ~0u ? all : 0;
  }
  return defined;
}

uint64_t Definedness::bits(const Operand &operand) const {
  if (!operand.isSgpr())
    return all;
  uint64_t high = operand.dwords >= 2 ? scalars[operand.index + 1] : ~0u;
  return scalars[operand.index] | high << 32;
}

uint16_t Definedness::rootOf(const Instruction &by, uint64_t missing) const {
  auto search = [&](const Operand &operand) -> uint16_t {
    if (!operand.isSgpr() && !operand.isVgpr())
      return noRoot;
    for (uint16_t i = operand.index; i < operand.index + operand.dwords; ++i) {
      const Origin &origin = operand.isVgpr() ? vectorOrigins[i] : scalarOrigins[i];
      uint64_t undefined = operand.isVgpr() ? ~vectors[i] & missing : uint64_t(~scalars[i]);
      if (!undefined)
        continue;
      if (origin.by && (operand.isSgpr() || (origin.lanes & undefined)))
        return origin.root;
      return operand.isVgpr() ? i : uint16_t(scalarRoot + i);
    }
    return noRoot;
  };
  for (uint64_t lanes : {missing, all}) {
    missing = lanes;
    for (const Operand &source : by.src)
      if (uint16_t root = search(source); root != noRoot)
        return root;
    for (const Operand *source : {&by.carryIn, &by.data, &by.address})
      if (uint16_t root = search(*source); root != noRoot)
        return root;
  }
  return noRoot;
}

void Definedness::writeLanes(const Operand &dst, int dword, uint64_t mask, uint64_t defined,
                             const Instruction &by) {
  uint16_t reg = uint16_t(dst.index + dword);
  if (uint64_t undefined = mask & ~defined) [[unlikely]]
    vectorOrigins[reg] = {undefined, &by, rootOf(by, undefined)};
  vectors[reg] = (vectors[reg] & ~mask) | (mask & defined);
}

void Definedness::writeBits(uint16_t sgpr, int dwords, uint64_t defined, const Instruction &by) {
  for (int i = 0; i < dwords && sgpr + i < sreg::Count; ++i) {
    // Beyond 64 bits only what is defined as a whole gets here.
    auto part = i < 2 ? uint32_t(defined >> (32 * i)) : defined == all ? ~0u : 0;
    if (part != ~0u) [[unlikely]]
      scalarOrigins[sgpr + i] = {all, &by, rootOf(by, all)};
    scalars[sgpr + i] = part;
  }
}

void Definedness::setUndefined(uint16_t vgpr, int lane, const Instruction &by) {
  uint64_t bit = uint64_t(1) << lane;
  if (vectorOrigins[vgpr].by != &by || vectorOrigins[vgpr].root != noRoot)
    vectorOrigins[vgpr] = {0, &by, noRoot};
  vectorOrigins[vgpr].lanes |= bit;
  vectors[vgpr] &= ~bit;
}

//===- Faults -------------------------------------------------------------===//

static std::string throughWhat(const Instruction &by, uint16_t root) {
  std::string made = fmt::format("what '{}' at PC {:#x} made of ", by.text, by.pc);
  if (root == noRoot)
    return made + (by.cls == InstructionClass::Scratch || by.cls == InstructionClass::Vmem
                       ? "scratch memory, which was never written"
                       : "a value that was never written");
  return made + (root >= scalarRoot ? scalarName(uint16_t(root - scalarRoot)) : vectorName(root)) +
         ", which was never written";
}

void Definedness::reportLane(Wave &wave, uint16_t vgpr, int lane, const char *use) const {
  const Origin &origin = vectorOrigins[vgpr];
  if (origin.by && (origin.lanes >> lane & 1))
    return wave.stop(fmt::format("{}: {} of lane {} holds {}", use, vectorName(vgpr), lane,
                                 throughWhat(*origin.by, origin.root)));
  wave.stop(fmt::format("{}: {} of lane {} was never written", use, vectorName(vgpr), lane));
}

void Definedness::reportBit(Wave &wave, uint16_t sgpr, int bit, const char *use) const {
  const Origin &origin = scalarOrigins[sgpr];
  if (origin.by)
    return wave.stop(fmt::format("{}: bit {} of {} is of {}", use, bit, scalarName(sgpr),
                                 throughWhat(*origin.by, origin.root)));
  wave.stop(fmt::format("{}: {} was never written", use, scalarName(sgpr)));
}

bool Definedness::requireLanes(Wave &wave, const Operand &operand, uint64_t mask, const char *use) {
  if (!operand.isVgpr())
    return mask == 0 || requireBits(wave, operand, use);
  for (uint16_t i = operand.index; i < operand.index + operand.dwords; ++i)
    if (uint64_t undefined = mask & ~vectors[i]) [[unlikely]] {
      reportLane(wave, i, std::countr_zero(undefined), use);
      return false;
    }
  return true;
}

bool Definedness::requireBits(Wave &wave, const Operand &operand, const char *use) {
  if (operand.isSgpr())
    for (uint16_t i = operand.index; i < operand.index + operand.dwords && i < sreg::Count; ++i)
      if (scalars[i] != ~0u) [[unlikely]] {
        reportBit(wave, i, std::countr_zero(~scalars[i]), use);
        return false;
      }
  return true;
}

//===- Vector instructions ------------------------------------------------===//

void Definedness::vector(Wave &wave, const Instruction &in, Flow flow) {
  uint64_t mask = wave.exec();
  if (flow == Flow::Matrix) {
    for (const Operand &source : in.src)
      if (!requireLanes(wave, source, all, "a matrix instruction reads all 64 lanes"))
        return;
    for (int i = 0; i < in.dst.dwords; ++i)
      writeLanes(in.dst, i, all, all, in);
    return;
  }
  if (in.isDpp)
    mask &= dppWriteMask(wave, in.dpp);
  // The defined lanes of some dwords of a source.
  auto source = [&](int i, int first, int count) {
    uint64_t defined = lanes(in.src[i], first, count);
    return in.isDpp && i == 0 && defined != all ? throughDpp(in.dpp, defined) : defined;
  };
  auto whole = [&](int i) {
    return source(i, 0, in.src[i].isVgpr() || in.src[i].isSgpr() ? in.src[i].dwords : 0);
  };
  auto low = [&](int i) { return source(i, 0, 1); };
  auto high = [&](int i) { return source(i, in.src[i].dwords - 1, 1); };
  // Of a register; a constant beside one that nobody wrote does not make it written.
  auto part = [&](int i) {
    bool isConstant = !in.src[i].isVgpr() && !in.src[i].isSgpr();
    return isConstant ? whole(0) & whole(1) & whole(2) : whole(i);
  };
  auto everything = [&] {
    uint64_t defined = whole(0) & whole(1) & whole(2);
    return in.carryIn ? defined & bits(in.carryIn) : defined;
  };

  switch (flow) {
  case Flow::Dwords:
    writeLanes(in.dst, 0, mask, low(0), in);
    writeLanes(in.dst, 1, mask, high(0), in);
    return;
  case Flow::Halves: {
    uint64_t result[2] = {all, all};
    for (int i = 0; i < 3; ++i) {
      result[0] &= source(i, in.src[i].opSel && in.src[i].dwords > 1, 1);
      result[1] &= source(i, in.src[i].opSelHi && in.src[i].dwords > 1, 1);
    }
    writeLanes(in.dst, 0, mask, result[0], in);
    writeLanes(in.dst, 1, mask, result[1], in);
    return;
  }
  case Flow::Crossed: {
    uint64_t first = source(0, in.src[0].opSel && in.src[0].dwords > 1, 1);
    uint64_t second = source(1, in.src[1].opSel && in.src[1].dwords > 1, 1);
    writeLanes(in.dst, 0, mask, first, in);
    writeLanes(in.dst, 1, mask, second, in);
    return;
  }
  case Flow::CarryUp: {
    uint64_t lowest = low(0) & low(1) & low(2), rest = everything();
    writeLanes(in.dst, 0, mask, lowest, in);
    writeLanes(in.dst, 1, mask, rest, in);
    break;
  }
  case Flow::CarryDown: { // the amount comes first
    uint64_t amount = low(0), rest = everything();
    uint64_t highest = amount & high(1);
    writeLanes(in.dst, 0, mask, rest, in);
    writeLanes(in.dst, 1, mask, highest, in);
    return;
  }
  case Flow::Insert:
    writeLanes(in.dst, 0, mask, whole(0) & (part(1) | part(2)), in);
    return;
  case Flow::Combine:
    writeLanes(in.dst, 0, mask, (whole(0) & whole(1)) | part(2), in);
    return;
  case Flow::Pack:
    writeLanes(in.dst, 0, mask, part(0) | part(1), in);
    return;
  case Flow::Permute:
    writeLanes(in.dst, 0, mask, permuted(wave, in, whole(0), whole(1)) & whole(2), in);
    return;
  case Flow::Select: {
    uint64_t chosen = wave.scalar(in.carryIn);
    uint64_t defined = ((chosen & whole(1)) | (~chosen & whole(0))) & bits(in.carryIn);
    writeLanes(in.dst, 0, mask, defined, in);
    return;
  }
  case Flow::Compare:
    writeBits(in.dst.index, in.dst.dwords, everything() | ~mask, in);
    return;
  case Flow::CompareExec:
    for (const Operand &operand : in.src)
      if (!requireLanes(wave, operand, mask, "a comparison that sets EXEC"))
        return;
    writeBits(in.dst.index, in.dst.dwords, all, in);
    return;
  case Flow::ReadLane: {
    bool known = bits(in.src[1]) == all;
    int lane = int(wave.scalar(in.src[1]) & 63);
    writeBits(in.dst.index, 1, known && (whole(0) >> lane & 1) ? all : 0, in);
    return;
  }
  case Flow::ReadFirstLane: {
    uint64_t exec = wave.exec();
    writeBits(in.dst.index, 1, whole(0) >> (exec ? std::countr_zero(exec) : 0) & 1 ? all : 0, in);
    return;
  }
  case Flow::WriteLane: {
    if (!requireBits(wave, in.src[1], "the lane that v_writelane writes"))
      return;
    // Spilled lane masks have unwritten bits that nobody will look at.
    uint64_t lane = uint64_t(1) << (wave.scalar(in.src[1]) & 63);
    uint64_t defined = in.src[0].isSgpr() ? (scalars[in.src[0].index] ? all : 0) : all;
    writeLanes(in.dst, 0, lane, defined, in);
    return;
  }
  case Flow::Swap: {
    uint64_t mine = lanes(in.dst), other = lanes(in.src[0]);
    writeLanes(in.dst, 0, mask, other, in);
    writeLanes(in.src[0], 0, mask, mine, in);
    return;
  }
  default: {
    uint64_t defined = everything();
    if (in.dst.isVgpr())
      for (int i = 0; i < in.dst.dwords; ++i)
        writeLanes(in.dst, i, mask, defined, in);
    else if (in.dst.isSgpr())
      writeBits(in.dst.index, in.dst.dwords, defined | ~mask, in);
    if (in.scalarDst)
      writeBits(in.scalarDst.index, in.scalarDst.dwords, defined | ~mask, in);
    return;
  }
  }
  if (in.scalarDst)
    writeBits(in.scalarDst.index, in.scalarDst.dwords, everything() | ~mask, in);
}

void Definedness::crossbar(Wave &wave, const Instruction &in, Flow flow) {
  uint64_t exec = wave.exec();
  uint64_t addresses = flow == Flow::Swizzle ? all : lanes(in.address);
  uint64_t values = flow == Flow::Swizzle ? lanes(in.address) : lanes(in.data);
  if ((addresses & values & exec) == exec) { // lanes that are off read as 0
    writeLanes(in.dst, 0, exec, all, in);
    return;
  }
  uint64_t result = flow == Flow::ForwardPermute ? all : 0;
  for (int l = 0; l < waveSize; ++l) {
    int other = l;
    if (flow == Flow::Swizzle) {
      int pattern = in.offset & 0xffff;
      other = pattern & 0x8000 ? (l & ~3) + (pattern >> (2 * (l & 3)) & 3)
                               : (l & 32) + ((((l & 31) & (pattern & 31)) | (pattern >> 5 & 31)) ^
                                             (pattern >> 10 & 31));
    } else {
      other = int((wave.vgpr[in.address.index].lane[l] + uint32_t(in.offset)) / 4 & 63);
    }
    bool known = addresses >> l & 1;
    auto defined = [&](int lane) { return !(exec >> lane & 1) || (values >> lane & 1); };
    if (flow != Flow::ForwardPermute)
      result |= uint64_t(known && defined(other)) << l;
    else if (exec >> l & 1)
      result &= known && defined(l) ? all : ~(uint64_t(1) << other);
  }
  writeLanes(in.dst, 0, exec, result, in);
}

//===- Scalar instructions ------------------------------------------------===//

void Definedness::saveExec(Wave &wave, const Instruction &in, Flow flow) {
  uint64_t value = wave.scalar(in.src[0]), defined = bits(in.src[0]), exec = wave.exec();
  switch (flow) {
  case Flow::SaveExecAnd:
    defined = definedAnd(value, defined, exec, all);
    break;
  case Flow::SaveExecOr:
    defined = definedOr(value, defined, exec, all);
    break;
  case Flow::SaveExecAndNot:
  case Flow::WriteExecAndNot:
    defined = definedAnd(value, defined, ~exec, all);
    break;
  case Flow::SaveExecOrNot:
    defined = definedOr(value, defined, ~exec, all);
    break;
  case Flow::SaveExecNotAnd:
  case Flow::WriteExecNotAnd:
    defined = definedAnd(~value, defined, exec, all);
    break;
  case Flow::SaveExecNotOr:
    defined = definedOr(~value, defined, exec, all);
    break;
  default:
    break;
  }
  if (defined != all) {
    int bit = std::countr_zero(~defined);
    reportBit(wave, uint16_t(in.src[0].index + bit / 32), bit % 32, "a new EXEC");
    return;
  }
  writeBits(in.dst.index, in.dst.dwords, all, in);
}

void Definedness::scalar(Wave &wave, const Instruction &in, Flow flow) {
  uint64_t value[2] = {wave.scalar(in.src[0]), wave.scalar(in.src[1])};
  uint64_t known[2] = {bits(in.src[0]), bits(in.src[1])};
  uint64_t defined = all;
  switch (flow) {
  case Flow::ScalarDecide:
    for (const Operand &source : in.src)
      if (!requireBits(wave, source, "an operand that decides how the wave goes on"))
        return;
    break;
  case Flow::BranchOnVcc: {
    Operand vcc;
    vcc.kind = Operand::Kind::Sgpr;
    vcc.index = sreg::Vcc;
    vcc.dwords = 2;
    if (!(wave.vcc() & bits(vcc))) // a bit that is known to be set settles it
      requireBits(wave, vcc, "the condition of a branch");
    return;
  }
  case Flow::ScalarCopy:
    defined = known[0];
    break;
  case Flow::ScalarAnd:
    defined = definedAnd(value[0], known[0], value[1], known[1]);
    break;
  case Flow::ScalarOr:
    defined = definedOr(value[0], known[0], value[1], known[1]);
    break;
  case Flow::ScalarXor:
    defined = known[0] & known[1];
    break;
  case Flow::ScalarAndNot:
    defined = definedAnd(value[0], known[0], ~value[1], known[1]);
    break;
  case Flow::ScalarOrNot:
    defined = definedOr(value[0], known[0], ~value[1], known[1]);
    break;
  case Flow::ScalarShiftLeft:
  case Flow::ScalarShiftRight: {
    int width = in.dst.dwords * 32, amount = int(value[1] & uint64_t(width - 1));
    defined = known[1] != all ? 0
              : flow == Flow::ScalarShiftLeft
                  ? shiftedLeft(known[0], amount)
                  : shiftedRight(known[0], amount, width, in.mnemonic[2] == 'a');
    break;
  }
  case Flow::ScalarSelect:
    defined = known[wave.scc ? 0 : 1];
    break;
  case Flow::ScalarMoveIf:
    if (!wave.scc)
      return;
    defined = known[0];
    break;
  default:
    for (int r = 0; r < in.numReads; ++r)
      if (in.reads[r].kind == Operand::Kind::Sgpr)
        for (uint16_t i = in.reads[r].first; i < in.reads[r].first + in.reads[r].count; ++i)
          defined = i < sreg::Count && scalars[i] != ~0u ? 0 : defined;
  }
  for (int w = 0; w < in.numWrites; ++w) {
    if (in.writes[w].kind != Operand::Kind::Sgpr)
      continue;
    writeBits(in.writes[w].first, in.writes[w].count, defined, in);
    for (uint16_t i = in.writes[w].first; i < in.writes[w].first + in.writes[w].count; ++i)
      if (isExec(i) && scalars[i] != ~0u) {
        reportBit(wave, i, std::countr_zero(~scalars[i]), "a new EXEC");
        scalars[i] = ~0u;
        return;
      }
  }
}

//===- Memory instructions ------------------------------------------------===//

void Definedness::memory(Wave &wave, const Instruction &in, Flow flow) {
  uint64_t exec = wave.exec();
  if (flow == Flow::ScalarLoad) {
    if (!requireBits(wave, in.base, "the address of a scalar load") ||
        !requireBits(wave, in.soffset, "the offset of a scalar load"))
      return;
    writeBits(in.dst.index, in.dst.dwords, all, in);
    return;
  }
  bool isBuffer = in.base.dwords == 4;
  if (!isBuffer || in.offen || in.idxen)
    if (!requireLanes(wave, in.address, exec, "the address of a memory access"))
      return;
  if (exec && (!requireBits(wave, in.base, "the base of a memory access") ||
               !requireBits(wave, in.soffset, "the offset of a memory access")))
    return;
  if (in.lds && exec) {
    Operand m0;
    m0.kind = Operand::Kind::Sgpr;
    m0.index = sreg::M0;
    if (!requireBits(wave, m0, "the LDS offset of a load into LDS"))
      return;
  }
  // Scratch is an extension of the registers: a spill may hold what nobody wrote.
  uint64_t leaving = exec;
  if (in.cls == InstructionClass::Scratch || (isBuffer && (wave.sgpr[in.base.index + 3] >> 23 & 1)))
    leaving = 0;
  else if (in.wait == WaitCounter::VmAndLgkm && in.address.isVgpr())
    for (int l = 0; l < waveSize; ++l)
      if (wave.vgpr[in.address.index + 1].lane[l] == uint32_t(privateAperture >> 32))
        leaving &= ~(uint64_t(1) << l);
  if (flow != Flow::Load && (!requireLanes(wave, in.data, leaving, "data of a store") ||
                             !requireLanes(wave, in.data2, leaving, "data of a store")))
    return;
  if (in.dst.isVgpr())
    for (int i = 0; i < in.dst.dwords; ++i)
      writeLanes(in.dst, i, exec, all, in);
}

void Definedness::before(Wave &wave, const Instruction &in, Flow flow) {
  if (flow >= Flow::All && flow <= Flow::Matrix)
    return vector(wave, in, flow);
  if (flow >= Flow::BackwardPermute && flow <= Flow::Swizzle)
    return crossbar(wave, in, flow);
  if (flow >= Flow::SaveExecAnd && flow <= Flow::WriteExecNotAnd)
    return saveExec(wave, in, flow);
  if (flow >= Flow::ScalarAll && flow <= Flow::BranchOnVcc)
    return scalar(wave, in, flow);
  if (flow >= Flow::ScalarLoad && flow <= Flow::Atomic)
    return memory(wave, in, flow);
  for (int w = 0; w < in.numWrites; ++w) // links of calls, counters
    for (uint16_t i = in.writes[w].first; i < in.writes[w].first + in.writes[w].count; ++i)
      if (in.writes[w].kind == Operand::Kind::Sgpr)
        scalars[i] = ~0u;
      else
        vectors[i] |= wave.exec();
}

} // namespace zorse::emulator
