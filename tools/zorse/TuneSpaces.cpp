//===- TuneSpaces.cpp - looking at spaces without tuning ------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "TuneSpaces.h"

#include "DatabaseChoice.h"
#include "PlanReport.h"

#include "zorse/tuner/Predict.h"
#include "zorse/tuner/Prune.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>
#include <thread>

namespace zorse::tool {

namespace {

struct Speed {
  double seconds = 0; ///< of one trial, with its share of compiling
  std::string source; ///< for people
};

constexpr SearchSpace spaces[] = {SearchSpace::Quick, SearchSpace::Full, SearchSpace::Exhaustive};

} // namespace

/// The database if there is one; looking makes none.
static Result<std::unique_ptr<Database>> openToLook(const Tool &tool) {
  if (!std::filesystem::exists(tool.databasePath))
    return std::unique_ptr<Database>();
  return Database::open(tool.databasePath, Database::Mode::ReadOnly);
}

/// Median of what trials of this op kind took on this target, or an estimate from the model.
static Result<Speed> speedOf(const Problem &problem, const TuneRequest &request,
                             Database *database) {
  std::vector<double> known;
  if (database) {
    RecordFilter filter;
    filter.opKind = problem.op.kind();
    filter.arch = problem.target.arch;
    Result<std::vector<KernelRecord>> rows = database->list(filter);
    if (!rows)
      return rows.takeError();
    for (const KernelRecord &row : *rows) {
      if (!row.measurement)
        continue;
      Json environment = Json::parse(row.measurement->environment, nullptr, false);
      if (environment.is_object() && environment.contains("trial_ms") &&
          environment["trial_ms"].is_number())
        known.push_back(environment["trial_ms"].get<double>() * 1e-3);
    }
  }
  if (known.size() >= 3) {
    std::nth_element(known.begin(), known.begin() + long(known.size() / 2), known.end());
    return Speed{known[known.size() / 2], fmt::format("median of {} earlier trials", known.size())};
  }
  // 50 ms to compile, as many samples as a screening takes with two for warming up, and a
  // verification that costs about as much again as twenty launches.
  const MeasureOptions &measure = request.measure;
  double launch = predictUs(problem) * 1e-6;
  if (!std::isfinite(launch))
    launch = measure.sampleSeconds;
  size_t compilers = request.threads > 0 ? size_t(request.threads)
                                         : std::max(1u, std::thread::hardware_concurrency());
  double seconds = 0.05 / double(compilers) + 20 * launch +
                   double(measure.screenSamples + 2) * std::max(measure.sampleSeconds, launch);
  return Speed{seconds, "model: 50 ms to compile, predicted launches"};
}

static Result<Json> spacesJson(const Problem &problem, const TuneRequest &request,
                               Database *database) {
  Json json = {{"op", Json::parse(problem.op.canonicalJson())},
               {"tuning_point", Json::parse(problem.op.tuningPointJson())}};
  json["spaces"] = Json::object();
  for (SearchSpace which : spaces) {
    Result<Space> space = Space::of(problem.op, problem.target, which);
    if (!space)
      return space.takeError();
    json["total"] = space->total;
    json["legal"] = space->legal;
    json["spaces"][std::string(name(which))] = space->size();
    if (which == request.options.space)
      json["selected"] = space->size();
    // The full space knows of the rules of both kinds.
    if (which != SearchSpace::Full)
      continue;
    json["removed"] = Json::array();
    for (const Removal &removal : space->removals)
      json["removed"].push_back(
          {{"label", removal.label}, {"reason", removal.reason}, {"count", removal.count}});
  }
  Result<Speed> speed = speedOf(problem, request, database);
  if (!speed)
    return speed.takeError();
  json["seconds"] = speed->seconds * json["selected"].get<double>();
  json["seconds_source"] = speed->source;
  return json;
}

VerbResult showSpaces(const Tool &tool, const TuneRequest &request,
                      const std::vector<Problem> &problems, const ModelPlan *made) {
  Result<std::unique_ptr<Database>> database = openToLook(tool);
  if (!database)
    return database.takeError();
  Json json = {{"schema_version", 1},
               {"target", problems.empty() ? "" : problems.front().target.arch},
               {"space", name(request.options.space)},
               {"ops", Json::array()}};
  if (made) {
    json["plan"] = planJson(made->plan);
    if (!tool.isJson())
      fmt::print("{}", describePlan(made->plan));
  }
  int64_t selected = 0;
  double seconds = 0;
  for (const Problem &problem : problems) {
    Result<Json> space = spacesJson(problem, request, database->get());
    if (!space)
      return space.takeError();
    selected += (*space)["selected"].get<int64_t>();
    seconds += (*space)["seconds"].get<double>();
    if (!tool.isJson()) {
      fmt::print("{} at {}: {} combinations, {} legal; quick {}, full {}, exhaustive {}\n",
                 problem.op.kind(), problem.op.tuningPointJson(), (*space)["total"].dump(),
                 (*space)["legal"].dump(), (*space)["spaces"]["quick"].dump(),
                 (*space)["spaces"]["full"].dump(), (*space)["spaces"]["exhaustive"].dump());
      for (const Json &removal : (*space)["removed"])
        fmt::print("  {:<24} removes {:>6}: {}\n", removal["label"].get<std::string>(),
                   removal["count"].dump(), removal["reason"].get<std::string>());
      fmt::print("  all of {}: at most {} ({})\n", name(request.options.space),
                 formatSeconds((*space)["seconds"].get<double>()),
                 (*space)["seconds_source"].get<std::string>());
    }
    json["ops"].push_back(std::move(*space));
  }
  json["selected"] = selected;
  json["seconds"] = seconds;
  if (tool.isJson())
    printJson(json);
  else if (made)
    fmt::print("all {} spaces of {} problems: {} configurations, at most {}\n",
               name(request.options.space), problems.size(), selected, formatSeconds(seconds));
  return 0;
}

/// The values that the text gives, over the defaults; nothing is checked but the names.
static Result<KernelConfig> configOf(const Problem &problem, const std::string &text) {
  Result<KernelConfig> given = KernelConfig::read(text);
  if (!given)
    return given;
  Result<KernelConfig> defaults = KernelConfig::defaults(problem.op, problem.target);
  if (!defaults)
    return defaults;
  std::vector<int64_t> values;
  for (const auto &[knob, value] : defaults->values())
    values.push_back(given->has(knob) ? given->get(knob) : value);
  for (const auto &[knob, value] : given->values())
    if (!defaults->has(knob))
      return KernelConfig::parse(text, problem.op, problem.target); // has the words for it
  return KernelConfig::fromValues(problem.op, problem.target, values);
}

VerbResult explainConfig(const Tool &tool, const Problem &problem, const std::string &text) {
  Result<KernelConfig> config = configOf(problem, text);
  if (!config)
    return config.takeError();
  Result<std::vector<KernelConfig::Verdict>> verdicts =
      config->verdicts(problem.op, problem.target);
  if (!verdicts)
    return verdicts.takeError();
  bool isLegal = std::all_of(verdicts->begin(), verdicts->end(),
                             [](const KernelConfig::Verdict &verdict) { return verdict.holds; });
  Json json = {{"schema_version", 1},
               {"config", config->text()},
               {"target", problem.target.arch},
               {"legal", isLegal}};
  json["constraints"] = Json::array();
  std::string lines;
  for (const KernelConfig::Verdict &verdict : *verdicts) {
    json["constraints"].push_back({{"label", verdict.label},
                                   {"message", verdict.message},
                                   {"numbers", verdict.numbers},
                                   {"holds", verdict.holds}});
    lines += fmt::format("  {:<24} {}: {} ({})\n", verdict.label,
                         verdict.holds ? "holds" : "BROKEN", verdict.message, verdict.numbers);
  }
  std::optional<tuner::PruneRule> rule;
  if (isLegal)
    rule = tuner::pruned(problem.op, problem.target, *config);
  json["pruned_by"] = rule ? Json{{"label", rule->label}, {"reason", rule->reason}} : Json();
  if (rule)
    lines += fmt::format("  {:<24} prunes: {}\n", rule->label, rule->reason);
  json["spaces"] = Json::array();
  std::string held;
  for (SearchSpace which : spaces) {
    Result<Space> space = Space::of(problem.op, problem.target, which);
    if (!space)
      return space.takeError();
    if (!space->find(config->text()))
      continue;
    json["spaces"].push_back(name(which));
    held += fmt::format("{}{}", held.empty() ? "" : ", ", name(which));
  }
  if (tool.isJson())
    printJson(json);
  else
    fmt::print("{} is {} for {} on {}; spaces: {}\n{}", config->text(),
               isLegal ? "legal" : "not legal", problem.op.kind(), problem.target.arch,
               held.empty() ? "none" : held, lines);
  return isLegal ? 0 : static_cast<int>(ErrorCode::Usage);
}

VerbResult showStatus(const Tool &tool, const std::vector<Problem> &problems, const ModelPlan *made,
                      std::string_view device) {
  Result<std::unique_ptr<Database>> database = openToLook(tool);
  if (!database)
    return database.takeError();
  Json json = {{"schema_version", 1}, {"database", tool.databasePath}, {"ops", Json::array()}};
  for (const Problem &problem : problems) {
    std::map<std::string, int64_t> counts;
    RecordFilter filter;
    filter.opJson = problem.op.canonicalJson();
    filter.arch = problem.target.arch;
    filter.tuningPoint = problem.op.tuningPointJson();
    Result<std::vector<KernelRecord>> rows =
        *database ? (*database)->list(filter) : std::vector<KernelRecord>();
    if (!rows)
      return rows.takeError();
    for (const KernelRecord &row : *rows)
      if (row.computeUnits == problem.target.computeUnits)
        ++counts[row.stale.empty() ? std::string(name(row.state)) : "stale"];
    std::string text;
    for (const auto &[state, count] : counts)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, state);
    if (!tool.isJson())
      fmt::print("{} at {}: {}\n", problem.op.kind(), problem.op.tuningPointJson(),
                 text.empty() ? "no rows" : text);
    json["ops"].push_back({{"op", Json::parse(problem.op.canonicalJson())},
                           {"tuning_point", Json::parse(problem.op.tuningPointJson())},
                           {"states", counts}});
  }
  if (made) {
    Result<std::unique_ptr<Database>> layers = openLayeredDatabase(tool, Database::Mode::ReadOnly);
    if (!layers)
      return layers.takeError();
    Result<CoverageReport> coverage = coverageOf(made->plan, **layers, device);
    if (!coverage)
      return coverage.takeError();
    json["coverage"] = coverageJson(made->plan, *coverage);
    if (!tool.isJson())
      fmt::print("{}", describeCoverage(made->plan, *coverage, false));
  }
  if (tool.isJson())
    printJson(json);
  return 0;
}

} // namespace zorse::tool
