//===- Dispatcher.cpp - look up, load, launch -----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/dispatch/Dispatcher.h"

#include "Bucket.h"
#include "KernelSource.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <fmt/format.h>

namespace zorse {

using dispatch::Candidate;
using dispatch::KernelSource;

namespace {

/// Loaded code, with where each slot of its argument row comes from.
struct LoadedCode {
  struct Slot {
    KernelArgument::Kind kind;
    size_t index; ///< of the operand, the workspace, or the size of the spec
  };
  std::unique_ptr<Module> module;
  std::vector<Slot> slots;
};

} // namespace

class Dispatcher::Kernel {
public:
  Kernel(const OpDesc &op, KindTime &time, std::vector<Candidate> candidates)
      : op(op), operandCount(op.operands().size()), sizes(op.sizes()), time(time),
        candidates(std::move(candidates)) {
    values.resize(sizes.size());
    lastBucket.resize(values.size());
  }

  const OpDesc op;
  const size_t operandCount;
  const std::vector<const SizeSpec *> sizes;
  KindTime &time;
  const std::vector<Candidate> candidates;

  std::map<std::vector<int64_t>, LoadedCode *> byBucket; ///< sizes in spec order
  std::vector<int64_t> lastBucket;                       ///< of `lastCode`
  LoadedCode *lastCode = nullptr;

  // Room for one launch, kept to spare the allocations.
  std::vector<int64_t> values, bucket; ///< sizes in spec order
  std::vector<uint64_t> slots;
  // The sizes for which the workspaces below were computed, and their bytes.
  std::vector<int64_t> workspaceValues;
  const LoadedCode *workspaceCode = nullptr;
  std::vector<int64_t> workspaceBytes;
};

struct Dispatcher::State {
  State(Device &device, Database *database, MissHandler onMiss)
      : device(device), source(device, database, std::move(onMiss)) {}

  Status readSizes(Kernel &kernel, const Sizes &sizes);
  Result<LoadedCode *> codeFor(Kernel &kernel);
  Result<LoadedCode *> load(const OpDesc &op, const CodeObject &object);
  Status fillSlots(Kernel &kernel, const LoadedCode &code, std::span<const uint64_t> operands,
                   const Sizes &sizes);
  Status reserveWorkspaces(Kernel &kernel, const LoadedCode &code, const Sizes &sizes);
  /// Runs the row that fillSlots() made and takes its time, or records it.
  Status run(Kernel &kernel, const LoadedCode &code, const Sizes &sizes);

