//===- TuneVerb.cpp - zorse tune ------------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "DatabaseChoice.h"
#include "Interrupt.h"
#include "PlanReport.h"
#include "PlanTuning.h"
#include "TuneBench.h"
#include "TuneEvents.h"
#include "TuneSpaces.h"
#include "Verbs.h"

#include <algorithm>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace zorse::tool {

namespace {

/// One run of the verb.
class TuneRun {
public:
  TuneRun(const Tool &tool, const TuneRequest &request, TuneBench &bench, Database &database)
      : tool(tool), request(request), bench(bench), database(database), progress(tool) {}

  Status tuneOp();
  Status tuneModel(const ModelPlan &made);
  VerbResult end(const Status &status);

private:
  void watch(TuneOptions &options, const OpDesc &op, const std::string &prefix);
  void keep(const OpDesc &op, const TuneOutcome &outcome);
  int exitCode() const;
  void tellWhatIsLeft() const;

  const Tool &tool;
  const TuneRequest &request;
  TuneBench &bench;
  Database &database;
  Progress progress;
  std::vector<Tuned> results; ///< the last of each problem
  std::optional<Json> coverage;
  int64_t ok = 0, failed = 0, wrong = 0;
  double seconds = 0;
  size_t problemsLeft = 0, problemCount = 0; ///< of a model
};

/// Of a model each shard has some of the problems.
bool isOurs(const TuneRequest &request, const PlanEntry &entry) {
  return shardOf(entry.problem, request.shards) == request.shard;
}

} // namespace

void TuneRun::watch(TuneOptions &options, const OpDesc &op, const std::string &prefix) {
  options.stop = &stopRequested;
  options.configs = bench.configs ? &*bench.configs : nullptr;
  options.onProgress = [this, op, prefix](const TuneProgress &now) {
    progress.show(progressLine(now, op, prefix));
    if (tool.isJsonLines())
      printTrial(now);
    if (now.trial && !now.trial->error.empty())
      spdlog::debug("{}: {}: {}", now.trial->configText, name(now.trial->state), now.trial->error);
  };
}

void TuneRun::keep(const OpDesc &op, const TuneOutcome &outcome) {
  progress.clear();
  ok += outcome.ok;
  failed += outcome.failed;
  wrong += outcome.wrong;
  seconds += outcome.seconds;
  Tuned tuned{op, outcome};
  if (tool.format == Format::Human)
    fmt::print("{}\n", describeOutcome(tuned));
  auto same = std::find_if(results.begin(), results.end(), [&](const Tuned &each) {
    return each.op.canonicalJson() == op.canonicalJson() &&
           each.op.tuningPointJson() == op.tuningPointJson();
  });
  if (same == results.end())
    results.push_back(std::move(tuned));
  else
    *same = std::move(tuned);
}

Status TuneRun::tuneOp() {
  TuneOptions options = request.options;
  watch(options, *request.op, "");
  Result<TuneOutcome> outcome =
      tune({*request.op, bench.target}, *bench.laboratory, database, options);
  progress.clear();
  if (!outcome)
    return Error{outcome.error().code,
                 fmt::format("{}: {}", request.op->kind(), outcome.error().message)};
  keep(*request.op, *outcome);
  return Status();
}

