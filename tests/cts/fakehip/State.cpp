//===- State.cpp - the objects of the fake HIP ----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "State.h"

#include "FakeHip.h"

#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <sstream>

namespace zorse::fakehip {

using namespace hip;

namespace {

const char *variable(const char *name) { return std::getenv(name); }

/// Without a wish: the middle one of the AMD rows.
std::string usualArch() {
  std::vector<std::string> names;
  for (const TargetDesc &row : allTargets())
    if (!row.isHost())
      names.push_back(row.arch);
  return names.empty() ? "" : names[names.size() / 2];
}

} // namespace

State &state() {
  static State instance;
  return instance;
}

int &currentDevice() {
  thread_local int device = 0;
  return device;
}

State::State() {
  const char *archs = variable("FAKE_HIP_ARCH");
  if (!setGpus(archs ? archs : usualArch()))
    std::fprintf(stderr, "fake HIP: FAKE_HIP_ARCH names a GPU that the emulator does not run\n");
  if (const char *path = variable("FAKE_HIP_LOG"))
    logFile.open(path, std::ios::app);
  if (const char *wish = variable("FAKE_HIP_FAIL")) {
    std::istringstream text(wish);
    std::string function, nth, code;
    if (std::getline(text, function, ':') && std::getline(text, nth, ':') &&
        std::getline(text, code))
      failures.push_back({function, std::atoi(nth.c_str()), std::atoi(code.c_str())});
  }
}

bool State::setGpus(const std::string &archs) {
  gpus.clear();
  std::istringstream names(archs);
  const char *checks = variable("FAKE_HIP_CHECKS");
  for (std::string arch; std::getline(names, arch, ',');) {
    Result<TargetDesc> target = findTarget(arch);
    if (!target)
      return false;
    Result<std::unique_ptr<emulator::Machine>> machine =
        emulator::Machine::create(*target, {.checks = checks && *checks == '1'});
    if (!machine)
      return false;
    gpus.push_back({machine.take()});
  }
  return true;
}

size_t State::liveObjects() const {
  return streams.size() + events.size() + modules.size() + graphs.size() + execs.size() +
         memory.size() + pinned.size();
}

int State::injected(const std::string &function) {
  for (auto failure = failures.begin(); failure != failures.end(); ++failure)
    if (failure->function == function && --failure->left == 0) {
      const int code = failure->code;
      failures.erase(failure);
      return code;
    }
  return Success;
}

void State::note(const std::string &function, const std::string &arguments, int code) {
  const std::string line = fmt::format("{}({}) = {}\n", function, arguments, code);
  log += line;
  if (logFile.is_open())
    logFile << line << std::flush;
}

int State::flush(Stream &stream) {
  Gpu &gpu = gpus[size_t(stream.device)];
  while (!stream.queue.empty()) {
    std::function<int()> operation = std::move(stream.queue.front());
    stream.queue.pop_front();
    const int code = operation();
    if (gpu.lost == Success)
      gpu.lost = code;
  }
  return gpu.lost;
}

int State::flushDevice(int device) {
  for (const auto &[handle, stream] : streams)
    if (stream->device == device)
      flush(*stream);
  return gpus[size_t(device)].lost;
}

int State::run(const KernelNode &node) {
  const LoadedModule &module = *node.function->module;
  Gpu &gpu = gpus[size_t(module.device)];
  if (gpu.lost != Success)
    return gpu.lost;
  if (module.unloaded) {
    std::fprintf(stderr, "fake HIP: kernel %s runs after its module was unloaded\n",
                 node.function->kernel->name.c_str());
    return LaunchFailure;
  }
  Result<emulator::Counts> counts =
      gpu.machine->launch(*module.image, node.function->kernel->name, node.shape, node.arguments);
  if (counts)
    return Success;
  std::fprintf(stderr, "fake HIP: %s\n", counts.error().message.c_str());
  return LaunchFailure;
}

bool State::breaksCapture() {
  bool broken = false;
  for (const auto &[handle, stream] : streams)
    if (stream->capture != Stream::Capture::None && stream->captureMode != CaptureRelaxed &&
        stream->capturingThread == std::this_thread::get_id()) {
      stream->capture = Stream::Capture::Invalidated;
      broken = true;
    }
  return broken;
}

bool State::isPinned(const void *memory, size_t bytes) const {
  const auto address = reinterpret_cast<uintptr_t>(memory);
  auto after = pinnedBytes.upper_bound(address);
  if (after == pinnedBytes.begin())
    return false;
  --after;
  return address - after->first <= after->second &&
         bytes <= after->second - (address - after->first);
}

} // namespace zorse::fakehip

using zorse::fakehip::state;

extern "C" {
__attribute__((visibility("default"))) bool fakeHipReset(const char *archs) {
  std::lock_guard lock(state().mutex);
  if (state().liveObjects() != 0)
    return false;
  state().initialised = false;
  state().failures.clear();
  state().log.clear();
  return state().setGpus(archs);
}
__attribute__((visibility("default"))) void fakeHipFail(const char *function, int nth, int code) {
  std::lock_guard lock(state().mutex);
  state().failures.push_back({function, nth, code});
}
__attribute__((visibility("default"))) const char *fakeHipLog() { return state().log.c_str(); }
__attribute__((visibility("default"))) void fakeHipClearLog() {
  std::lock_guard lock(state().mutex);
  state().log.clear();
}
__attribute__((visibility("default"))) size_t fakeHipLiveObjects() {
  std::lock_guard lock(state().mutex);
  return state().liveObjects();
}
}
