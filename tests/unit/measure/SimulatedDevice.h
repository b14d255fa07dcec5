//===- SimulatedDevice.h - a device with a clock of its own -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "SwigluKernels.h"

#include "zorse/device/SynchronousDevice.h"

#include <cstring>
#include <random>
#include <set>

namespace zorse::test {

/// Runs nothing; its time passes as the members say, so that what a meter makes of a noisy machine
/// can be known beforehand. A kernel takes as many microseconds as its configuration text says.
class SimulatedDevice final : public SynchronousDevice {
public:
  explicit SimulatedDevice(uint64_t seed = 1) : random(seed) {
    desc.arch = "simulated";
    desc.family = TargetDesc::Family::Amdgpu; // what interrupts this process does not concern it
  }

  double nowUs = 0;
  double jitter = 0;               ///< standard deviation of the logarithm of a launch's time
  double spikeShare = 0;           ///< of launches that take three times as long
  double slowdown = 0;             ///< growth of times, per simulated second
  double uploadUs = 0;             ///< of each upload
  double eventUs = 0;              ///< of each event
  int coldLaunches = 0;            ///< first launches of each module take twice as long
  bool real = true;                ///< timesAreReal()
  bool keepsBytes = true;          ///< otherwise buffers have no memory behind them
  std::string state;               ///< name of an operand that each launch changes
  int64_t usedTwice = 0;           ///< launches that found a state that another had changed
  size_t uploaded = 0;             ///< bytes
  std::vector<uint64_t> addresses; ///< of the first slot of each launch

  const TargetDesc &target() const override { return desc; }
  std::string description() const override { return "simulated"; }
  bool timesAreReal() const override { return real; }
  Result<std::unique_ptr<Buffer>> allocate(size_t bytes) override {
    nextAddress += (bytes + 4095) / 4096 * 4096;
    return std::unique_ptr<Buffer>(
        new Memory(keepsBytes ? bytes : 0, bytes, nextAddress - (bytes + 4095) / 4096 * 4096));
  }
  Status upload(Buffer &to, size_t offset, std::span<const uint8_t> from) override {
    nowUs += uploadUs;
    uploaded += from.size();
    auto &memory = static_cast<Memory &>(to);
    if (keepsBytes && !from.empty())
      std::memcpy(memory.bytes.data() + offset, from.data(), from.size());
    // A restored state is a fresh one.
    uint64_t first = memory.address() + offset;
    changed.erase(changed.lower_bound(first), changed.lower_bound(first + from.size()));
    return Status::success();
  }
  Result<std::unique_ptr<Module>> load(const CodeObject &object) override {
    return std::unique_ptr<Module>(new Code(object));
  }
  Result<std::unique_ptr<Event>> record() override {
    nowUs += eventUs;
    return std::unique_ptr<Event>(new Moment(nowUs));
  }
  Result<double> seconds(const Event &from, const Event &to) override {
    return (static_cast<const Moment &>(to).us - static_cast<const Moment &>(from).us) * 1e-6;
  }

private:
  struct Memory final : Buffer {
    Memory(size_t kept, size_t bytes, uint64_t where) : bytes(kept), length(bytes), where(where) {}
    uint64_t address() const override { return where; }
    size_t size() const override { return length; }
    std::vector<uint8_t> bytes;
    size_t length;
    uint64_t where;
  };
  struct Code final : Module {
    explicit Code(const CodeObject &object) : code(object) {}
    const CodeObject &object() const override { return code; }
    CodeObject code;
    int launches = 0;
  };
  struct Moment final : Event {
    explicit Moment(double us) : us(us) {}
    double us;
  };

  Status run(Module &module, std::span<const uint64_t> slots, const Sizes &) override {
    auto &code = static_cast<Code &>(module);
    double us = std::stod(code.code.configText) * (1 + slowdown * nowUs * 1e-6);
    us *= std::exp(jitter * normal(random));
    if (std::uniform_real_distribution<>()(random) < spikeShare)
      us *= 3;
    if (code.launches++ < coldLaunches)
      us *= 2;
    addresses.push_back(slots[0]);
    for (size_t i = 0; i < slots.size(); ++i)
      if (!state.empty() && code.code.arguments[i].name == state &&
          !changed.insert(slots[i]).second) {
        ++usedTwice;
        us *= 10;
      }
    nowUs += us;
    return Status::success();
  }

  TargetDesc desc;
  std::mt19937_64 random;
  std::normal_distribution<> normal;
  uint64_t nextAddress = 4096;
  std::set<uint64_t> changed;
};

/// A kernel of the op that takes so long on a SimulatedDevice.
inline CodeObject timedObject(const OpDesc &op, double microseconds) {
  CodeObject object;
  object.arch = "simulated";
  object.configText = std::to_string(microseconds);
  for (const OperandSpec *operand : op.operands())
    object.arguments.push_back({KernelArgument::Kind::Operand, operand->name, operand->dtype});
  return object;
}

} // namespace zorse::test
