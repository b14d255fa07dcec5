//===- VectorConvertTest.cpp - conversions, small floats, saturation ------===//
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

constexpr size_t elements = 8192;
constexpr uint64_t seed = 88;

/// A float8 without infinities and without -0, whose code is NaN.
double widened(uint32_t code, int fractionBits, int bias) {
  if (code == 0x80)
    return NAN;
  int e = int(code & 0x7f) >> fractionBits, f = int(code) & ((1 << fractionBits) - 1);
  double magnitude = e ? std::ldexp((1 << fractionBits) + f, e - bias - fractionBits)
                       : std::ldexp(f, 1 - bias - fractionBits);
  return code & 0x80 ? -magnitude : magnitude;
}

/// The nearest code, ties to even; 0x80 for NaN and what rounds beyond the largest number.
uint32_t narrowed(float x, int fractionBits, int bias) {
  double magnitude = std::fabs(x);
  double limit = widened(0x7f, fractionBits, bias),
         step = limit - widened(0x7e, fractionBits, bias);
  if (!(magnitude < limit + step / 2)) // the tie would go up to an even code, which is none
    return 0x80;
  uint32_t best = 0;
  for (uint32_t code = 1; code < 0x80; ++code) {
    double distance = std::fabs(widened(code, fractionBits, bias) - magnitude);
    double bestDistance = std::fabs(widened(best, fractionBits, bias) - magnitude);
    if (distance < bestDistance || (distance == bestDistance && code % 2 == 0))
      best = code;
  }
  return best && std::signbit(x) ? best | 0x80 : best;
}

TEST(VectorConvert, Float8Widens) {
  std::vector<uint32_t> codes(256);
  for (uint32_t i = 0; i < 256; ++i)
    codes[i] = i | (i ^ 0xff) << 8 | 0x5a80 << 16;
  const LaneKernels kernels("gfx942",
                            {"v_cvt_f32_fp8 v2, v10\nv_cvt_f32_fp8_sdwa v3, v10 src0_sel:BYTE_1",
                             "v_cvt_f32_bf8 v2, v10\nv_cvt_f32_bf8_sdwa v3, v10 src0_sel:BYTE_1",
                             "v_cvt_pk_f32_fp8 v[2:3], v10\n"
                             "v_cvt_pk_f32_fp8_sdwa v[4:5], v10 src0_sel:WORD_1",
                             "v_cvt_pk_f32_bf8 v[2:3], v10\n"
                             "v_cvt_pk_f32_bf8_sdwa v[4:5], v10 src0_sel:WORD_1"},
                            1);
  for (size_t k = 0; k < 4; ++k) {
    const int fraction = k % 2 ? 2 : 3, bias = k % 2 ? 16 : 8;
    const Columns out = kernels.run(k, {codes});
    auto expect = [&](uint32_t got, uint32_t code) {
      EXPECT_TRUE(sameFloat(got, asBits(float(widened(code, fraction, bias)))))
          << fmt::format("kernel {}, code {:#x}: got {:#x}", k, code, got);
    };
    for (uint32_t i = 0; i < 256; ++i) {
      expect(out[0][i], i);
      expect(out[1][i], i ^ 0xff);
      if (k >= 2) {
        expect(out[2][i], 0x80);
        expect(out[3][i], 0x5a);
      }
    }
  }
}

TEST(VectorConvert, Float8NarrowsToTheNearest) {
  std::mt19937_64 random(seed);
  Columns in(2, std::vector<uint32_t>(elements));
  for (auto &column : in)
    for (size_t i = 0; i < elements; ++i) {
      auto bits = uint32_t(random());
      // Numbers of all sizes in question, every second one a tie between two codes.
      uint32_t exponent = 127 - 20 + (bits >> 8) % 40;
      column[i] = (bits & 0x807fffff) | exponent << 23;
      if (i % 2)
        column[i] &= 0xfff80000;
      if (i % 64 == 0)
        column[i] = bits;
    }
  const LaneKernels kernels("gfx942",
                            {"v_cvt_pk_fp8_f32 v2, v10, v11\n"
                             "v_cvt_pk_fp8_f32 v3, -v10, |v11| op_sel:[0,0,1]",
                             "v_cvt_pk_bf8_f32 v2, v10, v11\n"
                             "v_cvt_pk_bf8_f32 v3, -v10, |v11| op_sel:[0,0,1]"},
                            2);
  for (size_t k = 0; k < 2; ++k) {
    const int fraction = k ? 2 : 3, bias = k ? 16 : 8;
    const Columns out = kernels.run(k, in);
    for (size_t i = 0; i < elements; ++i) {
      float a = asFloat(in[0][i]), b = asFloat(in[1][i]);
      uint32_t want = narrowed(a, fraction, bias) | narrowed(b, fraction, bias) << 8;
      ASSERT_EQ(out[0][i], want | 0x22220000) << fmt::format("{:a} {:a}, seed {}", a, b, seed);
      want = narrowed(-a, fraction, bias) | narrowed(std::fabs(b), fraction, bias) << 8;
      ASSERT_EQ(out[1][i], want << 16 | 0x3333) << fmt::format("{:a} {:a}, seed {}", a, b, seed);
    }
  }
}

