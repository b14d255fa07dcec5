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
#include <set>
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
  std::optional<KernelRecord> winner = {}; ///< none: a default configuration
  std::string reason = {}; ///< why the code of a winner is built again, if that is worth telling
  Key key() const { return {op.hash(), config.text()}; }
};

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
      if (!task.winner)
        ++numRecalled;
      else if (record.codeHash != task.winner->codeHash)
        ++numDiffering;
      made.emplace(task.key(), std::move(**code));
      return true;
    }
  }
  return false;
}

Status KernelMaker::remember(const std::vector<const Task *> &tasks,
                             std::vector<CodeObject> objects) {
  std::vector<KernelRecord> records;
  for (size_t i = 0; i < tasks.size(); ++i) {
    const Task &task = *tasks[i];
    std::string hash = objects[i].codeHash().hex();
    if (!task.winner)
      ++numCompiled;
    else
      ++numRebuilt;
    if (task.winner && !task.reason.empty())
      sentences.push_back(fmt::format("{}: the winner {} at {} was built again: {}", task.op.kind(),
                                      task.winner->configText, task.winner->tuningPoint,
                                      task.reason));
    // The very code that was measured takes its place again; other code is remembered as compiled.
    if (task.winner && task.winner->codeHash == hash)
      continue;
    if (task.winner)
      ++numDiffering;
    KernelRecord &record = records.emplace_back();
    record.opKind = task.op.kind();
    record.opJson = task.op.canonicalJson();
    record.arch = target.arch;
    record.computeUnits = target.computeUnits;
    record.tuningPoint = task.op.tuningPointJson();
    record.configText = task.config.text();
    record.compilerRevision = objects[i].compilerRevision;
    record.codeHash = std::move(hash);
    record.state = TrialState::Ok;
  }
  Status status = database.recordAll(records, objects);
  for (size_t i = 0; i < tasks.size(); ++i)
    made.emplace(tasks[i]->key(), std::move(objects[i]));
  return status;
}

Result<CodeObject> KernelMaker::compileOne(const Task &task) {
  Result<bool> known = recall(task);
  if (!known)
    return known.takeError();
  if (!*known) {
    Result<CompileOutput> output = compile(task.op, target, task.config);
    if (!output)
      return output.takeError();
    spdlog::debug("compiled {} with {}", task.op.kind(), task.config.text());
    if (Status status = remember({&task}, {std::move(output->object)}); !status)
      return status.takeError();
  }
  return made.at(task.key());
}

Result<CodeObject> KernelMaker::make(const OpDesc &op, const Sizes &sizes) {
  Stopwatch stopwatch(spent);
  OpDesc tuned = op.withTuningPoint(sizes);
  Result<KernelConfig> config = KernelConfig::defaults(tuned, target);
  if (!config)
    return config.takeError();
  return compileOne({std::move(tuned), config.take()});
}

Result<CodeObject> KernelMaker::makeAgain(const OpDesc &op, const KernelRecord &record) {
  Stopwatch stopwatch(spent);
  Result<KernelConfig> config = KernelConfig::parse(record.configText, op, target);
  if (!config)
    return config.takeError();
  return compileOne({op, config.take(), record}); // the dispatcher tells why
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
    } else if (tasks[i].winner) {
      // The dispatcher passes over it, says so and tries the next one.
      spdlog::debug("{}", outputs[i]->error().message);
    } else if (!failure) {
      const Error &error = outputs[i]->error();
      failure = Error{error.code, fmt::format("{}: {}", tasks[i].op.kind(), error.message)};
    }
  }
  Status status = remember(finished, std::move(objects));
  return failure ? Status(*failure) : status;
}

/// What has to be compiled for launches of this op at its tuning point; nullopt if nothing.
Result<std::optional<KernelMaker::Task>> KernelMaker::taskFor(const OpDesc &op,
                                                              Dispatcher &dispatcher) {
  Result<std::vector<Dispatcher::Winner>> winners = dispatcher.winners(op, op.tuningPoint());
  if (!winners)
    return winners.takeError();
  for (Dispatcher::Winner &winner : *winners) {
    if (winner.obstacle.empty())
      return std::optional<Task>();
    Result<KernelConfig> config = KernelConfig::parse(winner.record.configText, winner.op, target);
    if (!config)
      continue; // not legal here: the next one will be tried
    if (winner.cameWithoutCode)
      winner.obstacle.clear();
    return std::optional<Task>(Task{std::move(winner.op), config.take(), std::move(winner.record),
                                    std::move(winner.obstacle)});
  }
  Result<KernelConfig> config = KernelConfig::defaults(op, target);
  if (!config)
    return config.takeError();
  return std::optional<Task>(Task{op, config.take()});
}

Status KernelMaker::prepare(std::vector<Task> tasks, int threads, Progress &progress) {
  std::vector<Task> missing;
  std::set<Key> queued;
  for (Task &task : tasks) {
    if (!queued.insert(task.key()).second)
      continue;
    Result<bool> known = recall(task);
    if (!known)
      return known.takeError();
    if (!*known)
      missing.push_back(std::move(task));
  }
  return missing.empty() ? Status() : compileAll(missing, threads, progress);
}

Status KernelMaker::prepare(const std::vector<OpDesc> &ops, Dispatcher &dispatcher, int threads,
                            Progress &progress) {
  Stopwatch stopwatch(spent);
  std::vector<Task> tasks;
  for (const OpDesc &op : ops) {
    Result<std::optional<Task>> task = taskFor(op, dispatcher);
    if (!task)
      return task.takeError();
    if (*task)
      tasks.push_back(std::move(**task));
  }
  return prepare(std::move(tasks), threads, progress);
}

Status KernelMaker::prepare(const std::vector<Wanted> &kernels, int threads, Progress &progress) {
  Stopwatch stopwatch(spent);
  std::vector<Task> tasks;
  for (const Wanted &kernel : kernels) {
    Result<KernelConfig> config =
        kernel.winner ? KernelConfig::parse(kernel.winner->configText, kernel.op, target)
                      : KernelConfig::defaults(kernel.op, target);
    if (config)
      tasks.push_back({kernel.op, config.take(), kernel.winner});
    else if (!kernel.winner)
      return config.takeError();
    // What is not legal here is told by makeAgain().
  }
  return prepare(std::move(tasks), threads, progress);
}

} // namespace zorse::tool
