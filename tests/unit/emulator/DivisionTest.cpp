//===- DivisionTest.cpp - the division sequences divide exactly -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneKernel.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace zorse::emulator::test {

namespace {

constexpr size_t elements = 16384;
constexpr uint64_t seed = 96;

/// What a compiler emits for an f32 division with denormals kept.
constexpr const char *divide32 = R"(
v_div_scale_f32 v20, s[10:11], v11, v11, v10
v_div_scale_f32 v21, vcc, v10, v11, v10
v_rcp_f32 v22, v20
v_fma_f32 v23, -v20, v22, 1.0
v_fma_f32 v22, v23, v22, v22
v_mul_f32 v23, v21, v22
v_fma_f32 v24, -v20, v23, v21
v_fma_f32 v23, v24, v22, v23
v_fma_f32 v20, -v20, v23, v21
v_div_fmas_f32 v20, v20, v22, v23
v_div_fixup_f32 v2, v20, v11, v10
)";

constexpr const char *divide64 = R"(
v_div_scale_f64 v[20:21], s[10:11], v[12:13], v[12:13], v[10:11]
v_rcp_f64 v[22:23], v[20:21]
v_fma_f64 v[24:25], -v[20:21], v[22:23], 1.0
v_fma_f64 v[22:23], v[22:23], v[24:25], v[22:23]
v_fma_f64 v[24:25], -v[20:21], v[22:23], 1.0
v_fma_f64 v[22:23], v[22:23], v[24:25], v[22:23]
v_div_scale_f64 v[24:25], vcc, v[10:11], v[12:13], v[10:11]
v_mul_f64 v[26:27], v[24:25], v[22:23]
v_fma_f64 v[20:21], -v[20:21], v[26:27], v[24:25]
v_div_fmas_f64 v[20:21], v[20:21], v[22:23], v[26:27]
v_div_fixup_f64 v[2:3], v[20:21], v[12:13], v[10:11]
)";

constexpr const char *divide16 = R"(
v_cvt_f32_f16 v20, v10
v_cvt_f32_f16 v21, v11
v_rcp_f32 v22, v21
v_mul_f32 v20, v20, v22
v_cvt_f16_f32 v20, v20
v_div_fixup_f16 v2, v20, v11, v10
)";

// Random bits cover the whole range of exponents, so most quotients overflow, underflow or land
// between the denormals; a second set lies in the middle.
TEST(Division, Floats) {
  std::mt19937_64 random(seed);
  Columns in(2, std::vector<uint32_t>(elements));
  for (size_t i = 0; i < elements; ++i)
    for (auto &column : in) {
      column[i] = uint32_t(random());
      if (i % 4 == 1)
        column[i] = (column[i] & 0x87ffffff) | 0x38000000;
    }
  for (size_t c : {0, 1}) {
    auto special = floatColumn(elements, seed + c);
    for (size_t i = 2; i < elements; i += 4)
      in[c][i] = special[i];
  }
  for (const char *arch : {"gfx90a", "gfx942"}) {
    const Columns out = runLanes(arch, divide32, in);
    for (size_t i = 0; i < elements; ++i) {
      uint32_t want = asBits(asFloat(in[0][i]) / asFloat(in[1][i]));
      ASSERT_TRUE(sameFloat(out[0][i], want))
          << fmt::format("{:#x} / {:#x}: got {:#x}, expected {:#x}, seed {}", in[0][i], in[1][i],
                         out[0][i], want, seed);
    }
  }
}

TEST(Division, Doubles) {
  std::mt19937_64 random(seed);
  Columns in(4, std::vector<uint32_t>(elements));
  for (size_t i = 0; i < elements; ++i)
    for (size_t c = 0; c < 4; ++c) {
      in[c][i] = uint32_t(random());
      if (i % 2 && c % 2)
        in[c][i] = (in[c][i] & 0x800fffff) | uint32_t(1023 + random() % 20) << 20;
      if (i % 32 == 8 && c % 2)
        in[c][i] &= 0x800fffff; // denormal
    }
  for (const char *arch : {"gfx90a", "gfx942"}) {
    const Columns out = runLanes(arch, divide64, in);
    for (size_t i = 0; i < elements; ++i) {
      double n = asDouble(in[0][i], in[1][i]), d = asDouble(in[2][i], in[3][i]);
      double want = n / d, got = asDouble(out[0][i], out[1][i]);
      ASSERT_TRUE(std::bit_cast<uint64_t>(got) == std::bit_cast<uint64_t>(want) ||
                  (std::isnan(got) && std::isnan(want)))
          << fmt::format("{:a} / {:a}: got {:a}, expected {:a}, seed {}", n, d, got, want, seed);
    }
  }
}

TEST(Division, Halves) {
  std::mt19937_64 random(seed);
  Columns in(2, std::vector<uint32_t>(elements));
  for (auto &column : in)
    for (uint32_t &value : column)
      value = uint32_t(random()) & 0xffff;
  auto half = [](uint32_t bits) { return float(std::bit_cast<_Float16>(uint16_t(bits))); };
  const Columns out = runLanes("gfx942", divide16, in);
  for (size_t i = 0; i < elements; ++i) {
    float want = float(_Float16(half(in[0][i]) / half(in[1][i]))), got = half(out[0][i]);
    ASSERT_TRUE(asBits(got) == asBits(want) || (std::isnan(got) && std::isnan(want)))
        << fmt::format("{:#x} / {:#x}: got {:#x}, seed {}", in[0][i], in[1][i], out[0][i], seed);
  }
}

} // namespace

} // namespace zorse::emulator::test
