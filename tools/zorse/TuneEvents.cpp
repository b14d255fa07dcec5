//===- TuneEvents.cpp - telling how a search goes -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "TuneEvents.h"

#include "RecordJson.h"

#include <fmt/format.h>

namespace zorse::tool {

std::string progressLine(const TuneProgress &progress, const OpDesc &op,
                         const std::string &prefix) {
  std::string line =
      fmt::format("{}{} {} {}/{}, {} ok, {} failed", prefix, op.kind(), progress.phase,
                  progress.done, progress.total, progress.ok, progress.failed);
  if (progress.bestUs > 0)
    line += fmt::format(", best {}", formatSeconds(progress.bestUs * 1e-6));
  if (progress.gain() > 0)
    line += fmt::format(" ({:.2f}x of the defaults)", progress.gain());
  if (progress.trialsPerSecond > 0)
    line += fmt::format(", {:.1f}/s", progress.trialsPerSecond);
  if (progress.etaSeconds >= 0)
    line += fmt::format(", {} left", formatSeconds(progress.etaSeconds));
  return line;
}

static Json event(const char *what) { return {{"schema_version", 1}, {"event", what}}; }

void printStart(const std::string &target, const std::string &device, const std::string &database,
                const std::string &source) {
  Json json = event("start");
  json["target"] = target;
  json["device"] = device;
  json["database"] = database;
  json["source"] = source;
  printJsonLine(json);
}

void printTrial(const TuneProgress &progress) {
  const KernelRecord *record = progress.begins ? progress.begins : progress.trial;
  if (!record)
    return;
  Json json = event(progress.begins ? "begin" : "trial");
  json["op"] = Json::parse(record->opJson);
  json["tuning_point"] = Json::parse(record->tuningPoint);
  json["config"] = record->configText;
  if (progress.trial) {
    json["state"] = name(record->state);
    json["error"] = record->error;
    json["median_us"] = record->measurement ? Json(record->measurement->medianUs) : Json();
    json["source"] = record->measurement ? Json(name(record->measurement->source)) : Json();
  }
  printJsonLine(json);
}

void printEnd(const std::vector<Tuned> &results, int exitCode) {
  for (const Tuned &tuned : results) {
    Json json = event("outcome");
    json.update(outcomeJson(tuned));
    printJsonLine(json);
  }
  Json json = event("end");
  json["exit_code"] = exitCode;
  printJsonLine(json);
}

Json outcomeJson(const Tuned &tuned) {
  const TuneOutcome &outcome = tuned.outcome;
  Json json = {{"op", Json::parse(tuned.op.canonicalJson())},
               {"tuning_point", Json::parse(tuned.op.tuningPointJson())},
               {"source", name(outcome.source)},
               {"space", outcome.spaceSize},
               {"reused", outcome.reused},
               {"ok", outcome.ok},
               {"failed", outcome.failed},
               {"wrong", outcome.wrong},
               {"complete", outcome.complete},
               {"interrupted", outcome.interrupted},
               {"seconds", outcome.seconds}};
  json["best"] = outcome.best ? recordJson(*outcome.best, true) : Json();
  json["default"] = outcome.baseline ? recordJson(*outcome.baseline, false) : Json();
  json["tied"] = Json::array();
  for (const KernelRecord &record : outcome.tied)
    json["tied"].push_back(record.configText);
  // A prediction is never a winner of the database.
  if (outcome.best && outcome.source == Source::Model)
    json["best"]["winner"] = false;
  return json;
}

std::string describeOutcome(const Tuned &tuned) {
  const TuneOutcome &outcome = tuned.outcome;
  std::string line = fmt::format("{} at {}: ", tuned.op.kind(), tuned.op.tuningPointJson());
  std::string counts = fmt::format("of {} {} ok, {} failed, {} known before", outcome.spaceSize,
                                   outcome.ok, outcome.failed, outcome.reused);
  if (!outcome.best || !outcome.best->measurement)
    return fmt::format("{}no result; {}", line, counts);
  double best = outcome.best->measurement->medianUs;
  line += fmt::format("{} {} ({}", outcome.best->configText, formatSeconds(best * 1e-6),
                      name(outcome.source));
  if (outcome.baseline && outcome.baseline->measurement)
    line +=
        fmt::format(", {:.2f}x of the defaults", outcome.baseline->measurement->medianUs / best);
  if (!outcome.tied.empty())
    line += fmt::format(", tied with {}", outcome.tied.size());
  return fmt::format("{}); {}", line, counts);
}

} // namespace zorse::tool
