//===- VectorHalfTest.cpp - 16-bit results and what surrounds them --------===//
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

constexpr uint64_t seed = 16;

double half(uint32_t bits) { return float(std::bit_cast<_Float16>(uint16_t(bits))); }
uint16_t rounded(double x) { return std::bit_cast<uint16_t>(_Float16(x)); }
bool isNan(uint32_t bits) { return (bits & 0x7fff) > 0x7c00; }

/// Every f16 as input; with garbage in the high half, which must not matter.
std::vector<uint32_t> everyHalf() {
  std::vector<uint32_t> all(65536);
  for (uint32_t i = 0; i < all.size(); ++i)
    all[i] = i | 0x7c010000;
  return all;
}

TEST(VectorHalf, EveryInput) {
  struct Case {
    const char *line;
    std::function<double(double)> expected;
  };
  const std::vector<Case> cases = {
      {"v_trunc_f16 v2, v10", [](double x) { return std::trunc(x); }},
      {"v_floor_f16 v2, v10", [](double x) { return std::floor(x); }},
      {"v_ceil_f16 v2, v10", [](double x) { return std::ceil(x); }},
      {"v_rndne_f16 v2, v10", [](double x) { return std::nearbyint(x); }},
      {"v_fract_f16 v2, v10",
       [](double x) {
         double below1 = 1 - 0x1p-11;
         return std::isfinite(x) ? std::min(x - std::floor(x), below1) : NAN;
       }},
      {"v_rcp_f16 v2, v10", [](double x) { return 1 / x; }},
      {"v_sqrt_f16 v2, v10", [](double x) { return std::sqrt(x); }},
      {"v_rsq_f16 v2, v10", [](double x) { return 1 / std::sqrt(x); }},
      {"v_exp_f16 v2, v10", [](double x) { return std::exp2(x); }},
      {"v_log_f16 v2, v10", [](double x) { return std::log2(x); }},
      {"v_frexp_mant_f16 v2, v10",
       [](double x) {
         int e;
         return std::isfinite(x) ? std::frexp(x, &e) : x;
       }},
      {"v_ldexp_f16 v2, v10, -3", [](double x) { return std::ldexp(x, -3); }},
      {"v_mul_f16_e64 v2, -|v10|, 0.5", [](double x) { return -std::fabs(x) * 0.5; }},
      {"v_add_f16 v2, 1.0, v10", [](double x) { return 1 + x; }},
      {"v_cvt_f32_f16 v2, v10\nv_cvt_f16_f32 v2, v2", [](double x) { return x; }},
  };
  std::vector<std::string> lines;
  for (const Case &c : cases)
    lines.push_back(c.line);
  const Columns in = {everyHalf()};
  const LaneKernels kernels("gfx942", lines, 1);
  for (size_t k = 0; k < cases.size(); ++k) {
    const Columns out = kernels.run(k, in);
    for (uint32_t i = 0; i < 65536; ++i) {
      uint16_t want = rounded(cases[k].expected(half(i)));
      ASSERT_TRUE(out[0][i] == want || (isNan(want) && isNan(out[0][i]) && out[0][i] <= 0xffff))
          << fmt::format("{} of {:#x}: got {:#x}, expected {:#x}", lines[k], i, out[0][i], want);
    }
  }
}

TEST(VectorHalf, TwoAndThreeSources) {
  constexpr size_t elements = 65536;
  std::mt19937_64 random(seed);
  Columns in(3, std::vector<uint32_t>(elements));
  for (auto &column : in)
    for (uint32_t &value : column) {
      value = uint32_t(random());
      if (value & 0x10000) // of the size of 1, where sums and products cancel
        value = (value & 0xffff83ff) | 0x3800 + (value >> 20 & 0xc00);
    }
  struct Case {
    const char *line;
    std::function<long double(double, double, double)> expected;
  };
  // Exact in the 64 bits of long double, so that one rounding remains.
  const std::vector<Case> cases = {
      {"v_add_f16 v2, v10, v11", [](double a, double b, double) { return a + b; }},
      {"v_sub_f16 v2, v10, v11", [](double a, double b, double) { return a - b; }},
      {"v_mul_f16 v2, v10, v11", [](double a, double b, double) { return a * b; }},
      {"v_mov_b32 v2, 0\nv_fma_f16 v2, v10, -v11, v12",
       [](double a, double b, double c) { return (long double)a * -b + c; }},
  };
  std::vector<std::string> lines;
  for (const Case &c : cases)
    lines.push_back(c.line);
  const LaneKernels kernels("gfx90a", lines, 3);
  for (size_t k = 0; k < cases.size(); ++k) {
    const Columns out = kernels.run(k, in);
    for (size_t i = 0; i < elements; ++i) {
      long double exact = cases[k].expected(half(in[0][i]), half(in[1][i]), half(in[2][i]));
      auto want = std::bit_cast<uint16_t>(_Float16(exact));
      ASSERT_TRUE(out[0][i] == want || (isNan(want) && isNan(out[0][i])))
          << fmt::format("{} of {:#x} {:#x} {:#x}: got {:#x}, expected {:#x}, seed {}", lines[k],
                         in[0][i], in[1][i], in[2][i], out[0][i], want, seed);
    }
  }
}