Status TuneRun::tuneModel(const ModelPlan &made) {
  // What is covered is told of the whole model, whichever share of it is tuned here.
  Plan plan = made.plan;
  std::erase_if(plan.entries, [&](const PlanEntry &entry) { return !isOurs(request, entry); });
  std::vector<bool> cutShort(plan.entries.size());
  PlanListener listener;
  listener.begins = [&](size_t entry, const PlanStep &, TuneOptions &options) {
    if (request.options.maxTrials > 0)
      options.maxTrials = request.options.maxTrials - ok - failed;
    watch(options, plan.entries[entry].problem.op,
          fmt::format("[{}/{}] ", entry + 1, plan.entries.size()));
  };
  listener.ended = [&](size_t entry, const PlanStep &, const TuneOutcome &outcome) {
    cutShort[entry] = !outcome.complete;
    keep(plan.entries[entry].problem.op, outcome);
  };
  listener.hasEnough = [&] {
    return request.options.maxTrials > 0 && ok + failed >= request.options.maxTrials;
  };
  TuneOptions base = request.options;
  base.stop = &stopRequested;
  Result<BudgetReport> report = tunePlan(plan, *bench.laboratory, database, base, listener);
  progress.clear();
  if (!report)
    return report.takeError();
  problemCount = plan.entries.size();
  for (size_t i = 0; i < problemCount; ++i) {
    const BudgetReport::Entry &entry = report->entries[i];
    bool isDone = base.space == SearchSpace::Quick ? entry.quickDone : entry.fullDone;
    problemsLeft += !isDone || cutShort[i];
  }
  Result<std::unique_ptr<Database>> layers = openLayeredDatabase(tool, Database::Mode::ReadOnly);
  if (!layers)
    return layers.takeError();
  Result<CoverageReport> covered = coverageOf(made.plan, **layers, bench.device);
  if (!covered)
    return covered.takeError();
  coverage = coverageJson(made.plan, *covered);
  if (tool.format == Format::Human)
    fmt::print("{}", describeCoverage(made.plan, *covered, false));
  return Status();
}

int TuneRun::exitCode() const {
  if (stopRequested)
    return interruptedExitCode();
  if (wrong > 0)
    return static_cast<int>(ErrorCode::Wrong);
  return failed > 0 ? static_cast<int>(ErrorCode::PartlyFailed) : 0;
}

void TuneRun::tellWhatIsLeft() const {
  auto unfinished = std::count_if(results.begin(), results.end(),
                                  [](const Tuned &tuned) { return !tuned.outcome.complete; });
  if (stopRequested) {
    std::string limits;
    const TuneOptions &options = request.options;
    if (options.budgetSeconds > 0)
      limits += fmt::format(" --budget {:.0f}s", std::max(1.0, options.budgetSeconds - seconds));
    if (options.maxTrials > 0)
      limits += fmt::format(" --trials {}", std::max<int64_t>(1, options.maxTrials - ok - failed));
    spdlog::warn("stopped; everything finished is kept, go on with: {}{}", request.resumeCommand,
                 limits);
  } else if (problemsLeft > 0) {
    spdlog::info("{} of {} problems are not done; go on with: {}", problemsLeft, problemCount,
                 request.resumeCommand);
  } else if (problemCount == 0 && unfinished > 0) {
    spdlog::info("{} of {} searches were cut short; go on with: {}", unfinished, results.size(),
                 request.resumeCommand);
  }
  if (bench.laboratory->source() == Source::Model)
    spdlog::info("no device of {} is here: the order is predicted (source model), and no "
                 "prediction becomes a winner",
                 bench.target.arch);
}

VerbResult TuneRun::end(const Status &status) {
  int code = status ? exitCode() : static_cast<int>(status.error().code);
  if (tool.isJsonLines())
    printEnd(results, code);
  if (tool.isJson()) {
    Json json = {{"schema_version", 1},
                 {"target", bench.target.arch},
                 {"device", bench.laboratory->deviceDescription()},
                 {"database", database.path()},
                 {"compiler_revision", bench.laboratory->compilerRevision()}};
    json["ops"] = Json::array();
    for (const Tuned &tuned : results)
      json["ops"].push_back(outcomeJson(tuned));
    if (coverage)
      json["coverage"] = *coverage;
    printJson(json);
  }
  if (!status)
    return status.error();
  tellWhatIsLeft();
  return code;
}

