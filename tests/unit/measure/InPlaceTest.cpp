//===- InPlaceTest.cpp - compiled updates of a state, measured -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A host device that looks at the operands before and after every launch that a meter
// makes. Each must find the state as it was at first and leave what one launch from
// there leaves.
//
//===----------------------------------------------------------------------===//
#include "measure/Meter.h"

#include "zorse/compiler/Compile.h"
#include "zorse/device/BindLaunch.h"

#include <cstring>
#include <gtest/gtest.h>
#include <set>
#include <stdexcept>

using namespace zorse;
using namespace zorse::tuner;

namespace {

template <typename T> T must(Result<T> result) {
  if (!result)
    throw std::runtime_error(result.error().message);
  return result.take();
}

using Bytes = std::vector<uint8_t>;

Bytes copyOf(const void *from, size_t bytes) {
  auto *first = static_cast<const uint8_t *>(from);
  return {first, first + bytes};
}

class WatchingDevice final : public Device {
public:
  WatchingDevice() : host(must(createHostDevice({.threads = 1}))) {}

  struct Watched {
    size_t slot;
    Bytes before, after; ///< before is empty for an operand that is only written
  };
  std::vector<Watched> watched;
  int64_t launches = 0, foundChanged = 0, leftOtherwise = 0;
  std::set<uint64_t> places; ///< of the first watched operand

