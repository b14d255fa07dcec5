//===- Search.cpp - one run of the tuning loop -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "search/Search.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <nlohmann/json.hpp>

namespace zorse::tuner {

using Clock = std::chrono::steady_clock;

/// A candidate whose screening stays this much above the fastest is given up early.
static constexpr double hopelessFactor = 2.5;

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Search::Search(const Problem &problem, Laboratory &laboratory, Database &database,
               const TuneOptions &options, Space space, Prior prior)
    : problem(problem), laboratory(laboratory), database(database), options(options),
      space(std::move(space)), prior(std::move(prior)), source(laboratory.source()),
      device(laboratory.deviceDescription()), isHarmless(laboratory.isHarmless()) {}

double Search::secondsSoFar() const { return secondsSince(start); }

bool Search::outOfTime() const {
  return options.budgetSeconds > 0 && secondsSoFar() >= options.budgetSeconds;
}

int64_t Search::trialsLeft() const {
  return options.maxTrials > 0 ? std::max<int64_t>(0, options.maxTrials - ok - failed)
                               : std::numeric_limits<int64_t>::max();
}

Candidate *Search::fastest() {
  Candidate *best = nullptr;
  for (auto &[index, candidate] : candidates)
    if (candidate.timed() && (!best || candidate.us() < best->us()))
      best = &candidate;
  return best;
}

double Search::etaSeconds(int64_t left) const {
  if (successSeconds.size() < 3)
    return -1;
  std::vector<double> seconds = successSeconds;
  auto middle = seconds.begin() + long(seconds.size() / 2);
  std::nth_element(seconds.begin(), middle, seconds.end());
  double eta = *middle * double(left);
  if (options.budgetSeconds > 0)
    eta = std::min(eta, std::max(0.0, options.budgetSeconds - secondsSoFar()));
  return eta;
}

void Search::report(std::string_view phase, const Candidate *ended, const Candidate *begins) {
  if (!options.onProgress)
    return;
  TuneProgress progress;
  progress.phase = phase;
  progress.ok = ok;
  progress.failed = failed;
  progress.reused = reused;
  progress.done = reused + ok + failed;
  progress.total = int64_t(space.size());
  if (options.maxTrials > 0)
    progress.total = std::min(progress.total, reused + options.maxTrials);
  if (Candidate *best = fastest())
    progress.bestUs = best->us();
  if (auto first = candidates.find(0); first != candidates.end() && first->second.timed())
    progress.defaultUs = first->second.us();
  double seconds = secondsSoFar();
  progress.trialsPerSecond = seconds > 0 ? double(ok + failed) / seconds : 0;
  progress.etaSeconds = etaSeconds(progress.total - progress.done);
  progress.trial = ended ? &ended->record : nullptr;
  progress.begins = begins ? &begins->record : nullptr;
  options.onProgress(progress);
}

Candidate &Search::candidateAt(size_t index) {
  auto [place, isNew] = candidates.try_emplace(index);
  Candidate &candidate = place->second;
  if (!isNew)
    return candidate;
  candidate.index = index;
  candidate.config = space[index];
  KernelRecord &record = candidate.record;
  record.opKind = problem.op.kind();
  record.opJson = problem.op.canonicalJson();
  record.arch = problem.target.arch;
  record.computeUnits = problem.target.computeUnits;
  record.tuningPoint = problem.op.tuningPointJson();
  record.configText = candidate.config.text();
  record.compilerRevision = laboratory.compilerRevision();
  if (const KernelRecord *row = known.answerFor(record)) {
    record = *row;
    candidate.finished = candidate.reused = true;
    candidate.measuredInRounds = row->measurement && isOfRounds(*row->measurement);
    ++reused;
  }
  return candidate;
}

Status Search::mark(Candidate &candidate, TrialState state) {
  candidate.record.state = state;
  Result<int64_t> id = database.record(candidate.record);
  return id ? Status() : Status(id.takeError());
}

/// How long it took goes with the row, for predictions of later searches.
void Search::noteSpeed(Candidate &candidate) const {
  if (isHarmless || !candidate.record.measurement)
    return;
  std::string &text = candidate.record.measurement->environment;
  nlohmann::json environment = nlohmann::json::parse(text, nullptr, false);
  if (!environment.is_object())
    environment = nlohmann::json::object();
  environment["trial_ms"] = int64_t(candidate.seconds * 1e3 + 0.5);
  text = environment.dump();
}

Status Search::finish(Candidate &candidate, TrialState state, std::string error) {
  candidate.finished = true;
  ++(state == TrialState::Ok ? ok : failed);
  wrong += state == TrialState::Wrong;
  KernelRecord &record = candidate.record;
  record.state = state;
  record.error = std::move(error);
  if (state != TrialState::Ok) {
    record.measurement.reset();
    if (Status status = refute(record); !status)
      return status;
    return mark(candidate, state);
  }
  successSeconds.push_back(candidate.seconds);
  noteSpeed(candidate);
  // A row that leads must never be without its code, whenever we are killed.
  bool leads = candidate.index == 0 || fastest()->us() >= candidate.us();
  if (leads && candidate.code)
    return database.recordAll({record}, {*candidate.code});
  return mark(candidate, state);
}

Status Search::refute(const KernelRecord &failed) {
  if (failed.state != TrialState::Wrong && failed.state != TrialState::Crashed)
    return Status();
  RecordFilter filter;
  filter.opJson = failed.opJson;
  filter.arch = failed.arch;
  filter.tuningPoint = failed.tuningPoint;
  filter.configText = failed.configText;
  Result<std::vector<KernelRecord>> rows = database.list(filter);
  if (!rows)
    return rows.takeError();
  for (const KernelRecord &row : *rows) {
    bool isRefuted = row.state == TrialState::Ok && row.measurement &&
                     row.measurement->source == source && row.measurement->device == device &&
                     row.computeUnits == failed.computeUnits && !failed.codeHash.empty() &&
                     row.codeHash == failed.codeHash && row.stale.empty();
    if (!isRefuted)
      continue;
    std::string reason =
        fmt::format("the same code was {} when tried again: {}", name(failed.state), failed.error);
    if (Status status = database.setStale(row.id, reason); !status)
      return status;
  }
  return Status();
}

/// Rows that are marked running and did not end: no fault of theirs, to be tried next time.
Status Search::abandonBegun() {
  for (auto &[index, candidate] : candidates)
    if (!candidate.finished && candidate.record.state == TrialState::Running)
      if (Status status = mark(candidate, TrialState::Interrupted); !status)
        return status;
  return Status();
}

Status Search::endCompile(Candidate &candidate, Compiled compiled) {
  if (compiled.state != TrialState::Ok) {
    Status status = finish(candidate, compiled.state, std::move(compiled.error));
    report("compile", &candidate);
    return status;
  }
  candidate.code = std::move(compiled.code);
  candidate.record.codeHash = std::move(compiled.codeHash);
  candidate.compiled = true;
  if (const KernelRecord *row = known.sameCode(candidate.record)) {
    candidate.record = *row;
    candidate.record.compilerRevision = laboratory.compilerRevision();
    candidate.finished = candidate.reused = true;
    candidate.measuredInRounds = row->measurement && isOfRounds(*row->measurement);
    ++reused;
    Status status = mark(candidate, row->state);
    report("compile", nullptr);
    return status;
  }
  // Compiled and waiting: no longer to blame if the process dies.
  return isHarmless ? Status() : mark(candidate, TrialState::Queued);
}

Status Search::compile(const std::vector<Candidate *> &batch) {
  report("compile", nullptr);
  std::vector<KernelConfig> configs;
  for (const Candidate *candidate : batch)
    configs.push_back(candidate->config);
  auto begun = [&](size_t i) {
    return isHarmless ? Status() : mark(*batch[i], TrialState::Running);
  };
  // A batch is compiled in parallel; each of it gets an equal share of the time.
  Clock::time_point before = Clock::now();
  size_t numEnded = 0;
  auto ended = [&](size_t i, Compiled compiled) {
    batch[i]->seconds = secondsSince(before) / double(++numEnded);
    return endCompile(*batch[i], std::move(compiled));
  };
  Status status = laboratory.compileAll(problem, configs, begun, ended, options.stop);
  if (Status abandoned = abandonBegun(); !abandoned)
    return abandoned;
  if (!status && status.error().code == ErrorCode::Interrupted)
    return Status();
  return status;
}

Result<bool> Search::tryOut(Candidate &candidate) {
  if (!isHarmless)
    if (Status status = mark(candidate, TrialState::Running); !status)
      return status.takeError();
  report("measure", nullptr, &candidate);
  Candidate *best = fastest();
  Clock::time_point before = Clock::now();
  Result<Tried> tried = laboratory.tryOut(problem, {candidate.config, candidate.code},
                                          best ? hopelessFactor * best->us() : 0, options.stop);
  if (!tried) {
    if (Status status = abandonBegun(); !status)
      return status.takeError();
    if (tried.error().code == ErrorCode::Interrupted)
      return false;
    return tried.takeError();
  }
  candidate.seconds += secondsSince(before);
  candidate.record.verification = std::move(tried->verification);
  candidate.record.measurement = std::move(tried->measurement);
  if (candidate.record.measurement)
    candidate.measuredInRounds = isOfRounds(*candidate.record.measurement);
  if (tried->state == TrialState::Ok && !candidate.record.measurement)
    return runtimeError(fmt::format("the laboratory says that {} is ok, and gives no time",
                                    candidate.record.configText));
  if (Status status = finish(candidate, tried->state, std::move(tried->error)); !status)
    return status.takeError();
  report("measure", &candidate);
  return true;
}

Result<bool> Search::answer(const std::vector<size_t> &questions) {
  while (true) {
    std::vector<Candidate *> todo;
    for (size_t index : questions)
      if (Candidate &candidate = candidateAt(index); !candidate.finished)
        todo.push_back(&candidate);
    if (todo.empty())
      return true;
    if (isOver())
      return false;
    if (int64_t(todo.size()) > trialsLeft())
      todo.resize(size_t(trialsLeft()));
    if (Status status = compile(todo); !status)
      return status.takeError();
    for (Candidate *candidate : todo) {
      if (candidate->finished)
        continue;
      if (isOver() || !candidate->compiled)
        return false;
      Result<bool> wasTried = tryOut(*candidate);
      if (!wasTried || !*wasTried)
        return wasTried;
    }
  }
}

Result<TuneOutcome> Search::run() {
  if (Result<int64_t> stale = database.markStaleRunning(); !stale)
    return stale.takeError();
  Result<KnownRows> rows = KnownRows::load(database, problem, source, device, options);
  if (!rows)
    return rows.takeError();
  known = rows.take();
  Result<std::unique_ptr<Strategy>> strategy =
      makeStrategy(options.strategy, space, options.seed, prior);
  if (!strategy)
    return strategy.takeError();

  for (bool isFirst = true; !stopped(); isFirst = false) {
    std::vector<size_t> asked;
    while (int64_t(asked.size()) < std::max<int64_t>(options.batch, 1)) {
      std::optional<size_t> next = (*strategy)->ask();
      if (!next)
        break;
      asked.push_back(*next);
    }
    if (asked.empty()) {
      complete = true;
      break;
    }
    // The defaults are what every gain is told against, whether the strategy asks or not.
    std::vector<size_t> questions = asked;
    if (isFirst && std::find(asked.begin(), asked.end(), size_t(0)) == asked.end())
      questions.insert(questions.begin(), 0);
    Result<bool> answered = answer(questions);
    if (!answered)
      return answered.takeError();
    if (!*answered)
      break;
    for (size_t index : asked)
      (*strategy)->tell(index, answerOf(candidates.at(index).record));
  }
  if (source != Source::Model)
    if (Status status = playFinals(); !status)
      return status.takeError();
  return outcome();
}

Result<TuneOutcome> Search::outcome() {
  TuneOutcome outcome;
  outcome.spaceSize = int64_t(space.size());
  outcome.reused = reused;
  outcome.ok = ok;
  outcome.failed = failed;
  outcome.wrong = wrong;
  outcome.interrupted = stopped();
  outcome.complete = complete;
  outcome.source = source;
  if (auto first = candidates.find(0); first != candidates.end() && first->second.timed())
    outcome.baseline = first->second.record;
  // Where the database names one of ours, that is what the runtime will take.
  Result<Candidate *> winner = winnerOfDatabase();
  if (!winner)
    return winner.takeError();
  Candidate *fast = fastest();
  Candidate *best = *winner ? *winner : fast;
  if (best)
    outcome.best = best->record;
  for (auto &[index, candidate] : candidates)
    if (candidate.timed() && &candidate != best && source != Source::Model &&
        candidate.record.measurement->lowUs <= fast->record.measurement->highUs)
      outcome.tied.push_back(candidate.record);
  outcome.seconds = secondsSoFar();
  return outcome;
}

} // namespace zorse::tuner
