//===- TuneVerb.cpp - zorse tune ------------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Interrupt.h"
#include "Progress.h"
#include "RecordJson.h"
#include "TuneRequest.h"
#include "Verbs.h"

#include "zorse/compiler/Compile.h"
#include "zorse/tuner/Tuner.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace zorse::tool {

using Clock = std::chrono::steady_clock;

namespace {

/// One op of the request after tuning.
struct Tuned {
  OpDesc op;
  TuneOutcome outcome;
};

} // namespace

// --dry-run

static Json spaceJson(const OpDesc &op, const TargetDesc &target, const TuneRequest &request) {
  SpaceReport report = describeSpace(op, target);
  Json json = {
      {"op", Json::parse(op.canonicalJson())},
      {"tuning_point", Json::parse(op.tuningPointJson())},
      {"total", report.total},
      {"legal", report.legal},
      {"selected", selectConfigs(op, target, request.options.space, request.options.seed).size()}};
  json["removed"] = Json::object();
  for (const auto &[label, count] : report.removed)
    json["removed"][label] = count;
  return json;
}

static VerbResult describeSpaces(const Tool &tool, const TuneRequest &request,
                                 const TargetDesc &target) {
  Json json = {{"schema_version", 1}, {"target", target.arch}, {"ops", Json::array()}};
  int64_t selected = 0;
  for (const OpDesc &op : request.ops) {
    Json space = spaceJson(op, target, request);
    selected += space["selected"].get<int64_t>();
    if (!tool.isJson()) {
      fmt::print("{} at {}: {} configurations, {} legal, {} would be tried\n", op.kind(),
                 op.tuningPointJson(), space["total"].dump(), space["legal"].dump(),
                 space["selected"].dump());
      for (const auto &[label, count] : space["removed"].items())
        fmt::print("  {:<20} removes {}\n", label, count.dump());
    }
    json["ops"].push_back(std::move(space));
  }
  json["selected"] = selected;
  if (tool.isJson())
    printJson(json);
  return 0;
}

// The search

static std::string progressLine(const TuneProgress &progress, const OpDesc &op, size_t index,
                                size_t count) {
  std::string line = count > 1 ? fmt::format("[{}/{}] ", index + 1, count) : "";
  line += fmt::format("{} {} {}/{}, {} ok, {} failed", op.kind(), progress.phase, progress.done,
                      progress.total, progress.ok, progress.failed);
  if (progress.bestUs > 0)
    line += fmt::format(", best {}", formatSeconds(progress.bestUs * 1e-6));
  if (progress.gain() > 0)
    line += fmt::format(" ({:.2f}x of the defaults)", progress.gain());
  if (progress.etaSeconds >= 0)
    line += fmt::format(", {} left", formatSeconds(progress.etaSeconds));
  return line;
}

static Json outcomeJson(const Tuned &tuned) {
  const TuneOutcome &outcome = tuned.outcome;
  Json json = {{"op", Json::parse(tuned.op.canonicalJson())},
               {"tuning_point", Json::parse(tuned.op.tuningPointJson())},
               {"source", name(outcome.source)},
               {"space", outcome.spaceSize},
               {"selected", outcome.selected},
               {"reused", outcome.reused},
               {"ok", outcome.ok},
               {"failed", outcome.failed},
               {"wrong", outcome.wrong},
               {"complete", outcome.complete},
               {"interrupted", outcome.interrupted},
               {"seconds", outcome.seconds}};
  json["best"] = outcome.best ? recordJson(*outcome.best, true) : Json();
  json["default"] = outcome.baseline ? recordJson(*outcome.baseline, false) : Json();
  // A prediction is never a winner of the database.
  if (outcome.best && outcome.source == Source::Model)
    json["best"]["winner"] = false;
  return json;
}

static void printOutcome(const Tuned &tuned) {
  const TuneOutcome &outcome = tuned.outcome;
  std::string line = fmt::format("{} at {}: ", tuned.op.kind(), tuned.op.tuningPointJson());
  if (!outcome.best || !outcome.best->measurement) {
    fmt::print("{}no result; of {} configurations {} were tried, {} failed\n", line,
               outcome.selected, outcome.ok + outcome.failed + outcome.reused, outcome.failed);
    return;
  }
  double best = outcome.best->measurement->medianUs;
  line += fmt::format("{} {} ({}", outcome.best->configText, formatSeconds(best * 1e-6),
                      name(outcome.source));
  if (outcome.baseline && outcome.baseline->measurement)
    line +=
        fmt::format(", {:.2f}x of the defaults", outcome.baseline->measurement->medianUs / best);
  fmt::print("{}); of {} {} ok, {} failed, {} known before\n", line, outcome.selected, outcome.ok,
             outcome.failed, outcome.reused);
}

static int exitCodeFor(const std::vector<Tuned> &results) {
  int64_t failed = 0, wrong = 0;
  for (const Tuned &tuned : results) {
    failed += tuned.outcome.failed;
    wrong += tuned.outcome.wrong;
  }
  if (wrong > 0)
    return static_cast<int>(ErrorCode::Wrong);
  return failed > 0 ? static_cast<int>(ErrorCode::PartlyFailed) : 0;
}

