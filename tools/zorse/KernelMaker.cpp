//===- KernelMaker.cpp - compiles what the database lacks -----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "KernelMaker.h"

#include "Interrupt.h"

#include "zorse/compiler/Compile.h"

#include <algorithm>
#include <atomic>
#include <fmt/format.h>
#include <mutex>
#include <spdlog/spdlog.h>
#include <thread>

namespace zorse::tool {

using Clock = std::chrono::steady_clock;

namespace {

/// Adds the time until its end to a sum.
class Stopwatch {
public:
  explicit Stopwatch(double &sum) : sum(sum) {}
  ~Stopwatch() { sum += std::chrono::duration<double>(Clock::now() - start).count(); }

private:
  double &sum;
  Clock::time_point start = Clock::now();
};

} // namespace

struct KernelMaker::Task {
  OpDesc op;
  KernelConfig config;
  Key key() const { return {op.hash(), config.text()}; }
};

Result<bool> KernelMaker::hasWinner(const OpDesc &op) {
  auto known = winnerKnown.find(op.hash());
  if (known != winnerKnown.end())
    return known->second;
  Result<std::vector<KernelRecord>> winners = database.winners(op, target);
  if (!winners)
    return winners.takeError();
  return winnerKnown[op.hash()] = !winners->empty();
}

/// Takes the code from an earlier run of the same compiler, if there is any.
Result<bool> KernelMaker::recall(const Task &task) {
  if (made.contains(task.key()))
    return true;
  RecordFilter filter;
  filter.opJson = task.op.canonicalJson();
  filter.arch = target.arch;
  filter.configText = task.config.text();
  Result<std::vector<KernelRecord>> records = database.list(filter);
  if (!records)
    return records.takeError();
  for (const KernelRecord &record : *records) {
    if (record.state != TrialState::Ok || record.codeHash.empty() ||
        record.compilerRevision != compilerRevision())
      continue;
    Result<std::optional<CodeObject>> code = database.loadCode(record);
    if (!code) {
      spdlog::warn("{}", code.error().message); // made again below
      continue;
    }
    if (*code) {
      made.emplace(task.key(), std::move(**code));
      ++numRecalled;
      return true;
    }
  }
  return false;
}

Status KernelMaker::remember(const std::vector<const Task *> &tasks,
                             std::vector<CodeObject> objects) {
  std::vector<KernelRecord> records;
  for (size_t i = 0; i < tasks.size(); ++i) {
    KernelRecord &record = records.emplace_back();
    record.opKind = tasks[i]->op.kind();
    record.opJson = tasks[i]->op.canonicalJson();
    record.arch = target.arch;
    record.computeUnits = target.computeUnits;
    record.tuningPoint = tasks[i]->op.tuningPointJson();
    record.configText = tasks[i]->config.text();
    record.compilerRevision = objects[i].compilerRevision;
    record.codeHash = objects[i].codeHash().hex();
    record.state = TrialState::Ok;
  }
  Status status = database.recordAll(records, objects);
  numCompiled += static_cast<int64_t>(tasks.size());
  for (size_t i = 0; i < tasks.size(); ++i)
    made.emplace(tasks[i]->key(), std::move(objects[i]));
  return status;
}

Result<CodeObject> KernelMaker::make(const OpDesc &op, const Sizes &sizes) {
  Stopwatch stopwatch(spent);
  OpDesc tuned = op.withTuningPoint(sizes);
  Result<KernelConfig> config = KernelConfig::defaults(tuned, target);
  if (!config)
    return config.takeError();
  Task task{std::move(tuned), config.take()};
  Result<bool> known = recall(task);
  if (!known)
    return known.takeError();
  if (!*known) {
    Result<CompileOutput> output = compile(task.op, target, task.config);
    if (!output)
      return output.takeError();
    spdlog::debug("compiled {} with {}", op.kind(), task.config.text());
    if (Status status = remember({&task}, {std::move(output->object)}); !status)
      return status.takeError();
  }
  return made.at(task.key());
}

Result<CodeObject> KernelMaker::makeAgain(const OpDesc &op, const KernelRecord &record) {
  Stopwatch stopwatch(spent);
  Result<KernelConfig> config = KernelConfig::parse(record.configText, op, target);
  if (!config)
    return config.takeError();
  Task task{op, config.take()};
  if (auto known = made.find(task.key()); known != made.end())
    return known->second;
  Result<CompileOutput> output = compile(task.op, target, task.config);
  if (!output)
    return output.takeError();
  spdlog::debug("built {} with {} again", op.kind(), task.config.text());
  CodeObject object = std::move(output->object);
  // The very code that was measured takes its place again; other code is remembered as compiled.
  if (object.codeHash().hex() != record.codeHash) {
    if (Status status = remember({&task}, {object}); !status)
      return status.takeError();
    return object;
  }
  if (Status status = database.storeCode(object); !status)
    return status.takeError();
  ++numRebuilt;
  made.emplace(task.key(), object);
  return object;
}

Status KernelMaker::compileAll(std::vector<Task> &tasks, int threads, Progress &progress) {
  std::vector<std::optional<Result<CompileOutput>>> outputs(tasks.size());
  std::atomic<size_t> next = 0, done = 0;
  auto work = [&] {
    for (size_t i; !stopRequested && (i = next++) < tasks.size(); ++done)
      outputs[i].emplace(compile(tasks[i].op, target, tasks[i].config));
  };
  std::vector<std::thread> workers;
  size_t count = threads > 0 ? static_cast<size_t>(threads) : std::thread::hardware_concurrency();
  for (size_t i = 0; i < std::clamp<size_t>(count, 1, tasks.size()); ++i)
    workers.emplace_back(work);
  while (done < tasks.size() && !stopRequested) {
    progress.show(fmt::format("compiling kernels that the database lacks: {} of {}", done.load(),
                              tasks.size()));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  for (std::thread &worker : workers)
    worker.join();
  progress.clear();
  std::vector<const Task *> finished;
  std::vector<CodeObject> objects;
  std::optional<Error> failure;
  for (size_t i = 0; i < tasks.size(); ++i) {
    if (!outputs[i])
      continue;
    if (outputs[i]->ok()) {
      finished.push_back(&tasks[i]);
      objects.push_back(std::move((**outputs[i]).object));
    } else if (!failure) {
      const Error &error = outputs[i]->error();
      failure = Error{error.code, fmt::format("{}: {}", tasks[i].op.kind(), error.message)};
    }
  }
  Status status = remember(finished, std::move(objects));
  return failure ? Status(*failure) : status;
}

Status KernelMaker::prepare(const std::vector<OpDesc> &ops, int threads, Progress &progress) {
  Stopwatch stopwatch(spent);
  std::vector<Task> tasks;
  for (const OpDesc &op : ops) {
    Result<bool> won = hasWinner(op);
    if (!won)
      return won.takeError();
    if (*won)
      continue;
    Result<KernelConfig> config = KernelConfig::defaults(op, target);
    if (!config)
      return config.takeError();
    Task task{op, config.take()};
    bool isQueued = std::any_of(tasks.begin(), tasks.end(),
                                [&](const Task &other) { return other.key() == task.key(); });
    if (isQueued)
      continue;
    Result<bool> known = recall(task);
    if (!known)
      return known.takeError();
    if (!*known)
      tasks.push_back(std::move(task));
  }
  return tasks.empty() ? Status() : compileAll(tasks, threads, progress);
}

} // namespace zorse::tool
