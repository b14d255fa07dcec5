//===- Search.cpp - one run of the tuning loop -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "search/Search.h"

#include "model/Model.h"

#include "zorse/compiler/Compile.h"

#include <algorithm>
#include <fmt/format.h>
#include <thread>

namespace zorse::tuner {

namespace {

/// In the method of a measurement, tells that it was taken beside its rivals.
constexpr std::string_view roundsMethod = "interleaved rounds";

bool isFinished(TrialState state) {
  return state != TrialState::Queued && state != TrialState::Running &&
         state != TrialState::Interrupted;
}

Result<CodeObject> compileHere(const OpDesc &op, const TargetDesc &target,
                               const KernelConfig &config) {
  Result<CompileOutput> output = compile(op, target, config);
  if (!output)
    return output.takeError();
  return std::move(output->object);
}

/// The kernel that spills, if one does: it lost before it ran.
std::string spillsOf(const CodeObject &code) {
  for (const KernelInfo &kernel : code.kernels)
    if (kernel.resources.vgprSpills > 0 || kernel.resources.scratchBytes > 0)
      return fmt::format("kernel '{}' spills {} vector registers to {} bytes of scratch; dropped",
                         kernel.symbol, kernel.resources.vgprSpills, kernel.resources.scratchBytes);
  return {};
}

} // namespace

Search::Search(const OpDesc &op, const TargetDesc &target, Device *device, Database &database,
               const TuneOptions &given)
    : op(op), target(target), device(device), database(database), options(given) {
  if (!options.compile) {
    options.compile = compileHere;
    options.compilerRevision = compilerRevision();
  }
  if (device && this->target.computeUnits == 0)
    this->target.computeUnits = device->target().computeUnits;
}

double Search::secondsSoFar() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

bool Search::outOfTime() const {
  return options.budgetSeconds > 0 && secondsSoFar() >= options.budgetSeconds;
}

Status Search::mark(Candidate &candidate, TrialState state) {
  candidate.record.state = state;
  std::lock_guard lock(databaseMutex);
  Result<int64_t> id = database.record(candidate.record);
  if (!id)
    return id.takeError();
  return Status::success();
}

Status Search::finish(Candidate &candidate, TrialState state, std::string error) {
  candidate.record.error = std::move(error);
  candidate.finished = true;
  candidate.reused = false;
  ++(state == TrialState::Ok ? ok : failed);
  wrong += state == TrialState::Wrong;
  return mark(candidate, state);
}

Candidate *Search::fastest() {
  Candidate *best = nullptr;
  for (Candidate &candidate : candidates)
    if (candidate.timed() && (!best || candidate.us() < best->us()))
      best = &candidate;
  return best;
}

void Search::report(std::string_view phase, const Candidate *candidate) {
  if (!options.onProgress)
    return;
  TuneProgress progress;
  progress.phase = phase;
  progress.total = int64_t(candidates.size());
  progress.ok = ok;
  progress.failed = failed;
  for (const Candidate &each : candidates)
    progress.done += each.finished;
  if (Candidate *best = fastest())
    progress.bestUs = best->us();
  if (!candidates.empty() && candidates[0].timed())
    progress.defaultUs = candidates[0].us();
  if (trialsToday() >= 3)
    progress.etaSeconds =
        secondsSoFar() / double(trialsToday()) * double(progress.total - progress.done);
  progress.trial = candidate ? &candidate->record : nullptr;
  options.onProgress(progress);
}

Status Search::loadKnownRows() {
  Result<int64_t> stale = database.markStaleRunning();
  if (!stale)
    return stale.takeError();
  RecordFilter filter;
  filter.opJson = op.canonicalJson();
  filter.arch = target.arch;
  filter.tuningPoint = op.tuningPointJson();
  Result<std::vector<KernelRecord>> rows = database.list(filter);
  if (!rows)
    return rows.takeError();
  knownRows = rows.take();
  if (options.retune)
    return Status::success();
  Source source = device ? Source::Measured : Source::Model;
  for (Candidate &candidate : candidates)
    for (const KernelRecord &row : knownRows) {
      bool same = row.configText == candidate.record.configText &&
                  row.computeUnits == target.computeUnits &&
                  row.compilerRevision == options.compilerRevision && isFinished(row.state);
      // A prediction is no reason not to measure, and a row that only says "compiled" is
      // unfinished.
      bool counts = row.state != TrialState::Ok ||
                    (row.measurement && row.measurement->source == source &&
                     (!device || (row.verification && row.verification->passed)));
      if (!same || !counts)
        continue;
      candidate.record = row;
      candidate.finished = candidate.reused = true;
      candidate.measuredInRounds =
          row.measurement && row.measurement->method.find(roundsMethod) != std::string::npos;
    }
  return Status::success();
}

Status Search::reuseSameCode(Candidate &candidate) {
  if (options.retune || !device)
    return Status::success();
  for (const KernelRecord &row : knownRows) {
    bool measured = row.state == TrialState::Ok && row.measurement &&
                    row.measurement->source == Source::Measured && row.verification &&
                    row.verification->passed;
    if (row.configText != candidate.record.configText ||
        row.codeHash != candidate.record.codeHash || row.computeUnits != target.computeUnits ||
        !(measured || row.state == TrialState::Wrong))
      continue;
    candidate.record = row;
    candidate.record.compilerRevision = options.compilerRevision;
    candidate.finished = candidate.reused = true;
    return mark(candidate, row.state);
  }
  return Status::success();
}

Status Search::compileBatch(std::vector<Candidate *> &batch) {
  std::vector<std::optional<Result<CodeObject>>> results(batch.size());
  std::vector<Status> marks(batch.size());
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i; (i = next++) < batch.size();) {
      if (stopped() || outOfTime())
        return;
      marks[i] = mark(*batch[i], TrialState::Running);
      if (marks[i])
        results[i] = options.compile(op, target, batch[i]->config);
    }
  };
  size_t wanted = options.threads > 0 ? size_t(options.threads)
                                      : std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> threads;
  for (size_t i = 1; i < std::min(wanted, batch.size()); ++i)
    threads.emplace_back(work);
  work();
  for (std::thread &thread : threads)
    thread.join();

  std::vector<Candidate *> compiled;
  for (size_t i = 0; i < batch.size(); ++i) {
    Candidate &candidate = *batch[i];
    if (!marks[i])
      return marks[i];
    if (!results[i])
      continue;
    if (!*results[i]) {
      if (Status status = finish(candidate, TrialState::Failed, results[i]->error().message);
          !status)
        return status;
      report("compile", &candidate);
      continue;
    }
    candidate.code = results[i]->take();
    candidate.record.codeHash = candidate.code->codeHash().hex();
    if (std::string spills = spillsOf(*candidate.code); !spills.empty()) {
      if (Status status = finish(candidate, TrialState::Failed, spills); !status)
        return status;
      report("compile", &candidate);
      continue;
    }
    if (Status status = reuseSameCode(candidate); !status)
      return status;
    if (candidate.finished)
      continue;
    // Compiled and waiting: no longer to blame if the process dies.
    if (Status status = mark(candidate, TrialState::Queued); !status)
      return status;
    compiled.push_back(&candidate);
  }
  batch = std::move(compiled);
  return Status::success();
}

