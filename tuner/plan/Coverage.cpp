//===- Coverage.cpp - what a database has for a plan ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// covered   a winner of this bucket, measured on this device
// bucket    the winner of the nearest bucket runs. Expected loss: how much slower the
//           winners of other buckets were than the winner of a bucket, where both were
//           measured there; median over pairs of the op, else of its kind, as far apart
//           as this one (to the nearest power of two)
// fallback  the default configuration runs. Expected loss: median gain of tuning over
//           the defaults, over winners of the op, else of its kind
//
// A loss that no row tells is unknown, not zero.
//
//===----------------------------------------------------------------------===//
#include "zorse/tuner/Plan.h"

#include "zorse/desc/StrictJson.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace zorse {

std::string_view name(CoverState state) {
  switch (state) {
  case CoverState::Covered:
    return "covered";
  case CoverState::Bucket:
    return "bucket";
  case CoverState::Fallback:
    break;
  }
  return "fallback";
}

namespace {

double medianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t half = values.size() / 2;
  return values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::optional<Sizes> readSizes(const std::string &json) {
  Result<nlohmann::json> parsed = parseStrictJson(json);
  if (!parsed || !parsed->is_object())
    return std::nullopt;
  Sizes sizes;
  for (const auto &[name, value] : parsed->items()) {
    if (!value.is_number_integer() || value.get<int64_t>() < 0)
      return std::nullopt;
    sizes[name] = value.get<int64_t>();
  }
  return sizes;
}

bool isOf(const KernelRecord &row, const TargetDesc &target) {
  return row.arch == target.arch && row.computeUnits == target.computeUnits &&
         row.state == TrialState::Ok && row.measurement && row.measurement->medianUs > 0 &&
         row.verification && row.verification->passed && row.stale.empty();
}

/// The measured rows of one op kind on one target and device, by op and tuning point.
class KindHistory {
public:
  struct Place {
    std::string opJson;
    Sizes sizes;
    std::map<std::string, double> timesUs; ///< by configuration
    std::string winner;
    double bestUs = HUGE_VAL, defaultUs = 0;
  };

  static Result<KindHistory> read(Database &database, const TargetDesc &target,
                                  const std::string &kind, std::string_view device) {
    RecordFilter filter;
    filter.opKind = kind;
    filter.arch = target.arch;
    Result<std::vector<KernelRecord>> rows = database.list(filter);
    if (!rows)
      return rows.takeError();
    std::map<std::pair<std::string, std::string>, Place> places;
    for (const KernelRecord &row : *rows) {
      if (!isOf(row, target) || row.measurement->source != Source::Measured ||
          (!device.empty() && row.measurement->device != device))
        continue;
      Place &place = places[{row.opJson, row.tuningPoint}];
      if (place.opJson.empty()) {
        std::optional<Sizes> sizes = readSizes(row.tuningPoint);
        if (!sizes)
          continue;
        place.opJson = row.opJson;
        place.sizes = std::move(*sizes);
      }
      double &us = place.timesUs.try_emplace(row.configText, HUGE_VAL).first->second;
      us = std::min(us, row.measurement->medianUs);
      if (us < place.bestUs) {
        place.bestUs = us;
        place.winner = row.configText;
      }
    }
    KindHistory history;
    for (auto &[key, place] : places) {
      if (place.timesUs.empty())
        continue;
      if (Result<OpDesc> op = OpDesc::parse(place.opJson); op)
        if (auto config = KernelConfig::defaults(op->withTuningPoint(place.sizes), target); config)
          if (auto found = place.timesUs.find(config->text()); found != place.timesUs.end())
            place.defaultUs = found->second;
      history.places.push_back(std::move(place));
    }
    return history;
  }

  /// Gains over the defaults; of one op, or of all if `opJson` is empty.
  std::vector<double> gains(std::string_view opJson = {}) const {
    std::vector<double> found;
    for (const Place &place : places)
      if (place.defaultUs > 0 && (opJson.empty() || place.opJson == opJson))
        found.push_back(place.defaultUs / place.bestUs);
    return found;
  }

