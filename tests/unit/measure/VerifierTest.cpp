//===- VerifierTest.cpp - every kind of wrong kernel is caught -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "SwigluKernels.h"

#include "verify/Verifier.h"

#include "zorse/reference/Reference.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace zorse;
using namespace zorse::test;
using namespace zorse::tuner;

namespace {

class VerifierTest : public testing::Test {
protected:
  VerifierTest() : device(must(createHostDevice())), verifier(*device, swigluOp(), 3) {}

  Verification verify(const std::string &symbol) {
    std::unique_ptr<Module> module = must(device->load(swigluObject(symbol)));
    return must(verifier.verify(*module));
  }
  void expectFault(const std::string &symbol, const std::string &reason) {
    Verification result = verify(symbol);
    EXPECT_FALSE(result.passed) << symbol;
    EXPECT_GT(result.maxError, 1) << symbol;
    EXPECT_NE(result.detail.find(reason), std::string::npos) << symbol << ": " << result.detail;
  }

  std::unique_ptr<Device> device;
  Verifier verifier;
};

TEST_F(VerifierTest, ARightKernelPassesAtEverySize) {
  Verification result = verify("right");
  EXPECT_TRUE(result.passed) << result.detail;
  EXPECT_EQ(result.cases, 5); // the tuning point and four ragged sizes
  EXPECT_GT(result.maxError, 0);
  EXPECT_LE(result.maxError, 1);
  EXPECT_NE(result.detail.find("out["), std::string::npos);
}

TEST_F(VerifierTest, OneWrongElement) {
  expectFault("forgets_silu", "1 of 5000 elements are wrong, worst out[0,400]: got");
}

TEST_F(VerifierTest, NaN) {
  expectFault("makes_nan", "nan");
  EXPECT_TRUE(std::isinf(verify("makes_nan").maxError));
}

TEST_F(VerifierTest, ElementsNeverWritten) {
  expectFault("skips_the_tail", "out[0,896]: got -nan (never written)");
}

TEST_F(VerifierTest, WritesOutsideOfItsBuffers) {
  expectFault("overruns", "writes behind operand 'out', byte 8 after its end at tokens=5");
  expectFault("underruns",
              "writes in front of operand 'out', 9 bytes before its start at tokens=5");
}

TEST_F(VerifierTest, ChangedInput) {
  expectFault("changes_its_input", "changes its input 'gate_up' at tokens=5");
}

TEST_F(VerifierTest, RunsThatDiffer) {
  expectFault("wavers", "two runs leave different bytes in 'out' at tokens=5");
}

TEST_F(VerifierTest, OutputsThatAreRead) { expectFault("reads_its_output", "nan"); }

TEST_F(VerifierTest, AFaultDoesNotSpoilTheNextCandidate) {
  EXPECT_FALSE(verify("overruns").passed);
  EXPECT_FALSE(verify("changes_its_input").passed);
  EXPECT_TRUE(verify("right").passed);
}

TEST_F(VerifierTest, UseOfAnOperandThatTheOpLacksIsAnError) {
  CodeObject object = swigluObject("right");
  object.arguments[1].name = "absent";
  std::unique_ptr<Module> module = must(device->load(object));
  Result<Verification> result = verifier.verify(*module);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "the kernel takes the operand 'absent', which the op lacks");
}

TEST_F(VerifierTest, WorkspacesAreGuardedAndPoisoned) {
  // out goes to a workspace of the wrong size: too small for the result.
  CodeObject object = swigluObject("right");
  object.arguments[1] = {KernelArgument::Kind::Workspace, "scratch", "f32"};
  object.workspaces.push_back({"scratch", must(Expr::parse("4 * 1000 * tokens - 4"))});
  std::unique_ptr<Module> module = must(device->load(object));
  Verification result = must(verifier.verify(*module));
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.detail, "writes behind workspace 'scratch', byte 0 after its end at tokens=5");
}

TEST(VerifierLimits, TheReferenceIsNotAskedForMoreThanItsShare) {
  std::unique_ptr<Device> device = must(createHostDevice());
  Verifier small(*device, swigluOp(100000), 3, {.flops = 6e5, .inputBytes = 1});
  std::unique_ptr<Module> module = must(device->load(swigluObject("right")));
  Verification result = must(small.verify(*module));
  EXPECT_TRUE(result.passed);
  EXPECT_EQ(result.cases, 1);
  EXPECT_NE(result.detail.find("at tokens=97"), std::string::npos) << result.detail;
}

