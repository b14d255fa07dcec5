//===- EvalVerb.cpp - zorse eval -----------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Interrupt.h"
#include "Progress.h"
#include "Verbs.h"

#include "zorse/db/Trust.h"
#include "zorse/tuner/Evaluate.h"
#include "zorse/tuner/Predict.h"

#ifdef ZORSE_HAS_COMPILER
#include "zorse/compiler/Compile.h"
#endif

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <limits>
#include <spdlog/spdlog.h>

namespace zorse::tool {

namespace {

struct EvalArguments {
  std::vector<std::string> files;
  std::string kind, store;
  bool compiles = false;
  int64_t fewest = 8;
};

/// One recorded problem with what the model says of it.
struct Evaluated {
  RecordedProblem recorded;
  RankingQuality before;               ///< ranked before codegen
  std::optional<RankingQuality> after; ///< ranked by compiled code
  std::vector<KernelRecord> predictions;
};

} // namespace

static bool isSqlite(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  char magic[16] = {};
  file.read(magic, sizeof magic);
  return file.gcount() == sizeof magic && std::string_view(magic, 15) == "SQLite format 3";
}

static RecordFilter filterFor(const std::string &kind) {
  RecordFilter filter;
  filter.opKind = kind;
  return filter;
}

/// The rows of trials in text, by way of a database in `folder`.
static Result<std::vector<KernelRecord>> importedRecords(std::istream &from,
                                                         const std::string &path,
                                                         const std::string &kind,
                                                         const std::string &folder) {
  Result<std::unique_ptr<Database>> database =
      Database::open(folder + "/imported.db", Database::Mode::ReadWrite);
  if (!database)
    return database.takeError();
  Result<MergeReport> report = (*database)->importText(from, path);
  if (!report)
    return report.takeError();
  for (const std::string &refused : report->refused)
    spdlog::warn("{}", refused);
  return (*database)->list(filterFor(kind));
}

/// The rows of a database, which need not be ours, or of exported trials in text.
static Result<std::vector<KernelRecord>> readRecords(const std::string &path,
                                                     const std::string &kind) {
  if (isSqlite(path)) {
    Result<std::unique_ptr<Database>> database = Database::openForeign(path, TrustStore());
    if (!database)
      return database.takeError();
    return (*database)->list(filterFor(kind));
  }
  std::ifstream stream(path);
  if (!stream)
    return usageError(
        fmt::format("cannot read {}; expected a database or exported trials in text", path));
  std::string folder = (std::filesystem::temp_directory_path() / "zorse-eval-XXXXXX").string();
  if (!mkdtemp(folder.data()))
    return runtimeError(fmt::format("cannot create a folder like {}", folder));
  Result<std::vector<KernelRecord>> records = importedRecords(stream, path, kind, folder);
  std::error_code ignored; // what stays behind lies among temporary files
  std::filesystem::remove_all(folder, ignored);
  return records;
}

static KernelRecord predictionRow(const RecordedProblem &recorded, size_t index) {
  const Problem &problem = recorded.problem;
  KernelRecord row;
  row.opKind = problem.op.kind();
  row.opJson = problem.op.canonicalJson();
  row.arch = problem.target.arch;
  row.computeUnits = problem.target.computeUnits;
  row.tuningPoint = problem.op.tuningPointJson();
  row.configText = recorded.configs[index].text();
  row.state = TrialState::Ok;
  return row;
}

static std::vector<double> rankBefore(Evaluated &evaluated) {
  const RecordedProblem &recorded = evaluated.recorded;
  std::vector<double> predicted;
  for (size_t i = 0; i < recorded.configs.size(); ++i) {
    predicted.push_back(predictUs(recorded.problem, recorded.configs[i]));
    if (!std::isfinite(predicted.back()))
      continue;
    KernelRecord row = predictionRow(recorded, i);
    row.compilerRevision = "before codegen";
    Measurement estimate;
    estimate.source = Source::Model;
    estimate.device = fmt::format("model of {}", row.arch);
    estimate.method = "formula of the configuration, before codegen";
    estimate.medianUs = estimate.lowUs = estimate.highUs = predicted.back();
    row.measurement = estimate;
    evaluated.predictions.push_back(std::move(row));
  }
  return predicted;
}

#ifdef ZORSE_HAS_COMPILER
static Result<std::vector<double>> rankAfter(Evaluated &evaluated, Progress &progress) {
  const RecordedProblem &recorded = evaluated.recorded;
  std::vector<double> estimated;
  for (size_t i = 0; i < recorded.configs.size(); ++i) {
    if (stopRequested)
      return Error{ErrorCode::Interrupted, "stopped; nothing was stored, start again"};
    progress.show(fmt::format("{} compiling {}/{}", recorded.problem.op.kind(), i + 1,
                              recorded.configs.size()));
    estimated.push_back(std::numeric_limits<double>::infinity());
    Result<CompileOutput> compiled =
        compile(recorded.problem.op, recorded.problem.target, recorded.configs[i]);
    if (!compiled)
      continue; // counts as not covered
    const CodeObject &code = compiled->object;
    Result<Measurement> estimate = estimateCompiled(recorded.problem, code);
    if (!estimate)
      continue;
    estimated.back() = estimate->medianUs;
    KernelRecord row = predictionRow(recorded, i);
    row.compilerRevision = code.compilerRevision;
    row.codeHash = code.codeHash().hex();
    row.measurement = estimate.take();
    evaluated.predictions.push_back(std::move(row));
  }
  return estimated;
}
#endif

static Json regretJson(const Regrets &regrets) {
  Json json = Json::object();
  for (size_t d = 0; d < rankingDepths.size(); ++d)
    json[std::to_string(rankingDepths[d])] = regrets[d];
  return json;
}

static Json qualityJson(const RankingQuality &quality) {
  return {{"regret", regretJson(quality.regret)},
          {"spearman", quality.spearman},
          {"covered", quality.covered},
          {"predicted_over_measured", quality.scale},
          {"spread", quality.spread}};
}

static Json evaluatedJson(const Evaluated &evaluated) {
  const Problem &problem = evaluated.recorded.problem;
  Json json = {{"op", Json::parse(problem.op.canonicalJson())},
               {"tuning_point", Json::parse(problem.op.tuningPointJson())},
               {"target", problem.target.arch},
               {"compute_units", problem.target.computeUnits},
               {"device", evaluated.recorded.device},
               {"configurations", evaluated.before.configs},
               {"best_us", *std::min_element(evaluated.recorded.measuredUs.begin(),
                                             evaluated.recorded.measuredUs.end())}};
  json["before_codegen"] = qualityJson(evaluated.before);
  json["after_codegen"] = evaluated.after ? qualityJson(*evaluated.after) : Json();
  json["random"] = {{"regret", regretJson(evaluated.before.randomRegret)}};
  json["default"] = Json();
  if (evaluated.before.defaultRegret)
    json["default"] = {{"regret", *evaluated.before.defaultRegret}};
  return json;
}

/// Share of the best speed that is left, in percent.
static std::string percents(const Regrets &regrets) {
  std::string text;
  for (double regret : regrets)
    text += fmt::format("{:8.1f}", 100 / (1 + regret));
  return text;
}

static void printEvaluated(const Evaluated &evaluated) {
  const Problem &problem = evaluated.recorded.problem;
  fmt::print("{} {} at {} on {}: {} configurations\n", problem.op.kind(),
             problem.op.hash().hex().substr(0, 8), problem.op.tuningPointJson(),
             evaluated.recorded.device, evaluated.before.configs);
  auto line = [](std::string_view name, const RankingQuality &quality) {
    fmt::print("  {:<16}{}   {:+.2f}   {:.2f} of the measured time within {:.2f}x, {:.0f} % "
               "covered\n",
               name, percents(quality.regret), quality.spearman, quality.scale, quality.spread,
               100 * quality.covered);
  };
  line("before codegen", evaluated.before);
  if (evaluated.after)
    line("after codegen", *evaluated.after);
  fmt::print("  {:<16}{}\n", "random", percents(evaluated.before.randomRegret));
  if (evaluated.before.defaultRegret)
    fmt::print("  {:<16}{:8.1f}\n", "default", 100 / (1 + *evaluated.before.defaultRegret));
}

static Status store(const std::string &path, const std::vector<Evaluated> &results) {
  std::vector<KernelRecord> rows;
  for (const Evaluated &evaluated : results)
    rows.insert(rows.end(), evaluated.predictions.begin(), evaluated.predictions.end());
  Result<std::unique_ptr<Database>> database = Database::open(path, Database::Mode::ReadWrite);
  if (!database)
    return database.takeError();
  if (Status stored = (*database)->recordAll(rows, {}); !stored)
    return stored;
  spdlog::info("{} predictions stored in {}, with source model", rows.size(), path);
  return Status::success();
}

static VerbResult runEval(const Tool &tool, const EvalArguments &arguments) {
  std::vector<KernelRecord> records;
  for (const std::string &path : arguments.files) {
    Result<std::vector<KernelRecord>> read = readRecords(path, arguments.kind);
    if (!read)
      return read.takeError();
    records.insert(records.end(), std::make_move_iterator(read->begin()),
                   std::make_move_iterator(read->end()));
  }
  int64_t unreadable = 0;
  std::vector<RecordedProblem> problems =
      recordedProblems(records, size_t(arguments.fewest), &unreadable);
  if (unreadable > 0)
    spdlog::warn("{} rows left out: today's specs do not allow them", unreadable);
  if (problems.empty())
    return usageError(fmt::format("no problem with at least {} measured configurations among {} "
                                  "rows; expected rows with source measured, or a "
                                  "smaller --fewest",
                                  arguments.fewest, records.size()));

  Progress progress(tool);
  std::vector<Evaluated> results;
  for (RecordedProblem &problem : problems) {
    Evaluated evaluated;
    evaluated.recorded = std::move(problem);
    const RecordedProblem &recorded = evaluated.recorded;
    std::optional<size_t> atDefault;
    Result<KernelConfig> defaults =
        KernelConfig::defaults(recorded.problem.op, recorded.problem.target);
    for (size_t i = 0; defaults && i < recorded.configs.size(); ++i)
      if (recorded.configs[i] == *defaults)
        atDefault = i;
    evaluated.before = judgeRanking(rankBefore(evaluated), recorded.measuredUs, atDefault);
#ifdef ZORSE_HAS_COMPILER
    if (arguments.compiles) {
      Result<std::vector<double>> estimated = rankAfter(evaluated, progress);
      if (!estimated)
        return estimated.takeError();
      evaluated.after = judgeRanking(*estimated, recorded.measuredUs, atDefault);
    }
#endif
    results.push_back(std::move(evaluated));
  }
  progress.clear();
  if (!arguments.store.empty())
    if (Status stored = store(arguments.store, results); !stored)
      return stored.takeError();

  if (tool.isJson()) {
    Json json = {{"schema_version", 1}, {"left_out", unreadable}, {"problems", Json::array()}};
    for (const Evaluated &evaluated : results)
      json["problems"].push_back(evaluatedJson(evaluated));
    printJson(json);
    return 0;
  }
  fmt::print("percent of the best speed, for who measures the first 1, 4, 8; rank correlation\n");
  for (const Evaluated &evaluated : results)
    printEvaluated(evaluated);
  return 0;
}

void addEval(CLI::App &app, Tool &tool) {
  auto arguments = std::make_shared<EvalArguments>();
  CLI::App *verb = addVerb(app, tool, "eval", "Judges the cost model by recorded measurements.",
                           "  zorse eval kernels.db\n"
                           "  zorse eval sweeps/*.jsonl --op linear --format json");
  verb->add_option("files", arguments->files, "databases, or exported trials in text")
      ->required()
      ->option_text("FILE...");
  verb->add_option("--op", arguments->kind, "only this kind")->option_text("KIND");
  verb->add_option("--fewest", arguments->fewest,
                   "leave out problems with fewer measured configurations")
      ->check(CLI::Range(2, 1 << 20))
      ->option_text("N");
  verb->add_option("--store", arguments->store,
                   "record the predictions in this database, with source model")
      ->option_text("DB");
#ifdef ZORSE_HAS_COMPILER
  verb->add_flag("--compile", arguments->compiles,
                 "also compile each configuration and rank by its code");
#endif
  verb->callback([&tool, arguments] {
    tool.action = [&tool, arguments] { return runEval(tool, *arguments); };
  });
}

} // namespace zorse::tool