  /// Losses of winners of other buckets of the same op, so many doublings apart.
  std::vector<double> losses(int64_t doublings,
                             const std::function<double(const Sizes &, const Sizes &)> &distance,
                             std::string_view opJson = {}) const {
    std::vector<double> found;
    for (const Place &here : places)
      for (const Place &there : places) {
        if (&here == &there || here.opJson != there.opJson ||
            (!opJson.empty() && here.opJson != opJson) ||
            std::llround(distance(here.sizes, there.sizes)) != doublings)
          continue;
        if (auto time = here.timesUs.find(there.winner); time != here.timesUs.end())
          found.push_back(time->second / here.bestUs - 1);
      }
    return found;
  }

private:
  std::vector<Place> places;
};

class Describer {
public:
  Describer(const Plan &plan, Database &database, std::string_view device,
            const std::function<double(const Sizes &, const Sizes &)> &distance)
      : plan(plan), database(database), device(device), distance(distance) {}

  Result<CoverageReport> describe() {
    for (const PlanEntry &entry : plan.entries) {
      Result<Cover> cover = coverOf(entry);
      if (!cover)
        return cover.takeError();
      report.entries.push_back(cover.take());
    }
    calibrate();
    predictTheRest();
    addScenarios();
    addShares();
    return std::move(report);
  }

private:
  Result<const KindHistory *> historyOf(const Problem &problem) {
    const std::string &kind = problem.op.kind();
    if (auto found = histories.find(kind); found != histories.end())
      return &found->second;
    Result<KindHistory> history = KindHistory::read(database, problem.target, kind, device);
    if (!history)
      return history.takeError();
    return &histories.emplace(kind, history.take()).first->second;
  }

  Result<Cover> coverOf(const PlanEntry &entry) {
    const Problem &problem = entry.problem;
    Result<std::vector<KernelRecord>> winners =
        database.winners(problem.op, problem.target, device);
    if (!winners)
      return winners.takeError();
    const KernelRecord *nearest = nullptr;
    double nearestDistance = HUGE_VAL;
    for (const KernelRecord &winner : *winners) {
      std::optional<Sizes> sizes = readSizes(winner.tuningPoint);
      if (!sizes)
        continue;
      double apart = distance(problem.op.tuningPoint(), *sizes);
      // Of winners at one point one of this device is meant, however many units others have.
      if (winner.computeUnits != problem.target.computeUnits)
        apart += 1e-3;
      if (apart < nearestDistance) {
        nearestDistance = apart;
        nearest = &winner;
      }
    }
    Result<const KindHistory *> history = historyOf(problem);
    if (!history)
      return history.takeError();
    if (!nearest)
      return fallback(problem, **history);
    Cover cover;
    cover.record = *nearest;
    cover.configText = nearest->configText;
    const bool isOfDevice =
        device.empty() || (nearest->measurement && nearest->measurement->device == device);
    if (nearestDistance == 0 && isOfDevice) {
      cover.state = CoverState::Covered;
      cover.expectedLoss = 0;
      cover.us = nearest->measurement->medianUs;
      cover.lowUs = nearest->measurement->lowUs;
      cover.highUs = nearest->measurement->highUs;
      cover.source = nearest->measurement->source;
      return cover;
    }
    cover.state = CoverState::Bucket;
    if (!isOfDevice || nearestDistance < 1) {
      cover.lossBasis = "tuned on another device";
      return cover;
    }
    const int64_t doublings = std::llround(nearestDistance);
    const std::string &opJson = problem.op.canonicalJson();
    std::vector<double> losses = (*history)->losses(doublings, distance, opJson);
    const bool isOfOp = !losses.empty();
    if (!isOfOp)
      losses = (*history)->losses(doublings, distance);
    cover.lossBasis = fmt::format("no pair of buckets {} doublings apart was measured", doublings);
    if (!losses.empty()) {
      cover.expectedLoss = medianOf(losses);
      cover.lossBasis = fmt::format("{} pairs of buckets of {}, {} doublings apart", losses.size(),
                                    isOfOp ? "this op" : "this kind", doublings);
    }
    return cover;
  }

