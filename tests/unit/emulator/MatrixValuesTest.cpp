//===- MatrixValuesTest.cpp - special values in matrix instructions -------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "MatrixKernel.h"

#include <bit>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

namespace zorse::emulator::test {
namespace {

using testing::HasSubstr;

const Shape &shapeNamed(const std::string &arch, const std::string &mnemonic) {
  for (const Shape &shape : shapesOf(arch))
    if (shape.mnemonic == mnemonic)
      return shape;
  throw std::runtime_error("no shape " + mnemonic);
}

uint32_t bitsOfFloat(float value) { return std::bit_cast<uint32_t>(value); }

/// Registers of one instruction, set and read by coordinates; everything starts as 0.
struct Case {
  Shape shape;
  Registers a, b, c;
  explicit Case(const Shape &shape)
      : shape(shape), a(static_cast<size_t>(shape.registersA())),
        b(static_cast<size_t>(shape.registersB())), c(static_cast<size_t>(shape.registersC())) {}
  void setA(int row, int k, uint64_t bits) {
    for (int lane = 0; lane < 64; ++lane)
      for (int e = 0; e < shape.perLaneA(); ++e)
        if (Place p = placeOfA(shape, lane, e); p.row == row && p.column == k)
          setElement(a, lane, e, bitsOf(shape.a), bits);
  }
  void setB(int k, int column, uint64_t bits) {
    for (int lane = 0; lane < 64; ++lane)
      for (int e = 0; e < shape.perLaneB(); ++e)
        if (Place p = placeOfB(shape, lane, e); p.row == k && p.column == column)
          setElement(b, lane, e, bitsOf(shape.b), bits);
  }
  void setC(int row, int column, uint32_t bits) { *itemAt(c, row, column) = bits; }
  uint32_t valueOf(Registers d, int row, int column) { return *itemAt(d, row, column); }

private:
  uint32_t *itemAt(Registers &registers, int row, int column) {
    for (int lane = 0; lane < 64; ++lane)
      for (int item = 0; item < shape.registersC(); ++item)
        if (Place p = placeOfC(shape, lane, item); p.row == row && p.column == column)
          return &registers[static_cast<size_t>(item)][static_cast<size_t>(lane)];
    throw std::runtime_error("no such element");
  }
};

MatrixOutcome runOne(const std::string &arch, const MatrixRun &run, const Case &values) {
  MatrixKernels kernels(arch, {run});
  return kernels.run(0, values.a, values.b, values.c);
}

class MatrixValuesTest : public testing::TestWithParam<std::string> {};

TEST_P(MatrixValuesTest, EveryCodeOfEightBitFloats) {
  constexpr uint64_t oneOf[] = {0x40, 0x40, 0x38, 0x3c}; // FNUZ fp8, bf8; OCP fp8, bf8
  int shapes = 0;
  for (const Shape &shape : shapesOf(GetParam())) {
    if (bitsOf(shape.a) != 8 || shape.isInteger() || shape.m != 16 || shape.sparse)
      continue;
    ++shapes;
    MatrixKernels kernels(GetParam(), {{.shape = shape}});
    for (bool testsA : {true, false}) {
      Type tested = testsA ? shape.a : shape.b, other = testsA ? shape.b : shape.a;
      uint64_t one = oneOf[static_cast<int>(other) - static_cast<int>(Type::Fp8Fnuz)];
      ASSERT_EQ(decode(other, one), 1);
      // All finite codes at once, against an identity; the others one by one.
      Case all(shape);
      for (int i = 0; i < 16; ++i) {
        testsA ? all.setB(i, i, one) : all.setA(i, i, one);
        for (int k = 0; k < 16; ++k) {
          auto code = static_cast<uint64_t>(16 * i + k);
          code = std::isfinite(decode(tested, code)) ? code : 0;
          testsA ? all.setA(i, k, code) : all.setB(i, k, code);
        }
      }
      MatrixOutcome outcome = kernels.run(0, all.a, all.b, all.c);
      ASSERT_EQ(outcome.error, "");
      for (uint64_t code = 0; code < 256; ++code) {
        int row = static_cast<int>(code / 16), column = static_cast<int>(code % 16);
        double expected = decode(tested, code);
        if (std::isfinite(expected)) {
          EXPECT_EQ(std::bit_cast<float>(all.valueOf(outcome.d, row, column)), expected)
              << shape.mnemonic << " code " << code;
          continue;
        }
        Case single(shape);
        testsA ? single.setA(0, 0, code) : single.setB(0, 0, code);
        testsA ? single.setB(0, 0, one) : single.setA(0, 0, one);
        MatrixOutcome special = kernels.run(0, single.a, single.b, single.c);
        auto got = std::bit_cast<float>(single.valueOf(special.d, 0, 0));
        EXPECT_TRUE(std::isnan(expected) ? std::isnan(got) : got == expected)
            << shape.mnemonic << " code " << code << " gave " << got;
      }
    }
  }
  if (shapes == 0)
    GTEST_SKIP() << "no 8-bit floats";
}

/// The instruction 16x16x16 (or 16x16x4 of f32) of a type, in the spelling of the target.
Shape squareShape(const std::string &arch, Type type) {
  bool isOld = arch == "gfx90a";
  switch (type) {
  case Type::F16:
    return shapeNamed(arch, isOld ? "v_mfma_f32_16x16x16f16" : "v_mfma_f32_16x16x16_f16");
  case Type::Bf16:
    return shapeNamed(arch, isOld ? "v_mfma_f32_16x16x16bf16_1k" : "v_mfma_f32_16x16x16_bf16");
  default:
    return shapeNamed(arch, isOld ? "v_mfma_f32_16x16x4f32" : "v_mfma_f32_16x16x4_f32");
  }
}

TEST_P(MatrixValuesTest, SubnormalsOfSixteenBitFloats) {
  bool flushes = GetParam() == "gfx90a";
  for (Type type : {Type::F16, Type::Bf16}) {
    Case values(squareShape(GetParam(), type));
    uint64_t subnormal = 0x0003, large = type == Type::F16 ? 0x7000 : 0x7e80; // 2^13, 2^126
    uint64_t one = type == Type::F16 ? 0x3c00 : 0x3f80;
    values.setA(0, 0, subnormal);
    values.setB(0, 0, large);
    values.setA(1, 5, large);
    values.setB(5, 1, 0x8000 | subnormal);
    values.setC(2, 2, 0x80000123u); // a subnormal of f32
    values.setC(3, 3, bitsOfFloat(0x1p-126f));
    values.setA(3, 7, one);
    uint64_t small = type == Type::F16 ? 0x8400 : 0x8080; // the least normal number, negative
    values.setB(7, 3, small);
    MatrixOutcome outcome = runOne(GetParam(), {.shape = values.shape}, values);
    ASSERT_EQ(outcome.error, "");
    double product = decode(type, subnormal) * decode(type, large);
    EXPECT_EQ(std::bit_cast<float>(values.valueOf(outcome.d, 0, 0)), flushes ? 0 : product);
    EXPECT_EQ(std::bit_cast<float>(values.valueOf(outcome.d, 1, 1)), flushes ? 0 : -product);
    uint32_t kept = values.valueOf(outcome.d, 2, 2);
    EXPECT_EQ(flushes ? kept & 0x7fffffffu : kept, flushes ? 0u : 0x80000123u);
    double sum = decode(type, small) + 0x1p-126;
    EXPECT_EQ(std::bit_cast<float>(values.valueOf(outcome.d, 3, 3)), sum);
    EXPECT_EQ(outcome.counts.matrixFlopsUseful, flushes ? 2u : 6u);
  }
}

TEST_P(MatrixValuesTest, SubnormalResultsOfSixteenBitFloats) {
  // 1.5 * 2^-126 - 2^-126 is a subnormal.
  Case values(squareShape(GetParam(), Type::Bf16));
  values.setA(4, 0, 0x00c0);
  values.setB(0, 9, 0x3f80);
  values.setC(4, 9, bitsOfFloat(-0x1p-126f));
  MatrixOutcome outcome = runOne(GetParam(), {.shape = values.shape}, values);
  EXPECT_EQ(values.valueOf(outcome.d, 4, 9), GetParam() == "gfx90a" ? 0u : 0x00400000u);
}

TEST_P(MatrixValuesTest, SubnormalsOfSingleFloatsStay) {
  Case values(squareShape(GetParam(), Type::F32));
  values.setA(0, 0, 0x00000005);
  values.setB(0, 0, bitsOfFloat(3.0f));
  values.setC(0, 0, 0x00000007);
  MatrixOutcome outcome = runOne(GetParam(), {.shape = values.shape}, values);
  EXPECT_EQ(values.valueOf(outcome.d, 0, 0), 22u);
}

TEST_P(MatrixValuesTest, InfinitiesAndNans) {
  struct Special {
    uint64_t infinity, nan, one, largest;
  };
  for (Type type : {Type::F16, Type::Bf16, Type::F32}) {
    Special special = type == Type::F16 ? Special{0x7c00, 0x7d01, 0x3c00, 0x7bff}
                      : type == Type::Bf16
                          ? Special{0x7f80, 0xff81, 0x3f80, 0x7f7f}
                          : Special{0x7f800000, 0x7f800001, 0x3f800000, 0x7f7fffff};
    uint64_t sign = type == Type::F32 ? 0x80000000u : 0x8000u;
    Case values(squareShape(GetParam(), type));
    values.setA(0, 0, special.infinity); // inf * 1, and inf * 0 in the other columns
    values.setB(0, 0, special.one);
    values.setA(1, 1, special.nan);
    values.setA(2, 2, special.infinity);
    values.setB(2, 2, special.one);
    values.setC(2, 2, bitsOfFloat(-INFINITY));
    values.setA(3, 3, special.infinity | sign);
    values.setB(3, 3, special.infinity);
    values.setA(4, 0, special.largest);
    values.setB(0, 4, special.largest);
    MatrixOutcome outcome = runOne(GetParam(), {.shape = values.shape}, values);
    ASSERT_EQ(outcome.error, "");
    auto at = [&](int row, int column) { return values.valueOf(outcome.d, row, column); };
    constexpr uint32_t quietNan = 0x7fc00000u;
    EXPECT_EQ(at(0, 0), bitsOfFloat(INFINITY));
    EXPECT_EQ(at(0, 5), quietNan);
    EXPECT_EQ(at(1, 7), quietNan);
    EXPECT_EQ(at(2, 2), quietNan);
    EXPECT_EQ(at(3, 3), bitsOfFloat(-INFINITY));
    EXPECT_EQ(at(5, 5), 0u);
    double product = decode(type, special.largest) * decode(type, special.largest);
    EXPECT_EQ(std::bit_cast<float>(at(4, 4)), static_cast<float>(product));
  }
}

TEST_P(MatrixValuesTest, EachProductIsAddedWithOneRoundingInOrder) {
  Case values(squareShape(GetParam(), Type::F32));
  float a[4] = {0x1.000002p0f, 0x1.fffffep-24f, -0x1.234567p3f, 0x1.1p-20f};
  float b[4] = {0x1.fffffep0f, 0x1.000002p0f, 0x1.89abcep-3f, 0x1.7p-3f};
  float sum = 0x1.5p-1f;
  values.setC(6, 11, bitsOfFloat(sum));
  for (int k = 0; k < 4; ++k) {
    values.setA(6, k, bitsOfFloat(a[k]));
    values.setB(k, 11, bitsOfFloat(b[k]));
    sum = std::fma(a[k], b[k], sum);
  }
  MatrixOutcome outcome = runOne(GetParam(), {.shape = values.shape}, values);
  EXPECT_EQ(values.valueOf(outcome.d, 6, 11), bitsOfFloat(sum));
}

TEST_P(MatrixValuesTest, ResultMayLieOverTheFactors) {
  Case values(squareShape(GetParam(), Type::F16));
  for (int row = 0; row < 16; ++row)
    for (int k = 0; k < 16; ++k) {
      values.setA(row, k, 0x3c00u + static_cast<unsigned>(16 * row + k));
      values.setB(k, row, 0x3c00u + static_cast<unsigned>(3 * row + 5 * k));
    }
  MatrixOutcome apart = runOne(GetParam(), {.shape = values.shape}, values);
  MatrixOutcome over =
      runOne(GetParam(), {.shape = values.shape, .destination = Destination::OverFactors}, values);
  ASSERT_EQ(over.error, "");
  EXPECT_NE(values.valueOf(apart.d, 15, 15), 0u);
  EXPECT_EQ(apart.d, over.d);
}

TEST_P(MatrixValuesTest, ModifiersWithoutMeaningStop) {
  Case values(squareShape(GetParam(), Type::F16));
  EXPECT_THAT(runOne(GetParam(), {.shape = values.shape, .modifiers = " cbsz:1"}, values).error,
              HasSubstr("cbsz 1 and abid 0 name no block"));
  EXPECT_THAT(runOne(GetParam(), {.shape = values.shape, .modifiers = " abid:1"}, values).error,
              HasSubstr("cbsz 0 and abid 1 name no block"));
  std::string permuted =
      runOne(GetParam(), {.shape = values.shape, .modifiers = " blgp:1"}, values).error;
  if (GetParam() == "gfx90a")
    EXPECT_EQ(permuted, "");
  else
    EXPECT_THAT(permuted, HasSubstr("blgp 1 has no meaning"));
  const char *name = GetParam() == "gfx90a" ? "v_mfma_f32_32x32x4f16" : "v_mfma_f32_32x32x4_2b_f16";
  Case blocks(shapeNamed(GetParam(), name));
  EXPECT_THAT(runOne(GetParam(), {.shape = blocks.shape, .modifiers = " cbsz:2"}, blocks).error,
              HasSubstr("cbsz 2 and abid 0 name no block"));
  EXPECT_THAT(
      runOne(GetParam(), {.shape = blocks.shape, .modifiers = " cbsz:1 abid:2"}, blocks).error,
      HasSubstr("cbsz 1 and abid 2 name no block"));
}

INSTANTIATE_TEST_SUITE_P(Targets, MatrixValuesTest, testing::Values("gfx90a", "gfx942", "gfx950"),
                         [](const auto &test) { return test.param; });

TEST(MatrixSigns, OfDoubles) {
  const Shape &shape = shapeNamed("gfx942", "v_mfma_f64_16x16x4_f64");
  std::vector<MatrixRun> runs;
  for (int signs = 0; signs < 8; ++signs)
    runs.push_back({.shape = shape,
                    .modifiers = signs ? " neg:[" + std::to_string(signs & 1) + "," +
                                             std::to_string(signs >> 1 & 1) + "," +
                                             std::to_string(signs >> 2) + "]"
                                       : ""});
  MatrixKernels kernels("gfx942", runs);
  Registers a(2), b(2), c(8);
  for (int lane = 0; lane < 64; ++lane) {
    setElement(a, lane, 0, 64, std::bit_cast<uint64_t>(3.0));
    setElement(b, lane, 0, 64, std::bit_cast<uint64_t>(5.0));
    for (int item = 0; item < 4; ++item)
      setElement(c, lane, item, 64, std::bit_cast<uint64_t>(7.0));
  }
  for (int signs = 0; signs < 8; ++signs) {
    MatrixOutcome outcome = kernels.run(static_cast<size_t>(signs), a, b, c);
    ASSERT_EQ(outcome.error, "");
    double expected = 4 * 15 * (signs & 1 ? -1 : 1) * (signs & 2 ? -1 : 1) + (signs & 4 ? -7 : 7);
    EXPECT_EQ(decode(Type::F64, elementOf(outcome.d, 37, 2, 64)), expected) << signs;
  }
}

TEST(MatrixRounding, OfFactorsToTenBits) {
  Case values(shapeNamed("gfx942", "v_mfma_f32_16x16x8_xf32"));
  // Ties go to even, everything else to the nearest.
  const std::pair<float, float> roundings[] = {{0x1.002p0f, 0x1.000p0f},
                                               {0x1.006p0f, 0x1.008p0f},
                                               {0x1.002002p0f, 0x1.004p0f},
                                               {0x1.ffep0f, 0x1p1f},
                                               {-0x1.001ffep0f, -0x1p0f}};
  for (int i = 0; i < 5; ++i) {
    values.setA(i, 0, bitsOfFloat(roundings[i].first));
    values.setB(0, 5 + i, bitsOfFloat(roundings[i].first));
  }
  values.setA(10, 0, bitsOfFloat(1.0f));
  values.setB(0, 10, bitsOfFloat(1.0f));
  MatrixOutcome outcome = runOne("gfx942", {.shape = values.shape}, values);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(std::bit_cast<float>(values.valueOf(outcome.d, i, 10)), roundings[i].second) << i;
    EXPECT_EQ(std::bit_cast<float>(values.valueOf(outcome.d, 10, 5 + i)), roundings[i].second) << i;
  }
}

} // namespace
} // namespace zorse::emulator::test
