//===- VectorFloatTest.cpp - f32 and f64 arithmetic, modes ----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneKernel.h"

#include <fmt/format.h>
#include <functional>
#include <gtest/gtest.h>

namespace zorse::emulator::test {

namespace {

constexpr size_t elements = 4096;
constexpr uint64_t seed = 20261121;

float leastNumber(float a, float b) {
  if (std::isnan(a) || std::isnan(b))
    return std::isnan(a) ? b : a;
  return a == b ? (std::signbit(a) ? a : b) : std::min(a, b);
}
float greatestNumber(float a, float b) {
  if (std::isnan(a) || std::isnan(b))
    return std::isnan(a) ? b : a;
  return a == b ? (std::signbit(a) ? b : a) : std::max(a, b);
}

struct Case {
  std::string line;
  std::function<float(float, float, float)> expected;
};

void check(const std::string &arch, const std::vector<Case> &cases) {
  const Columns in = {floatColumn(elements, seed), floatColumn(elements, seed + 1),
                      floatColumn(elements, seed + 2)};
  std::vector<std::string> lines;
  for (const Case &c : cases)
    lines.push_back(c.line);
  const LaneKernels kernels(arch, lines, in.size());
  for (size_t k = 0; k < cases.size(); ++k) {
    const Case &c = cases[k];
    SCOPED_TRACE(fmt::format("{}: {}, seed {}", arch, c.line, seed));
    const Columns out = kernels.run(k, in);
    for (size_t i = 0; i < elements; ++i) {
      const uint32_t want =
          asBits(c.expected(asFloat(in[0][i]), asFloat(in[1][i]), asFloat(in[2][i])));
      ASSERT_TRUE(sameFloat(out[0][i], want))
          << fmt::format("{:#x} {:#x} {:#x}: got {:#x}, expected {:#x}", in[0][i], in[1][i],
                         in[2][i], out[0][i], want);
    }
  }
}

// With IEEE behaviour off, so that a signalling NaN yields to a number as a quiet one does.
constexpr const char *ieeeOff = "s_setreg_imm32_b32 hwreg(HW_REG_MODE,9,1), 0\n";

TEST(VectorFloat, Arithmetic) {
  const float infinity = INFINITY;
  const std::vector<Case> cases = {
      {"v_add_f32 v2, v10, v11", [](float a, float b, float) { return a + b; }},
      {"v_sub_f32_e64 v2, -v10, |v11|", [](float a, float b, float) { return -a - std::fabs(b); }},
      {"v_subrev_f32 v2, v10, v11", [](float a, float b, float) { return b - a; }},
      {"v_mul_f32_e64 v2, -|v10|, v11", [](float a, float b, float) { return -std::fabs(a) * b; }},
      {"v_mul_legacy_f32 v2, v10, v11",
       [](float a, float b, float) { return a == 0 || b == 0 ? 0 : a * b; }},
      {"v_fma_f32 v2, v10, -v11, |v12|",
       [](float a, float b, float c) { return std::fma(a, -b, std::fabs(c)); }},
      {"v_mov_b32 v2, v12\nv_fmac_f32 v2, v10, v11",
       [](float a, float b, float c) { return std::fma(a, b, c); }},
      {"v_add_f32 v2, 1.0, v11", [](float, float b, float) { return 1 + b; }},
      {"v_add_f32 v2, 0x40490fdb, v11", [](float, float b, float) { return 0x1.921fb6p+1f + b; }},
      {"v_trunc_f32 v2, v10", [](float a, float, float) { return std::trunc(a); }},
      {"v_floor_f32 v2, v10", [](float a, float, float) { return std::floor(a); }},
      {"v_ceil_f32 v2, v10", [](float a, float, float) { return std::ceil(a); }},
      {"v_rndne_f32 v2, v10", [](float a, float, float) { return std::nearbyint(a); }},
      {"v_fract_f32 v2, v10",
       [](float a, float, float) {
         return std::isfinite(a) ? std::min(a - std::floor(a), 0x1.fffffep-1f) : NAN;
       }},
      {"v_frexp_mant_f32 v2, v10",
       [](float a, float, float) {
         int e;
         return std::isfinite(a) ? std::frexp(a, &e) : a;
       }},
      {"v_frexp_exp_i32_f32 v2, v10",
       [](float a, float, float) {
         int e = 0;
         if (std::isfinite(a))
           std::frexp(a, &e);
         return asFloat(uint32_t(e));
       }},
      {"v_ldexp_f32 v2, v10, v11",
       [](float a, float b, float) { return std::ldexp(a, int(asBits(b))); }},
      {"v_ldexp_f32 v2, v10, -3", [](float a, float, float) { return std::ldexp(a, -3); }},
      {"v_add_f32_e64 v2, v10, v11 clamp",
       [](float a, float b, float) {
         float sum = a + b;
         return sum > 0 ? std::min(sum, 1.0f) : 0;
       }},
      // Multiplying the result is ignored while denormals are kept.
      {"v_add_f32_e64 v2, v10, v11 mul:4", [](float a, float b, float) { return a + b; }},
      {"v_div_fixup_f32 v2, v10, v11, v12",
       [=](float q, float d, float n) {
         if (std::isnan(n) || std::isnan(d) || (n == 0 && d == 0) ||
             (std::isinf(n) && std::isinf(d)))
           return NAN;
         float sign = std::signbit(n) != std::signbit(d) ? -1.0f : 1.0f;
         if (d == 0 || std::isinf(n))
           return std::copysign(infinity, sign);
         int far = int(asBits(n) >> 23 & 255) - int(asBits(d) >> 23 & 255);
         if (n == 0 || std::isinf(d) || far < -150)
           return std::copysign(0.0f, sign);
         return std::copysign(std::isnan(q) ? infinity : q, sign);
       }},
  };
  check("gfx942", cases);
  check("gfx90a", cases);
}

TEST(VectorFloat, MinimumAndMaximum) {
  auto median = [](float a, float b, float c) {
    if (std::isnan(a) || std::isnan(b) || std::isnan(c))
      return leastNumber(leastNumber(a, b), c);
    if (greatestNumber(greatestNumber(a, b), c) == a)
      return greatestNumber(b, c);
    if (greatestNumber(greatestNumber(a, b), c) == b)
      return greatestNumber(a, c);
    return greatestNumber(a, b);
  };
  check("gfx942",
        {{std::string(ieeeOff) + "v_min_f32 v2, v10, v11",
          [](float a, float b, float) { return leastNumber(a, b); }},
         {std::string(ieeeOff) + "v_max_f32 v2, v10, v11",
          [](float a, float b, float) { return greatestNumber(a, b); }},
         {std::string(ieeeOff) + "v_min3_f32 v2, v10, v11, v12",
          [](float a, float b, float c) { return leastNumber(leastNumber(a, b), c); }},
         {std::string(ieeeOff) + "v_max3_f32 v2, v10, -v11, v12",
          [](float a, float b, float c) { return greatestNumber(greatestNumber(a, -b), c); }}});
  // Zeros of both signs compare equal in the definition of the median, so they may swap.
  const Columns in = {floatColumn(elements, seed), floatColumn(elements, seed + 1),
                      floatColumn(elements, seed + 2)};
  const Columns out = runLanes("gfx942", std::string(ieeeOff) + "v_med3_f32 v2, v10, v11, v12", in);
  for (size_t i = 0; i < elements; ++i) {
    float want = median(asFloat(in[0][i]), asFloat(in[1][i]), asFloat(in[2][i]));
    float got = asFloat(out[0][i]);
    ASSERT_TRUE(got == want || (std::isnan(got) && std::isnan(want))) << got << " " << want;
  }
}

TEST(VectorFloat, IeeeQuietsSignallingNans) {
  Columns in = {std::vector<uint32_t>(64, 0x7f800001), std::vector<uint32_t>(64, 0x40000000)};
  EXPECT_EQ(runLanes("gfx942", "v_min_f32 v2, v10, v11", in)[0][5], 0x7fc00001u);
  EXPECT_EQ(runLanes("gfx942", "v_max_f32 v2, v11, v10", in)[0][5], 0x7fc00001u);
  EXPECT_EQ(runLanes("gfx942", std::string(ieeeOff) + "v_min_f32 v2, v10, v11", in)[0][5],
            0x40000000u);
}

TEST(VectorFloat, DenormalsFollowTheMode) {
  const std::string flush = "s_setreg_imm32_b32 hwreg(HW_REG_MODE,4,2), 0\n";
  // 2^-149 * 2^10; 2^-126 / 2; a sum of denormals; a move, which is no arithmetic.
  Columns in = {std::vector<uint32_t>(64, 0x80000001), std::vector<uint32_t>(64, 0x44800000),
                std::vector<uint32_t>(64, 0x00800000)};
  struct {
    const char *line;
    uint32_t kept, flushed;
  } cases[] = {
      {"v_mul_f32 v2, v10, v11", 0x80000400, 0x80000000},
      {"v_mul_f32 v2, 0.5, v12", 0x00400000, 0},
      {"v_add_f32 v2, v10, v10", 0x80000002, 0x80000000},
      {"v_max_f32 v2, v10, v10", 0x80000001, 0x80000000},
      {"v_fma_f32 v2, v12, 0.5, v12", 0x00c00000, 0x00c00000},
      {"v_cvt_f64_f32 v[2:3], v10\nv_mov_b32 v2, v3", 0xb6a00000, 0x80000000},
      {"v_mov_b32 v2, v10", 0x80000001, 0x80000001},
      {"s_mov_b64 s[10:11], 0\nv_cndmask_b32_e64 v2, -v10, v11, s[10:11]", 0x00000001, 0x00000001},
      // The ISA flushes these in every mode.
      {"v_rcp_f32 v2, v10", 0xff800000, 0xff800000},
      {"v_sqrt_f32_e64 v2, |v10|", 0, 0},
      {"v_exp_f32 v2, 0xc3000000", 0, 0}};
  std::vector<std::string> lines;
  for (const auto &c : cases) {
    lines.push_back(c.line);
    lines.push_back(flush + c.line);
  }
  const LaneKernels kernels("gfx942", lines, in.size());
  for (size_t k = 0; k < std::size(cases); ++k) {
    EXPECT_EQ(kernels.run(2 * k, in)[0][9], cases[k].kept) << cases[k].line;
    EXPECT_EQ(kernels.run(2 * k + 1, in)[0][9], cases[k].flushed) << cases[k].line;
  }
  // f64 and f16 have a switch of their own.
  const std::string flush64 = "s_setreg_imm32_b32 hwreg(HW_REG_MODE,6,2), 0\n";
  const std::string half = "v_mov_b32 v2, 0\nv_mov_b32 v3, 0x00100000\n"
                           "v_mul_f64 v[2:3], v[2:3], 0.5\nv_mov_b32 v2, v3";
  EXPECT_EQ(runLanes("gfx942", half, in)[0][0], 0x00080000u);
  EXPECT_EQ(runLanes("gfx942", flush + half, in)[0][0], 0x00080000u);
  EXPECT_EQ(runLanes("gfx942", flush64 + half, in)[0][0], 0u);
  EXPECT_EQ(runLanes("gfx942", flush64 + "v_mul_f32 v2, v10, v11", in)[0][0], 0x80000400u);
}

TEST(VectorFloat, ClampAndOutputModifiers) {
  Columns in = {std::vector<uint32_t>(64, asBits(0.75f)), std::vector<uint32_t>(64, 0x7fc00000)};
  const std::string flush = "s_setreg_imm32_b32 hwreg(HW_REG_MODE,4,2), 0\n";
  const std::string dx10Off = "s_setreg_imm32_b32 hwreg(HW_REG_MODE,8,1), 0\n";
  auto run = [&](const std::string &body) { return asFloat(runLanes("gfx942", body, in)[0][3]); };
  EXPECT_EQ(run("v_add_f32_e64 v2, v10, v10 clamp"), 1);
  EXPECT_EQ(run("v_add_f32_e64 v2, v10, v11 clamp"), 0);
  EXPECT_TRUE(std::isnan(run(dx10Off + "v_add_f32_e64 v2, v10, v11 clamp")));
  EXPECT_EQ(run(flush + "v_add_f32_e64 v2, v10, v10 mul:2"), 1.5f); // IEEE behaviour ignores it
  EXPECT_EQ(run(flush + ieeeOff + "v_add_f32_e64 v2, v10, v10 mul:2"), 3);
  EXPECT_EQ(run(flush + ieeeOff + "v_add_f32_e64 v2, v10, v10 mul:4"), 6);
  EXPECT_EQ(run(flush + ieeeOff + "v_add_f32_e64 v2, v10, v10 clamp div:2"), 0.75f);
}

TEST(VectorFloat, Doubles) {
  std::mt19937_64 random(seed);
  Columns in(6, std::vector<uint32_t>(elements));
  for (auto &column : in)
    for (uint32_t &value : column)
      value = uint32_t(random());
  for (size_t i = 0; i < elements; i += 2) // half of them of the size of 1
    for (size_t k : {1, 3, 5})
      in[k][i] = (in[k][i] & 0x801fffff) | 0x3fe00000;
  using F = std::function<double(double, double, double)>;
  const std::pair<const char *, F> cases[] = {
      {"v_add_f64 v[2:3], v[10:11], -v[12:13]", [](double a, double b, double) { return a - b; }},
      {"v_mul_f64 v[2:3], v[10:11], v[12:13]", [](double a, double b, double) { return a * b; }},
      {"v_fma_f64 v[2:3], v[10:11], |v[12:13]|, v[14:15]",
       [](double a, double b, double c) { return std::fma(a, std::fabs(b), c); }},
      {"v_floor_f64 v[2:3], v[10:11]", [](double a, double, double) { return std::floor(a); }},
      {"v_rndne_f64 v[2:3], v[10:11]", [](double a, double, double) { return std::nearbyint(a); }},
      {"v_ldexp_f64 v[2:3], v[10:11], -16",
       [](double a, double, double) { return std::ldexp(a, -16); }},
      {"v_rcp_f64 v[2:3], v[10:11]", [](double a, double, double) { return 1 / a; }},
      {"v_sqrt_f64 v[2:3], v[10:11]", [](double a, double, double) { return std::sqrt(a); }},
      {"v_min_f64 v[2:3], v[10:11], v[12:13]",
       [](double a, double b, double) { return std::fmin(a, b); }},
      {"v_add_f64 v[2:3], v[10:11], 1.0", [](double a, double, double) { return a + 1; }},
  };
  std::vector<std::string> lines;
  for (const auto &[line, expected] : cases)
    lines.push_back(line);
  const LaneKernels kernels("gfx90a", lines, in.size());
  for (size_t k = 0; k < std::size(cases); ++k) {
    const auto &[line, expected] = cases[k];
    const Columns out = kernels.run(k, in);
    for (size_t i = 0; i < elements; ++i) {
      double want = expected(asDouble(in[0][i], in[1][i]), asDouble(in[2][i], in[3][i]),
                             asDouble(in[4][i], in[5][i]));
      double got = asDouble(out[0][i], out[1][i]);
      ASSERT_TRUE(std::bit_cast<uint64_t>(got) == std::bit_cast<uint64_t>(want) ||
                  (std::isnan(got) && std::isnan(want)))
          << line << ": got " << got << ", expected " << want << ", seed " << seed;
    }
  }
}

} // namespace

} // namespace zorse::emulator::test
