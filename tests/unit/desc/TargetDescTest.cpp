//===- TargetDescTest.cpp - tests of the target table ---------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/desc/TargetDesc.h"

#include <gtest/gtest.h>

#include <set>

using namespace zorse;

TEST(TargetDesc, EveryRowIsFoundByItsName) {
  std::set<std::string> names;
  for (const TargetDesc &row : allTargets()) {
    EXPECT_TRUE(names.insert(row.arch).second);
    Result<TargetDesc> found = findTarget(row.arch);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->llvmCpu, row.llvmCpu);
    EXPECT_EQ(found->isHost(), row.family == TargetDesc::Family::Host);
  }
  EXPECT_EQ(names.size(), 6u);
}

TEST(TargetDesc, UnknownNamesListTheLegalOnes) {
  Result<TargetDesc> found = findTarget("gfx94");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::Device);
  EXPECT_EQ(found.error().message,
            "unknown target \"gfx94\"; did you mean gfx942? legal targets: host, x86_64-avx2, "
            "x86_64-avx512, x86_64-avx512bf16, gfx90a, gfx942, gfx950");
}

TEST(TargetDesc, MatrixShapes) {
  EXPECT_EQ(findTarget("gfx90a")->matrixShape(DType::BF16, 16)->k, 16);
  EXPECT_EQ(findTarget("gfx942")->matrixShape(DType::F16, 32)->k, 8);
  EXPECT_EQ(findTarget("gfx942")->matrixShape(DType::F32, 16)->k, 4);
  EXPECT_EQ(findTarget("gfx950")->matrixShape(DType::BF16, 16)->k, 32);
  EXPECT_EQ(findTarget("gfx950")->matrixShape(DType::F32, 32)->k, 2);
  EXPECT_EQ(findTarget("gfx942")->matrixShape(DType::BF16, 4), nullptr);
  EXPECT_EQ(findTarget("x86_64-avx2")->matrixShape(DType::F32, 16), nullptr);
}

TEST(TargetDesc, NamesForConstraints) {
  ExprScope amd = findTarget("gfx950")->scope();
  EXPECT_EQ(amd.at("lds_bytes"), ExprValue(int64_t(163840)));
  EXPECT_EQ(amd.at("wave_size"), ExprValue(int64_t(64)));
  EXPECT_EQ(amd.at("is_amdgpu"), ExprValue(int64_t(1)));
  EXPECT_EQ(amd.at("is_host"), ExprValue(int64_t(0)));
  ExprScope host = findTarget("x86_64-avx512")->scope();
  EXPECT_EQ(host.at("vector_lanes"), ExprValue(int64_t(16)));
  EXPECT_EQ(host.at("is_host"), ExprValue(int64_t(1)));
  EXPECT_EQ(host.at("has_bf16_dot"), ExprValue(int64_t(0)));
  EXPECT_EQ(host.size(), 7u);
}

TEST(TargetDesc, TheHostIsOneOfTheRows) {
  TargetDesc host = detectHost();
  EXPECT_TRUE(host.isHost());
  EXPECT_GE(host.computeUnits, 1);
  Result<TargetDesc> row = findTarget(host.arch);
  ASSERT_TRUE(row);
  EXPECT_EQ(row->vectorBits, host.vectorBits);
  EXPECT_EQ(row->hasBf16Dot, host.hasBf16Dot);
  Result<TargetDesc> named = findTarget("host");
  if (named)
    EXPECT_EQ(named->arch, host.arch);
  std::string device = hostDeviceName();
  EXPECT_NE(device.find(std::to_string(host.computeUnits) + " thread"), std::string::npos)
      << device;
}