/// Shares what is left of --budget and --trials among the ops that are left.
static TuneOptions shareOf(const TuneRequest &request, size_t index, double secondsUsed,
                           int64_t trialsUsed) {
  TuneOptions options = request.options;
  auto opsLeft = static_cast<int64_t>(request.ops.size() - index);
  if (options.budgetSeconds > 0)
    options.budgetSeconds =
        std::max(1e-3, (options.budgetSeconds - secondsUsed) / static_cast<double>(opsLeft));
  if (options.maxTrials > 0)
    options.maxTrials = std::max<int64_t>(1, (options.maxTrials - trialsUsed) / opsLeft);
  return options;
}

static Status tuneAll(const Tool &tool, const TuneRequest &request, const TargetDesc &target,
                      Device *device, Database &database, std::vector<Tuned> &results) {
  Progress progress(tool);
  Clock::time_point start = Clock::now();
  int64_t trials = 0;
  for (size_t i = 0; i < request.ops.size() && !stopRequested; ++i) {
    if (request.options.maxTrials > 0 && trials >= request.options.maxTrials)
      break;
    const OpDesc &op = request.ops[i];
    double used = std::chrono::duration<double>(Clock::now() - start).count();
    TuneOptions options = shareOf(request, i, used, trials);
    options.stop = &stopRequested;
    options.onProgress = [&](const TuneProgress &now) {
      progress.show(progressLine(now, op, i, request.ops.size()));
      if (now.trial && !now.trial->error.empty())
        spdlog::debug("{}: {}: {}", now.trial->configText, name(now.trial->state),
                      now.trial->error);
    };
    Result<TuneOutcome> outcome = tune(op, target, device, database, options);
    progress.clear();
    if (!outcome)
      return Error{outcome.error().code, fmt::format("{}: {}", op.kind(), outcome.error().message)};
    trials += outcome->ok + outcome->failed;
    results.push_back({op, outcome.take()});
    if (!tool.isJson())
      printOutcome(results.back());
  }
  return Status();
}

static VerbResult runTune(const Tool &tool, TuneArguments arguments) {
  Result<TuneRequest> request = makeTuneRequest(tool, arguments);
  if (!request)
    return request.takeError();
  Result<TargetDesc> target = findTarget(arguments.arch);
  if (!target)
    return target.takeError();
  if (arguments.dryRun)
    return describeSpaces(tool, *request, *target);

  std::unique_ptr<Device> device;
  if (target->isHost()) {
    Result<std::unique_ptr<Device>> host = createHostDevice({arguments.threads, false});
    if (!host)
      return host.takeError();
    device = host.take();
    if (arguments.arch == "host")
      target = device->target();
  }
  Result<std::unique_ptr<Database>> database =
      Database::open(tool.databasePath, Database::Mode::ReadWrite);
  if (!database)
    return database.takeError();
  if (Result<int64_t> marked = (*database)->markStaleRunning(); !marked)
    return marked.takeError();
  else if (*marked > 0)
    spdlog::warn("{} trials took their process down and count as crashed", *marked);

  watchSignals();
  std::vector<Tuned> results;
  Status status = tuneAll(tool, *request, *target, device.get(), **database, results);
  if (tool.isJson()) {
    Json json = {{"schema_version", 1},
                 {"target", target->arch},
                 {"device", device ? Json(device->description()) : Json()},
                 {"database", (*database)->path()},
                 {"compiler_revision", compilerRevision()}};
    json["ops"] = Json::array();
    for (const Tuned &tuned : results)
      json["ops"].push_back(outcomeJson(tuned));
    printJson(json);
  }
  if (!status)
    return status.takeError();
  if (stopRequested) {
    spdlog::warn("stopped; everything finished is kept, go on with: {}", request->resumeCommand);
    return interruptedExitCode();
  }
  auto unfinished = std::count_if(results.begin(), results.end(),
                                  [](const Tuned &tuned) { return !tuned.outcome.complete; }) +
                    static_cast<std::ptrdiff_t>(request->ops.size() - results.size());
  if (unfinished > 0)
    spdlog::info("{} of {} searches were cut short; go on with: {}", unfinished,
                 request->ops.size(), request->resumeCommand);
  if (!target->isHost())
    spdlog::info("no device of {} is here: the order is predicted (source model), and no "
                 "prediction becomes a winner",
                 target->arch);
  return exitCodeFor(results);
}

void addTune(CLI::App &app, Tool &tool) {
  auto arguments = std::make_shared<TuneArguments>();
  CLI::App *verb =
      addVerb(app, tool, "tune", "Finds the fastest correct configuration of an op or a model.",
              "  zorse tune op.json --budget 30s\n"
              "  zorse tune --model MODEL_DIR --space quick --db kernels.db\n"
              "  zorse tune op.json --target " +
                  exampleGpu() + " --dry-run");
  addTuneOptions(*verb, tool, *arguments);
  verb->callback([&tool, arguments] {
    tool.action = [&tool, arguments] { return runTune(tool, *arguments); };
  });
}

} // namespace zorse::tool
