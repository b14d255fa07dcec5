//===- EmulatedKernel.cpp - one code object against the oracle ------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "EmulatedKernel.h"

#include "zorse/device/BindLaunch.h"

#include <fmt/format.h>

#include <map>

namespace zorse {

namespace {
/// The worst error as a share of what is allowed.
struct Tally {
  int cases = 0;
  double worst = 0;
  std::string where;
};
std::map<std::pair<std::string, std::string>, Tally> tallies;
} // namespace

EmulatorDevice &emulatorFor(const std::string &arch) {
  static std::map<std::string, std::unique_ptr<EmulatorDevice>> devices;
  std::unique_ptr<EmulatorDevice> &device = devices[arch];
  if (!device)
    device = createEmulatorDevice(findTarget(arch).take(), {.threads = 0, .checks = true}).take();
  return *device;
}

std::string describe(const Sizes &sizes) {
  std::string text;
  for (const auto &[name, value] : sizes)
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", name, value);
  return text;
}

Result<Comparison> runAndCompare(EmulatorDevice &device, const CodeObject &object, const OpDesc &op,
                                 const Sizes &sizes, uint64_t seed, Lengths lengths) {
  Result<OperandSet> inputs = OperandSet::create(op, sizes);
  if (!inputs)
    return inputs.takeError();
  if (Status status = fillOperands(op, sizes, seed, inputs->pointers(), lengths); !status)
    return status.takeError();
  std::vector<std::unique_ptr<Buffer>> buffers;
  std::vector<uint64_t> operandsAt, workspacesAt;
  auto add = [&](size_t bytes, const void *contents, std::vector<uint64_t> &addresses) -> Status {
    Result<std::unique_ptr<Buffer>> buffer = device.allocate(bytes);
    if (!buffer)
      return buffer.takeError();
    std::vector<uint8_t> poison(contents ? 0 : bytes, poisonByte);
    std::span<const uint8_t> from =
        contents ? std::span(static_cast<const uint8_t *>(contents), bytes) : std::span(poison);
    addresses.push_back((*buffer)->address());
    buffers.push_back(buffer.take());
    return device.upload(*buffers.back(), 0, from);
  };
  for (size_t i = 0; i < inputs->count(); ++i)
    if (Status status = add(inputs->bytes(i), inputs->pointers()[i], operandsAt); !status)
      return status.takeError();
  Result<std::vector<size_t>> bytes = workspaceBytes(object, sizes);
  if (!bytes)
    return bytes.takeError();
  for (size_t each : *bytes)
    if (Status status = add(each, nullptr, workspacesAt); !status)
      return status.takeError();
  Result<std::vector<uint64_t>> slots =
      bindLaunch(object, sizes, addressesInOrder(op, object, operandsAt, workspacesAt));
  if (!slots)
    return slots.takeError();
  Result<std::unique_ptr<Module>> module = device.load(object);
  if (!module)
    return module.takeError();
  if (Status status = device.launch(**module, *slots, sizes); !status)
    return status.takeError();

  std::vector<std::vector<uint8_t>> results(inputs->count());
  std::vector<void *> got;
  for (size_t i = 0; i < inputs->count(); ++i) {
    results[i].resize(inputs->bytes(i));
    if (Status status = device.download(*buffers[i], 0, results[i]); !status)
      return status.takeError();
    got.push_back(results[i].data());
  }
  if (Status status = runReference(op, inputs->pointers(), sizes); !status)
    return status.takeError();
  return compareOperands(op, sizes, got, inputs->pointers(),
                         device.target().matrixFlushesSubnormals);
}

void addToTally(const std::string &arch, const std::string &kind, const Comparison &comparison) {
  Tally &tally = tallies[{arch, kind}];
  ++tally.cases;
  if (comparison.maxError >= tally.worst) {
    tally.worst = comparison.maxError;
    tally.where = comparison.detail;
  }
}

void printTallies() {
  for (const auto &[key, tally] : tallies)
    fmt::print("{:<8} {:<22} {:4} cases, worst error {:.3f} of the tolerance: {}\n", key.first,
               key.second, tally.cases, tally.worst, tally.where);
  tallies.clear();
}

} // namespace zorse
