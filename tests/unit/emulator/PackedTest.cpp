//===- PackedTest.cpp - packed arithmetic, dot products, mixed precision --===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "MemoryKernels.h"

#include <bit>
#include <cmath>
#include <functional>
#include <gmock/gmock.h>
#include <random>

namespace zorse::emulator::test {
namespace {

using testing::HasSubstr;
using Wide = __float128; ///< holds every sum of products of halves exactly

constexpr unsigned seed = 7;

double valueOfHalf(uint32_t bits) {
  double mantissa = bits & 0x3ff, sign = bits & 0x8000 ? -1 : 1;
  int exponent = bits >> 10 & 31;
  if (exponent == 31)
    return mantissa != 0 ? NAN : sign * INFINITY;
  return exponent ? sign * std::ldexp(mantissa + 1024, exponent - 25)
                  : sign * std::ldexp(mantissa, -24);
}

/// To the nearest half, ties to even.
uint32_t roundToHalf(Wide exact) {
  auto near = static_cast<double>(exact);
  if (std::isnan(near))
    return 0x7e00;
  uint32_t sign = std::signbit(near) ? 0x8000 : 0;
  Wide magnitude = sign ? -exact : exact;
  if (magnitude >= 65520)
    return sign | 0x7c00;
  int exponent = near == 0 ? -14 : std::max(std::ilogb(near), -14);
  // ilogb of the rounded number may be one too large.
  if (magnitude < std::ldexp(1.0, exponent))
    exponent = std::max(exponent - 1, -14);
  Wide units = magnitude / std::ldexp(1.0, exponent - 10);
  auto whole = static_cast<uint32_t>(units);
  Wide rest = units - whole;
  whole += rest > 0.5 || (rest == 0.5 && (whole & 1));
  return sign | (static_cast<uint32_t>((exponent + 14) << 10) + whole);
}

bool isNan16(uint32_t bits) { return (bits & 0x7fff) > 0x7c00; }

struct Inputs {
  std::vector<uint32_t> a, b, c; ///< of the 64 lanes
  std::vector<uint32_t> all() const {
    std::vector<uint32_t> words = a;
    words.insert(words.end(), b.begin(), b.end());
    words.insert(words.end(), c.begin(), c.end());
    return words;
  }
};

/// Halves of every kind: any bits, subnormals, values around 1, cancelling pairs.
Inputs randomHalves(std::mt19937 &random) {
  Inputs in;
  auto half = [&]() -> uint32_t {
    switch (random() % 4) {
    case 0:
      return random() & 0xffff;
    case 1:
      return random() & 0x83ff;
    default:
      return (random() & 0x8fff) | 0x3000;
    }
  };
  auto pair = [&] { return half() | half() << 16; };
  for (int lane = 0; lane < 64; ++lane) {
    in.a.push_back(pair());
    in.b.push_back(pair());
    in.c.push_back(lane % 3 ? pair() : in.a.back() ^ 0x80008000u);
  }
  return in;
}

/// Runs instructions that read v10 (a), v11 (b) and v12 (c) and write v20, which starts as
/// 0x12345678 in every lane. Gives 64 dwords for each.
class PackedTest : public testing::TestWithParam<std::string> {
protected:
  std::mt19937 random{seed};