Status Search::tryOnDevice(Candidate &candidate) {
  if (Status status = mark(candidate, TrialState::Running); !status)
    return status;
  Result<std::unique_ptr<Module>> module = device->load(*candidate.code);
  if (!module)
    return finish(candidate, TrialState::Failed, module.error().message);
  if (!verifier)
    verifier.emplace(*device, op, options.seed);
  Result<Verification> verification = verifier->verify(**module);
  if (!verification)
    return finish(candidate, TrialState::Failed, verification.error().message);
  candidate.record.verification = *verification;
  if (!verification->passed)
    return finish(candidate, TrialState::Wrong, verification->detail);

  if (!meter) {
    Result<Meter> made = Meter::create(*device, op, options.measure, options.seed);
    if (!made)
      return made.takeError();
    meter.emplace(made.take());
  }
  Result<Contender> contender = meter->prepare(module.take());
  if (!contender)
    return finish(candidate, TrialState::Failed, contender.error().message);
  Candidate *best = fastest();
  double hopeless = best ? 2.5 * best->us() : 0;
  if (Status status = meter->screen(*contender, options.measure.screenSamples, hopeless); !status)
    return finish(candidate, TrialState::Failed, status.error().message);
  candidate.record.measurement = meter->measurement(*contender, "samples");
  // A row that leads must never be without its code, whenever we are killed.
  if (!best || candidate.us() <= best->us() || &candidate == &candidates[0])
    if (Status status = database.storeCode(*candidate.code); !status)
      return status;
  return finish(candidate, TrialState::Ok);
}