  Result<Cover> fallback(const Problem &problem, const KindHistory &history) {
    Result<KernelConfig> config = KernelConfig::defaults(problem.op, problem.target);
    if (!config)
      return config.takeError();
    Cover cover;
    cover.configText = config->text();
    std::vector<double> gains = history.gains(problem.op.canonicalJson());
    const bool isOfOp = !gains.empty();
    if (!isOfOp)
      gains = history.gains();
    cover.lossBasis = "nothing of this kind was tuned";
    if (!gains.empty()) {
      cover.expectedLoss = medianOf(gains) - 1;
      cover.lossBasis =
          fmt::format("{} tuned buckets of {}", gains.size(), isOfOp ? "this op" : "this kind");
    }
    return cover;
  }

  void calibrate() {
    std::vector<double> ratios;
    for (size_t i = 0; i < plan.entries.size(); ++i)
      if (const Cover &cover = report.entries[i];
          cover.state == CoverState::Covered && cover.source == Source::Measured)
        ratios.push_back(cover.us / plan.entries[i].predictedUs);
    if (!ratios.empty())
      report.calibration = medianOf(ratios);
  }

  void predictTheRest() {
    for (size_t i = 0; i < plan.entries.size(); ++i) {
      Cover &cover = report.entries[i];
      if (cover.state == CoverState::Covered)
        continue;
      cover.us =
          plan.entries[i].predictedUs * report.calibration * (1 + cover.expectedLoss.value_or(0));
      cover.lowUs = cover.highUs = cover.us;
      cover.source = Source::Model;
    }
  }

  void addScenarios() {
    for (size_t s = 0; s < plan.scenarios.size(); ++s) {
      ScenarioSpeed speed;
      double measured = 0;
      for (size_t i = 0; i < plan.entries.size(); ++i) {
        const auto launches = static_cast<double>(plan.entries[i].launches[s]);
        const Cover &cover = report.entries[i];
        speed.stepUs += launches * cover.us;
        speed.lowUs += launches * cover.lowUs;
        speed.highUs += launches * cover.highUs;
        if (cover.source == Source::Measured)
          measured += launches * cover.us;
      }
      if (speed.stepUs > 0) {
        const double tokens = static_cast<double>(plan.scenarios[s].tokens()) * 1e6;
        speed.measuredShare = measured / speed.stepUs;
        speed.tokensPerSecond = tokens / speed.stepUs;
        speed.lowTokensPerSecond = tokens / speed.highUs;
        speed.highTokensPerSecond = tokens / speed.lowUs;
      }
      report.scenarios.push_back(speed);
    }
  }

  void addShares() {
    double busy = 0;
    for (size_t s = 0; s < plan.scenarios.size(); ++s) {
      if (report.scenarios[s].stepUs <= 0)
        continue;
      ++busy;
      for (size_t i = 0; i < plan.entries.size(); ++i) {
        const Cover &cover = report.entries[i];
        double share = static_cast<double>(plan.entries[i].launches[s]) * cover.us /
                       report.scenarios[s].stepUs;
        (cover.state == CoverState::Covered  ? report.covered
         : cover.state == CoverState::Bucket ? report.bucket
                                             : report.fallback) += share;
      }
    }
    for (double *share : {&report.covered, &report.bucket, &report.fallback})
      *share /= std::max(busy, 1.0);
  }

  const Plan &plan;
  Database &database;
  const std::string device;
  const std::function<double(const Sizes &, const Sizes &)> &distance;
  std::map<std::string, KindHistory> histories;
  CoverageReport report;
};

} // namespace

Result<CoverageReport>
describeCoverage(const Plan &plan, Database &database, std::string_view device,
                 const std::function<double(const Sizes &, const Sizes &)> &distance) {
  return Describer(plan, database, device, distance).describe();
}

Result<KnownGains> knownGains(Database &database, const TargetDesc &target) {
  KnownGains gains;
  for (const OpSpec &spec : allOpSpecs()) {
    Result<KindHistory> history = KindHistory::read(database, target, spec.kind, {});
    if (!history)
      return history.takeError();
    if (std::vector<double> known = history->gains(); !known.empty())
      gains[spec.kind] = std::move(known);
  }
  return gains;
}

} // namespace zorse
