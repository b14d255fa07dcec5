//===- ElementwiseTest.cpp - linear, norms, rope against hand-worked numbers -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Launch.h"
#include "SmallRequests.h"

#include <cmath>
#include <limits>
#include <set>

using namespace zorse;
using namespace zorse::test;

namespace {

double silu(double v) { return v / (1 + std::exp(-v)); }

TEST(Reference, LinearAddsBiasAndResidualAndHonoursTheStride) {
  Launch l(R"({"op":"linear","in_features":2,"out_features":3,"dtype":"f32","row_stride":3,
               "bias":true,"residual":true})",
           {{"tokens", 2}});
  l.put("x", {1, 2, 99, 3, 4, 99});
  l.put("weight", {1, 0, 0, 1, 1, 1});
  l.put("bias", {10, 20, 30});
  l.put("residual", {100, 200, 300, 400, 500, 600});
  l.run();
  expectNear(l.get("y"), {111, 222, 333, 413, 524, 637});
}

TEST(Reference, LinearResidualMayBeTheResult) {
  Launch l(R"({"op":"linear","in_features":1,"out_features":2,"dtype":"f32","residual":true})",
           {{"tokens", 1}});
  l.put("x", {3});
  l.put("weight", {1, 2});
  l.put("y", {10, 20});
  std::vector<void *> operands(l.set.pointers().begin(), l.set.pointers().end());
  operands[l.indexOf("residual")] = operands[l.indexOf("y")];
  ASSERT_TRUE(runReference(l.op, operands, l.sizes));
  expectNear(l.get("y"), {13, 26});
}

TEST(Reference, RmsnormRoundsOnceOrTwice) {
  for (bool twice : {false, true}) {
    Launch l(std::string(R"({"op":"rmsnorm","hidden_size":2,"dtype":"bf16","eps":0,"rounding":")") +
                 (twice ? "double" : "single") + R"("})",
             {{"tokens", 1}});
    l.put("x", {1, 3});
    l.put("weight", {1.5, 1.5});
    l.run();
    // rms = sqrt(5): 0.44721 and 1.34164. In bf16 the second is 1.34375, times 1.5 = 2.015625,
    // which is halfway and goes to the even 2.015625 = 129/64; unrounded 2.01246 also is nearest to
    // 2.015625. The first is 0.447265625, times 1.5 = 0.6708984 -> 0.671875; unrounded 0.67082 ->
    // 0.671875.
    expectNear(l.get("out"), {0.671875, 2.015625}, 0);
  }
}

TEST(Reference, RmsnormRoundingsDiffer) {
  auto run = [](const char *rounding) {
    Launch l(std::string(R"({"op":"rmsnorm","hidden_size":512,"dtype":"bf16","rounding":")") +
                 rounding + R"("})",
             {{"tokens", 4}});
    l.run();
    return l.get("out");
  };
  std::vector<double> once = run("single"), twice = run("double");
  EXPECT_NE(once, twice);
  for (size_t i = 0; i < once.size(); ++i)
    ASSERT_NEAR(once[i], twice[i], std::abs(once[i]) * 0x1p-6);
}

TEST(Reference, GatedRmsnormGatesBeforeItNormsEachGroup) {
  Launch l(R"({"op":"gated_rmsnorm","num_groups":2,"group_size":2,"z_stride":5,"z_offset":1,
               "dtype":"f32","eps":0})",
           {{"tokens", 1}});
  l.put("y", {1, 2, 3, 4});
  l.put("z", {99, 1, 2, 3, 4});
  l.put("weight", {1, 1, 2, 2});
  l.run();
  double a = silu(1), b = 2 * silu(2), c = 3 * silu(3), d = 4 * silu(4);
  double r = std::sqrt((a * a + b * b) / 2), s = std::sqrt((c * c + d * d) / 2);
  expectNear(l.get("out"), {a / r, b / r, 2 * c / s, 2 * d / s});
}

TEST(Reference, SwigluTakesGateThenUp) {
  Launch l(R"({"op":"swiglu","intermediate_size":2,"dtype":"f32"})", {{"tokens", 2}});
  l.put("gate_up", {1, -2, 10, 20, 0, 3, 5, 7});
  l.run();
  expectNear(l.get("out"), {10 * silu(1), 20 * silu(-2), 0, 7 * silu(3)}, 1e-5);
}

TEST(Reference, ArgmaxTakesTheFirstOfEquals) {
  Launch l(R"({"op":"argmax","vocab_size":4,"dtype":"f32"})", {{"tokens", 2}});
  l.put("logits", {1, 5, 5, 2, -3, -4, -5, -3});
  l.run();
  expectNear(l.get("ids"), {1, 0});
}

TEST(Reference, ArgmaxTakesNanForTheLeast) {
  double nan = std::numeric_limits<double>::quiet_NaN();
  double infinity = std::numeric_limits<double>::infinity();
  Launch l(R"({"op":"argmax","vocab_size":3,"dtype":"f32"})", {{"tokens", 4}});
  l.put("logits", {nan, -7, nan, nan, nan, nan, nan, -infinity, nan, -infinity, nan, 2});
  l.run();
  expectNear(l.get("ids"), {1, 0, 0, 2});
}

