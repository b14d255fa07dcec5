//===- DeviceChoice.cpp - where a verb runs its kernels -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "DeviceChoice.h"

#include "zorse/hip/HipDevice.h"

#ifdef ZORSE_HAS_EMULATOR
#include "zorse/emulator/EmulatorDevice.h"
#endif

#include <algorithm>
#include <fmt/format.h>

namespace zorse::tool {

static std::string amdTargets() {
  std::string names;
  for (const TargetDesc &target : allTargets())
    if (!target.isHost())
      names += (names.empty() ? "" : ", ") + target.arch;
  return names;
}

void addDeviceOptions(CLI::App &verb, DeviceChoice &choice) {
  verb.add_option("--device", choice.name, "where to run")->option_text("host|emulator|hip");
  verb.add_option("--arch", choice.arch, "the GPU that the emulator is: " + amdTargets())
      ->option_text("ARCH");
  verb.add_option("--threads", choice.threads, "threads, 0 is one for each hardware thread")
      ->check(CLI::Range(0, 4096))
      ->option_text("N");
  verb.add_flag("--pin", choice.pinned, "pin each thread to a core (host)");
  verb.add_flag("--checks", choice.checks,
                "stop at what hardware lets pass: uninitialised registers, missing waits, races "
                "(emulator)");
}

static Result<OpenedDevice> openEmulator(const DeviceChoice &choice) {
#ifdef ZORSE_HAS_EMULATOR
  if (choice.arch.empty())
    return usageError("the emulator needs --arch, one of " + amdTargets());
  Result<TargetDesc> target = findTarget(choice.arch);
  if (!target)
    return target.takeError();
  Result<std::unique_ptr<EmulatorDevice>> device =
      createEmulatorDevice(*target, {.threads = choice.threads, .checks = choice.checks});
  if (!device)
    return device.takeError();
  OpenedDevice opened;
  opened.emulator = device->get();
  opened.device = device.take();
  return opened;
#else
  return Error{ErrorCode::Device, "this zorse was built without the emulator; build it with "
                                  "-DZORSE_BUILD_EMULATOR=ON, or use --device host"};
#endif
}

Result<OpenedDevice> openDevice(const Tool &tool, const DeviceChoice &given) {
  DeviceChoice choice = given;
  if (choice.threads == 0)
    choice.threads = tool.environment.threads;
  bool isEmulator = choice.name == "emulator", isHost = choice.name == "host";
  if (!isEmulator && !choice.arch.empty())
    return usageError(
        fmt::format("--arch goes with --device emulator, found --device {}", choice.name));
  if (!isEmulator && choice.checks)
    return usageError(
        fmt::format("--checks goes with --device emulator, found --device {}", choice.name));
  if (!isHost && choice.pinned)
    return usageError(fmt::format("--pin goes with --device host, found --device {}", choice.name));
  if (isEmulator)
    return openEmulator(choice);
  Result<std::unique_ptr<Device>> device =
      isHost ? createHostDevice({choice.threads, choice.pinned})
      : choice.name == "hip"
          ? createHipDevice({.library = tool.environment.hipLibrary})
          : Result<std::unique_ptr<Device>>(usageError(fmt::format(
                "no device '{}'; the devices are host, emulator and hip", choice.name)));
  if (!device)
    return device.takeError();
  OpenedDevice opened;
  opened.device = device.take();
  return opened;
}

#ifdef ZORSE_HAS_EMULATOR

static Json kernelJson(const emulator::Counts &counts) {
  return {{"instructions", counts.instructions},
          {"by_class", counts.byClass},
          {"matrix_flops_issued", counts.matrixFlopsIssued},
          {"matrix_flops_useful", counts.matrixFlopsUseful},
          {"load_bytes", counts.loads.moved64},
          {"store_bytes", counts.stores.moved64},
          {"lds_conflict_cycles", counts.ldsConflictCycles},
          {"waves_per_simd", counts.occupancy.wavesPerSimd}};
}

static emulator::Counts totalOf(const EmulatorDevice &device) {
  emulator::Counts total;
  for (const auto &[symbol, counts] : device.counts())
    total += counts;
  return total;
}

Json countsJson(const OpenedDevice &device, int64_t tokens) {
  if (!device.emulator)
    return Json();
  emulator::Counts total = totalOf(*device.emulator);
  Json json = {{"source", "simulated"}, {"tokens", tokens}, {"total", kernelJson(total)}};
  double share = static_cast<double>(std::max<int64_t>(tokens, 1));
  json["instructions_per_token"] = static_cast<double>(total.instructions) / share;
  json["bytes_per_token"] = static_cast<double>(total.loads.moved64 + total.stores.moved64) / share;
  json["kernels"] = Json::object();
  for (const auto &[symbol, counts] : device.emulator->counts())
    json["kernels"][symbol] = kernelJson(counts);
  return json;
}

std::string describeCounts(const OpenedDevice &device, const std::string &phase, int64_t tokens) {
  if (!device.emulator || tokens == 0)
    return "";
  auto perToken = [&](uint64_t value) {
    return static_cast<double>(value) / static_cast<double>(tokens);
  };
  emulator::Counts total = totalOf(*device.emulator);
  std::vector<std::pair<uint64_t, std::string>> lines;
  for (const auto &[symbol, counts] : device.emulator->counts())
    lines.emplace_back(
        counts.instructions,
        fmt::format("  {:<36} {:>12.0f} {:>10.0f} {:>12}\n", symbol, perToken(counts.instructions),
                    perToken(counts.byClass.contains("mfma") ? counts.byClass.at("mfma") : 0),
                    formatBytes(perToken(counts.loads.moved64 + counts.stores.moved64))));
  std::sort(lines.rbegin(), lines.rend());
  std::string text =
      fmt::format("{} of {} tokens on an emulated {}, per token (simulated): {:.0f} wave "
                  "instructions, {} moved in lines of 64 bytes\n  {:<36} {:>12} {:>10} {:>12}\n",
                  phase, tokens, device.device->target().arch, perToken(total.instructions),
                  formatBytes(perToken(total.loads.moved64 + total.stores.moved64)), "kernel",
                  "instructions", "MFMA", "bytes");
  for (const auto &[count, line] : lines)
    text += line;
  return text;
}

void clearCounts(const OpenedDevice &device) {
  if (device.emulator)
    device.emulator->clearCounts();
}

#else

Json countsJson(const OpenedDevice &, int64_t) { return Json(); }
std::string describeCounts(const OpenedDevice &, const std::string &, int64_t) { return ""; }
void clearCounts(const OpenedDevice &) {}

#endif

} // namespace zorse::tool
