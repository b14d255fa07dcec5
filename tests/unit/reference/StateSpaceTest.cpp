//===- StateSpaceTest.cpp - convolution and recurrence, whole runs against steps -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Launch.h"

#include <cmath>

using namespace zorse;
using namespace zorse::test;

namespace {

double silu(double v) { return v / (1 + std::exp(-v)); }

TEST(Reference, ConvolutionByHand) {
  Launch l(
      R"({"op":"causal_conv1d","conv_dim":1,"d_conv":3,"x_stride":2,"x_offset":1,"dtype":"f32"})",
      {{"tokens", 2}, {"batch", 1}, {"num_slots", 2}});
  l.put("x", {99, 10, 99, 20});
  l.put("weight", {1, 2, 3});
  l.put("bias", {-50});
  l.put("slots", {1});
  l.put("conv_state", {-1, -1, -1, 7, 8, 9});
  l.run();
  // The oldest stored input takes no part in the first result.
  expectNear(l.get("out"), {silu(8 + 18 + 30 - 50), silu(9 + 20 + 60 - 50)}, 1e-5);
  expectNear(l.get("conv_state"), {-1, -1, -1, 9, 10, 20});
}

TEST(Reference, ConvolutionOfARunIsItsSteps) {
  const char *fields = R"("conv_dim":6,"x_stride":9,"x_offset":2,"dtype":"f32"})";
  Launch run(std::string(R"({"op":"causal_conv1d",)") + fields,
             {{"tokens", 5}, {"batch", 1}, {"num_slots", 3}});
  std::vector<double> state = run.get("conv_state"), x = run.get("x"), out;
  for (int t = 0; t < 5; ++t) {
    Launch step(std::string(R"({"op":"causal_conv1d_update",)") + fields,
                {{"tokens", 1}, {"num_slots", 3}});
    step.put("x", {x.begin() + t * 9, x.begin() + (t + 1) * 9});
    for (const char *same : {"weight", "bias", "slots"})
      step.put(same, run.get(same));
    step.put("conv_state", state);
    step.run();
    state = step.get("conv_state");
    std::vector<double> row = step.get("out");
    out.insert(out.end(), row.begin(), row.end());
  }
  run.run();
  expectNear(run.get("out"), out);
  expectNear(run.get("conv_state"), state, 0);
}

TEST(Reference, RecurrenceByHand) {
  Launch l(R"({"op":"ssm_update","num_heads":1,"num_kv_heads":1,"head_dim":2,"d_state":1,
               "dt_stride":2,"dt_offset":1,"dtype":"f32"})",
           {{"tokens", 1}, {"num_slots", 1}});
  l.put("xbc", {3, 5, 2, 7});
  l.put("dt", {99, 0.5});
  l.put("a_log", {std::log(2.0)});
  l.put("dt_bias", {0.25});
  l.put("d", {10});
  l.put("slots", {0});
  l.put("state", {1, -1});
  l.run();
  double dt = std::log1p(std::exp(0.75)), decay = std::exp(-2 * dt);
  double s0 = decay + dt * 3 * 2, s1 = -decay + dt * 5 * 2;
  expectNear(l.get("state"), {s0, s1}, 1e-5);
  expectNear(l.get("y"), {s0 * 7 + 30, s1 * 7 + 50}, 1e-4);
}

TEST(Reference, ScanOfARunIsItsSteps) {
  const char *fields = R"("num_heads":4,"num_kv_heads":2,"head_dim":3,"d_state":5,"dt_stride":6,)"
                       R"("dt_offset":2,"dtype":"f32"})";
  Launch scan(std::string(R"({"op":"ssd_scan",)") + fields,
              {{"tokens", 9}, {"batch", 2}, {"num_slots", 4}});
  std::vector<double> xbc = scan.get("xbc"), dt = scan.get("dt"), begin = scan.get("cu_seqlens");
  std::vector<double> state = scan.get("state"), y;
  size_t row = xbc.size() / 9;
  for (int b = 0; b < 2; ++b)
    for (int t = int(begin[b]); t < int(begin[b + 1]); ++t) {
      Launch step(std::string(R"({"op":"ssm_update",)") + fields,
                  {{"tokens", 1}, {"num_slots", 4}});
      step.put("xbc", {xbc.begin() + t * row, xbc.begin() + (t + 1) * row});
      step.put("dt", {dt.begin() + t * 6, dt.begin() + (t + 1) * 6});
      for (const char *same : {"a_log", "dt_bias", "d"})
        step.put(same, scan.get(same));
      step.put("slots", {scan.get("slots")[b]});
      step.put("state", state);
      step.run();
      state = step.get("state");
      std::vector<double> part = step.get("y");
      y.insert(y.end(), part.begin(), part.end());
    }
  scan.run();
  expectNear(scan.get("y"), y, 1e-5);
  expectNear(scan.get("state"), state, 1e-5);
}

// The fused op rounds where the separate ones write to memory, so nothing may differ.
TEST(Reference, Mamba2StepIsItsParts) {
  for (const char *types : {R"("dtype":"bf16")", R"("dtype":"f16")", R"("dtype":"f32")"}) {
    SCOPED_TRACE(types);
    const Sizes sizes = {{"tokens", 3}, {"num_slots", 4}};
    auto launch = [&](const char *kind, const std::string &fields, const Sizes &at) {
      return Launch(std::string(R"({"op":")") + kind + R"(",)" + fields + "," + types + "}", at);
    };
    const std::string heads = R"("num_heads":4,"num_kv_heads":2,"head_dim":6,"d_state":5)";
    Launch step = launch("mamba2_step",
                         heads + R"(,"d_conv":3,"row_stride":100,"z_offset":1,"x_offset":30,)" +
                             R"("dt_offset":80,"state_dtype":"f32","eps":0.01)",
                         sizes);
    Launch conv = launch("causal_conv1d_update",
                         R"("conv_dim":42,"d_conv":3,"x_stride":100,"x_offset":30)", sizes);
    Launch ssm = launch("ssm_update",
                        heads + R"(,"dt_stride":100,"dt_offset":80,"state_dtype":"f32")", sizes);
    Launch norm = launch("gated_rmsnorm",
                         R"("num_groups":4,"group_size":6,"z_stride":100,"z_offset":1,"eps":0.01)",
                         {{"tokens", 3}});
    conv.put("x", step.get("projected"));
    conv.put("weight", step.get("conv_weight"));
    conv.put("bias", step.get("conv_bias"));
    for (Launch *part : {&conv, &ssm})
      part->put("slots", step.get("slots"));
    conv.put("conv_state", step.get("conv_state"));
    conv.run();
    ssm.put("xbc", conv.get("out"));
    ssm.put("dt", step.get("projected"));
    for (const char *same : {"a_log", "dt_bias", "d", "state"})
      ssm.put(same, step.get(same));
    ssm.run();
    norm.put("y", ssm.get("y"));
    norm.put("z", step.get("projected"));
    norm.put("weight", step.get("norm_weight"));
    norm.run();
    step.run();
    expectNear(step.get("conv_state"), conv.get("conv_state"), 0);
    expectNear(step.get("state"), ssm.get("state"), 0);
    expectNear(step.get("out"), norm.get("out"), 0);
  }
}

} // namespace