Status Search::tryInModel(Candidate &candidate) {
  Result<Measurement> estimated = estimate(op, target, *candidate.code);
  if (!estimated)
    return finish(candidate, TrialState::Failed, estimated.error().message);
  candidate.record.measurement = *estimated;
  Candidate *best = fastest();
  if (!best || candidate.us() <= best->us() || &candidate == &candidates[0])
    if (Status status = database.storeCode(*candidate.code); !status)
      return status;
  return finish(candidate, TrialState::Ok);
}

/// The candidate loaded and ready to be sampled again; nothing if its code is not to be had as it
/// was (another compiler measured it).
Result<std::optional<Contender>> Search::contenderFor(Candidate &candidate) {
  using Maybe = std::optional<Contender>;
  if (!candidate.code) {
    Result<std::optional<CodeObject>> stored = database.loadCode(candidate.record);
    if (!stored)
      return stored.takeError();
    candidate.code = std::move(*stored);
  }
  if (!candidate.code) {
    Result<CodeObject> again = options.compile(op, target, candidate.config);
    if (!again || again->codeHash().hex() != candidate.record.codeHash)
      return Maybe();
    candidate.code = again.take();
  }
  Result<std::unique_ptr<Module>> module = device->load(*candidate.code);
  if (!module)
    return module.takeError();
  Result<Contender> contender = meter->prepare(module.take());
  if (!contender)
    return contender.takeError();
  return Maybe(contender.take());
}

Status Search::playFinals() {
  // A screening that was lucky must not win: as long as the fastest was only screened, it and the
  // next ones play. Each time at least one more has played, so this ends.
  while (true) {
    std::vector<Candidate *> field;
    for (Candidate &candidate : candidates)
      if (candidate.timed())
        field.push_back(&candidate);
    // Ties by place in the search, so that the same times give the same field.
    std::sort(field.begin(), field.end(), [](const Candidate *a, const Candidate *b) {
      return std::pair(a->us(), a) < std::pair(b->us(), b);
    });
    if (field.empty() || field[0]->measuredInRounds || stopped())
      return Status::success();
    // The best of those that have played plays again beside the new ones, and so do the defaults:
    // times of different minutes are not compared.
    std::vector<Candidate *> again;
    for (Candidate *candidate : field)
      if (candidate == &candidates[0] || (candidate->measuredInRounds && again.empty()))
        again.push_back(candidate);
    field.resize(std::min(field.size(), size_t(std::max<int64_t>(options.measure.finalists, 1))));
    for (Candidate *candidate : again)
      if (std::find(field.begin(), field.end(), candidate) == field.end())
        field.push_back(candidate);

    report("finals", nullptr);
    if (!meter) {
      Result<Meter> made = Meter::create(*device, op, options.measure, options.seed);
      if (!made)
        return made.takeError();
      meter.emplace(made.take());
    }
    std::vector<Candidate *> players;
    std::vector<Contender> contenders;
    for (Candidate *candidate : field) {
      Result<std::optional<Contender>> contender = contenderFor(*candidate);
      if (!contender)
        return contender.takeError();
      if (!*contender) {
        candidate->measuredInRounds = true; // as good as it will get: its time stands
        continue;
      }
      players.push_back(candidate);
      contenders.push_back(std::move(**contender));
    }
    if (Status status = meter->rounds(contenders, options.measure.finalSamples, options.stop);
        !status)
      return status;
    // Cut short, the rounds say less than the screening did.
    if (stopped())
      return Status::success();
    std::vector<KernelRecord> records;
    std::vector<CodeObject> objects;
    for (size_t i = 0; i < players.size(); ++i) {
      players[i]->record.measurement = meter->measurement(contenders[i], roundsMethod);
      players[i]->measuredInRounds = true;
      records.push_back(players[i]->record);
      objects.push_back(*players[i]->code);
    }
    if (Status status = database.recordAll(records, objects); !status)
      return status;
  }
}

