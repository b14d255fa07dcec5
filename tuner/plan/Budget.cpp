//===- Budget.cpp - spends time where it is expected to pay ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Again and again the visit with the largest expected saving a second is made:
//
//   rate = share * relative time now * expected cut / expected seconds
//
//   share      of the plan, rescaled once times of the defaults are known: by measured /
//              predicted of this problem, else by the median of that over its op kind,
//              else over all
//   time now   best / default; 1 before the first visit
//   cut        of a quick search: mean over problems of the kind of (1 - best / default),
//              in this run and in the database, and of one imagined problem with 0.15.
//              of the n-th visit to the full space: mean over problems of the kind of what
//              their first such visit cut off, and of an imagined one with a third of the
//              quick cut; halved for each visit already made. From the second visit on the
//              mean of that and half of what the last one of this problem cut off
//   seconds    of a quick search: median of those of the kind, else of all, else the option;
//              of a visit to the full space: twice those of the quick search of this problem,
//              doubled with each visit, but no longer than a third of what is left
//
// A full space is visited only after the quick one. Cuts are halved because times found
// by search fall like those of repeated draws: half the rest for twice the trials.
//
//===----------------------------------------------------------------------===//
#include "zorse/tuner/Plan.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace zorse {

namespace {

constexpr double imaginedQuickCut = 0.15, imaginedFullShare = 1.0 / 3;

double medianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t half = values.size() / 2;
  return values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// Values by op kind, which answer for other kinds as long as these have none.
class Experience {
public:
  void add(const std::string &kind, double value) {
    byKind[kind].push_back(value);
    all.push_back(value);
  }
  double median(const std::string &kind, double otherwise) const {
    if (auto found = byKind.find(kind); found != byKind.end())
      return medianOf(found->second);
    return all.empty() ? otherwise : medianOf(all);
  }
  /// Mean of the kind and one imagined value.
  double mean(const std::string &kind, double imagined) const {
    double sum = imagined, count = 1;
    if (auto found = byKind.find(kind); found != byKind.end())
      for (double value : found->second)
        sum += value, ++count;
    return sum / count;
  }

private:
  std::map<std::string, std::vector<double>> byKind;
  std::vector<double> all;
};

struct Choice {
  size_t entry = 0;
  double rate = 0, seconds = 0; ///< expected
};

class Spender {
public:
  Spender(const Plan &plan, const BudgetOptions &options) : plan(plan), options(options) {
    report.entries.resize(plan.entries.size());
    progress.resize(plan.entries.size());
    for (const auto &[kind, gains] : options.gains)
      for (double gain : gains)
        if (gain > 0)
          quickCuts.add(kind, std::clamp(1 - 1 / gain, 0.0, 1.0));
  }

  Result<BudgetReport> spend(const TuneStepFunction &tuneStep) {
    const double start = now();
    while (!report.interrupted) {
      const double left = options.seconds > 0 ? options.seconds - (now() - start) : HUGE_VAL;
      std::optional<Choice> choice = left > 0 ? best(left) : std::nullopt;
      if (!choice)
        break;
      const bool isFull = report.entries[choice->entry].quickDone;
      PlanStep step{choice->entry, isFull ? SearchSpace::Full : SearchSpace::Quick,
                    isFull                ? choice->seconds
                    : std::isfinite(left) ? left
                                          : 0};
      const double before = now();
      Result<PlanStepResult> result = tuneStep(step);
      if (!result)
        return result.takeError();
      learn(step, *result, now() - before);
    }
    report.seconds = now() - start;
    report.complete =
        std::all_of(report.entries.begin(), report.entries.end(), [&](const auto &entry) {
          return entry.fullDone || (entry.quickDone && !options.deepens);
        });
    return std::move(report);
  }

private:
  struct Progress {
    double quickSeconds = 0;
    double lastCut = 0;
    int64_t fullVisits = 0;
  };

  double now() const {
    if (options.now)
      return options.now();
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }

  const std::string &kindOf(size_t entry) const { return plan.entries[entry].problem.op.kind(); }

