//===- MatrixKernel.cpp - one matrix instruction, run ---------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "MatrixKernel.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <stdexcept>

namespace zorse::emulator::test {

int bitsOf(Type type) {
  switch (type) {
  case Type::F64:
    return 64;
  case Type::F32:
  case Type::Xf32:
    return 32;
  case Type::F16:
  case Type::Bf16:
    return 16;
  default:
    return 8;
  }
}

static double decodeFloat(uint64_t bits, int exponentBits, int mantissaBits, int bias,
                          bool hasInfinity) {
  uint64_t mantissa = bits & ((uint64_t(1) << mantissaBits) - 1);
  int exponent = static_cast<int>(bits >> mantissaBits & ((uint64_t(1) << exponentBits) - 1));
  double sign = bits >> (exponentBits + mantissaBits) & 1 ? -1 : 1;
  if (hasInfinity && exponent == (1 << exponentBits) - 1)
    return mantissa ? NAN : sign * INFINITY;
  if (exponent == 0)
    return sign * std::ldexp(static_cast<double>(mantissa), 1 - bias - mantissaBits);
  return sign * std::ldexp(static_cast<double>(mantissa | uint64_t(1) << mantissaBits),
                           exponent - bias - mantissaBits);
}

double decode(Type type, uint64_t bits) {
  switch (type) {
  case Type::F64:
    return std::bit_cast<double>(bits);
  case Type::F32:
    return std::bit_cast<float>(static_cast<uint32_t>(bits));
  case Type::Xf32: { // ten bits of mantissa, to nearest even
    double value = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (value == 0 || !std::isfinite(value))
      return value;
    int exponent = std::max(std::ilogb(value), -126);
    return std::ldexp(std::nearbyint(std::ldexp(value, 10 - exponent)), exponent - 10);
  }
  case Type::F16:
    return decodeFloat(bits & 0xffff, 5, 10, 15, true);
  case Type::Bf16:
    return decodeFloat(bits & 0xffff, 8, 7, 127, true);
  case Type::Fp8Fnuz:
    return (bits & 0xff) == 0x80 ? NAN : decodeFloat(bits & 0xff, 4, 3, 8, false);
  case Type::Bf8Fnuz:
    return (bits & 0xff) == 0x80 ? NAN : decodeFloat(bits & 0xff, 5, 2, 16, false);
  case Type::Fp8:
    return (bits & 0x7f) == 0x7f ? NAN : decodeFloat(bits & 0xff, 4, 3, 7, false);
  case Type::Bf8:
    return decodeFloat(bits & 0xff, 5, 2, 15, true);
  case Type::I8:
    return static_cast<int8_t>(bits);
  }
  return 0;
}

const std::vector<Shape> &shapesOf(const std::string &arch) {
  using enum Type;
  static const std::vector<Shape> mi200 = {
      {"v_mfma_f32_32x32x1f32", F32, F32, 32, 32, 1, 2},
      {"v_mfma_f32_16x16x1f32", F32, F32, 16, 16, 1, 4},
      {"v_mfma_f32_4x4x1f32", F32, F32, 4, 4, 1, 16},
      {"v_mfma_f32_32x32x2f32", F32, F32, 32, 32, 2, 1},
      {"v_mfma_f32_16x16x4f32", F32, F32, 16, 16, 4, 1},
      {"v_mfma_f32_32x32x4f16", F16, F16, 32, 32, 4, 2},
      {"v_mfma_f32_16x16x4f16", F16, F16, 16, 16, 4, 4},
      {"v_mfma_f32_4x4x4f16", F16, F16, 4, 4, 4, 16},
      {"v_mfma_f32_32x32x8f16", F16, F16, 32, 32, 8, 1},
      {"v_mfma_f32_16x16x16f16", F16, F16, 16, 16, 16, 1},
      {"v_mfma_f32_32x32x4bf16_1k", Bf16, Bf16, 32, 32, 4, 2},
      {"v_mfma_f32_16x16x4bf16_1k", Bf16, Bf16, 16, 16, 4, 4},
      {"v_mfma_f32_4x4x4bf16_1k", Bf16, Bf16, 4, 4, 4, 16},
      {"v_mfma_f32_32x32x8bf16_1k", Bf16, Bf16, 32, 32, 8, 1},
      {"v_mfma_f32_16x16x16bf16_1k", Bf16, Bf16, 16, 16, 16, 1},
      {"v_mfma_f32_32x32x2bf16", Bf16, Bf16, 32, 32, 2, 2},
      {"v_mfma_f32_16x16x2bf16", Bf16, Bf16, 16, 16, 2, 4},
      {"v_mfma_f32_4x4x2bf16", Bf16, Bf16, 4, 4, 2, 16},
      {"v_mfma_f32_32x32x4bf16", Bf16, Bf16, 32, 32, 4, 1},
      {"v_mfma_f32_16x16x8bf16", Bf16, Bf16, 16, 16, 8, 1},
      {"v_mfma_i32_32x32x4i8", I8, I8, 32, 32, 4, 2},
      {"v_mfma_i32_16x16x4i8", I8, I8, 16, 16, 4, 4},
      {"v_mfma_i32_4x4x4i8", I8, I8, 4, 4, 4, 16},
      {"v_mfma_i32_32x32x8i8", I8, I8, 32, 32, 8, 1},
      {"v_mfma_i32_16x16x16i8", I8, I8, 16, 16, 16, 1},
      {"v_mfma_f64_16x16x4f64", F64, F64, 16, 16, 4, 1},
      {"v_mfma_f64_4x4x4f64", F64, F64, 4, 4, 4, 4},
  };
  // What MI300 and MI350 share.
  static const std::vector<Shape> later = {
      {"v_mfma_f32_32x32x1_2b_f32", F32, F32, 32, 32, 1, 2},
      {"v_mfma_f32_16x16x1_4b_f32", F32, F32, 16, 16, 1, 4},
      {"v_mfma_f32_4x4x1_16b_f32", F32, F32, 4, 4, 1, 16},
      {"v_mfma_f32_32x32x2_f32", F32, F32, 32, 32, 2, 1},
      {"v_mfma_f32_16x16x4_f32", F32, F32, 16, 16, 4, 1},
      {"v_mfma_f32_32x32x4_2b_f16", F16, F16, 32, 32, 4, 2},
      {"v_mfma_f32_16x16x4_4b_f16", F16, F16, 16, 16, 4, 4},
      {"v_mfma_f32_4x4x4_16b_f16", F16, F16, 4, 4, 4, 16},
      {"v_mfma_f32_32x32x8_f16", F16, F16, 32, 32, 8, 1},
      {"v_mfma_f32_16x16x16_f16", F16, F16, 16, 16, 16, 1},
      {"v_mfma_f32_32x32x4_2b_bf16", Bf16, Bf16, 32, 32, 4, 2},
      {"v_mfma_f32_16x16x4_4b_bf16", Bf16, Bf16, 16, 16, 4, 4},
      {"v_mfma_f32_4x4x4_16b_bf16", Bf16, Bf16, 4, 4, 4, 16},
      {"v_mfma_f32_32x32x8_bf16", Bf16, Bf16, 32, 32, 8, 1},
      {"v_mfma_f32_16x16x16_bf16", Bf16, Bf16, 16, 16, 16, 1},
      {"v_mfma_i32_32x32x4_2b_i8", I8, I8, 32, 32, 4, 2},
      {"v_mfma_i32_16x16x4_4b_i8", I8, I8, 16, 16, 4, 4},
      {"v_mfma_i32_4x4x4_16b_i8", I8, I8, 4, 4, 4, 16},
      {"v_mfma_i32_32x32x16_i8", I8, I8, 32, 32, 16, 1},
      {"v_mfma_i32_16x16x32_i8", I8, I8, 16, 16, 32, 1},
      {"v_mfma_f64_16x16x4_f64", F64, F64, 16, 16, 4, 1},
      {"v_mfma_f64_4x4x4_4b_f64", F64, F64, 4, 4, 4, 4},
      {"v_smfmac_f32_16x16x32_f16", F16, F16, 16, 16, 32, 1, true},
      {"v_smfmac_f32_32x32x16_f16", F16, F16, 32, 32, 16, 1, true},
      {"v_smfmac_f32_16x16x32_bf16", Bf16, Bf16, 16, 16, 32, 1, true},
      {"v_smfmac_f32_32x32x16_bf16", Bf16, Bf16, 32, 32, 16, 1, true},
      {"v_smfmac_i32_16x16x64_i8", I8, I8, 16, 16, 64, 1, true},
      {"v_smfmac_i32_32x32x32_i8", I8, I8, 32, 32, 32, 1, true},
  };
  auto join = [](std::vector<Shape> more) {
    more.insert(more.begin(), later.begin(), later.end());
    return more;
  };
  static const std::vector<Shape> mi300 = join({
      {"v_mfma_f32_16x16x8_xf32", Xf32, Xf32, 16, 16, 8, 1},
      {"v_mfma_f32_32x32x4_xf32", Xf32, Xf32, 32, 32, 4, 1},
      {"v_mfma_f32_16x16x32_bf8_bf8", Bf8Fnuz, Bf8Fnuz, 16, 16, 32, 1},
      {"v_mfma_f32_16x16x32_bf8_fp8", Bf8Fnuz, Fp8Fnuz, 16, 16, 32, 1},
      {"v_mfma_f32_16x16x32_fp8_bf8", Fp8Fnuz, Bf8Fnuz, 16, 16, 32, 1},
      {"v_mfma_f32_16x16x32_fp8_fp8", Fp8Fnuz, Fp8Fnuz, 16, 16, 32, 1},
      {"v_mfma_f32_32x32x16_bf8_bf8", Bf8Fnuz, Bf8Fnuz, 32, 32, 16, 1},
      {"v_mfma_f32_32x32x16_bf8_fp8", Bf8Fnuz, Fp8Fnuz, 32, 32, 16, 1},
      {"v_mfma_f32_32x32x16_fp8_bf8", Fp8Fnuz, Bf8Fnuz, 32, 32, 16, 1},
      {"v_mfma_f32_32x32x16_fp8_fp8", Fp8Fnuz, Fp8Fnuz, 32, 32, 16, 1},
      {"v_smfmac_f32_16x16x64_bf8_bf8", Bf8Fnuz, Bf8Fnuz, 16, 16, 64, 1, true},
      {"v_smfmac_f32_16x16x64_bf8_fp8", Bf8Fnuz, Fp8Fnuz, 16, 16, 64, 1, true},
      {"v_smfmac_f32_16x16x64_fp8_bf8", Fp8Fnuz, Bf8Fnuz, 16, 16, 64, 1, true},
      {"v_smfmac_f32_16x16x64_fp8_fp8", Fp8Fnuz, Fp8Fnuz, 16, 16, 64, 1, true},
      {"v_smfmac_f32_32x32x32_bf8_bf8", Bf8Fnuz, Bf8Fnuz, 32, 32, 32, 1, true},
      {"v_smfmac_f32_32x32x32_bf8_fp8", Bf8Fnuz, Fp8Fnuz, 32, 32, 32, 1, true},
      {"v_smfmac_f32_32x32x32_fp8_bf8", Fp8Fnuz, Bf8Fnuz, 32, 32, 32, 1, true},
      {"v_smfmac_f32_32x32x32_fp8_fp8", Fp8Fnuz, Fp8Fnuz, 32, 32, 32, 1, true},
  });
  static const std::vector<Shape> mi350 = join({
      {"v_mfma_f32_16x16x32_f16", F16, F16, 16, 16, 32, 1},
      {"v_mfma_f32_32x32x16_f16", F16, F16, 32, 32, 16, 1},
      {"v_mfma_f32_16x16x32_bf16", Bf16, Bf16, 16, 16, 32, 1},
      {"v_mfma_f32_32x32x16_bf16", Bf16, Bf16, 32, 32, 16, 1},
      {"v_mfma_i32_16x16x64_i8", I8, I8, 16, 16, 64, 1},
      {"v_mfma_i32_32x32x32_i8", I8, I8, 32, 32, 32, 1},
      {"v_mfma_f32_16x16x32_bf8_bf8", Bf8, Bf8, 16, 16, 32, 1},
      {"v_mfma_f32_16x16x32_bf8_fp8", Bf8, Fp8, 16, 16, 32, 1},
      {"v_mfma_f32_16x16x32_fp8_bf8", Fp8, Bf8, 16, 16, 32, 1},
      {"v_mfma_f32_16x16x32_fp8_fp8", Fp8, Fp8, 16, 16, 32, 1},
      {"v_mfma_f32_32x32x16_bf8_bf8", Bf8, Bf8, 32, 32, 16, 1},
      {"v_mfma_f32_32x32x16_bf8_fp8", Bf8, Fp8, 32, 32, 16, 1},
      {"v_mfma_f32_32x32x16_fp8_bf8", Fp8, Bf8, 32, 32, 16, 1},
      {"v_mfma_f32_32x32x16_fp8_fp8", Fp8, Fp8, 32, 32, 16, 1},
      {"v_smfmac_f32_16x16x64_bf8_bf8", Bf8, Bf8, 16, 16, 64, 1, true},
      {"v_smfmac_f32_16x16x64_bf8_fp8", Bf8, Fp8, 16, 16, 64, 1, true},
      {"v_smfmac_f32_16x16x64_fp8_bf8", Fp8, Bf8, 16, 16, 64, 1, true},
      {"v_smfmac_f32_16x16x64_fp8_fp8", Fp8, Fp8, 16, 16, 64, 1, true},
      {"v_smfmac_f32_32x32x32_bf8_bf8", Bf8, Bf8, 32, 32, 32, 1, true},
      {"v_smfmac_f32_32x32x32_bf8_fp8", Bf8, Fp8, 32, 32, 32, 1, true},
      {"v_smfmac_f32_32x32x32_fp8_bf8", Fp8, Bf8, 32, 32, 32, 1, true},
      {"v_smfmac_f32_32x32x32_fp8_fp8", Fp8, Fp8, 32, 32, 32, 1, true},
  });
  if (arch == "gfx90a")
    return mi200;
  if (arch == "gfx942")
    return mi300;
  if (arch == "gfx950")
    return mi350;
  throw std::runtime_error("no table of shapes for " + arch);
}

static Place placeOfFactor(const Shape &shape, int size, int lane, int element, int perLane) {
  if (shape.isF64() && size == 4) // four blocks, and yet lanes run over k
    return {lane % 4, lane / 16, lane / 4 % 4};
  if (shape.blocks > 1)
    return {lane % size, element, lane / size};
  return {lane % size, lane / size * perLane + element, 0};
}

Place placeOfA(const Shape &shape, int lane, int element) {
  return placeOfFactor(shape, shape.m, lane, element, shape.perLaneA());
}

Place placeOfB(const Shape &shape, int lane, int element) {
  auto [column, row, block] = placeOfFactor(shape, shape.n, lane, element, shape.perLaneB());
  return {row, column, block};
}

Place placeOfC(const Shape &shape, int lane, int item) {
  if (shape.isF64() && shape.m == 16)
    return {4 * item + lane / 16, lane % 16, 0};
  if (shape.isF64())
    return {lane / 16, lane % 4, lane / 4 % 4};
  switch (shape.m) {
  case 32:
    return {8 * (item % 16 / 4) + 4 * (lane / 32) + item % 4, lane % 32, item / 16};
  case 16:
    return {4 * (lane / 16) + item % 4, lane % 16, item / 4};
  default:
    return {item, lane % 4, lane / 4};
  }
}

uint64_t elementOf(const Registers &registers, int lane, int element, int bits) {
  auto l = static_cast<size_t>(lane);
  auto e = static_cast<size_t>(element);
  if (bits == 64)
    return registers[2 * e][l] | uint64_t(registers[2 * e + 1][l]) << 32;
  auto perDword = static_cast<size_t>(32 / bits);
  uint32_t dword = registers[e / perDword][l] >> (e % perDword * static_cast<size_t>(bits));
  return bits == 32 ? dword : dword & ((1u << bits) - 1);
}

void setElement(Registers &registers, int lane, int element, int bits, uint64_t value) {
  auto l = static_cast<size_t>(lane);
  auto e = static_cast<size_t>(element);
  if (bits == 64) {
    registers[2 * e][l] = static_cast<uint32_t>(value);
    registers[2 * e + 1][l] = static_cast<uint32_t>(value >> 32);
    return;
  }
  auto perDword = static_cast<size_t>(32 / bits);
  size_t shift = e % perDword * static_cast<size_t>(bits);
  uint32_t mask = (bits == 32 ? ~0u : (1u << bits) - 1) << shift;
  uint32_t &dword = registers[e / perDword][l];
  dword = (dword & ~mask) | (static_cast<uint32_t>(value) << shift & mask);
}

// A at v8, B at v16, indices at v24, C at v32 or a32 D at v64 or a64, in place of C or over A.
static std::string bodyOf(const MatrixRun &run) {
  const Shape &shape = run.shape;
  std::string text = "s_load_dwordx4 s[4:7], s[0:1], 0x0\n"
                     "v_and_b32 v0, 63, v0\nv_lshlrev_b32 v1, 2, v0\ns_waitcnt lgkmcnt(0)\n";
  auto each = [&](const char *form, std::string file, int first, int count, const char *base) {
    for (int r = 0; r < count; ++r)
      text += fmt::format(fmt::runtime(form), file, first + r) +
              fmt::format("s_add_u32 {0}, {0}, 0x100\ns_addc_u32 {1}, {1}, 0\n", base,
                          base[1] == '4' ? "s5" : "s7");
  };
  const char *load = "global_load_dword {}{}, v1, s[4:5]\n";
  bool sumInAgprs = run.destination == Destination::Agprs;
  std::string file = sumInAgprs ? "a" : "v";
  bool inPlace = run.destination == Destination::InPlace || shape.sparse;
  int c = 32, d = inPlace ? c : run.destination == Destination::OverFactors ? 8 : 64;
  each(load, "v", 8, shape.registersA(), "s4");
  each(load, "v", 16, shape.registersB(), "s4");
  each(load, file, c, shape.registersC(), "s4");
  if (shape.sparse)
    each(load, "v", 24, 1, "s4");
  auto range = [](const std::string &file, int first, int count) {
    return count == 1 ? fmt::format("{}{}", file, first)
                      : fmt::format("{}[{}:{}]", file, first, first + count - 1);
  };
  text += "s_waitcnt vmcnt(0)\n";
  if (run.withoutExec)
    text += "s_mov_b64 exec, 0\n";
  std::string third = shape.sparse             ? "v24"
                      : !run.constantC.empty() ? run.constantC
                                               : range(file, c, shape.registersC());
  text += fmt::format("{} {}, {}, {}, {}{}\n", shape.mnemonic, range(file, d, shape.registersC()),
                      range("v", 8, shape.registersA()), range("v", 16, shape.registersB()), third,
                      run.modifiers);
  text += "s_mov_b64 exec, -1\ns_nop 15\ns_nop 15\n";
  each("global_store_dword v1, {}{}, s[6:7]\n", file, d, shape.registersC(), "s6");
  return text;
}

MatrixKernels::MatrixKernels(const std::string &arch, const std::vector<MatrixRun> &runs)
    : runs(runs), machine(makeMachine(arch)) {
  KernelOptions options;
  options.vgprs = 256;
  options.accumOffset = 128;
  std::string text;
  for (size_t i = 0; i < runs.size(); ++i)
    text += kernelText("k" + std::to_string(i), bodyOf(runs[i]), options);
  elf = assemble(arch, text);
}

MatrixOutcome MatrixKernels::run(size_t which, const Registers &a, const Registers &b,
                                 const Registers &c, const Registers &indices) {
  std::vector<uint32_t> input;
  for (const Registers *registers : {&a, &b, &c, &indices})
    for (const auto &lanes : *registers)
      input.insert(input.end(), lanes.begin(), lanes.end());
  MatrixOutcome outcome;
  auto numRegisters = static_cast<size_t>(runs[which].shape.registersC());
  Buffer in(*machine, input), out(*machine, std::vector<uint32_t>(64 * numRegisters, 0xa5a5a5a5u));
  auto counts = runKernel(*machine, elf, "k" + std::to_string(which), {{64, 1, 1}, {64, 1, 1}, 0},
                          Kernarg().add(in.address()).add(out.address()));
  if (!counts) {
    outcome.error = counts.error().message;
    return outcome;
  }
  outcome.counts = *counts;
  outcome.d.resize(numRegisters);
  std::vector<uint32_t> output = out.read<uint32_t>();
  for (size_t r = 0; r < numRegisters; ++r)
    std::copy_n(output.begin() + static_cast<ptrdiff_t>(64 * r), 64, outcome.d[r].begin());
  return outcome;
}

} // namespace zorse::emulator::test