TEST(Reference, EmbedCopiesRowsAndRefusesIdsOutside) {
  Launch l(R"({"op":"embed","vocab_size":3,"hidden_size":2,"dtype":"f32"})", {{"tokens", 2}});
  l.put("table", {1, 2, 3, 4, 5, 6});
  l.put("ids", {2, 0});
  l.run();
  expectNear(l.get("out"), {5, 6, 1, 2});
  l.put("ids", {0, 3});
  Status status = runReference(l.op, l.set.pointers(), l.sizes);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "ids[1] of embed is 3, legal are 0 to 2 (vocab_size - 1)");
}

TEST(Reference, MlaRopeTakesAdjacentPairsAndLeavesHalves) {
  Launch l(R"({"op":"mla_rope_append","num_heads":1,"qk_nope_head_dim":1,"qk_rope_head_dim":4,
               "kv_lora_rank":2,"dtype":"f32"})",
           {{"tokens", 1}, {"num_slots", 2}, {"max_len", 3}, {"max_positions", 3}});
  l.put("q", {9, 1, 2, 3, 4});
  l.put("kv_a", {7, 8, 5, 6, 7, 8});
  l.put("cos", {0, 0, 0, 0, 2, 3});
  l.put("sin", {0, 0, 0, 0, 10, 20});
  l.put("positions", {2});
  l.put("slots", {1});
  l.put("cache", std::vector<double>(36, -1));
  l.run();
  // Pairs (1,2) and (3,4): real parts first, then imaginary parts.
  expectNear(l.get("q"), {9, 1 * 2 - 2 * 10, 3 * 3 - 4 * 20, 2 * 2 + 1 * 10, 4 * 3 + 3 * 20});
  std::vector<double> cache(36, -1);
  double row[] = {7, 8, 5 * 2 - 6 * 10, 7 * 3 - 8 * 20, 6 * 2 + 5 * 10, 8 * 3 + 7 * 20};
  std::copy(std::begin(row), std::end(row), cache.begin() + 30);
  expectNear(l.get("cache"), cache);
}

TEST(Reference, GqaRopeTakesHalfSplitPairs) {
  Launch l(R"({"op":"gqa_rope_append","num_heads":2,"num_kv_heads":1,"head_dim":4,"dtype":"f32"})",
           {{"tokens", 1}, {"num_slots", 1}, {"max_len", 2}, {"max_positions", 2}});
  l.put("qkv", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
  l.put("cos", {0, 0, 2, 3});
  l.put("sin", {0, 0, 10, 20});
  l.put("positions", {1});
  l.put("slots", {0});
  l.put("k_cache", std::vector<double>(8, -1));
  l.put("v_cache", std::vector<double>(8, -1));
  l.run();
  auto rotated = [](double a, double b, double c, double d) {
    return std::vector<double>{a * 2 - c * 10, b * 3 - d * 20, c * 2 + a * 10, d * 3 + b * 20};
  };
  std::vector<double> q = rotated(1, 2, 3, 4), second = rotated(5, 6, 7, 8);
  q.insert(q.end(), second.begin(), second.end());
  expectNear(l.get("q"), q);
  std::vector<double> k = {-1, -1, -1, -1}, key = rotated(9, 10, 11, 12);
  k.insert(k.end(), key.begin(), key.end());
  expectNear(l.get("k_cache"), k);
  expectNear(l.get("v_cache"), {-1, -1, -1, -1, 13, 14, 15, 16});
}

TEST(Reference, SaysWhatIsMissing) {
  Launch l(R"({"op":"swiglu","intermediate_size":2})", {{"tokens", 1}});
  Status noSize = runReference(l.op, l.set.pointers(), {});
  ASSERT_FALSE(noSize);
  EXPECT_EQ(noSize.error().message, "swiglu needs the size 'tokens'");
  Status noOperand = runReference(l.op, l.set.pointers().subspan(1), l.sizes);
  ASSERT_FALSE(noOperand);
  EXPECT_EQ(noOperand.error().message, "swiglu has 2 operands, 1 were given");
  void *null[] = {nullptr, nullptr};
  Status isNull = runReference(l.op, null, l.sizes);
  ASSERT_FALSE(isNull);
  EXPECT_EQ(isNull.error().message, "operand 'gate_up' of swiglu is null");
}

TEST(Reference, EveryKindRunsAtRaggedSizesAndWritesEveryOutput) {
  std::set<std::string> kinds;
  for (std::string_view request : smallRequests) {
    OpDesc op = Launch::must(OpDesc::parse(request));
    SCOPED_TRACE(op.kind());
    kinds.insert(op.kind());
    for (const Sizes &sizes : raggedSizes(op)) {
      Launch first(request, sizes), second(request, sizes);
      first.run();
      second.run();
      Comparison same =
          Launch::must(compareOperands(op, sizes, first.set.pointers(), second.set.pointers()));
      EXPECT_EQ(same.maxError, 0) << same.detail;
      EXPECT_GT(same.elements, 0);
      for (const OperandSpec *operand : op.operands())
        if (operand->role != OperandSpec::Role::In)
          for (double value : first.get(operand->name))
            ASSERT_TRUE(std::isfinite(value) && std::abs(value) < 1e4) << operand->name;
    }
  }
  for (const OpSpec &spec : allOpSpecs()) {
    EXPECT_TRUE(hasReference(spec.kind)) << spec.kind;
    EXPECT_TRUE(kinds.count(spec.kind)) << spec.kind;
  }
}

} // namespace
