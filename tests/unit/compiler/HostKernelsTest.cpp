//===- HostKernelsTest.cpp - every kind of kernel against the oracle ------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles each request for the host with its default configuration, the same
// without the bf16 dot product, and some drawn with a fixed seed, and runs the tuner's verification on it: ragged
// sizes, poisoned outputs, guard zones, fp64 reference.
//
//===----------------------------------------------------------------------===//

#include "Requests.h"
#include "zorse/compiler/Compile.h"
#include "zorse/device/Device.h"

#include "verify/Verifier.h"

#include <gtest/gtest.h>

#include <random>

namespace zorse {
namespace {

constexpr uint64_t seed = 20240611;
constexpr int drawnConfigs = 3;

class HostKernels : public testing::TestWithParam<std::string> {};

TEST_P(HostKernels, AgreeWithTheReference) {
  Result<OpDesc> op = OpDesc::parse(GetParam());
  ASSERT_TRUE(op.ok()) << op.error().message;
  Result<std::unique_ptr<Device>> device = createHostDevice();
  ASSERT_TRUE(device.ok()) << device.error().message;
  const TargetDesc &target = (*device)->target();

  std::vector<KernelConfig> configs;
  Result<KernelConfig> standard = KernelConfig::defaults(*op, target);
  ASSERT_TRUE(standard.ok()) << standard.error().message;
  configs.push_back(*standard);
  if (standard->has("bf16_dot") && standard->get("bf16_dot") != 0) {
    Result<KernelConfig> widened = KernelConfig::parse("bf16_dot=0", *op, target);
    ASSERT_TRUE(widened.ok()) << widened.error().message;
    configs.push_back(*widened);
  }
  std::vector<KernelConfig> all = enumerateConfigs(*op, target);
  std::mt19937_64 random(seed);
  for (int i = 0; i < drawnConfigs && all.size() > 1; ++i)
    configs.push_back(all[random() % all.size()]);

  tuner::Verifier verifier(**device, *op, seed, {/*flops=*/5e7});
  for (const KernelConfig &config : configs) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", configuration " + config.text());
    Result<CompileOutput> output = compile(*op, target, config);
    ASSERT_TRUE(output.ok()) << output.error().message;
    Result<std::unique_ptr<Module>> module = (*device)->load(output->object);
    ASSERT_TRUE(module.ok()) << module.error().message;
    Result<Verification> verification = verifier.verify(**module);
    ASSERT_TRUE(verification.ok()) << verification.error().message;
    EXPECT_TRUE(verification->passed)
        << "error over tolerance " << verification->maxError << ": " << verification->detail;
    EXPECT_GT(verification->cases, 0);
  }
}

std::string nameOf(const testing::TestParamInfo<std::string> &info) {
  std::string name = OpDesc::parse(info.param)->kind() + "_" + std::to_string(info.index);
  return name;
}

INSTANTIATE_TEST_SUITE_P(Tiny, HostKernels, testing::ValuesIn(tinyRequests()), nameOf);
INSTANTIATE_TEST_SUITE_P(Published, HostKernels, testing::ValuesIn(publishedRequests()), nameOf);

/// The same kernels for a CPU with AVX2 only, which every CPU with more can run.
TEST(HostLevels, Avx2CodeIsRight) {
  Result<TargetDesc> target = findTarget("x86_64-avx2");
  ASSERT_TRUE(target.ok()) << target.error().message;
  Result<std::unique_ptr<Device>> device = createHostDevice();
  ASSERT_TRUE(device.ok()) << device.error().message;
  for (const std::string &request : tinyRequests()) {
    SCOPED_TRACE(request);
    Result<OpDesc> op = OpDesc::parse(request);
    ASSERT_TRUE(op.ok()) << op.error().message;
    Result<KernelConfig> config = KernelConfig::defaults(*op, *target);
    ASSERT_TRUE(config.ok()) << config.error().message;
    Result<CompileOutput> output = compile(*op, *target, *config);
    ASSERT_TRUE(output.ok()) << output.error().message;
    Result<std::unique_ptr<Module>> module = (*device)->load(output->object);
    ASSERT_TRUE(module.ok()) << module.error().message;
    tuner::Verifier verifier(**device, *op, seed, {/*flops=*/5e7});
    Result<Verification> verification = verifier.verify(**module);
    ASSERT_TRUE(verification.ok()) << verification.error().message;
    EXPECT_TRUE(verification->passed) << verification->maxError << ": " << verification->detail;
  }
}

} // namespace
} // namespace zorse
