//===- Plan.h - tuning all that a model runs ----------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model serves scenarios: decode steps at several batches and contexts, prompts of
// several lengths. Each makes launches of problems (an op at a bucket of sizes). The
// weight of a problem is its share of the time of a scenario, averaged over the
// scenarios: every scenario counts alike, however long it takes.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/tuner/Laboratory.h"
#include "zorse/tuner/Space.h"

namespace zorse {

/// One step that somebody waits for.
struct Scenario {
  enum class Kind { Decode, Prefill };
  Kind kind = Kind::Decode;
  int64_t batch = 1;   ///< sequences that decode; 1 for a prompt
  int64_t context = 1; ///< cached tokens of each; in prefill the tokens of the prompt

  /// Tokens that one step makes or reads.
  int64_t tokens() const { return kind == Kind::Decode ? batch : context; }
  /// "decode b8 c1024", "prefill 512".
  std::string text() const;
};

/// That one scenario launches one op (with its tuning point, a bucket) so many times a step.
struct PlannedUse {
  size_t scenario = 0;
  OpDesc op;
  int64_t launches = 0;
};

struct PlanEntry {
  Problem problem;
  std::vector<int64_t> launches; ///< a step of each scenario
  double predictedUs = 0;        ///< of one launch (source: model)
  double share = 0;              ///< of the predicted time, mean over scenarios; all sum to 1
};

struct Plan {
  std::vector<Scenario> scenarios;
  std::vector<PlanEntry> entries; ///< largest share first
};

/// Microseconds of one launch of a problem, by a model (tuner/model/Predict.h).
using PredictFunction = std::function<double(const Problem &)>;

/// Joins uses of the same op and tuning point. Errors: Usage without scenarios or uses, for a use
/// of a scenario that does not exist, for a prediction that is no positive number.
Result<Plan> makePlan(std::vector<Scenario> scenarios, const std::vector<PlannedUse> &uses,
                      const TargetDesc &target, const PredictFunction &predict);

// Spending a budget (plan/Budget.cpp tells how)

/// What was gained by tuning an op kind before: defaults' time over best time, one a problem.
using KnownGains = std::map<std::string, std::vector<double>>;
/// From the winners of a database on this target.
Result<KnownGains> knownGains(Database &database, const TargetDesc &target);

/// One visit to a problem.
struct PlanStep {
  size_t entry = 0; ///< of the plan
  SearchSpace space = SearchSpace::Quick;
  double seconds = 0; ///< at most; 0: as long as it takes
};
struct PlanStepResult {
  double defaultUs = 0, bestUs = 0; ///< known after it; 0 if nothing worked
  bool complete = false;            ///< the space has nothing more to give
  bool interrupted = false;         ///< stop the plan
};
using TuneStepFunction = std::function<Result<PlanStepResult>(const PlanStep &)>;

struct BudgetOptions {
  double seconds = 0;          ///< of the whole plan; 0: until nothing is left
  double quickSeconds = 5;     ///< expected of a quick search, before any has ended
  double minSliceSeconds = 1;  ///< shortest visit to a full space
  bool deepens = true;         ///< whether full spaces follow the quick ones
  KnownGains gains;            ///< before this run
  std::function<double()> now; ///< seconds of a clock; empty: the steady clock
};

struct BudgetReport {
  struct Entry {
    int64_t visits = 0;
    double seconds = 0, defaultUs = 0, bestUs = 0;
    bool quickDone = false, fullDone = false;
  };
  std::vector<Entry> entries; ///< as those of the plan
  double seconds = 0;
  bool interrupted = false, complete = false; ///< complete: all spaces that were wanted
  /// Time of the defaults over that of the best, over all shares; untouched entries count as 1.
  double gain(const Plan &plan) const;
};

/// Spends the budget where it is expected to pay. Stopping early, by a step that says interrupted
/// or by an error (which is returned), leaves what was found so far.
Result<BudgetReport> planTuning(const Plan &plan, const BudgetOptions &options,
                                const TuneStepFunction &tuneStep);

// What a database has for a plan (plan/Coverage.cpp)

enum class CoverState { Covered, Bucket, Fallback };
std::string_view name(CoverState state);

struct Cover {
  CoverState state = CoverState::Fallback;
  std::optional<KernelRecord> record; ///< the winner that will run; absent for Fallback
  std::string configText;             ///< that will run
  double us = 0, lowUs = 0, highUs = 0;
  Source source = Source::Model; ///< of `us`; without an interval when it is Model
  /// Of running this instead of a winner of its own: time lost over the time of that winner; 0 when
  /// covered, nullopt when no data says.
  std::optional<double> expectedLoss;
  std::string lossBasis; ///< what the loss was taken from, for people
};

struct ScenarioSpeed {
  double stepUs = 0, lowUs = 0, highUs = 0; ///< sums over launches; predictions have no width
  double measuredShare = 0;                 ///< of stepUs that was measured here
  double tokensPerSecond = 0, lowTokensPerSecond = 0, highTokensPerSecond = 0;
};

struct CoverageReport {
  std::vector<Cover> entries; ///< as those of the plan
  std::vector<ScenarioSpeed> scenarios;
  /// Shares of time, all sum to 1; by the times above, not by the plan's predictions.
  double covered = 0, bucket = 0, fallback = 0;
  /// Measured over predicted time, median over what was measured; 1 if nothing was. Predictions
  /// above are multiplied by it.
  double calibration = 1;
};

/// `device` is that of the runtime, as in Measurement::device; times of others do not count as
/// covered. `distance` says how far two tuning points are, as the runtime chooses the nearest.
Result<CoverageReport>
describeCoverage(const Plan &plan, Database &database, std::string_view device,
                 const std::function<double(const Sizes &, const Sizes &)> &distance);

// Joint choices (plan/Joint.cpp)

/// What it costs to choose knobs one group after another instead of together.
struct JointReport {
  double defaultUs = 0, bestUs = 0;
  double separateUs = 0;                    ///< of the best order of groups
  double worstUs = 0;                       ///< of the worst order
  std::vector<std::string> bestOrder;       ///< of separateUs, groups by their first knob
  size_t jointIndex = 0, separateIndex = 0; ///< in the space
  int64_t trials = 0; ///< different configurations that the best order looked at
  double loss() const { return separateUs / bestUs - 1; }
  double worstLoss() const { return worstUs / bestUs - 1; }
};

/// Replays both on a sweep whose times are all known (infinity where it failed). Separate: from the
/// default, for each group in turn the best of all its values while the others stay as they are.
/// Knobs that no group names are a group each. Errors: Usage for an unknown knob, or if the default
/// or everything failed.
Result<JointReport> compareJoint(const Space &space, const std::vector<double> &timesUs,
                                 const std::vector<std::vector<std::string>> &groups);

} // namespace zorse
