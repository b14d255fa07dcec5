//===- VerifierTest.cpp - every kind of wrong kernel is caught -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "SwigluKernels.h"

#include "verify/Verifier.h"

#include <cmath>
#include <gtest/gtest.h>

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

} // namespace
