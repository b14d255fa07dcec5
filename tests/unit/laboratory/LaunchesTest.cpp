//===- LaunchesTest.cpp - the objective is the time of all kernels of an op -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention in splits ends with a kernel that combines them, a scan in splits with one
// that passes the state on and one that adds it to the output. What is measured of
// such a configuration must be the time of them all.
//
//===----------------------------------------------------------------------===//
#include "HostileWorker.h"
#include "Outcomes.h"

#include "zorse/compiler/Compile.h"

#include <map>
#include <numeric>

using namespace zorse;
using namespace zorse::test;

namespace {

/// The host, which launches the kernels of a module one by one, counts each, and has a clock that
/// they alone move: by a time of their own, whatever they really take.
class CountingDevice final : public Device {
public:
  explicit CountingDevice(Device &host) : host(host) {}

  std::map<std::string, int64_t> launches;    ///< by kernel
  std::map<std::string, double> microseconds; ///< of one launch, by kernel

  const TargetDesc &target() const override { return host.target(); }
  std::string description() const override { return "counting"; }
  Result<std::unique_ptr<Buffer>> allocate(size_t bytes) override { return host.allocate(bytes); }
  Status upload(Buffer &to, size_t offset, std::span<const uint8_t> from) override {
    return host.upload(to, offset, from);
  }
  Status download(const Buffer &from, size_t offset, std::span<uint8_t> to) override {
    return host.download(from, offset, to);
  }
  Result<std::unique_ptr<Module>> load(const CodeObject &object) override {
    auto module = std::make_unique<Parts>();
    module->whole = object;
    for (const KernelInfo &kernel : object.kernels) {
      CodeObject one = object;
      one.kernels = {kernel};
      Result<std::unique_ptr<Module>> part = host.load(one);
      if (!part)
        return part.takeError();
      module->parts.push_back(part.take());
    }
    return std::unique_ptr<Module>(std::move(module));
  }
  Status launch(Module &module, std::span<const uint64_t> slots, const Sizes &sizes) override {
    auto &each = dynamic_cast<Parts &>(module);
    for (size_t i = 0; i < each.parts.size(); ++i) {
      if (Status status = host.launch(*each.parts[i], slots, sizes); !status)
        return status;
      const std::string &symbol = each.whole.kernels[i].symbol;
      ++launches[symbol];
      now += microseconds[symbol];
    }
    return Status::success();
  }
  bool asynchronous() const override { return false; }
  Status synchronize() override { return host.synchronize(); }
  Result<std::unique_ptr<Event>> record() override {
    auto event = std::make_unique<Moment>();
    event->us = now;
    return std::unique_ptr<Event>(std::move(event));
  }
  Result<double> seconds(const Event &from, const Event &to) override {
    return (dynamic_cast<const Moment &>(to).us - dynamic_cast<const Moment &>(from).us) * 1e-6;
  }
  Result<std::unique_ptr<Graph>> capture(const std::function<Status()> &) override {
    return usageError("records no graphs");
  }
  Status replay(Graph &) override { return usageError("records no graphs"); }

private:
  struct Parts final : Module {
    CodeObject whole;
    std::vector<std::unique_ptr<Module>> parts;
    const CodeObject &object() const override { return whole; }
  };
  struct Moment final : Event {
    double us = 0;
  };

  Device &host;
  double now = 0; ///< microseconds
};

struct Split {
  const char *op, *config;
  size_t kernels;
};

class Launches : public testing::TestWithParam<Split> {
protected:
  void SetUp() override {
    problem = {must(OpDesc::parse(GetParam().op)), host->target()};
    KernelConfig config = must(KernelConfig::parse(GetParam().config, problem.op, problem.target));
    specimen = {config, must(compile(problem.op, problem.target, config)).object};
    ASSERT_EQ(specimen.code->kernels.size(), GetParam().kernels);
    double us = 1000;
    for (const KernelInfo &kernel : specimen.code->kernels)
      device.microseconds[kernel.symbol] = us /= 2;
  }

  double sum() const {
    return std::accumulate(device.microseconds.begin(), device.microseconds.end(), 0.0,
                           [](double all, const auto &each) { return all + each.second; });
  }
  const std::string &last() const { return specimen.code->kernels.back().symbol; }
  Tried tryOut() { return must(laboratory->tryOut(problem, specimen, 0, nullptr)); }

  std::unique_ptr<Device> host = must(createHostDevice({2, false}));
  CountingDevice device{*host};
  std::unique_ptr<Laboratory> laboratory =
      createDirectLaboratory({.device = &device, .measure = quickMeasure(), .threads = 1});
  Problem problem;
  Specimen specimen;
};

TEST_P(Launches, AllKernelsRunEquallyOftenAndAllCount) {
  Tried tried = tryOut();
  ASSERT_EQ(tried.state, TrialState::Ok) << tried.error;
  ASSERT_EQ(device.launches.size(), GetParam().kernels);
  for (const auto &[symbol, count] : device.launches) {
    EXPECT_EQ(count, device.launches.begin()->second) << symbol;
    EXPECT_GE(count, tried.measurement->samples + tried.verification->cases) << symbol;
  }
  EXPECT_NEAR(tried.measurement->medianUs, sum(), 1e-6 * sum());
  std::vector<Tried> rounds = must(laboratory->rounds(problem, std::span(&specimen, 1), nullptr));
  EXPECT_NEAR(rounds[0].measurement->medianUs, sum(), 1e-6 * sum());
}

TEST_P(Launches, ASlowLastKernelMakesTheConfigurationSlow) {
  double before = tryOut().measurement->medianUs;
  device.microseconds[last()] += 5000;
  EXPECT_NEAR(tryOut().measurement->medianUs, before + 5000, 1e-6 * before);
}

/// None of them is there for show.
TEST_P(Launches, WithoutAnyOfThemTheResultIsWrong) {
  std::vector<KernelInfo> all = specimen.code->kernels;
  for (size_t i = 0; i < all.size(); ++i) {
    specimen.code->kernels = all;
    specimen.code->kernels.erase(specimen.code->kernels.begin() + long(i));
    EXPECT_EQ(tryOut().state, TrialState::Wrong) << all[i].symbol;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Compiled, Launches,
    testing::Values(Split{R"({"op":"mla_decode","num_heads":6,"kv_lora_rank":48,
                              "qk_rope_head_dim":16,"qk_nope_head_dim":24,"dtype":"bf16",
                              "tuning":{"tokens":1,"context":700,"max_len":1024}})",
                          "kv_splits=8", 2},
                    Split{R"({"op":"ssd_scan","num_heads":4,"num_kv_heads":2,"head_dim":16,
                              "d_state":32,"dt_stride":4,"dtype":"f32",
                              "tuning":{"tokens":300,"batch":1,"num_slots":1}})",
                          "chunk=16,seq_splits=4", 3}),
    [](const auto &info) { return must(OpDesc::parse(info.param.op)).kind(); });

} // namespace
