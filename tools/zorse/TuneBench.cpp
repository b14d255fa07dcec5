//===- TuneBench.cpp - what zorse tune tries candidates on ----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "TuneBench.h"

#include "DeviceChoice.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>
#include <spdlog/spdlog.h>

namespace zorse::tool {

/// The rows of a recorded sweep of this op, all of one target.
static Result<std::vector<KernelRecord>> sweepOf(const TuneArguments &arguments, const OpDesc &op) {
  Result<std::unique_ptr<Database>> sweep =
      Database::open(arguments.simulate, Database::Mode::ReadOnly);
  if (!sweep)
    return sweep.takeError();
  RecordFilter filter;
  filter.opJson = op.canonicalJson();
  filter.tuningPoint = op.tuningPointJson();
  Result<std::vector<KernelRecord>> rows = (*sweep)->list(filter);
  if (!rows)
    return rows;
  std::set<std::pair<std::string, int64_t>> targets;
  std::erase_if(*rows, [&](const KernelRecord &row) {
    return !arguments.arch.empty() && arguments.arch != "host" && row.arch != arguments.arch;
  });
  for (const KernelRecord &row : *rows)
    targets.emplace(row.arch, row.computeUnits);
  if (targets.empty())
    return usageError(fmt::format("{} has no row of {} at {}{}; `zorse db ls --db {}` lists what "
                                  "it has",
                                  arguments.simulate, op.kind(), op.tuningPointJson(),
                                  arguments.arch.empty() ? "" : " on " + arguments.arch,
                                  arguments.simulate));
  if (targets.size() == 1)
    return rows;
  std::string found;
  for (const auto &[arch, units] : targets)
    found += fmt::format("{}{} with {} compute units", found.empty() ? "" : ", ", arch, units);
  return usageError(fmt::format("{} has sweeps of several targets ({}); export one of them to a "
                                "database of its own, or name an architecture with --target",
                                arguments.simulate, found));
}

/// The configurations of the sweep that the space has, the default first, in the order of their
/// values.
static Result<Space> spaceOf(const std::vector<KernelRecord> &rows, const OpDesc &op,
                             const TargetDesc &target, SearchSpace which) {
  std::map<std::vector<int64_t>, KernelConfig> configs;
  for (const KernelRecord &row : rows) {
    Result<KernelConfig> config = KernelConfig::read(row.configText);
    if (!config)
      return config.takeError();
    std::vector<int64_t> values;
    for (const auto &[knob, value] : config->values())
      values.push_back(value);
    configs.emplace(std::move(values), config.take());
  }
  std::optional<Space> within;
  if (which != SearchSpace::Exhaustive) {
    Result<Space> space = Space::of(op, target, which);
    if (!space)
      return space;
    within = space.take();
  }
  Result<KernelConfig> defaults = KernelConfig::defaults(op, target);
  std::vector<KernelConfig> list;
  for (auto &[values, config] : configs) {
    if (within && !within->find(config.text()))
      continue;
    bool isDefault = defaults && config == *defaults;
    list.insert(isDefault ? list.begin() : list.end(), std::move(config));
  }
  if (list.empty())
    return usageError(fmt::format("the sweep has no configuration of the {} space; try --space "
                                  "exhaustive",
                                  name(which)));
  return Space(std::move(list));
}

/// --device, or where candidates of this target run here; empty: nowhere.
static Result<std::string> chooseDevice(const TuneArguments &arguments) {
  bool isHost = arguments.arch.empty() || arguments.arch == "host";
  if (!isHost) {
    Result<TargetDesc> target = findTarget(arguments.arch);
    if (!target)
      return target.takeError();
    isHost = target->isHost();
  }
  if (arguments.device == "emulator")
    return usageError("the emulator has no time of its own to tune by; try --target ARCH without "
                      "--device, which predicts (source model), or --device host or hip");
  if (arguments.device.empty())
    return std::string(isHost ? "host" : "");
  if (arguments.device != "host" && arguments.device != "hip")
    return usageError(
        fmt::format("no device '{}' to tune on; the devices are host and hip", arguments.device));
  bool isGiven = !arguments.arch.empty();
  if (arguments.device == "host" ? !isHost : isGiven && isHost)
    return usageError(fmt::format("--device {} does not run code for {}; leave out one of the two",
                                  arguments.device, arguments.arch));
  return arguments.device;
}

static Result<ChosenTarget> targetOf(const Tool &tool, const TuneArguments &arguments,
                                     const TuneRequest &request, const std::string &deviceName) {
  bool isGiven = !arguments.arch.empty() && arguments.arch != "host";
  auto named = [&](const std::string &device) -> Result<ChosenTarget> {
    Result<TargetDesc> target = findTarget(arguments.arch);
    if (!target)
      return target.takeError();
    return ChosenTarget{target.take(), device};
  };
  if (deviceName.empty())
    return named("");
  // Opened for a moment, to learn what it is; trials have their own.
  DeviceChoice choice;
  choice.name = deviceName;
  choice.threads = request.threads;
  Result<OpenedDevice> opened = openDevice(tool, choice);
  if (!opened)
    return opened.takeError();
  ChosenTarget here{opened->device->target(), opened->device->description()};
  if (!isGiven || here.target.arch == arguments.arch)
    return here;
  if (!here.target.isHost())
    return Error{ErrorCode::Device, fmt::format("the device here is {}, not {}; leave out --device "
                                                "to predict instead",
                                                here.target.arch, arguments.arch)};
  Result<ChosenTarget> chosen = named(here.device);
  if (chosen)
    chosen->target.computeUnits = here.target.computeUnits;
  return chosen;
}

static Result<ChosenTarget> targetOfSweep(const std::vector<KernelRecord> &rows) {
  Result<TargetDesc> target = findTarget(rows.front().arch);
  if (!target)
    return target.takeError();
  target->computeUnits = static_cast<int>(rows.front().computeUnits);
  return ChosenTarget{target.take(), ""};
}

Result<ChosenTarget> chooseTarget(const Tool &tool, const TuneArguments &arguments,
                                  const TuneRequest &request) {
  if (!arguments.simulate.empty()) {
    Result<std::vector<KernelRecord>> rows = sweepOf(arguments, *request.op);
    return rows ? targetOfSweep(*rows) : rows.takeError();
  }
  Result<std::string> device = chooseDevice(arguments);
  return device ? targetOf(tool, arguments, request, *device) : device.takeError();
}

static Result<std::unique_ptr<Laboratory>> makeProcesses(const TuneRequest &request,
                                                         const std::string &deviceName) {
  ProcessOptions options;
  options.command = {"/proc/self/exe", "worker"};
  if (!deviceName.empty())
    options.command.insert(options.command.end(), {"--device", deviceName, "--threads",
                                                   fmt::format("{}", request.threads)});
  options.compilers = request.threads;
  options.measures = !deviceName.empty();
  options.limits = request.limits;
  options.measure = request.measure;
  options.seed = request.options.seed;
  return createProcessLaboratory(std::move(options));
}

Result<TuneBench> makeBench(const Tool &tool, const TuneArguments &arguments,
                            const TuneRequest &request) {
  TuneBench bench;
  if (!arguments.simulate.empty()) {
    Result<std::vector<KernelRecord>> rows = sweepOf(arguments, *request.op);
    if (!rows)
      return rows.takeError();
    Result<ChosenTarget> chosen = targetOfSweep(*rows);
    if (!chosen)
      return chosen.takeError();
    bench.target = std::move(chosen->target);
    Result<Space> configs = spaceOf(*rows, *request.op, bench.target, request.options.space);
    if (!configs)
      return configs.takeError();
    bench.configs = configs.take();
    bench.laboratory = createRecordedLaboratory(rows.take());
    spdlog::info("replaying {} of {}; times are those of its rows, nothing runs",
                 arguments.simulate, bench.laboratory->deviceDescription());
    return bench;
  }
  Result<std::string> device = chooseDevice(arguments);
  if (!device)
    return device.takeError();
  Result<ChosenTarget> chosen = targetOf(tool, arguments, request, *device);
  if (!chosen)
    return chosen.takeError();
  bench.target = std::move(chosen->target);
  bench.device = std::move(chosen->device);
  Result<std::unique_ptr<Laboratory>> processes = makeProcesses(request, *device);
  if (!processes)
    return processes.takeError();
  if (!device->empty()) {
    bench.laboratory = processes.take();
    return bench;
  }
  bench.compiler = processes.take();
  bench.laboratory = createModelLaboratory(*bench.compiler);
  return bench;
}

} // namespace zorse::tool