/// The bits of a quiet NaN, from the high end.
uint32_t notANumber(DType type) { return type == DType::F16 ? 0x7e00 : 0x7fc0; }

TEST(NaN, OneInTheResultIsWrongInEveryType) {
  for (std::string dtype : {"f32", "bf16", "f16"}) {
    OpDesc op = must(OpDesc::create(
        "swiglu", {{"intermediate_size", int64_t(40)}, {"dtype", dtype}}, {{"tokens", 3}}));
    Sizes sizes = consistentSizes(op, {});
    OperandSet want = must(OperandSet::create(op, sizes));
    ASSERT_TRUE(fillOperands(op, sizes, 5, want.pointers(), Lengths::Full));
    OperandSet inputs = want.clone();
    ASSERT_TRUE(runReference(op, want.pointers(), sizes));
    size_t out = op.operands().size() - 1;
    ASSERT_EQ(op.operands()[out]->name, "out");
    DType type = op.operandDType(*op.operands()[out]);
    size_t width = byteWidth(type);
    auto spoil = [&](const OperandSet &set, size_t operand, size_t element) {
      auto *bytes = static_cast<uint8_t *>(set.pointers()[operand]);
      auto bits = uint16_t(notANumber(type));
      std::memcpy(bytes + (element + 1) * width - sizeof bits, &bits, sizeof bits);
    };
    for (size_t element : {0, 57, 119}) {
      OperandSet got = want.clone();
      EXPECT_TRUE(must(compareOperands(op, sizes, got.pointers(), want.pointers(), false)).passed);
      spoil(got, out, element);
      Comparison comparison =
          must(compareOperands(op, sizes, got.pointers(), want.pointers(), false));
      EXPECT_FALSE(comparison.passed) << dtype << " " << element;
      EXPECT_EQ(comparison.wrong, 1) << dtype << " " << element;
      EXPECT_TRUE(std::isinf(comparison.maxError)) << dtype << " " << element;
      EXPECT_NE(comparison.detail.find("nan"), std::string::npos) << comparison.detail;
    }

    // One that the reference makes, from an input that is none.
    auto wanted = [&] {
      std::vector<std::vector<uint8_t>> all(op.operands().size());
      auto *bytes = static_cast<const uint8_t *>(want.pointers()[out]);
      all[out].assign(bytes, bytes + want.bytes(out));
      return all;
    };
    EXPECT_EQ(madeNaN(op, inputs, wanted()), "") << dtype;
    spoil(want, 0, 0); // gate_up[0,0]
    ASSERT_TRUE(runReference(op, want.pointers(), sizes));
    EXPECT_EQ(madeNaN(op, inputs, wanted()), "out, element 0") << dtype;
  }
}

TEST(NaN, NoReferenceMakesOneOfItsInputs) {
  for (const OpSpec &spec : allOpSpecs())
    for (std::string dtype : {"f16"}) { // which overflows first
      nlohmann::json json = nlohmann::json::parse(spec.exampleJson);
      json["dtype"] = dtype;
      Result<OpDesc> op = OpDesc::parse(json.dump());
      if (!op)
        continue; // has no such type
      std::vector<Sizes> points = raggedSizes(*op, 2e6);
      points.resize(std::min<size_t>(points.size(), 1)); // examples are as large as models
      for (const Sizes &sizes : points) {
        OperandSet set = must(OperandSet::create(*op, sizes));
        ASSERT_TRUE(fillOperands(*op, sizes, 9, set.pointers(), Lengths::Ragged));
        OperandSet inputs = set.clone();
        ASSERT_TRUE(runReference(*op, set.pointers(), sizes));
        std::vector<std::vector<uint8_t>> wanted(op->operands().size());
        for (size_t i = 0; i < wanted.size(); ++i)
          if (op->operands()[i]->role != OperandSpec::Role::In) {
            auto *bytes = static_cast<const uint8_t *>(set.pointers()[i]);
            wanted[i].assign(bytes, bytes + set.bytes(i));
          }
        EXPECT_EQ(madeNaN(*op, inputs, wanted), "") << spec.exampleJson << " " << dtype;
      }
    }
}

} // namespace