  const TargetDesc &target() const override { return host->target(); }
  std::string description() const override { return host->description(); }
  Result<std::unique_ptr<Buffer>> allocate(size_t bytes) override { return host->allocate(bytes); }
  Status upload(Buffer &to, size_t offset, std::span<const uint8_t> from) override {
    return host->upload(to, offset, from);
  }
  Status download(const Buffer &from, size_t offset, std::span<uint8_t> to) override {
    return host->download(from, offset, to);
  }
  Result<std::unique_ptr<Module>> load(const CodeObject &object) override {
    return host->load(object);
  }
  Status launch(Module &module, std::span<const uint64_t> slots, const Sizes &sizes) override {
    ++launches;
    if (!watched.empty())
      places.insert(slots[watched[0].slot]);
    for (const Watched &each : watched)
      foundChanged += !each.before.empty() && !holds(slots, each, each.before);
    Status status = host->launch(module, slots, sizes);
    for (const Watched &each : watched)
      leftOtherwise += !holds(slots, each, each.after);
    return status;
  }
  bool asynchronous() const override { return host->asynchronous(); }
  Status synchronize() override { return host->synchronize(); }
  Result<std::unique_ptr<Event>> record() override { return host->record(); }
  Result<double> seconds(const Event &from, const Event &to) override {
    return host->seconds(from, to);
  }
  Result<std::unique_ptr<Graph>> capture(const std::function<Status()> &body) override {
    return host->capture(body);
  }
  Status replay(Graph &graph) override { return host->replay(graph); }

private:
  static bool holds(std::span<const uint64_t> slots, const Watched &each, const Bytes &bytes) {
    return !std::memcmp(reinterpret_cast<const void *>(slots[each.slot]), bytes.data(),
                        bytes.size());
  }
  std::unique_ptr<Device> host;
};

/// What one launch makes of the operands of `seed`, by operand of the op.
void watchOneLaunch(WatchingDevice &device, const OpDesc &op, const CodeObject &code,
                    uint64_t seed) {
  Sizes sizes = consistentSizes(op, {});
  OperandSet set = must(OperandSet::create(op, sizes));
  ASSERT_TRUE(fillOperands(op, sizes, seed, set.pointers(), Lengths::Full));
  OperandSet before = set.clone();
  std::vector<uint64_t> operandsAt, workspacesAt;
  for (void *pointer : set.pointers())
    operandsAt.push_back(reinterpret_cast<uint64_t>(pointer));
  std::vector<std::unique_ptr<Buffer>> workspaces;
  for (size_t bytes : must(workspaceBytes(code, sizes))) {
    workspaces.push_back(must(device.allocate(bytes)));
    workspacesAt.push_back(workspaces.back()->address());
  }
  std::vector<uint64_t> slots =
      must(bindLaunch(code, sizes, addressesInOrder(op, code, operandsAt, workspacesAt)));
  std::unique_ptr<Module> module = must(device.load(code));
  ASSERT_TRUE(device.launch(*module, slots, sizes));
  ASSERT_TRUE(device.synchronize());
  std::vector<const OperandSpec *> specs = op.operands();
  int states = 0;
  for (size_t i = 0; i < specs.size(); ++i) {
    if (specs[i]->role == OperandSpec::Role::In)
      continue;
    WatchingDevice::Watched each;
    each.after = copyOf(set.pointers()[i], set.bytes(i));
    if (specs[i]->role == OperandSpec::Role::InOut) {
      each.before = copyOf(before.pointers()[i], set.bytes(i));
      EXPECT_NE(each.before, each.after) << "the launch changes nothing of " << specs[i]->name;
      ++states;
    }
    for (each.slot = 0; code.arguments[each.slot].name != specs[i]->name; ++each.slot)
      ;
    device.watched.push_back(std::move(each));
  }
  ASSERT_GT(states, 0);
}

class InPlace : public testing::TestWithParam<std::tuple<const char *, CacheState>> {};

TEST_P(InPlace, EveryLaunchFindsTheStateAsItWasAtFirst) {
  constexpr uint64_t seed = 11;
  auto [json, cache] = GetParam();
  OpDesc op = must(OpDesc::parse(json));
  WatchingDevice device;
  KernelConfig config = must(KernelConfig::defaults(op, device.target()));
  CodeObject code = must(compile(op, device.target(), config)).object;
  watchOneLaunch(device, op, code, seed);
  ASSERT_FALSE(HasFatalFailure());
  device.launches = 0;

  Meter meter = must(Meter::create(
      device, op, {.cache = cache, .maxSamples = 9, .sampleSeconds = 1e-4}, seed, 1 << 20));
  std::vector<Contender> contenders;
  for (int i = 0; i < 2; ++i)
    contenders.push_back(must(meter.prepare(must(device.load(code)))));
  ASSERT_TRUE(meter.screen(contenders[0], 0));
  ASSERT_TRUE(meter.rounds(contenders, nullptr));

  EXPECT_GE(device.launches, 2 * 9);
  EXPECT_EQ(device.foundChanged, 0) << "of " << device.launches << " launches";
  EXPECT_EQ(device.leftOtherwise, 0) << "of " << device.launches << " launches";
  EXPECT_EQ(device.places.size() > 1, cache == CacheState::Cold);
  EXPECT_NE(meter.measurement(contenders[0], "rounds").method.find("state restored"),
            std::string::npos);
}

TEST_P(InPlace, WithoutRestoringTheSecondLaunchFindsAnother) {
  // The watch itself works: a launch on what another has left is seen.
  OpDesc op = must(OpDesc::parse(std::get<0>(GetParam())));
  WatchingDevice device;
  KernelConfig config = must(KernelConfig::defaults(op, device.target()));
  CodeObject code = must(compile(op, device.target(), config)).object;
  watchOneLaunch(device, op, code, 11);
  ASSERT_FALSE(HasFatalFailure());
  OperandCopies copies = must(OperandCopies::create(device, op, consistentSizes(op, {}), 11, 0));
  LaunchRow row = must(copies.bind(code));
  std::unique_ptr<Module> module = must(device.load(code));
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(device.launch(*module, copies.slots(row, 0), copies.sizes()));
  EXPECT_GT(device.foundChanged, 0);
  device.foundChanged = 0;
  ASSERT_TRUE(copies.restore(0, 1));
  ASSERT_TRUE(device.launch(*module, copies.slots(row, 0), copies.sizes()));
  EXPECT_EQ(device.foundChanged, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Updates, InPlace,
    testing::Combine(testing::Values(R"({"op":"ssm_update","num_heads":6,"num_kv_heads":2,
                         "head_dim":32,"d_state":48,"dt_stride":6,"dtype":"bf16",
                         "tuning":{"tokens":3,"num_slots":4}})",
                                     R"({"op":"causal_conv1d_update","conv_dim":200,
                         "x_stride":200,"dtype":"bf16","tuning":{"tokens":3,"num_slots":4}})"),
                     testing::Values(CacheState::Hot, CacheState::Cold)));

} // namespace