// The newer target has the OCP forms: every code survives the way there and back, and the ends of
// the range are where the OCP puts them. bf8 is the high byte of an f16.
TEST(VectorConvert, Float8OfTheOcp) {
  std::vector<uint32_t> codes(256);
  for (uint32_t i = 0; i < 256; ++i)
    codes[i] = i;
  const LaneKernels kernels("gfx950",
                            {"v_cvt_f32_fp8 v2, v10\nv_cvt_pk_fp8_f32 v3, v2, v2",
                             "v_cvt_f32_bf8 v2, v10\nv_cvt_pk_bf8_f32 v3, v2, v2",
                             "v_cvt_pk_fp8_f32 v2, v10, v10\nv_cvt_pk_bf8_f32 v3, v10, v10"},
                            1);
  for (size_t k = 0; k < 2; ++k) {
    const Columns out = kernels.run(k, {codes});
    for (uint32_t i = 0; i < 256; ++i) {
      bool isNan = k == 0 ? (i & 0x7f) == 0x7f : (i & 0x7f) > 0x7c;
      double sign = i & 0x80 ? -1 : 1;
      float want = k == 1  ? float(std::bit_cast<_Float16>(uint16_t(i << 8)))
                   : isNan ? NAN
                           : float(std::copysign(widened(i & 0x7f, 3, 7), sign));
      EXPECT_TRUE(sameFloat(out[0][i], asBits(want))) << fmt::format("{} {:#x}", k, i);
      if (!isNan) {
        EXPECT_EQ(out[1][i] & 0xffff, i * 0x101);
      }
    }
  }
  const std::pair<float, uint32_t> ends[] = {{448, 0x7e}, {464, 0x7e}, {465, 0x7f}};
  for (const auto &[x, code] : ends)
    EXPECT_EQ(kernels.run(2, {std::vector<uint32_t>(64, asBits(x))})[0][0] & 0xff, code) << x;
  const std::pair<float, uint32_t> wideEnds[] = {
      {57344, 0x7b}, {61439, 0x7b}, {61440, 0x7c}, {-INFINITY, 0xfc}, {-0.0f, 0x80}};
  for (const auto &[x, code] : wideEnds)
    EXPECT_EQ(kernels.run(2, {std::vector<uint32_t>(64, asBits(x))})[1][0] & 0xff, code) << x;
}

// Whatever is added must lead to one of the two neighbours, and to the upper one as often as the
// number lies above the lower.
TEST(VectorConvert, StochasticRoundingIsFair) {
  std::mt19937_64 random(seed);
  Columns in = {std::vector<uint32_t>(elements, asBits(1.0f + 0.125f * 0.3f)),
                std::vector<uint32_t>(elements)};
  for (uint32_t &value : in[1])
    value = uint32_t(random());
  const Columns out = runLanes("gfx942",
                               "v_cvt_sr_fp8_f32 v2, v10, v11\n"
                               "v_cvt_sr_fp8_f32 v3, v10, v11 op_sel:[0,0,1,0]\n"
                               "v_cvt_sr_fp8_f32 v4, v10, v11 op_sel:[0,0,0,1]\n"
                               "v_cvt_sr_fp8_f32 v5, v10, v11 op_sel:[0,0,1,1]",
                               in);
  size_t up = 0;
  for (size_t i = 0; i < elements; ++i) {
    uint32_t code = out[0][i] & 0xff;
    ASSERT_TRUE(code == 0x40 || code == 0x41) << code;
    up += code == 0x41;
    ASSERT_EQ(out[0][i], 0x22222200 | code);
    ASSERT_EQ(out[1][i], 0x33330033 | code << 8);
    ASSERT_EQ(out[2][i], 0x44004444 | code << 16);
    ASSERT_EQ(out[3][i], 0x00555555 | code << 24);
  }
  // Five standard deviations of a binomial count.
  EXPECT_NEAR(double(up), 0.3 * elements, 5 * std::sqrt(0.21 * elements)) << "seed " << seed;
}