  WaveResult run(const Inputs &in, const std::vector<std::string> &instructions,
                 const std::string &directives = "") {
    std::string body = "global_load_dword v10, v1, s[8:9]\n"
                       "global_load_dword v11, v1, s[8:9] offset:256\n"
                       "global_load_dword v12, v1, s[8:9] offset:512\n"
                       "s_waitcnt vmcnt(0)\n";
    for (const std::string &instruction : instructions)
      body += "v_mov_b32 v20, 0x12345678\n" + instruction +
              "\nglobal_store_dword v1, v20, s[10:11]\n"
              "s_add_u32 s10, s10, 0x100\ns_addc_u32 s11, s11, 0\n";
    WaveRun wave;
    wave.arch = GetParam();
    wave.options.directives = directives;
    wave.options.accumOffset = 32;
    return runWave(body, in.all(), 64 * instructions.size(), wave);
  }
};

struct Modifiers {
  const char *text;
  int select[2][3]; ///< which half feeds the low and the high result
  bool negate[2][3];
};
const Modifiers modifiers[] = {
    {"", {{0, 0, 0}, {1, 1, 1}}, {}},
    {"op_sel:[1,0{}] op_sel_hi:[0,0{}]", {{1, 0, 1}, {0, 0, 0}}, {}},
    {"op_sel:[0,1{}] neg_lo:[1,0{}] neg_hi:[0,1{}]",
     {{0, 1, 1}, {1, 1, 1}},
     {{true, false, true}, {false, true, false}}},
};
/// Fills the holes with the bits of the third source, where there is one.
std::string spell(const Modifiers &m, int sources) {
  std::string text = m.text, out;
  size_t hole = 0, at = 0;
  while ((hole = text.find("{}", at)) != std::string::npos) {
    out += text.substr(at, hole - at);
    bool isNegHi = text.rfind("neg_hi", hole) != std::string::npos;
    bool isNegLo = !isNegHi && text.rfind("neg_lo", hole) != std::string::npos;
    bool isHigh = !isNegHi && !isNegLo && text.rfind("op_sel_hi", hole) != std::string::npos;
    bool bit = isNegHi   ? m.negate[1][2]
               : isNegLo ? m.negate[0][2]
               : isHigh  ? m.select[1][2] != 0
                         : m.select[0][2] != 0;
    if (sources == 3)
      out += bit ? ",1" : ",0";
    at = hole + 2;
  }
  return out + text.substr(at);
}

uint32_t source(uint32_t word, const Modifiers &m, int half, int index) {
  return (word >> (16 * m.select[half][index]) & 0xffff) ^ (m.negate[half][index] ? 0x8000u : 0u);
}

TEST_P(PackedTest, HalvesRoundOnce) {
  struct Operation {
    const char *mnemonic;
    int sources;
    std::function<Wide(Wide, Wide, Wide)> exact;
  };
  const Operation operations[] = {
      {"v_pk_add_f16", 2, [](Wide a, Wide b, Wide) { return a + b; }},
      {"v_pk_mul_f16", 2, [](Wide a, Wide b, Wide) { return a * b; }},
      {"v_pk_fma_f16", 3, [](Wide a, Wide b, Wide c) { return a * b + c; }}};
  for (int round = 0; round < 8; ++round) {
    Inputs in = randomHalves(random);
    std::vector<std::string> texts;
    for (const Operation &operation : operations)
      for (const Modifiers &m : modifiers)
        texts.push_back(fmt::format("{} v20, v10, v11{} {}", operation.mnemonic,
                                    operation.sources == 3 ? ", v12" : "",
                                    spell(m, operation.sources)));
    WaveResult result = run(in, texts);
    ASSERT_EQ(result.error, "");
    size_t at = 0;
    for (const Operation &operation : operations)
      for (const Modifiers &m : modifiers)
        for (size_t lane = 0; lane < 64; ++lane, ++at)
          for (int half = 0; half < 2; ++half) {
            auto value = [&](const std::vector<uint32_t> &words, int index) -> Wide {
              return valueOfHalf(source(words[lane], m, half, index));
            };
            uint32_t got = result.out[at] >> (16 * half) & 0xffff;
            uint32_t expected =
                roundToHalf(operation.exact(value(in.a, 0), value(in.b, 1), value(in.c, 2)));
            if (isNan16(expected))
              EXPECT_TRUE(isNan16(got)) << texts[at / 64] << " lane " << lane;
            else if ((expected & 0x7fff) == 0) // the sign of an exact 0 is the adder's
              EXPECT_EQ(got & 0x7fff, 0u) << texts[at / 64] << " lane " << lane;
            else
              EXPECT_EQ(got, expected)
                  << texts[at / 64] << " lane " << lane << " half " << half << ", seed " << seed;
          }
  }
}

TEST_P(PackedTest, MinimumMaximumClampAndDenormals) {
  Inputs in;
  const std::array<uint32_t, 2> pairs[] = {{0x80000000, 0x00008000},  // +0 and -0, both ways
                                           {0x7e003c00, 0xbc007e00},  // a number beats a NaN
                                           {0x7c00fc00, 0x3c003c00},  // infinities
                                           {0x40003800, 0xc000b800},  // 2, 0.5, -2, -0.5
                                           {0x03ff0001, 0x00018001}}; // subnormals
  in.a.resize(64), in.b.resize(64), in.c.resize(64);
  for (size_t i = 0; i < std::size(pairs); ++i)
    in.a[i] = pairs[i][0], in.b[i] = pairs[i][1];
  std::vector<std::string> texts = {"v_pk_min_f16 v20, v10, v11", "v_pk_max_f16 v20, v10, v11",
                                    "v_pk_add_f16 v20, v10, 0 clamp", "v_pk_add_f16 v20, v10, v11"};
  WaveResult kept = run(in, texts);
  ASSERT_EQ(kept.error, "");
  auto word = [&](const WaveResult &result, size_t text, size_t lane) {
    return result.out[64 * text + lane];
  };
  EXPECT_EQ(word(kept, 0, 0), 0x80008000u);
  EXPECT_EQ(word(kept, 1, 0), 0u);
  EXPECT_EQ(word(kept, 0, 1), 0xbc003c00u);
  EXPECT_EQ(word(kept, 1, 1), 0xbc003c00u);
  EXPECT_EQ(word(kept, 0, 2), 0x3c00fc00u);
  EXPECT_EQ(word(kept, 1, 2), 0x7c003c00u);
  EXPECT_EQ(word(kept, 2, 2), 0x3c000000u);
  EXPECT_EQ(word(kept, 2, 3), 0x3c003800u);
  EXPECT_EQ(word(kept, 2, 1), 0x00003c00u) << "with DX10_CLAMP a NaN becomes 0";
  EXPECT_EQ(word(kept, 3, 4), 0x04000000u);
  WaveResult flushed = run(in, texts, ".amdhsa_float_denorm_mode_16_64 0");
  ASSERT_EQ(flushed.error, "");
  EXPECT_EQ(word(flushed, 3, 4) & 0x7fff7fffu, 0u);
  EXPECT_EQ(word(flushed, 1, 3), word(kept, 1, 3));
}

TEST_P(PackedTest, SixteenBitIntegersWrapOrSaturate) {
  struct Operation {
    const char *text;
    std::function<int64_t(int64_t, int64_t, int64_t)> exact; ///< of sign or zero extended halves
    bool isSigned, clamps;
  };
  const Operation operations[] = {
      {"v_pk_add_u16 v20, v10, v11", [](auto a, auto b, auto) { return a + b; }, false, false},
      {"v_pk_add_u16 v20, v10, v11 clamp", [](auto a, auto b, auto) { return a + b; }, false, true},
      {"v_pk_add_i16 v20, v10, v11 clamp", [](auto a, auto b, auto) { return a + b; }, true, true},
      {"v_pk_sub_u16 v20, v10, v11 clamp", [](auto a, auto b, auto) { return a - b; }, false, true},
      {"v_pk_sub_i16 v20, v10, v11", [](auto a, auto b, auto) { return a - b; }, true, false},
      {"v_pk_sub_i16 v20, v10, v11 clamp", [](auto a, auto b, auto) { return a - b; }, true, true},
      {"v_pk_mul_lo_u16 v20, v10, v11", [](auto a, auto b, auto) { return a * b; }, false, false},
      {"v_pk_mad_u16 v20, v10, v11, v12", [](auto a, auto b, auto c) { return a * b + c; }, false,
       false},
      {"v_pk_mad_i16 v20, v10, v11, v12 clamp", [](auto a, auto b, auto c) { return a * b + c; },
       true, true},
      {"v_pk_min_i16 v20, v10, v11", [](auto a, auto b, auto) { return std::min(a, b); }, true,
       false},
      {"v_pk_max_u16 v20, v10, v11", [](auto a, auto b, auto) { return std::max(a, b); }, false,
       false},
      {"v_pk_lshlrev_b16 v20, v10, v11", [](auto a, auto b, auto) { return b << (a & 15); }, false,
       false},
      {"v_pk_lshrrev_b16 v20, v10, v11", [](auto a, auto b, auto) { return b >> (a & 15); }, false,
       false},
      {"v_pk_ashrrev_i16 v20, v10, v11", [](auto a, auto b, auto) { return b >> (a & 15); }, true,
       false}};
  Inputs in;
  for (int lane = 0; lane < 64; ++lane)
    for (auto *words : {&in.a, &in.b, &in.c})
      words->push_back(static_cast<uint32_t>(random()));
  in.a[0] = in.b[0] = 0x80007fffu;
  in.a[1] = 0x7fff8000u, in.b[1] = 0x80007fffu;
  std::vector<std::string> texts;
  for (const Operation &operation : operations)
    texts.emplace_back(operation.text);
  WaveResult result = run(in, texts);
  ASSERT_EQ(result.error, "");
  for (size_t i = 0; i < texts.size(); ++i)
    for (size_t lane = 0; lane < 64; ++lane)
      for (int half = 0; half < 2; ++half) {
        auto value = [&](uint32_t word) -> int64_t {
          uint32_t bits = word >> (16 * half) & 0xffff;
          return operations[i].isSigned ? static_cast<int16_t>(bits) : static_cast<int64_t>(bits);
        };
        int64_t expected =
            operations[i].exact(value(in.a[lane]), value(in.b[lane]), value(in.c[lane]));
        if (operations[i].clamps)
          expected = std::clamp<int64_t>(expected, operations[i].isSigned ? -32768 : 0,
                                         operations[i].isSigned ? 32767 : 65535);
        EXPECT_EQ(result.out[64 * i + lane] >> (16 * half) & 0xffff, expected & 0xffff)
            << texts[i] << " lane " << lane << " half " << half << ", seed " << seed;
      }
}

TEST_P(PackedTest, DotProductsOfIntegers) {
  struct Dot {
    const char *mnemonic;
    int bits;
    bool isSigned;
  };
  const Dot dots[] = {{"v_dot2_i32_i16", 16, true}, {"v_dot2_u32_u16", 16, false},
                      {"v_dot4_i32_i8", 8, true},   {"v_dot4_u32_u8", 8, false},
                      {"v_dot8_i32_i4", 4, true},   {"v_dot8_u32_u4", 4, false}};
  Inputs in;
  for (int lane = 0; lane < 64; ++lane)
    for (auto *words : {&in.a, &in.b, &in.c})
      words->push_back(static_cast<uint32_t>(random()));
  for (size_t lane = 0; lane < 8; ++lane) { // sums beyond 32 bits, both ways
    in.a[lane] = in.b[lane] = lane < 4 ? 0xffffffffu : 0x80008000u;
    in.c[lane] = lane % 2 ? 0x7fffffffu : 0xffffffffu;
  }
  in.a[8] = 0x80008000u, in.b[8] = 0x7fff7fffu, in.c[8] = 0x80000000u;
  std::vector<std::string> texts;
  for (const Dot &dot : dots)
    for (const char *clamp : {"", " clamp"})
      texts.push_back(fmt::format("{} v20, v10, v11, v12{}", dot.mnemonic, clamp));
  WaveResult result = run(in, texts);
  ASSERT_EQ(result.error, "");
  for (size_t i = 0; i < texts.size(); ++i)
    for (size_t lane = 0; lane < 64; ++lane) {
      const Dot &dot = dots[i / 2];
      auto element = [&](uint32_t word, int e) -> int64_t {
        int64_t value = word >> (e * dot.bits) & ((1u << dot.bits) - 1);
        return dot.isSigned && value >> (dot.bits - 1) ? value - (int64_t(1) << dot.bits) : value;
      };
      int64_t sum = dot.isSigned ? static_cast<int32_t>(in.c[lane]) : int64_t(in.c[lane]);
      for (int e = 0; e < 32 / dot.bits; ++e)
        sum += element(in.a[lane], e) * element(in.b[lane], e);
      if (i % 2)
        sum = dot.isSigned ? std::clamp<int64_t>(sum, INT32_MIN, INT32_MAX)
                           : std::clamp<int64_t>(sum, 0, UINT32_MAX);
      EXPECT_EQ(result.out[64 * i + lane], static_cast<uint32_t>(sum))
          << texts[i] << " lane " << lane << ", seed " << seed;
    }
}

TEST_P(PackedTest, DotProductsOfHalvesRoundOnce) {
  for (int round = 0; round < 8; ++round) {
    Inputs in = randomHalves(random);
    for (size_t lane = 0; lane < 64; ++lane) { // floats near the products
      float c = static_cast<float>(valueOfHalf(in.c[lane] & 0xffff)) * 0x1.000002p-3f;
      in.c[lane] = std::bit_cast<uint32_t>(c);
    }
    WaveResult result =
        run(in, {"v_dot2_f32_f16 v20, v10, v11, v12",
                 GetParam() == "gfx90a"
                     ? "v_dot2_f32_f16 v20, v10, v11, v12 op_sel:[1,0,0] neg_lo:[1,0,0]"
                     : "s_mov_b32 s20, 0xffff0000\nv_lshrrev_b32 v13, 16, v10\n"
                       "v_and_or_b32 v13, v10, s20, v13\n"
                       "v_dot2_f32_f16 v20, v13, v11, v12 neg_lo:[1,0,0]",
                 "v_mov_b32 v20, v12\nv_dot2c_f32_f16 v20, v10, v11"});
    ASSERT_EQ(result.error, "");
    for (size_t lane = 0; lane < 64; ++lane) {
      auto half = [](uint32_t word, int high) -> Wide {
        return valueOfHalf(word >> (16 * high) & 0xffff);
      };
      Wide c = std::bit_cast<float>(in.c[lane]), a1 = half(in.a[lane], 1);
      Wide high = a1 * half(in.b[lane], 1);
      Wide sums[] = {half(in.a[lane], 0) * half(in.b[lane], 0) + high + c,
                     -a1 * half(in.b[lane], 0) + high + c, 0};
      sums[2] = sums[0]; // the accumulating form
      for (size_t i = 0; i < 3; ++i) {
        auto expected = static_cast<float>(sums[i]);
        auto got = std::bit_cast<float>(result.out[64 * i + lane]);
        EXPECT_TRUE(std::isnan(expected) ? std::isnan(got) : got == expected)
            << "form " << i << " lane " << lane << ": " << got << ", expected " << expected
            << ", seed " << seed;
      }
    }
  }
}

TEST_P(PackedTest, MixedPrecision) {
  Inputs in = randomHalves(random);
  for (uint32_t &lane : in.c)
    lane = std::bit_cast<uint32_t>(static_cast<float>(lane) * 0x1p-31f);
  WaveResult result =
      run(in, {"v_fma_mix_f32 v20, v10, v11, v12 op_sel:[1,0,0] op_sel_hi:[1,1,0]",
               "v_fma_mix_f32 v20, -|v10|, v11, |v12| op_sel_hi:[1,1,0] clamp",
               "v_fma_mixlo_f16 v20, v10, v11, v12 op_sel:[0,1,0] op_sel_hi:[1,1,0]",
               "v_fma_mixhi_f16 v20, v10, v11, v12 op_sel_hi:[1,1,0]",
               "v_fma_mix_f32 v20, v12, -2.0, v12",
               "v_fma_mix_f32 v20, v12, 0.15915494, 1.0 op_sel_hi:[0,0,1]"});
  ASSERT_EQ(result.error, "");
  for (size_t lane = 0; lane < 64; ++lane) {
    auto half = [](uint32_t word, int high) {
      return static_cast<float>(valueOfHalf(word >> (16 * high) & 0xffff));
    };
    float c = std::bit_cast<float>(in.c[lane]);
    float a0 = half(in.a[lane], 0), a1 = half(in.a[lane], 1);
    float b0 = half(in.b[lane], 0), b1 = half(in.b[lane], 1);
    auto same = [&](size_t form, float expected, float got) {
      EXPECT_TRUE(std::isnan(expected) ? std::isnan(got) : got == expected)
          << "form " << form << " lane " << lane << ": " << got << ", expected " << expected;
    };
    auto word = [&](size_t form) { return result.out[64 * form + lane]; };
    same(0, std::fma(a1, b0, c), std::bit_cast<float>(word(0)));
    float clamped = std::fma(-std::abs(a0), b0, std::abs(c));
    clamped = clamped > 0 ? std::min(clamped, 1.0f) : 0.0f;
    same(1, clamped, std::bit_cast<float>(word(1)));
    auto rounded = [](float value) {
      return static_cast<float>(valueOfHalf(roundToHalf(static_cast<Wide>(value))));
    };
    same(2, rounded(std::fma(a0, b1, c)), half(word(2), 0));
    EXPECT_EQ(word(2) >> 16, 0x1234u) << "the other half stays";
    same(3, rounded(std::fma(a0, b0, c)), half(word(3), 1));
    EXPECT_EQ(word(3) & 0xffff, 0x5678u) << "the other half stays";
    same(4, std::fma(c, -2.0f, c), std::bit_cast<float>(word(4)));
    same(5, std::fma(c, 0x1.45f306p-3f, 1.0f), std::bit_cast<float>(word(5)));
  }
}

TEST_P(PackedTest, FloatsInPairs) {
  Inputs in;
  std::uniform_real_distribution<float> uniform(-4, 4);
  for (int lane = 0; lane < 64; ++lane)
    for (auto *words : {&in.a, &in.b, &in.c})
      words->push_back(std::bit_cast<uint32_t>(uniform(random)));
  // v[14:15] = (a, b), v[16:17] = (b, c), v[18:19] = (c, a), s[20:21] = (3, -5).
  const std::string pairs = "v_mov_b32 v14, v10\nv_mov_b32 v15, v11\nv_mov_b32 v16, v11\n"
                            "v_mov_b32 v17, v12\nv_mov_b32 v18, v12\nv_mov_b32 v19, v10\n"
                            "s_mov_b32 s20, 3.0\ns_mov_b32 s21, -5.0\n";
  const char *forms[] = {"v_pk_fma_f32 v[22:23], v[14:15], v[16:17], v[18:19]",
                         "v_pk_add_f32 v[22:23], v[14:15], v[16:17] op_sel:[1,0] op_sel_hi:[0,0] "
                         "neg_lo:[1,0] neg_hi:[0,1]",
                         "v_pk_mul_f32 v[22:23], v[14:15], s[20:21]",
                         "v_pk_mul_f32 v[22:23], v[14:15], 4.0 op_sel_hi:[1,0]",
                         "v_pk_mov_b32 v[22:23], v[14:15], v[16:17] op_sel:[1,0]",
                         "v_pk_mov_b32 v[22:23], v[14:15], v[16:17] op_sel:[0,1]",
                         "v_pk_add_f32 v[14:15], v[14:15], v[14:15] op_sel:[1,1] op_sel_hi:[0,0]\n"
                         "v_mov_b32 v22, v14\nv_mov_b32 v23, v15"};
  std::vector<std::string> texts;
  for (const char *form : forms)
    for (const char *half : {"v22", "v23"})
      texts.push_back(fmt::format("{}{}\nv_mov_b32 v20, {}", pairs, form, half));
  WaveResult result = run(in, texts);
  ASSERT_EQ(result.error, "");
  for (size_t lane = 0; lane < 64; ++lane) {
    auto value = [&](const std::vector<uint32_t> &words) {
      return std::bit_cast<float>(words[lane]);
    };
    float a = value(in.a), b = value(in.b), c = value(in.c);
    const float expected[] = {std::fma(a, b, c),
                              std::fma(b, c, a),
                              -b + b,
                              a - b,
                              3 * a,
                              -5 * b,
                              4 * a,
                              4 * b,
                              b,
                              b,
                              a,
                              c,
                              b + b,
                              a + a};
    for (size_t i = 0; i < std::size(expected); ++i)
      EXPECT_EQ(std::bit_cast<float>(result.out[64 * i + lane]), expected[i])
          << texts[i] << " lane " << lane << ", seed " << seed;
  }
  EXPECT_THAT(run(in, {"v_pk_mul_f32 v[20:21], v[10:11], 4.0"}).error, HasSubstr("op_sel_hi"));
}

TEST_P(PackedTest, ExecGatesLanes) {
  Inputs in = randomHalves(random);
  const std::string off = "s_mov_b64 exec, 0x55\n", on = "\ns_mov_b64 exec, -1";
  WaveResult result = run(
      in, {off + "v_pk_add_u16 v20, v10, v11" + on, off + "v_dot4_u32_u8 v20, v10, v11, v12" + on,
           off + "v_fma_mix_f32 v20, v10, v11, v12" + on,
           "v_accvgpr_write_b32 a3, v20\n" + off + "v_accvgpr_write_b32 a3, v10" + on +
               "\nv_accvgpr_read_b32 v20, a3",
           "v_accvgpr_write_b32 a3, v20\nv_accvgpr_write_b32 a5, v10\n" + off +
               "v_accvgpr_mov_b32 a3, a5" + on + "\nv_accvgpr_read_b32 v20, a3",
           "v_accvgpr_write_b32 a5, v10\n" + off + "v_accvgpr_read_b32 v20, a5" + on});
  ASSERT_EQ(result.error, "");
  for (size_t i = 0; i < result.out.size(); ++i) {
    bool active = i % 64 < 8 && i % 2 == 0;
    if (!active)
      EXPECT_EQ(result.out[i], 0x12345678u) << "form " << i / 64 << " lane " << i % 64;
    else if (i / 64 >= 3)
      EXPECT_EQ(result.out[i], in.a[i % 64]) << "form " << i / 64 << " lane " << i % 64;
    else
      EXPECT_NE(result.out[i], 0x12345678u) << "form " << i / 64 << " lane " << i % 64;
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, PackedTest, testing::Values("gfx90a", "gfx942"),
                         [](const auto &test) { return test.param; });

} // namespace
} // namespace zorse::emulator::test