Result<TuneOutcome> Search::run() {
  SpaceReport space = describeSpace(op, target);
  for (KernelConfig &config : selectConfigs(op, target, options.space, options.seed)) {
    Candidate candidate;
    candidate.config = std::move(config);
    candidate.record.opKind = op.kind();
    candidate.record.opJson = op.canonicalJson();
    candidate.record.arch = target.arch;
    candidate.record.computeUnits = target.computeUnits;
    candidate.record.tuningPoint = op.tuningPointJson();
    candidate.record.configText = candidate.config.text();
    candidate.record.compilerRevision = options.compilerRevision;
    candidates.push_back(std::move(candidate));
  }
  if (candidates.empty())
    return usageError(fmt::format("{} has no legal configuration for {}", op.kind(), target.arch));
  if (Status status = loadKnownRows(); !status)
    return status.takeError();

  std::vector<Candidate *> todo;
  for (Candidate &candidate : candidates)
    if (!candidate.finished)
      todo.push_back(&candidate);
  if (options.maxTrials > 0 && int64_t(todo.size()) > options.maxTrials)
    todo.resize(size_t(options.maxTrials));

  constexpr size_t batchSize = 8;
  for (size_t first = 0; first < todo.size() && !stopped() && !outOfTime(); first += batchSize) {
    std::vector<Candidate *> batch(todo.begin() + long(first),
                                   todo.begin() + long(std::min(todo.size(), first + batchSize)));
    report("compile", nullptr);
    if (Status status = compileBatch(batch); !status)
      return status.takeError();
    if (device)
      report("measure", nullptr);
    for (Candidate *candidate : batch) {
      if (stopped() || outOfTime())
        break;
      if (Status status = device ? tryOnDevice(*candidate) : tryInModel(*candidate); !status)
        return status.takeError();
      report(device ? "measure" : "model", candidate);
    }
  }
  // What was compiled or begun and then left is a row too.
  for (Candidate *candidate : todo)
    if (!candidate->finished && candidate->record.state == TrialState::Running)
      if (Status status = mark(*candidate, TrialState::Interrupted); !status)
        return status.takeError();
  if (device)
    if (Status status = playFinals(); !status)
      return status.takeError();

  TuneOutcome outcome;
  outcome.spaceSize = space.legal;
  outcome.selected = int64_t(candidates.size());
  outcome.ok = ok;
  outcome.failed = failed;
  outcome.wrong = wrong;
  outcome.interrupted = stopped();
  outcome.source = device ? Source::Measured : Source::Model;
  outcome.complete = true;
  for (const Candidate &candidate : candidates) {
    outcome.reused += candidate.reused;
    outcome.complete &= candidate.finished;
  }
  if (candidates[0].timed())
    outcome.baseline = candidates[0].record;
  if (device) {
    // The database decides, so that we name what the runtime will take.
    Result<std::optional<KernelRecord>> best = database.best(op, target, op.tuningPointJson());
    if (!best)
      return best.takeError();
    outcome.best = *best;
  } else if (Candidate *best = fastest()) {
    outcome.best = best->record;
  }
  outcome.seconds = secondsSoFar();
  return outcome;
}

} // namespace zorse::tuner
