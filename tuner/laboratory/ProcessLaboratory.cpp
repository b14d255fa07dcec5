//===- ProcessLaboratory.cpp - candidates in child processes with limits -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A pool of workers compiles, one more measures, never at the same time: compileAll()
// and tryOut() are calls of one thread. Workers start when they are needed and stay warm.
// A worker that dies takes one candidate with it, which is told as that candidate's
// result; the next one gets a fresh worker.
//
//===----------------------------------------------------------------------===//
#include "laboratory/WorkerProcess.h"

#include <algorithm>
#include <fmt/format.h>
#include <thread>

namespace zorse {

using namespace tuner;

namespace {

/// Then a compiler starts afresh: LLVM keeps a little of every module.
constexpr int64_t maxCompiles = 200;
/// Workers in a row that die before they can be asked anything, until we give up.
constexpr int maxFailedStarts = 3;

bool isSet(const std::atomic<bool> *stop) { return stop && *stop; }

Error interrupted() { return {ErrorCode::Interrupted, "stopped before the trial had ended"}; }

/// Whether whoever comes after this one in the same process might suffer for it: the context of a
/// GPU after a fault, our own memory after writes outside of buffers.
bool spoilsItsWorker(const Problem &problem, const Tried &tried) {
  if (tried.state == TrialState::Failed)
    return !problem.target.isHost();
  return tried.state == TrialState::Wrong && tried.verification &&
         tried.verification->detail.starts_with("writes ");
}

struct Slot {
  std::unique_ptr<WorkerProcess> worker;
  std::optional<size_t> job; ///< the configuration that it compiles
};

class ProcessLaboratory final : public Laboratory {
public:
  explicit ProcessLaboratory(ProcessOptions given) : options(std::move(given)) {
    int wanted =
        options.compilers > 0 ? options.compilers : int(std::thread::hardware_concurrency());
    compilers.resize(size_t(std::max(wanted, 1)));
  }

  /// Starts the first compiler and learns who it is.
  Status begin();

  std::string compilerRevision() const override { return revision; }
  Source source() const override { return Source::Measured; }
  std::string deviceDescription() const override;

  Status compileAll(const Problem &problem, std::span<const KernelConfig> configs,
                    const std::function<Status(size_t)> &begun,
                    const std::function<Status(size_t, Compiled)> &ended,
                    const std::atomic<bool> *stop) override;
  Result<Tried> tryOut(const Problem &problem, const Specimen &specimen, double hopelessUs,
                       const std::atomic<bool> *stop) override;
  Result<std::vector<Tried>> rounds(const Problem &problem, std::span<const Specimen> specimens,
                                    const std::atomic<bool> *stop) override;

private:
  using Ended = std::function<Status(size_t, Compiled)>;
  Setup setup() const { return {0, options.limits, options.measure, options.seed}; }
  Status startIn(std::unique_ptr<WorkerProcess> &worker) const;
  Status noteFailedStart(const WorkerProcess &worker, const std::string &why) const;
  bool isWornOut(const WorkerProcess &worker) const;
  Status settle(const Problem &problem, Slot &slot, const WorkerEvent &event, const Ended &ended);
  Result<WorkerEvent> ask(const Message &request, double limitSeconds, std::string what,
                          const std::atomic<bool> *stop) const;
  Result<std::vector<Tried>> tryTogether(std::string_view type, const Problem &problem,
                                         std::span<const Specimen> specimens, double hopelessUs,
                                         const std::atomic<bool> *stop, bool &died);
  Status checkSpecimens(std::span<const Specimen> specimens) const;