  Device &device;
  KernelSource source;
  std::map<Hash128, std::unique_ptr<Kernel>> kernels;                        ///< by hash of the op
  std::map<std::pair<Hash128, Hash128>, std::unique_ptr<LoadedCode>> loaded; ///< code, description
  /// Workspace i of every op; launches run in order, so that no two are in use at once.
  std::vector<std::shared_ptr<Buffer>> workspaces;
  std::map<std::string, KindTime> times;
  Recording *recording = nullptr; ///< what launches are recorded into
  bool waitForTimes = false;
};

Dispatcher::Dispatcher(Device &device, Database *database, MissHandler onMiss)
    : state(std::make_unique<State>(device, database, std::move(onMiss))) {}

Dispatcher::~Dispatcher() = default;

Result<Dispatcher::Kernel *> Dispatcher::prepare(const OpDesc &op) {
  Hash128 hash = op.hash();
  auto found = state->kernels.find(hash);
  if (found == state->kernels.end()) {
    Result<std::vector<Candidate>> candidates = state->source.candidates(op);
    if (!candidates)
      return candidates.takeError();
    auto kernel = std::make_unique<Kernel>(op, state->times[op.kind()], candidates.take());
    found = state->kernels.emplace(hash, std::move(kernel)).first;
  }
  return found->second.get();
}

Result<std::vector<Dispatcher::Winner>> Dispatcher::winners(const OpDesc &op, const Sizes &sizes) {
  Result<Kernel *> kernel = prepare(op);
  if (!kernel)
    return kernel.takeError();
  return state->source.winners(op, (*kernel)->candidates, bucketOf(op.spec(), sizes));
}

static Error missingSize(const OpDesc &op, const std::string &name, const Sizes &given) {
  std::vector<std::string> found;
  for (const auto &[key, value] : given)
    found.push_back(fmt::format("{} = {}", key, value));
  return usageError(
      fmt::format("{} needs the size {}, found {}", op.kind(), name,
                  found.empty() ? "none" : fmt::format("{}", fmt::join(found, ", "))));
}

/// Checks the sizes of a launch and puts them and their bucket in spec order.
Status Dispatcher::State::readSizes(Kernel &kernel, const Sizes &sizes) {
  const std::vector<const SizeSpec *> &specs = kernel.sizes;
  kernel.bucket.resize(specs.size());
  for (size_t i = 0; i < specs.size(); ++i) {
    const SizeSpec &spec = *specs[i];
    auto given = sizes.find(spec.name);
    if (given == sizes.end())
      return missingSize(kernel.op, spec.name, sizes);
    int64_t value = given->second;
    if (value < spec.minimum || value > spec.maximum)
      return usageError(fmt::format("the size {} of {} is from {} to {}, found {}", spec.name,
                                    kernel.op.kind(), spec.minimum, spec.maximum, value));
    kernel.values[i] = value;
    kernel.bucket[i] = dispatch::bucketOf(spec, value);
  }
  return Status();
}

Result<LoadedCode *> Dispatcher::State::codeFor(Kernel &kernel) {
  if (kernel.lastCode && kernel.bucket == kernel.lastBucket)
    return kernel.lastCode;
  auto found = kernel.byBucket.find(kernel.bucket);
  if (found == kernel.byBucket.end()) {
    Sizes bucket;
    for (size_t i = 0; i < kernel.sizes.size(); ++i)
      bucket[kernel.sizes[i]->name] = kernel.bucket[i];
    Result<CodeObject> object = source.find(kernel.op, kernel.candidates, bucket);
    if (!object)
      return object.takeError();
    Result<LoadedCode *> code = load(kernel.op, *object);
    if (!code)
      return code;
    found = kernel.byBucket.emplace(kernel.bucket, *code).first;
  }
  kernel.lastBucket = kernel.bucket;
  kernel.lastCode = found->second;
  return kernel.lastCode;
}

/// Where the slots come from; an error if the code does not take what the op gives.
static Result<std::vector<LoadedCode::Slot>> layOut(const OpDesc &op, const CodeObject &object) {
  auto mismatch = [&](std::string_view what) {
    return runtimeError(fmt::format("the code {} of {} does not take the arguments of the op: {}; "
                                    "compile it again",
                                    object.codeHash().hex(), op.kind(), what));
  };
  std::vector<LoadedCode::Slot> slots;
  std::vector<const OperandSpec *> operands = op.operands();
  const std::vector<const SizeSpec *> sizes = op.sizes();
  size_t operand = 0, workspace = 0;
  std::vector<bool> sizeSeen(sizes.size());
  for (const KernelArgument &argument : object.arguments) {
    switch (argument.kind) {
    case KernelArgument::Kind::Operand:
      if (operand >= operands.size() || operands[operand]->name != argument.name)
        return mismatch(fmt::format("operand {} is '{}' there, expected {}", operand, argument.name,
                                    operand < operands.size() ? "'" + operands[operand]->name + "'"
                                                              : "no more"));
      slots.push_back({argument.kind, operand++});
      break;
    case KernelArgument::Kind::Workspace:
      if (workspace >= object.workspaces.size() ||
          object.workspaces[workspace].name != argument.name)
        return mismatch(fmt::format("it says no size of the workspace '{}'", argument.name));
      slots.push_back({argument.kind, workspace++});
      break;
    case KernelArgument::Kind::Size: {
      auto size = std::find_if(sizes.begin(), sizes.end(),
                               [&](const SizeSpec *spec) { return spec->name == argument.name; });
      if (size == sizes.end())
        return mismatch(fmt::format("the op has no size '{}'", argument.name));
      slots.push_back({argument.kind, static_cast<size_t>(size - sizes.begin())});
      break;
    }
    }
  }
  if (operand != operands.size())
    return mismatch(fmt::format("it takes {} operands, expected {}", operand, operands.size()));
  return slots;
}

Result<LoadedCode *> Dispatcher::State::load(const OpDesc &op, const CodeObject &object) {
  std::pair key(object.codeHash(), hashText(toJson(object)));
  auto found = loaded.find(key);
  if (found == loaded.end()) {
    Result<std::vector<LoadedCode::Slot>> slots = layOut(op, object);
    if (!slots)
      return slots.takeError();
    Result<std::unique_ptr<Module>> module = device.load(object);
    if (!module)
      return module.takeError();
    auto code = std::make_unique<LoadedCode>();
    code->module = module.take();
    code->slots = slots.take();
    found = loaded.emplace(key, std::move(code)).first;
  }
  return found->second.get();
}

Status Dispatcher::State::reserveWorkspaces(Kernel &kernel, const LoadedCode &code,
                                            const Sizes &sizes) {
  const std::vector<WorkspaceInfo> &infos = code.module->object().workspaces;
  if (infos.empty())
    return Status();
  if (kernel.workspaceCode != &code || kernel.workspaceValues != kernel.values) {
    ExprScope scope = kernel.op.scope(sizes);
    kernel.workspaceBytes.clear();
    kernel.workspaceCode = nullptr;
    for (const WorkspaceInfo &info : infos) {
      Result<int64_t> bytes = info.bytes.evaluate(scope);
      if (!bytes)
        return bytes.takeError();
      if (*bytes < 0)
        return runtimeError(fmt::format("the workspace {} of {} would take {} bytes ({})",
                                        info.name, kernel.op.kind(), *bytes, info.bytes.text()));
      kernel.workspaceBytes.push_back(*bytes);
    }
    kernel.workspaceCode = &code;
    kernel.workspaceValues = kernel.values;
  }
  if (workspaces.size() < infos.size())
    workspaces.resize(infos.size());
  for (size_t i = 0; i < infos.size(); ++i) {
    size_t bytes = std::max<size_t>(64, static_cast<size_t>(kernel.workspaceBytes[i]));
    if (workspaces[i] && workspaces[i]->size() >= bytes)
      continue;
    if (recording)
      return usageError(fmt::format("the workspace {} of {} would have to grow to {} bytes while "
                                    "launches are recorded; make the same launches once before",
                                    infos[i].name, kernel.op.kind(), bytes));
    workspaces[i].reset(); // before the larger one is made, so that both need not fit
    Result<std::unique_ptr<Buffer>> buffer = device.allocate(std::bit_ceil(bytes));
    if (!buffer)
      return buffer.takeError();
    workspaces[i] = buffer.take();
  }
  return Status();
}

Status Dispatcher::State::fillSlots(Kernel &kernel, const LoadedCode &code,
                                    std::span<const uint64_t> operands, const Sizes &sizes) {
  if (Status status = reserveWorkspaces(kernel, code, sizes); !status)
    return status;
  kernel.slots.clear();
  for (const LoadedCode::Slot &slot : code.slots) {
    switch (slot.kind) {
    case KernelArgument::Kind::Operand:
      kernel.slots.push_back(operands[slot.index]);
      break;
    case KernelArgument::Kind::Workspace:
      kernel.slots.push_back(workspaces[slot.index]->address());
      break;
    case KernelArgument::Kind::Size:
      kernel.slots.push_back(static_cast<uint64_t>(kernel.values[slot.index]));
      break;
    }
  }
  return Status();
}

Status Dispatcher::launch(Kernel &kernel, std::span<const uint64_t> operands, const Sizes &sizes) {
  if (operands.size() != kernel.operandCount)
    return usageError(fmt::format("{} takes {} operands, found {}", kernel.op.kind(),
                                  kernel.operandCount, operands.size()));
  if (Status status = state->readSizes(kernel, sizes); !status)
    return status;
  Result<LoadedCode *> code = state->codeFor(kernel);
  if (!code)
    return code.takeError();
  if (Status status = state->fillSlots(kernel, **code, operands, sizes); !status)
    return status;
  return state->run(kernel, **code, sizes);
}

Status Dispatcher::State::run(Kernel &kernel, const LoadedCode &code, const Sizes &sizes) {
  if (recording) {
    auto &launches = recording->launches;
    auto kind = std::find_if(launches.begin(), launches.end(),
                             [&](const auto &entry) { return entry.first == &kernel.time; });
    if (kind == launches.end())
      kind = launches.insert(kind, {&kernel.time, 0});
    ++kind->second;
    return device.launch(*code.module, kernel.slots, sizes);
  }
  ++kernel.time.launches;
  if (!device.asynchronous()) {
    auto start = std::chrono::steady_clock::now();
    Status status = device.launch(*code.module, kernel.slots, sizes);
    std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    kernel.time.seconds += taken.count();
    return status;
  }
  if (!waitForTimes)
    return device.launch(*code.module, kernel.slots, sizes);
  Result<std::unique_ptr<Event>> from = device.record();
  if (!from)
    return from.takeError();
  if (Status status = device.launch(*code.module, kernel.slots, sizes); !status)
    return status;
  Result<std::unique_ptr<Event>> to = device.record();
  if (!to)
    return to.takeError();
  Result<double> seconds = device.seconds(**from, **to);
  if (!seconds)
    return seconds.takeError();
  kernel.time.seconds += *seconds;
  return Status();
}

Result<std::unique_ptr<Dispatcher::Recording>>
Dispatcher::record(const std::function<Status()> &body) {
  if (state->recording)
    return usageError("launches are being recorded already");
  auto recording = std::make_unique<Recording>();
  state->recording = recording.get();
  Result<std::unique_ptr<Graph>> graph = state->device.capture(body);
  state->recording = nullptr;
  if (!graph)
    return graph.takeError();
  recording->graph = graph.take();
  recording->workspaces = state->workspaces;
  return recording;
}

Status Dispatcher::replay(Recording &recording) {
  for (const auto &[time, count] : recording.launches)
    time->launches += count;
  return state->device.replay(*recording.graph);
}

void Dispatcher::onRebuild(RebuildHandler handler) { state->source.onRebuild(std::move(handler)); }

void Dispatcher::timeLaunches(bool wanted) { state->waitForTimes = wanted; }

bool Dispatcher::timesLaunches() const { return state->waitForTimes; }

std::map<std::string, Dispatcher::KindTime> Dispatcher::times() const { return state->times; }

const std::vector<std::string> &Dispatcher::notes() const { return state->source.notes(); }

Device &Dispatcher::device() { return state->device; }

} // namespace zorse
