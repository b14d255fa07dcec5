//===- TranscendentalTest.cpp - errors of exp, log, sin and the like ------===//
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

constexpr size_t elements = 1 << 16;
constexpr uint64_t seed = 7;

using Exact = std::function<long double(long double)>;

struct Function {
  const char *line;
  Exact exact;
  float low, high; ///< the range of inputs
  bool flushes;    ///< denormals of inputs and results
};

float flushed(float x) { return std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x; }

// The bound of the ISA is 1 ulp; what is here should be the nearest float but for near ties. The
// reference is the 64-bit mantissa of long double.
TEST(Transcendental, AreRoundedCorrectly) {
  const std::vector<Function> functions = {
      {"v_exp_f32 v2, v10", [](long double x) { return exp2l(x); }, -130, 130, true},
      {"v_exp_f32 v2, v10", [](long double x) { return exp2l(x); }, -1, 1, true},
      {"v_log_f32 v2, v10", [](long double x) { return log2l(x); }, 0, 3e38f, true},
      {"v_log_f32 v2, v10", [](long double x) { return log2l(x); }, 0.5f, 2, true},
      {"v_rcp_f32 v2, v10", [](long double x) { return 1 / x; }, -3e38f, 3e38f, true},
      {"v_rsq_f32 v2, v10", [](long double x) { return 1 / sqrtl(x); }, 0, 3e38f, true},
      {"v_sqrt_f32 v2, v10", [](long double x) { return sqrtl(x); }, 0, 3e38f, true},
      {"v_sin_f32 v2, v10", [](long double x) { return sinl(2 * M_PIl * (x - rintl(x))); }, -256,
       256, false},
      {"v_cos_f32 v2, v10", [](long double x) { return cosl(2 * M_PIl * (x - rintl(x))); }, -1, 1,
       false},
  };
  std::vector<std::string> lines;
  for (const Function &f : functions)
    lines.push_back(f.line);
  const LaneKernels kernels("gfx942", lines, 1);
  for (size_t k = 0; k < functions.size(); ++k) {
    const Function &f = functions[k];
    SCOPED_TRACE(fmt::format("{} on [{}, {}], seed {}", f.line, f.low, f.high, seed));
    std::mt19937_64 random(seed);
    std::vector<uint32_t> in(elements);
    const bool byExponent = f.high > 1e30f; // random bits instead of random numbers
    for (uint32_t &value : in) {
      double u = double(random() >> 11) * 0x1p-53;
      value = asBits(float(f.low + u * (double(f.high) - f.low)));
      if (byExponent)
        value = uint32_t(random()) & (f.low < 0 ? 0xffffffff : 0x7fffffff);
      if (std::isnan(asFloat(value)))
        value = asBits(1.5f);
    }
    const Columns out = kernels.run(k, {in});
    size_t wrong = 0;
    for (size_t i = 0; i < elements; ++i) {
      float x = f.flushes ? flushed(asFloat(in[i])) : asFloat(in[i]);
      float want = float(f.exact(x));
      want = f.flushes ? flushed(want) : want;
      if (out[0][i] == asBits(want))
        continue;
      ++wrong;
      float got = asFloat(out[0][i]);
      float ulp = std::nextafter(std::fabs(want), INFINITY) - std::fabs(want);
      ASSERT_LE(std::fabs(got - want), ulp + 1e-17f)
          << fmt::format("{:a}: got {:a}, expected {:a}", x, got, want);
    }
    // f64 with an error of a few units gives a wrong float once in some hundred million.
    EXPECT_LE(wrong, 1u);
  }
}

TEST(Transcendental, SpecialValues) {
  struct {
    const char *line;
    uint32_t in, expected;
  } cases[] = {
      {"v_exp_f32 v2, v10", 0xff800000, 0},
      {"v_exp_f32 v2, v10", 0x80000000, 0x3f800000},
      {"v_exp_f32 v2, v10", 0x7f800000, 0x7f800000},
      {"v_exp_f32 v2, v10", 0x43000000, 0x7f800000},
      {"v_exp_f32 v2, v10", 0xc2fc0000, 0x00800000},
      {"v_exp_f32 v2, v10", 0x40400000, 0x41000000},
      {"v_log_f32 v2, v10", 0x80000000, 0xff800000},
      {"v_log_f32 v2, v10", 0xbf800000, 0xffc00000},
      {"v_log_f32 v2, v10", 0x7f800000, 0x7f800000},
      {"v_log_f32 v2, v10", 0x3f800000, 0},
      {"v_log_f32 v2, v10", 0x41000000, 0x40400000},
      {"v_rcp_f32 v2, v10", 0x80000000, 0xff800000},
      {"v_rcp_f32 v2, v10", 0xff800000, 0x80000000},
      {"v_rsq_f32 v2, v10", 0x80000000, 0xff800000},
      {"v_rsq_f32 v2, v10", 0x40800000, 0x3f000000},
      {"v_rsq_f32 v2, v10", 0xbf800000, 0xffc00000},
      {"v_sqrt_f32 v2, v10", 0x80000000, 0x80000000},
      {"v_sqrt_f32 v2, v10", 0x41100000, 0x40400000},
      {"v_sin_f32 v2, v10", 0x80000000, 0x80000000},
      {"v_sin_f32 v2, v10", 0x3e800000, 0x3f800000},
      {"v_sin_f32 v2, v10", 0x3f000000, 0},
      {"v_cos_f32 v2, v10", 0x3e800000, 0},
      {"v_cos_f32 v2, v10", 0x3f000000, 0xbf800000},
      {"v_cos_f32 v2, v10", 0x44000000, 0x3f800000},
  };
  std::vector<std::string> lines;
  for (const auto &c : cases)
    lines.push_back(c.line);
  const LaneKernels kernels("gfx942", lines, 1);
  for (size_t k = 0; k < std::size(cases); ++k) {
    uint32_t got = kernels.run(k, {std::vector<uint32_t>(64, cases[k].in)})[0][63];
    EXPECT_EQ(got, cases[k].expected)
        << fmt::format("{} of {:#x}: got {:#x}, expected {:#x}", cases[k].line, cases[k].in, got,
                       cases[k].expected);
  }
}

// The segments of 2 / pi that the reduction of large angles multiplies with: together they are it.
TEST(Transcendental, TrigPreopSegmentsAddUp) {
  Columns in(2, std::vector<uint32_t>(64, 0));
  for (uint32_t &high : in[1])
    high = 0x40000000; // 2.0
  const LaneKernels kernels("gfx942",
                            {"v_trig_preop_f64 v[2:3], v[10:11], 0",
                             "v_trig_preop_f64 v[2:3], v[10:11], 1",
                             "v_trig_preop_f64 v[2:3], v[10:11], 2"},
                            2);
  auto segment = [&](size_t k) {
    const Columns out = kernels.run(k, in);
    return asDouble(out[0][0], out[1][0]);
  };
  EXPECT_EQ(segment(0), 0x1.45f306dc9c882p-1); // 53 bits, cut
  EXPECT_EQ((long double)segment(0) + segment(1), 2 / M_PIl);
  EXPECT_LT(std::fabs(segment(2)), 0x1p-105);
}

} // namespace

} // namespace zorse::emulator::test