/// The problems of the request; of a model only those of this shard.
static Result<std::vector<Problem>> problemsOf(const TuneArguments &arguments,
                                               const TuneRequest &request, const TargetDesc &target,
                                               std::optional<ModelPlan> &made) {
  if (request.op)
    return std::vector<Problem>{{*request.op, target}};
  Result<ModelPlan> plan = makeModelPlan(arguments.plan, target);
  if (!plan)
    return plan.takeError();
  made = plan.take();
  for (const std::string &note : made->notes)
    spdlog::warn("{}", note);
  std::vector<Problem> problems;
  for (const PlanEntry &entry : made->plan.entries)
    if (isOurs(request, entry))
      problems.push_back(entry.problem);
  return problems;
}

static VerbResult runTune(const Tool &tool, const TuneArguments &arguments) {
  Result<TuneRequest> request = makeTuneRequest(tool, arguments);
  if (!request)
    return request.takeError();
  std::optional<ModelPlan> made;
  bool onlyLooks = arguments.dryRun || arguments.status || !arguments.explainConfig.empty();
  if (onlyLooks) {
    Result<ChosenTarget> chosen = chooseTarget(tool, arguments, *request);
    if (!chosen)
      return chosen.takeError();
    Result<std::vector<Problem>> problems = problemsOf(arguments, *request, chosen->target, made);
    if (!problems)
      return problems.takeError();
    if (!arguments.explainConfig.empty())
      return explainConfig(tool, problems->front(), arguments.explainConfig);
    const ModelPlan *model = made ? &*made : nullptr;
    return arguments.status ? showStatus(tool, *problems, model, chosen->device)
                            : showSpaces(tool, *request, *problems, model);
  }

  // From here on a signal ends the search, not the process.
  watchSignals();
  Result<TuneBench> bench = makeBench(tool, arguments, *request);
  if (!bench)
    return bench.takeError();
  Result<std::vector<Problem>> problems = problemsOf(arguments, *request, bench->target, made);
  if (!problems)
    return problems.takeError();
  Result<std::unique_ptr<Database>> database =
      Database::open(tool.databasePath, Database::Mode::ReadWrite);
  if (!database)
    return database.takeError();
  if (Result<int64_t> marked = (*database)->markStaleRunning(); !marked)
    return marked.takeError();
  else if (*marked > 0)
    spdlog::warn("{} trials took their process down and count as crashed; --retry crashed tries "
                 "them again",
                 *marked);
  if (tool.isJsonLines())
    printStart(bench->target.arch, bench->laboratory->deviceDescription(), (*database)->path(),
               std::string(name(bench->laboratory->source())));
  TuneRun run(tool, *request, *bench, **database);
  return run.end(made ? run.tuneModel(*made) : run.tuneOp());
}

void addTune(CLI::App &app, Tool &tool) {
  auto arguments = std::make_shared<TuneArguments>();
  CLI::App *verb =
      addVerb(app, tool, "tune", "Finds the fastest correct configuration of an op or a model.",
              "  zorse tune op.json --budget 30s\n"
              "  zorse tune --model MODEL_DIR --batch 1..8 --context 512..4k --budget 20m\n"
              "  zorse tune op.json --space exhaustive --shard 0/4 --db shard-0.db\n"
              "  zorse tune op.json --simulate sweep.db --strategy local --db replayed.db\n"
              "  zorse tune op.json --target " +
                  exampleGpu() + " --dry-run");
  // A search takes long: it can also tell each trial as it ends.
  static const std::map<std::string, Format> formats = {
      {"human", Format::Human}, {"json", Format::Json}, {"jsonl", Format::JsonLines}};
  verb->remove_option(verb->get_option("--format"));
  verb->add_option("--format", tool.format, "human, json, or jsonl: an event a line")
      ->transform(CLI::CheckedTransformer(formats))
      ->option_text("human|json|jsonl");
  addTuneOptions(*verb, tool, *arguments);
  verb->callback([&tool, arguments] {
    tool.action = [&tool, arguments] { return runTune(tool, *arguments); };
  });
}

} // namespace zorse::tool