TEST(VectorConvert, ToIntegers) {
  auto saturated = [](double x, double low, double high) {
    return std::isnan(x) ? 0 : std::trunc(std::min(std::max(x, low), high));
  };
  struct Case {
    const char *line;
    std::function<double(double)> expected;
  };
  const std::vector<Case> cases = {
      {"v_cvt_i32_f32 v2, v10", [&](double x) { return saturated(x, INT32_MIN, INT32_MAX); }},
      {"v_cvt_u32_f32 v2, v10", [&](double x) { return saturated(x, 0, UINT32_MAX); }},
      {"v_cvt_flr_i32_f32 v2, v10",
       [&](double x) { return saturated(std::floor(x), INT32_MIN, INT32_MAX); }},
      {"v_cvt_rpi_i32_f32 v2, v10",
       [&](double x) { return saturated(std::floor(x + 0.5), INT32_MIN, INT32_MAX); }},
      {"v_cvt_f64_f32 v[4:5], v10\nv_cvt_i32_f64 v2, v[4:5]",
       [&](double x) { return saturated(x, INT32_MIN, INT32_MAX); }},
      {"v_cvt_f64_f32 v[4:5], v10\nv_cvt_u32_f64 v2, -v[4:5]",
       [&](double x) { return saturated(-x, 0, UINT32_MAX); }},
      {"v_cvt_f16_f32 v3, v10\nv_cvt_i16_f16 v2, v3",
       [&](double x) {
         return uint16_t(int(saturated(float(_Float16(float(x))), INT16_MIN, INT16_MAX)));
       }},
      {"v_cvt_f16_f32 v3, v10\nv_cvt_u16_f16 v2, v3",
       [&](double x) { return saturated(float(_Float16(float(x))), 0, UINT16_MAX); }},
      {"v_cvt_pk_u8_f32 v2, v10, 0, 0",
       [&](double x) { return saturated(std::nearbyint(x), 0, 255); }},
  };
  std::vector<std::string> lines;
  for (const Case &c : cases)
    lines.push_back(c.line);
  const std::vector<uint32_t> in = floatColumn(elements, seed);
  const LaneKernels kernels("gfx942", lines, 1);
  for (size_t k = 0; k < cases.size(); ++k) {
    const Columns out = kernels.run(k, {in});
    for (size_t i = 0; i < elements; ++i)
      ASSERT_EQ(out[0][i], uint32_t(int64_t(cases[k].expected(asFloat(in[i])))))
          << fmt::format("{} of {:a}, seed {}", lines[k], asFloat(in[i]), seed);
  }
}

TEST(VectorConvert, PairsTowardsZero) {
  const Columns in = {floatColumn(elements, seed), floatColumn(elements, seed + 1)};
  const Columns out = runLanes("gfx942", "v_cvt_pkrtz_f16_f32 v2, v10, v11", in);
  for (size_t i = 0; i < elements; ++i)
    for (int k : {0, 1}) {
      float x = asFloat(in[k][i]);
      auto bits = uint16_t(out[0][i] >> (16 * k));
      float got = float(std::bit_cast<_Float16>(bits));
      float above = float(std::bit_cast<_Float16>(uint16_t(bits + 1))); // the next magnitude
      bool right = std::isnan(x)   ? std::isnan(got)
                   : std::isinf(x) ? got == x
                                   : std::isfinite(got) && std::fabs(got) <= std::fabs(x) &&
                                         std::fabs(x) < std::fabs(above) &&
                                         std::signbit(got) == std::signbit(x);
      bool largest = (bits & 0x7fff) == 0x7bff && std::fabs(x) >= 65504 && std::isfinite(x);
      ASSERT_TRUE(right || largest) << fmt::format("{:a}: got {:a}, seed {}", x, got, seed);
    }
}

TEST(VectorConvert, SaturatingIntegers) {
  Columns in(3, std::vector<uint32_t>(64));
  in[0] = std::vector<uint32_t>(64, 0xffffff00);
  in[1] = std::vector<uint32_t>(64, 0x00001000);
  in[2] = std::vector<uint32_t>(64, 0x7fffff00);
  struct {
    const char *line;
    uint32_t expected;
  } cases[] = {{"v_add_u32_e64 v2, v10, v11 clamp", 0xffffffff},
               {"v_add_u32 v2, v10, v11", 0xf00},
               {"v_sub_u32_e64 v2, v11, v10 clamp", 0},
               {"v_add_i32 v2, v11, v12 clamp", 0x7fffffff},
               {"v_add_i32 v2, v11, v12", 0x80000f00},
               {"v_sub_i32 v2, v10, v11 clamp", 0xffffef00},
               {"v_add_co_u32_e64 v2, s[10:11], v10, v11 clamp", 0xffffffff},
               {"v_mad_u32_u24 v2, v10, v11, v12 clamp", 0xffffffff},
               {"v_mad_i32_i24 v2, v10, v11, v12 clamp", 0x7fefff00},
               {"v_sad_u32 v2, v10, v11, v12 clamp", 0xffffffff},
               {"v_cvt_pk_i16_i32 v2, v10, v12", 0x7fffff00},
               {"v_cvt_pk_u16_u32 v2, v11, v10", 0xffff1000},
               {"s_mov_b32 s10, 0x0c0d0a04\nv_perm_b32 v2, v10, v12, s10", 0x00ffff00},
               {"v_mov_b32 v3, 0x07080100\nv_perm_b32 v2, v11, v12, v3", 0x0000ff00 | 0xff << 16}};
  std::vector<std::string> lines;
  for (const auto &c : cases)
    lines.push_back(c.line);
  const LaneKernels kernels("gfx942", lines, 3);
  for (size_t k = 0; k < std::size(cases); ++k) {
    uint32_t got = kernels.run(k, in)[0][7];
    EXPECT_EQ(got, cases[k].expected) << fmt::format("{}: {:#x}", cases[k].line, got);
  }
}

} // namespace

} // namespace zorse::emulator::test