  ProcessOptions options;
  std::string revision;
  std::vector<Slot> compilers;
  // Asking for the name of the device starts the worker that has it.
  mutable std::unique_ptr<WorkerProcess> bench;
  mutable std::string device;
  mutable int failedStarts = 0;
  std::optional<TargetDesc> lastTarget;
};

Status ProcessLaboratory::startIn(std::unique_ptr<WorkerProcess> &worker) const {
  Result<std::unique_ptr<WorkerProcess>> started = WorkerProcess::start(options.command, setup());
  if (!started)
    return started.takeError();
  worker = started.take();
  return Status::success();
}

/// An error once it makes no sense to go on.
Status ProcessLaboratory::noteFailedStart(const WorkerProcess &worker,
                                          const std::string &why) const {
  if (!worker.refusal().empty())
    return runtimeError(worker.refusal());
  if (++failedStarts < maxFailedStarts)
    return Status::success();
  return runtimeError(fmt::format("{} workers in a row ended at their start ({}); try to run '{}' "
                                  "by hand",
                                  failedStarts, why, fmt::join(options.command, " ")));
}

Status ProcessLaboratory::begin() {
  Slot &slot = compilers[0];
  while (true) {
    if (!slot.worker)
      if (Status status = startIn(slot.worker); !status)
        return status;
    WorkerProcess *worker = slot.worker.get();
    waitForWorkers(std::span(&worker, 1));
    WorkerEvent event = worker->advance();
    if (event.kind == WorkerEvent::Greeted) {
      failedStarts = 0;
      revision = worker->compilerRevision();
      return Status::success();
    }
    if (event.kind == WorkerEvent::Ended) {
      if (Status status = noteFailedStart(*worker, event.error); !status)
        return status;
      slot.worker.reset();
    }
  }
}

bool ProcessLaboratory::isWornOut(const WorkerProcess &worker) const {
  int64_t limit = options.limits.memoryBytes;
  return worker.requests() >= maxCompiles || (limit > 0 && worker.residentBytes() > limit / 2);
}

/// Takes in what happened to a compiler.
Status ProcessLaboratory::settle(const Problem &problem, Slot &slot, const WorkerEvent &event,
                                 const Ended &ended) {
  switch (event.kind) {
  case WorkerEvent::Nothing:
    return Status::success();
  case WorkerEvent::Greeted:
    failedStarts = 0;
    if (slot.worker->compilerRevision() != revision)
      return runtimeError(fmt::format("the worker's program has changed: its compiler is {} now, "
                                      "was {}; start again",
                                      slot.worker->compilerRevision(), revision));
    return Status::success();
  case WorkerEvent::Answered: {
    size_t job = *std::exchange(slot.job, std::nullopt);
    double seconds = slot.worker->busySeconds();
    if (Status status = readError(event.answer); !status)
      return status;
    Result<Compiled> compiled = readCompiled(event.answer);
    if (compiled && compiled->code && compiled->code->opJson != problem.op.canonicalJson())
      compiled = runtimeError("it is code of another op");
    if (compiled) {
      if (isWornOut(*slot.worker))
        slot.worker.reset();
      return ended(job, compiled.take());
    }
    slot.worker.reset();
    Compiled broken;
    broken.state = TrialState::Crashed;
    broken.error = "the worker broke the protocol: " + compiled.error().message;
    broken.seconds = seconds;
    return ended(job, std::move(broken));
  }
  case WorkerEvent::Ended: {
    std::unique_ptr<WorkerProcess> worker = std::move(slot.worker);
    if (!slot.job)
      return noteFailedStart(*worker, event.error);
    Compiled compiled;
    compiled.state = event.state;
    compiled.error = event.error;
    compiled.seconds = worker->busySeconds();
    return ended(*std::exchange(slot.job, std::nullopt), std::move(compiled));
  }
  }
  return Status::success();
}

Status ProcessLaboratory::compileAll(const Problem &problem, std::span<const KernelConfig> configs,
                                     const std::function<Status(size_t)> &begun, const Ended &ended,
                                     const std::atomic<bool> *stop) {
  lastTarget = problem.target;
  size_t next = 0, underWay = 0;
  Status outcome;
  while (outcome && !isSet(stop) && (next < configs.size() || underWay > 0)) {
    std::vector<WorkerProcess *> workers;
    size_t unready = 0;
    for (Slot &slot : compilers) {
      bool idle = !slot.job;
      if (slot.worker && slot.worker->isReady() && idle && !slot.worker->lives())
        slot.worker.reset(); // killed between two jobs: nobody's fault
      // One more only where it finds work.
      if (!slot.worker && next + unready < configs.size() && outcome)
        outcome = startIn(slot.worker);
      if (outcome && slot.worker && slot.worker->isReady() && idle && next < configs.size()) {
        outcome = begun(next);
        if (!outcome)
          break;
        slot.worker->request(compileMessage(problem, configs[next]), options.limits.compileSeconds,
                             "the compilation");
        slot.job = next++;
        ++underWay;
      }
      if (slot.worker) {
        unready += !slot.worker->isReady() && !slot.job;
        workers.push_back(slot.worker.get());
      }
    }
    if (!outcome)
      break;
    waitForWorkers(workers);
    for (Slot &slot : compilers) {
      if (!slot.worker || !outcome)
        continue;
      bool hadJob = slot.job.has_value();
      outcome = settle(problem, slot, slot.worker->advance(), ended);
      underWay -= hadJob && !slot.job;
    }
  }
  // Given up: whoever still compiles is of no use any more.
  for (Slot &slot : compilers)
    if (slot.job) {
      slot.worker.reset();
      slot.job.reset();
    }
  return outcome;
}

/// Asks the worker that measures. Errors: it cannot be started, or `stop` was set.
Result<WorkerEvent> ProcessLaboratory::ask(const Message &request, double limitSeconds,
                                           std::string what, const std::atomic<bool> *stop) const {
  if (bench && bench->isReady() && !bench->lives())
    bench.reset();
  while (true) {
    if (isSet(stop)) {
      if (bench && bench->isBusy())
        bench.reset();
      return interrupted();
    }
    if (!bench)
      if (Status status = startIn(bench); !status)
        return status.takeError();
    if (bench->isReady())
      bench->request(request, limitSeconds, what);
    WorkerProcess *worker = bench.get();
    waitForWorkers(std::span(&worker, 1));
    bool wasBusy = bench->isBusy();
    WorkerEvent event = bench->advance();
    if (event.kind == WorkerEvent::Greeted)
      failedStarts = 0;
    if (event.kind == WorkerEvent::Answered)
      return event;
    if (event.kind != WorkerEvent::Ended)
      continue;
    std::unique_ptr<WorkerProcess> gone = std::move(bench);
    if (wasBusy)
      return event;
    if (Status status = noteFailedStart(*gone, event.error); !status)
      return status.takeError();
  }
}

std::string ProcessLaboratory::deviceDescription() const {
  if (!device.empty() || !options.measures)
    return device;
  TargetDesc target = lastTarget.value_or(detectHost());
  Result<WorkerEvent> event =
      ask(describeMessage(target), options.limits.trialSeconds, "opening the device", nullptr);
  if (!event || event->kind != WorkerEvent::Answered)
    return device;
  if (Result<std::string> found = readDevice(event->answer); found)
    device = found.take();
  return device;
}

Status ProcessLaboratory::checkSpecimens(std::span<const Specimen> specimens) const {
  if (!options.measures)
    return Error{ErrorCode::Device,
                 "no device to run candidates on; this laboratory compiles only"};
  for (const Specimen &specimen : specimens)
    if (!specimen.code)
      return runtimeError(
          fmt::format("configuration {} without code cannot run", specimen.config.text()));
  return Status::success();
}

/// One request; if the worker died of it, every result says so, and `died` is set.
Result<std::vector<Tried>>
ProcessLaboratory::tryTogether(std::string_view type, const Problem &problem,
                               std::span<const Specimen> specimens, double hopelessUs,
                               const std::atomic<bool> *stop, bool &died) {
  lastTarget = problem.target;
  double limit = options.limits.trialSeconds * double(specimens.size());
  if (type == "rounds")
    limit += options.measure.budgetSeconds;
  Result<WorkerEvent> event = ask(trialMessage(type, problem, specimens, hopelessUs), limit,
                                  type == "rounds" ? "the rounds" : "the trial", stop);
  if (!event)
    return event.takeError();
  Tried tried;
  if (event->kind == WorkerEvent::Answered) {
    if (Status status = readError(event->answer); !status)
      return status.takeError();
    Result<std::vector<Tried>> results = readTried(event->answer, specimens.size());
    auto spoils = [&](const Tried &each) { return spoilsItsWorker(problem, each); };
    if (!results || std::any_of(results->begin(), results->end(), spoils))
      bench.reset();
    if (results)
      return results;
    event->state = TrialState::Crashed;
    event->error = "the worker broke the protocol: " + results.error().message;
  }
  died = true;
  tried.state = event->state;
  tried.error = event->error;
  return std::vector<Tried>(specimens.size(), tried);
}

Result<Tried> ProcessLaboratory::tryOut(const Problem &problem, const Specimen &specimen,
                                        double hopelessUs, const std::atomic<bool> *stop) {
  if (Status status = checkSpecimens(std::span(&specimen, 1)); !status)
    return status.takeError();
  bool died = false;
  Result<std::vector<Tried>> results =
      tryTogether("try", problem, std::span(&specimen, 1), hopelessUs, stop, died);
  if (!results)
    return results.takeError();
  return std::move(results->front());
}

Result<std::vector<Tried>> ProcessLaboratory::rounds(const Problem &problem,
                                                     std::span<const Specimen> specimens,
                                                     const std::atomic<bool> *stop) {
  if (Status status = checkSpecimens(specimens); !status)
    return status.takeError();
  bool died = false;
  Result<std::vector<Tried>> together = tryTogether("rounds", problem, specimens, 0, stop, died);
  if (!together || !died || specimens.size() <= 1)
    return together;

  // Who it was shows when each runs by itself. Those who survive that play again.
  std::vector<Tried> results;
  std::vector<Specimen> survivors;
  std::vector<size_t> places;
  for (size_t i = 0; i < specimens.size(); ++i) {
    died = false;
    Result<std::vector<Tried>> alone =
        tryTogether("rounds", problem, specimens.subspan(i, 1), 0, stop, died);
    if (!alone)
      return alone;
    results.push_back(std::move(alone->front()));
    if (results[i].state == TrialState::Ok) {
      survivors.push_back(specimens[i]);
      places.push_back(i);
    }
  }
  if (survivors.size() < 2 || survivors.size() == specimens.size())
    return results;
  died = false;
  Result<std::vector<Tried>> again = tryTogether("rounds", problem, survivors, 0, stop, died);
  if (!again)
    return again;
  if (!died)
    for (size_t k = 0; k < places.size(); ++k)
      results[places[k]] = std::move((*again)[k]);
  return results;
}

} // namespace

Result<std::unique_ptr<Laboratory>> createProcessLaboratory(ProcessOptions options) {
  auto laboratory = std::make_unique<ProcessLaboratory>(std::move(options));
  if (Status status = laboratory->begin(); !status)
    return status.takeError();
  return std::unique_ptr<Laboratory>(std::move(laboratory));
}

} // namespace zorse
