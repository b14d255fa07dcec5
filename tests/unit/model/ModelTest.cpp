//===- ModelTest.cpp - estimates of compiled code -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Sweeps.h"

#include "model/Model.h"

#include <gtest/gtest.h>

using namespace zorse;
using namespace zorse::test;
using namespace zorse::tuner;

namespace {

OpDesc prefillOp() {
  return must(OpDesc::parse(R"({"op":"linear","in_features":3072,"out_features":8192,
                                "tuning":{"tokens":2048}})"));
}

CodeObject gpuObject(int64_t vgprs, int64_t ldsBytes, int64_t groups) {
  CodeObject object;
  KernelInfo kernel;
  kernel.symbol = "main";
  kernel.grid = {Expr::constant(groups), Expr::constant(1), Expr::constant(1)};
  kernel.block = {256, 1, 1};
  kernel.resources.vgprs = vgprs;
  kernel.resources.ldsBytes = ldsBytes;
  object.kernels.push_back(kernel);
  object.instructionMix = {{"mfma", 64}, {"valu", 128}, {"lds", 32}, {"vmem", 16}, {"salu", 40}};
  return object;
}

const TargetDesc target = must(findTarget("gfx942"));

double us(const CodeObject &object) { return must(estimate(prefillOp(), target, object)).medianUs; }

TEST(Model, OccupancyIsLimitedByWhatIsScarce) {
  auto occupancy = [](int64_t vgprs, int64_t lds, int64_t groups) {
    return must(occupancyOf(gpuObject(vgprs, lds, groups).kernels[0], target, {}));
  };
  Occupancy light = occupancy(32, 1024, 100000);
  EXPECT_EQ(light.wavesPerSimd, 8);
  EXPECT_EQ(light.limitedBy, "hardware");
  Occupancy registers = occupancy(250, 1024, 100000); // 256 of 512
  EXPECT_EQ(registers.wavesPerSimd, 2);
  EXPECT_EQ(registers.limitedBy, "registers");
  Occupancy lds = occupancy(32, 40000, 100000); // one group of four waves
  EXPECT_EQ(lds.wavesPerSimd, 1);
  EXPECT_EQ(lds.limitedBy, "lds");
  Occupancy grid = occupancy(32, 1024, 304);
  EXPECT_EQ(grid.groupsPerCu, 1);
  EXPECT_EQ(grid.limitedBy, "grid");
}

TEST(Model, AKernelThatDoesNotFitIsAnError) {
  Result<Measurement> result = estimate(prefillOp(), target, gpuObject(32, 70000, 100));
  ASSERT_FALSE(result);
  EXPECT_EQ(
      result.error().message,
      "kernel 'main' does not fit a compute unit of gfx942: 4 waves of 32 registers and 70000 "
      "bytes of LDS; it has 512 registers a lane and 65536 bytes of LDS");
}

TEST(Model, PrefersOccupancyFullGridsAndUsefulInstructions) {
  CodeObject good = gpuObject(64, 16384, 3040);
  EXPECT_GT(us(gpuObject(250, 16384, 3040)), us(good));
  EXPECT_GT(us(gpuObject(64, 16384, 100)), us(good));
  CodeObject chatty = good;
  chatty.instructionMix["lds"] = 400;
  EXPECT_GT(us(chatty), us(good));
  CodeObject scalar = good;
  scalar.instructionMix.erase("mfma");
  EXPECT_GT(us(scalar), 2 * us(good));
  CodeObject twoKernels = good;
  twoKernels.kernels.push_back(good.kernels[0]);
  EXPECT_DOUBLE_EQ(us(twoKernels), us(good) + 5);
}

TEST(Model, WorkOnPaddingIsWork) {
  OpDesc op = must(OpDesc::parse(R"({"op":"linear","in_features":3072,"out_features":8192,
                                     "tuning":{"tokens":16}})"));
  auto withRows = [&](int64_t rows) {
    CodeObject object = gpuObject(64, 16384, 0);
    object.kernels[0].grid = {Expr::constant(304),
                              must(Expr::parse("ceildiv(tokens, " + std::to_string(rows) + ")")),
                              Expr::constant(1)};
    object.instructionMix = {{"mfma", 1}, {"valu", 1000}}; // compute bound
    return must(estimate(op, target, object)).medianUs - 5;
  };
  EXPECT_NEAR(withRows(64) / withRows(16), 4, 1e-9);
}

TEST(Model, NeverBeatsThePeaks) {
  Measurement m = must(estimate(prefillOp(), target, gpuObject(64, 16384, 3040)));
  EXPECT_EQ(m.source, Source::Model);
  EXPECT_GT(m.medianUs, m.flops / (target.peakTflopsMatrix16 * 1e6));
  EXPECT_GT(m.medianUs, m.bytes / (target.peakGBs * 1e3));
  EXPECT_EQ(m.samples, 0);
  EXPECT_EQ(m.device, "model of gfx942");
}

CodeObject hostObject(int64_t groups, int64_t instructions) {
  CodeObject object;
  KernelInfo kernel;
  kernel.symbol = "main";
  kernel.grid = {Expr::constant(groups), Expr::constant(1), Expr::constant(1)};
  object.kernels.push_back(kernel);
  object.configText = "block_m=1,block_n=16,block_k=0,stage_b=0";
  object.instructionMix = {{"vector", instructions}};
  return object;
}

TEST(Model, OnAHostByHand) {
  OpDesc op = must(OpDesc::parse(
      R"({"op":"linear","in_features":2048,"out_features":2048,"tuning":{"tokens":1}})"));
  TargetDesc host = must(findTarget("x86_64-avx512bf16"));
  host.computeUnits = 2;
  HostPeaks peaks = HostPeaks::nominal(host);
  auto estimated = [&](const CodeObject &object) {
    return must(estimateOnHost(op, host, object, peaks));
  };
  Measurement m = estimated(hostObject(128, 400));
  // 16 columns of 64 products, 9 loads for 8 of them, 16 sums, a block, a workgroup.
  double group = 1024 * 0.22 + 1152 * 0.22 + 16 * 0.9 + 100 + 40;
  double memory = (2048 * 2048 * 2 + 2 * 2048 * 2) / 66e3;
  EXPECT_NEAR(m.medianUs, 1 + memory + 128 * group / 2 * 1e-3, 1e-6);
  EXPECT_EQ(m.source, Source::Model);
  EXPECT_EQ(m.samples, 0);
  // One workgroup reads with one thread and computes alone.
  EXPECT_NEAR(estimated(hostObject(1, 400)).medianUs, 1 + 2 * memory + group * 1e-3, 1e-6);
  // Straight code that is longer than its work is issued all the same.
  EXPECT_NEAR(estimated(hostObject(128, 8000)).medianUs, 1 + memory + 128 * 2000 / 2 * 1e-3, 1e-6);
  // Half the arithmetic rate, twice the arithmetic time.
  peaks.fmaGflops1 /= 2;
  EXPECT_NEAR(estimated(hostObject(128, 400)).medianUs, 1 + memory + 128 * group * 1e-3, 1e-6);
}

TEST(Model, ProbesTheHostOnce) {
  const HostPeaks &peaks = probeHost();
  EXPECT_GE(peaks.threads, 1);
  // Memory feeds neither nothing nor more than any machine has.
  EXPECT_GT(peaks.readGBs1, 0.1);
  EXPECT_LT(peaks.readGBs1, 5000);
  EXPECT_GT(peaks.fmaGflops1, 0.1);
  EXPECT_LT(peaks.fmaGflops1, 5000);
  EXPECT_EQ(&peaks, &probeHost());
  EXPECT_NE(peaks.source.find("probed"), std::string::npos);
}

} // namespace
