//===- Matrix.cpp - names of matrix instructions; moves of AGPRs ------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/Lanes.h"
#include "execute/MatrixShape.h"

#include <charconv>

namespace zorse::emulator {
namespace {

bool take(std::string_view &text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix)
    return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool takeNumber(std::string_view &text, int &number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return error == std::errc();
}

std::optional<Element> takeElement(std::string_view &text, bool fnuz) {
  using enum Element;
  const std::pair<std::string_view, Element> names[] = {{"bf16", Bf16},
                                                        {"f16", F16},
                                                        {"f32", F32},
                                                        {"xf32", Xf32},
                                                        {"f64", F64},
                                                        {"i8", I8},
                                                        {"fp8", fnuz ? Fp8Fnuz : Fp8},
                                                        {"bf8", fnuz ? Bf8Fnuz : Bf8}};
  for (const auto &[name, element] : names)
    if (take(text, name))
      return element;
  return std::nullopt;
}

/// Elements a lane of the older names, which do not tell the number of blocks.
int perLaneOf(Element element, bool isWide) {
  switch (element) {
  case Element::F32:
  case Element::F64:
    return 1;
  case Element::Xf32:
    return 2;
  case Element::Bf16:
    return isWide ? 4 : 2;
  default:
    return 4;
  }
}

std::string_view sumName(Element element) {
  return element == Element::F64 ? "f64" : element == Element::I8 ? "i32" : "f32";
}

void stopAtBroadcast(Wave &wave, const Instruction &in) {
  wave.stop("cbsz " + std::to_string(in.matrix[0]) + " and abid " + std::to_string(in.matrix[1]) +
            " name no block of " + in.mnemonic +
            ": cbsz is at most log2 of its blocks, abid less than 2^cbsz");
}
void stopAtPattern(Wave &wave, const Instruction &in) {
  wave.stop("blgp " + std::to_string(in.matrix[2]) + " has no meaning for " + in.mnemonic +
            " on this target");
}

/// A handler that stops where the modifiers mean nothing; null where they are fine.
Handler refuseModifiers(const MatrixOp &op, const Instruction &in, const TargetDesc &target) {
  const auto [cbsz, abid, blgp] = in.matrix;
  if (op.sparse) {
    int sets = bytesOf(op.a) == 2 ? 4 : 2;
    return blgp ? stopAtPattern : !cbsz && abid >= sets ? stopAtBroadcast : nullptr;
  }
  bool isF64 = op.a == Element::F64;
  bool broadcasts = op.blocks > 1 && !isF64;
  if ((cbsz || abid) && (!broadcasts || 1 << cbsz > op.blocks || abid >= 1 << cbsz))
    return stopAtBroadcast;
  // The later targets permute B only where there are several blocks, and for f32.
  bool permutes = target.matrixNegatesF64 ? op.blocks > 1 || op.a == Element::F32 : true;
  if (blgp && !(isF64 ? target.matrixNegatesF64 : permutes))
    return stopAtPattern;
  return nullptr;
}

/// v_accvgpr_read, _write, _mov_b32: a move that EXEC gates.
void moveLanes(Wave &wave, const Instruction &in) {
  LaneDwords space;
  const uint32_t *from = lanesOf(wave, in.src[0], space);
  blendLanes(wave.vgpr[in.dst.index].lane, from, wave.exec());
}

} // namespace

std::optional<MatrixOp> parseMatrixMnemonic(std::string_view text, const TargetDesc &target) {
  MatrixOp op;
  op.sparse = take(text, "v_smfmac_");
  if (!op.sparse && !take(text, "v_mfma_"))
    return std::nullopt;
  std::string_view sum = text.substr(0, 3);
  if (!take(text, sum) || !take(text, "_") || !takeNumber(text, op.m) || !take(text, "x") ||
      !takeNumber(text, op.n) || !take(text, "x") || !takeNumber(text, op.k))
    return std::nullopt;
  // "…x4bf16_1k", "…x4f32", or "…x4_2b_f16", "…x8_f16", "…x32_fp8_bf8".
  bool isNew = take(text, "_");
  if (isNew && !text.empty() && text[0] >= '0' && text[0] <= '9')
    if (!takeNumber(text, op.blocks) || !take(text, "b_"))
      return std::nullopt;
  auto a = takeElement(text, target.fp8IsFnuz);
  if (!a)
    return std::nullopt;
  op.a = op.b = *a;
  bool isWide = take(text, "_1k");
  if (take(text, "_")) {
    auto b = takeElement(text, target.fp8IsFnuz);
    if (!b)
      return std::nullopt;
    op.b = *b;
  }
  if (!text.empty() || sum != sumName(op.a) || op.m <= 0 || op.k <= 0)
    return std::nullopt;
  if (!isNew && 64 * perLaneOf(op.a, isWide) > op.m * op.k)
    op.blocks = 64 * perLaneOf(op.a, isWide) / (op.m * op.k);
  bool isHalf = op.a == Element::F16 || op.a == Element::Bf16;
  op.flushes = isHalf && !op.sparse && target.matrixFlushesSubnormals;
  return op;
}

Handler findMatrix(const Instruction &instruction, const TargetDesc &target) {
  std::string_view name = instruction.mnemonic;
  if (name == "v_accvgpr_read_b32" || name == "v_accvgpr_write_b32" ||
      name == "v_accvgpr_mov_b32" || name == "v_accvgpr_read" || name == "v_accvgpr_write")
    return moveLanes;
  std::optional<MatrixOp> op = parseMatrixMnemonic(name, target);
  if (!op)
    return nullptr;
  if (Handler refusal = refuseModifiers(*op, instruction, target))
    return refusal;
  if (op->sparse)
    return findMatrixSparse(*op);
  for (auto find : {findMatrixFloat, findMatrixHalf, findMatrixQuarter, findMatrixExact})
    if (Handler handler = find(*op))
      return handler;
  return nullptr;
}

} // namespace zorse::emulator