// On this generation most 16-bit results clear the high half; the operations that came with op_sel
// keep the half that they do not write.
TEST(VectorHalf, TheOtherHalf) {
  const Columns in = {std::vector<uint32_t>(64, 0x40003c00), std::vector<uint32_t>(64, 0x44004200),
                      std::vector<uint32_t>(64, 0xc8004500)};
  struct {
    const char *line;
    uint32_t expected; // v2 was 0x22222222
  } cases[] = {
      {"v_add_f16 v2, v10, v11", 0x00004400},
      {"v_add_f16_e64 v2, v10, v11", 0x00004400},
      {"v_add_u16 v2, v10, v11", 0x00007e00},
      {"v_lshlrev_b16 v2, 1, v10", 0x00007800},
      {"v_cvt_f16_f32 v2, 1.0", 0x00003c00},
      {"v_rcp_f16 v2, v10", 0x00003c00},
      {"v_mad_legacy_u16 v2, v10, 1, v11", 0x00007e00},
      {"v_fma_f16 v2, v10, v11, v12", 0x22224800},
      {"v_fma_f16 v2, v10, v11, v12 op_sel:[1,0,0,0]", 0x22224980},
      {"v_fma_f16 v2, v10, v11, v12 op_sel:[0,1,0,1]", 0x48802222},
      {"v_fma_f16 v2, v10, v11, -v12 op_sel:[1,1,1,1]", 0x4c002222},
      {"v_mad_u16 v2, v10, 1, v11", 0x22227e00},
      {"v_mad_i16 v2, v10, 1, v11 op_sel:[1,0,1,1]", 0x84002222},
      {"v_max3_i16 v2, v10, v11, v12 op_sel:[0,0,0,1]", 0x45002222},
      {"v_med3_f16 v2, v10, v11, v12", 0x22224200},
      {"v_add_i16 v2, v10, v11", 0x22227e00},
      {"v_div_fixup_f16 v2, v10, v11, v12", 0x22223c00},
      {"v_pack_b32_f16 v2, v10, -v11 op_sel:[1,0]", 0xc2004000},
      {"v_mad_u32_u16 v2, v10, v11, 1 op_sel:[1,0,0]", 0x4000 * 0x4200 + 1},
  };
  std::vector<std::string> lines;
  for (const auto &c : cases)
    lines.push_back(c.line);
  const LaneKernels kernels("gfx942", lines, 3);
  for (size_t k = 0; k < std::size(cases); ++k) {
    uint32_t got = kernels.run(k, in)[0][40];
    EXPECT_EQ(got, cases[k].expected) << fmt::format("{}: {:#x}", cases[k].line, got);
  }
}

TEST(VectorHalf, SignallingNansAndClamp) {
  const Columns in = {std::vector<uint32_t>(64, 0x7c01), std::vector<uint32_t>(64, 0x4000)};
  auto run = [&](const char *line) { return runLanes("gfx942", line, in)[0][0]; };
  EXPECT_EQ(run("v_min_f16 v2, v10, v11"), 0x7e01u);
  EXPECT_EQ(run("s_setreg_imm32_b32 hwreg(HW_REG_MODE,9,1), 0\nv_min_f16 v2, v10, v11"), 0x4000u);
  EXPECT_EQ(run("v_add_f16_e64 v2, v11, v11 clamp"), 0x3c00u);
  EXPECT_EQ(run("v_add_u16_e64 v2, -1, v11 clamp"), 0xffffu);
  EXPECT_EQ(run("v_sub_u16_e64 v2, v11, -1 clamp"), 0u);
  EXPECT_EQ(run("v_mov_b32 v3, 0x7fff\nv_add_i16 v2, v3, v11 clamp"), 0x22227fffu);
}

} // namespace

} // namespace zorse::emulator::test