  double weight(size_t i) const {
    const BudgetReport::Entry &entry = report.entries[i];
    const double predicted = plan.entries[i].predictedUs;
    const double scale =
        entry.defaultUs > 0 ? entry.defaultUs / predicted : calibration.median(kindOf(i), 1);
    const double relative =
        entry.defaultUs > 0 && entry.bestUs > 0 ? entry.bestUs / entry.defaultUs : 1;
    return plan.entries[i].share * scale * relative;
  }

  double fullCut(size_t i) const {
    const Progress &mine = progress[i];
    const double quick = quickCuts.mean(kindOf(i), imaginedQuickCut);
    double cut = fullCuts.mean(kindOf(i), quick * imaginedFullShare) *
                 std::exp2(-static_cast<double>(mine.fullVisits));
    return mine.fullVisits == 0 ? cut : (cut + mine.lastCut / 2) / 2;
  }

  std::optional<Choice> best(double left) const {
    std::optional<Choice> choice;
    for (size_t i = 0; i < report.entries.size(); ++i) {
      const BudgetReport::Entry &entry = report.entries[i];
      double cut = 0, seconds = 0;
      if (!entry.quickDone) {
        cut = quickCuts.mean(kindOf(i), imaginedQuickCut);
        seconds = quickTimes.median(kindOf(i), options.quickSeconds);
      } else if (options.deepens && !entry.fullDone) {
        cut = fullCut(i);
        seconds = std::max(
            options.minSliceSeconds,
            std::ldexp(progress[i].quickSeconds,
                       1 + static_cast<int>(std::min<int64_t>(progress[i].fullVisits, 20))));
        if (std::isfinite(left))
          seconds = std::min(left, std::max(options.minSliceSeconds, std::min(seconds, left / 3)));
      } else {
        continue;
      }
      const double rate = weight(i) * cut / std::max(seconds, 1e-6);
      if (!choice || rate > choice->rate)
        choice = Choice{i, rate, seconds};
    }
    return choice;
  }

  void learn(const PlanStep &step, const PlanStepResult &result, double seconds) {
    BudgetReport::Entry &entry = report.entries[step.entry];
    Progress &mine = progress[step.entry];
    const std::string &kind = kindOf(step.entry);
    const double before = entry.bestUs;
    ++entry.visits;
    entry.seconds += seconds;
    if (entry.defaultUs == 0 && result.defaultUs > 0) {
      entry.defaultUs = result.defaultUs;
      calibration.add(kind, result.defaultUs / plan.entries[step.entry].predictedUs);
    }
    if (result.bestUs > 0 && (before == 0 || result.bestUs < before))
      entry.bestUs = result.bestUs;
    report.interrupted = result.interrupted;
    if (step.space == SearchSpace::Quick) {
      mine.quickSeconds = seconds;
      entry.quickDone = result.complete || !result.interrupted;
      if (result.interrupted)
        return;
      quickTimes.add(kind, seconds);
      if (entry.defaultUs > 0 && entry.bestUs > 0)
        quickCuts.add(kind, std::clamp(1 - entry.bestUs / entry.defaultUs, 0.0, 1.0));
      return;
    }
    // A visit that takes no time and does not end would be made forever.
    entry.fullDone = result.complete || (seconds <= 0 && !result.interrupted);
    mine.lastCut = before > 0 && entry.bestUs > 0 ? 1 - entry.bestUs / before : 0;
    if (mine.fullVisits++ == 0 && !result.interrupted)
      fullCuts.add(kind, mine.lastCut);
  }

  const Plan &plan;
  const BudgetOptions &options;
  BudgetReport report;
  std::vector<Progress> progress;
  Experience quickCuts, fullCuts, quickTimes, calibration;
};

} // namespace

double BudgetReport::gain(const Plan &plan) const {
  double before = 0, after = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    const Entry &entry = entries[i];
    const bool isKnown = entry.defaultUs > 0 && entry.bestUs > 0;
    const double scale = isKnown ? entry.defaultUs / plan.entries[i].predictedUs : 1;
    before += plan.entries[i].share * scale;
    after += plan.entries[i].share * scale * (isKnown ? entry.bestUs / entry.defaultUs : 1);
  }
  return after > 0 ? before / after : 1;
}

Result<BudgetReport> planTuning(const Plan &plan, const BudgetOptions &options,
                                const TuneStepFunction &tuneStep) {
  return Spender(plan, options).spend(tuneStep);
}

} // namespace zorse
