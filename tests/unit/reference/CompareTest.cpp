//===- CompareTest.cpp - the tolerance holds what is right and nothing else -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Launch.h"

#include <cmath>
#include <limits>

using namespace zorse;
using namespace zorse::test;

namespace {

const char *linearRequest =
    R"({"op":"linear","in_features":64,"out_features":40,"dtype":"bf16","out_dtype":"f32"})";

Comparison compareAfter(Launch &got, const Launch &want) {
  return Launch::must(compareOperands(got.op, got.sizes, got.set.pointers(), want.set.pointers()));
}

TEST(Compare, ToleranceFollowsItsDerivation) {
  OpDesc op = Launch::must(OpDesc::parse(linearRequest));
  Sizes sizes = {{"tokens", 2}};
  Tolerance t = Launch::must(toleranceOf(op, *op.spec().operand("y"), sizes));
  EXPECT_DOUBLE_EQ(t.relative, 0x1p-23);
  EXPECT_DOUBLE_EQ(t.scaled, (6 / std::sqrt(6.0) * 8 + 32) * 0x1p-24);
  EXPECT_DOUBLE_EQ(t.absolute, 0x1p-149);

  OpDesc attention = Launch::must(OpDesc::parse(
      R"({"op":"gqa_decode","num_heads":1,"num_kv_heads":1,"head_dim":64,"dtype":"bf16"})"));
  Sizes point = {{"tokens", 1}, {"num_slots", 1}, {"max_len", 100}, {"context", 36}};
  Tolerance a = Launch::must(toleranceOf(attention, *attention.spec().operand("out"), point));
  EXPECT_DOUBLE_EQ(a.relative, 4 * 0x1p-8);
  EXPECT_NEAR(a.scaled, 6 / std::sqrt(3.0) * std::sqrt(2.0) * 0x1p-8, 1e-5);
}

/// An honest f32 kernel passes with room, over many seeds; its error is not near the limit either.
TEST(Compare, SinglePrecisionSumPasses) {
  double worst = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Launch want(linearRequest, {{"tokens", 3}}, seed), got(linearRequest, {{"tokens", 3}}, seed);
    want.run();
    std::vector<double> x = got.get("x"), w = got.get("weight"), y(120);
    for (int t = 0; t < 3; ++t)
      for (int n = 0; n < 40; ++n) {
        float sum = 0;
        for (int k = 0; k < 64; ++k)
          sum += float(x[t * 64 + k]) * float(w[n * 64 + k]);
        y[t * 40 + n] = sum;
      }
    got.put("y", y);
    Comparison c = compareAfter(got, want);
    EXPECT_TRUE(c.passed) << c.detail;
    worst = std::max(worst, c.maxError);
  }
  EXPECT_GT(worst, 0);
  EXPECT_LT(worst, 0.5);
}

TEST(Compare, ADroppedTermFails) {
  Launch want(linearRequest, {{"tokens", 3}}), got(linearRequest, {{"tokens", 3}});
  want.run();
  std::vector<double> x = got.get("x");
  x[64 + 63] = 0;
  got.put("x", x);
  got.run();
  Comparison c = compareAfter(got, want);
  EXPECT_FALSE(c.passed);
  EXPECT_GT(c.wrong, 20);
  EXPECT_EQ(c.detail.rfind("y[1,", 0), 0u) << c.detail;
}

TEST(Compare, NamesTheElementAndThatItWasNeverWritten) {
  Launch want(linearRequest, {{"tokens", 3}}), got(linearRequest, {{"tokens", 3}});
  want.run();
  got.run();
  std::vector<double> y = want.get("y");
  reinterpret_cast<uint32_t *>(got.set.pointers()[got.indexOf("y")])[2 * 40 + 7] = 0xffffffff;
  Comparison c = compareAfter(got, want);
  EXPECT_FALSE(c.passed);
  EXPECT_EQ(c.wrong, 1);
  EXPECT_TRUE(std::isinf(c.maxError));
  EXPECT_NE(c.detail.find("y[2,7]: got"), std::string::npos) << c.detail;
  EXPECT_NE(c.detail.find("nan (never written), want"), std::string::npos) << c.detail;
}

TEST(Compare, NaNAndInfinityFail) {
  for (double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    Launch want(linearRequest, {{"tokens", 1}}), got(linearRequest, {{"tokens", 1}});
    want.run();
    got.run();
    std::vector<double> y = got.get("y");
    y[5] = bad;
    got.put("y", y);
    EXPECT_FALSE(compareAfter(got, want).passed);
  }
}

TEST(Compare, OneUnitInTheLastPlaceOfBf16PassesTwoFail) {
  const char *request = R"({"op":"swiglu","intermediate_size":64,"dtype":"bf16"})";
  Launch want(request, {{"tokens", 1}}), got(request, {{"tokens", 1}});
  want.run();
  got.run();
  auto *bits = static_cast<uint16_t *>(got.set.pointers()[got.indexOf("out")]);
  bits[3] += 1;
  EXPECT_TRUE(compareAfter(got, want).passed);
  bits[3] += 2;
  EXPECT_FALSE(compareAfter(got, want).passed);
}

TEST(Compare, IndicesMustBeEqual) {
  const char *request = R"({"op":"argmax","vocab_size":100})";
  Launch want(request, {{"tokens", 2}}), got(request, {{"tokens", 2}});
  want.run();
  got.run();
  EXPECT_TRUE(compareAfter(got, want).passed);
  std::vector<double> ids = got.get("ids");
  ids[1] += 1;
  got.put("ids", ids);
  EXPECT_FALSE(compareAfter(got, want).passed);
}

} // namespace
