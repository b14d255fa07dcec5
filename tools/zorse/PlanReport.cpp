//===- PlanReport.cpp - what a database has for a model -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "PlanReport.h"

#include "zorse/dispatch/Dispatcher.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

namespace zorse::tool {

Result<CoverageReport> coverageOf(const Plan &plan, Database &database, std::string_view device) {
  return zorse::describeCoverage(plan, database, device, tuningDistance);
}

/// Share of time by the times of the report, mean over scenarios.
static std::vector<double> sharesOf(const Plan &plan, const CoverageReport &report) {
  std::vector<double> shares(plan.entries.size());
  auto busy = static_cast<double>(
      std::count_if(report.scenarios.begin(), report.scenarios.end(),
                    [](const ScenarioSpeed &speed) { return speed.stepUs > 0; }));
  for (size_t i = 0; i < shares.size(); ++i)
    for (size_t s = 0; s < plan.scenarios.size(); ++s)
      if (report.scenarios[s].stepUs > 0)
        shares[i] += static_cast<double>(plan.entries[i].launches[s]) * report.entries[i].us /
                     report.scenarios[s].stepUs / busy;
  return shares;
}

Json planJson(const Plan &plan) {
  Json json = {{"scenarios", Json::array()}, {"problems", Json::array()}};
  for (const Scenario &scenario : plan.scenarios)
    json["scenarios"].push_back(scenario.text());
  for (const PlanEntry &entry : plan.entries)
    json["problems"].push_back({{"op", Json::parse(entry.problem.op.canonicalJson())},
                                {"tuning_point", Json::parse(entry.problem.op.tuningPointJson())},
                                {"launches", entry.launches},
                                {"predicted_us", entry.predictedUs},
                                {"share", entry.share}});
  return json;
}

std::string describePlan(const Plan &plan) {
  std::string text = fmt::format("{} problems in {} scenarios; the heaviest by predicted time:\n",
                                 plan.entries.size(), plan.scenarios.size());
  for (const PlanEntry &entry :
       std::span(plan.entries).first(std::min<size_t>(plan.entries.size(), 12))) {
    const OpDesc &op = entry.problem.op;
    text += fmt::format("  {:5.1f} %  {:>9} {} at {}\n", 100 * entry.share,
                        formatSeconds(entry.predictedUs * 1e-6), op.kind(), op.tuningPointJson());
  }
  return text;
}

Json coverageJson(const Plan &plan, const CoverageReport &report) {
  std::vector<double> shares = sharesOf(plan, report);
  Json json = {{"covered", report.covered},   {"bucket", report.bucket},
               {"fallback", report.fallback}, {"calibration", report.calibration},
               {"kernels", Json::array()},    {"scenarios", Json::array()}};
  for (size_t i = 0; i < plan.entries.size(); ++i) {
    const OpDesc &op = plan.entries[i].problem.op;
    const Cover &cover = report.entries[i];
    Json kernel = {{"op", Json::parse(op.canonicalJson())},
                   {"tuning_point", Json::parse(op.tuningPointJson())},
                   {"state", name(cover.state)},
                   {"share", shares[i]},
                   {"config", cover.configText},
                   {"us", cover.us},
                   {"source", name(cover.source)}};
    if (cover.source == Source::Measured)
      kernel["interval_us"] = {cover.lowUs, cover.highUs};
    if (cover.state == CoverState::Bucket)
      kernel["tuned_at"] = Json::parse(cover.record->tuningPoint);
    kernel["expected_loss"] = cover.expectedLoss ? Json(*cover.expectedLoss) : Json();
    if (!cover.lossBasis.empty())
      kernel["expected_loss_from"] = cover.lossBasis;
    json["kernels"].push_back(std::move(kernel));
  }
  for (size_t s = 0; s < plan.scenarios.size(); ++s) {
    const ScenarioSpeed &speed = report.scenarios[s];
    json["scenarios"].push_back(
        {{"name", plan.scenarios[s].text()},
         {"step_us", speed.stepUs},
         {"tokens_per_second", speed.tokensPerSecond},
         {"interval", {speed.lowTokensPerSecond, speed.highTokensPerSecond}},
         {"measured_share", speed.measuredShare}});
  }
  return json;
}

static std::string lossText(const Cover &cover) {
  if (cover.state == CoverState::Covered)
    return "";
  if (!cover.expectedLoss)
    return fmt::format("expected loss unknown: {}", cover.lossBasis);
  return fmt::format("expected loss {:.1f} % ({})", 100 * *cover.expectedLoss, cover.lossBasis);
}

std::string describeCoverage(const Plan &plan, const CoverageReport &report, bool isLong) {
  std::string text = fmt::format("coverage of the expected time: {:.1f} % covered, {:.1f} % at the "
                                 "nearest bucket, {:.1f} % at the defaults\n",
                                 100 * report.covered, 100 * report.bucket, 100 * report.fallback);
  std::vector<double> shares = sharesOf(plan, report);
  std::vector<size_t> order(shares.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return shares[a] > shares[b]; });
  const size_t shown = isLong ? order.size() : std::min<size_t>(order.size(), 12);
  for (size_t i : std::span(order).first(shown)) {
    const OpDesc &op = plan.entries[i].problem.op;
    const Cover &cover = report.entries[i];
    text += fmt::format("  {:5.1f} %  {:<9} {:>9} {:<9} {} at {}\n", 100 * shares[i],
                        name(cover.state), formatSeconds(cover.us * 1e-6), name(cover.source),
                        op.kind(), op.tuningPointJson());
    if (std::string loss = lossText(cover); !loss.empty())
      text += "           " + loss + "\n";
  }
  if (shown < order.size())
    text += fmt::format("  and {} more; --format json lists all\n", order.size() - shown);
  text += "expected speed of the kernels alone, without the host's time between them:\n";
  for (size_t s = 0; s < plan.scenarios.size(); ++s) {
    const ScenarioSpeed &speed = report.scenarios[s];
    text +=
        fmt::format("  {:<18} {:>10.1f} tokens/s", plan.scenarios[s].text(), speed.tokensPerSecond);
    if (speed.measuredShare > 0)
      text +=
          fmt::format(" ({:.1f} to {:.1f})", speed.lowTokensPerSecond, speed.highTokensPerSecond);
    text += fmt::format(", {:.0f} % of it measured{}\n", 100 * speed.measuredShare,
                        speed.measuredShare < 0.9995 ? ", the rest predicted (source model)" : "");
  }
  return text;
}

} // namespace zorse::tool
