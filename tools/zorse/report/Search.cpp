//===- Search.cpp - what the search did: convergence and knobs -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Report.h"

#include "zorse/desc/KernelConfig.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace zorse::tool::report {

static std::string describeTrial(const KernelRecord &record) {
  const Measurement &m = *record.measurement;
  return fmt::format("trial {}: {}, {} us [{}, {}], {}", record.id, record.configText,
                     formatNumber(m.medianUs), formatNumber(m.lowUs), formatNumber(m.highUs),
                     name(m.source));
}

/// The colour of each op kind.
static std::map<std::string, int> kindColours(const std::vector<Contest> &contests) {
  std::map<std::string, int> colours;
  for (const Contest &contest : contests)
    colours.try_emplace(contest.timed.front()->opKind, int(colours.size() % palette().size()));
  return colours;
}

/// How the best so far went down, over the best of all; a datum where it changes, and the end.
static Series progressOf(const Contest &contest, double bestUs, int colour) {
  Series line{contest.timed.front()->opKind, Mark::Step, colour};
  double soFar = INFINITY;
  for (size_t i = 0; i < contest.attempts.size(); ++i) {
    const KernelRecord &record = *contest.attempts[i];
    bool improves = isFit(record) && record.measurement->medianUs < soFar;
    bool isEnd = i + 1 == contest.attempts.size();
    if (improves)
      soFar = record.measurement->medianUs;
    if (!improves && !(isEnd && std::isfinite(soFar)))
      continue;
    Datum datum;
    datum.x = double(i + 1);
    datum.y = soFar / bestUs;
    datum.text =
        fmt::format("{}: {}, trial {} of {}", contest.label,
                    improves ? describeTrial(record) : "the end", i + 1, contest.attempts.size());
    line.data.push_back(std::move(datum));
  }
  return line;
}

static Panel convergenceOf(const Contest &contest, size_t mostDots) {
  Panel panel;
  panel.label = contest.label;
  panel.x = {"trial"};
  panel.y = {"time, microseconds", Scale::Log};
  Series dots{"trial", Mark::Points, 7}, line{"best so far", Mark::Step, 0},
      fallback{"default configuration", Mark::Points, 1}, winner{"winner", Mark::Points, 2};
  double soFar = INFINITY;
  size_t every = contest.timed.size() / mostDots + 1, timed = 0;
  for (size_t i = 0; i < contest.attempts.size(); ++i) {
    const KernelRecord &record = *contest.attempts[i];
    Datum datum{double(i + 1)};
    if (record.measurement) {
      datum.y = record.measurement->medianUs;
      datum.text = describeTrial(record);
      if (&record == contest.winner)
        winner.data.push_back(datum);
      else if (&record == contest.fallback)
        fallback.data.push_back(datum);
      else if (timed % every == 0)
        dots.data.push_back(datum);
      ++timed;
    }
    bool improves = isFit(record) && datum.y < soFar;
    if (improves)
      soFar = datum.y;
    if (improves || (i + 1 == contest.attempts.size() && std::isfinite(soFar)))
      line.data.push_back({double(i + 1), soFar, "", "", 0, 0, 0,
                           fmt::format("best so far: {} us", formatNumber(soFar))});
  }
  panel.description = fmt::format(
      "Time of {} trials of {} ({}) in the order in which they were recorded, with the best so far",
      contest.timed.size(), contest.label, contest.instrument);
  if (every > 1)
    panel.note = fmt::format("1 of {} trials is drawn. ", every);
  if (size_t without = contest.attempts.size() - contest.timed.size())
    panel.note += fmt::format("{} trials came to no time.", without);
  for (Series *series : {&dots, &line, &fallback, &winner})
    if (!series->data.empty())
      panel.series.push_back(std::move(*series));
  return panel;
}

Chart convergence(const std::vector<Contest> &contests) {
  Chart chart{"convergence", "Convergence",
              "How fast the search came to its best time: each step is a better configuration. "
              "All problems together are shown as time over the best time found for each."};
  chart.csv = csvLine({"problem", "trial", "id", "state", "source", "device", "config", "time_us",
                       "low_us", "high_us", "best_so_far_us"});
  auto colours = kindColours(contests);
  Panel all;
  all.label = fmt::format("all {} problems", contests.size());
  all.description = "Best time so far over the best time found, against the trial, a line for "
                    "each problem, coloured by op kind";
  all.x = {"trial"};
  all.y = {"best so far / best of all", Scale::Log};
  for (const Contest &contest : contests) {
    double soFar = INFINITY;
    for (size_t i = 0; i < contest.attempts.size(); ++i) {
      const KernelRecord &record = *contest.attempts[i];
      if (isFit(record))
        soFar = std::min(soFar, record.measurement->medianUs);
      auto time = [&](double Measurement::*field) {
        return record.measurement ? fmt::format("{}", *record.measurement.*field) : "";
      };
      chart.csv += csvLine({contest.label, std::to_string(i + 1), std::to_string(record.id),
                            std::string(name(record.state)), std::string(name(contest.source)),
                            contest.device, record.configText, time(&Measurement::medianUs),
                            time(&Measurement::lowUs), time(&Measurement::highUs),
                            std::isfinite(soFar) ? fmt::format("{}", soFar) : ""});
    }
    const KernelRecord *best = fastest(contest);
    if (best && all.series.size() < 4 * mostPanels)
      all.series.push_back(
          progressOf(contest, best->measurement->medianUs, colours[contest.timed.front()->opKind]));
  }
  if (contests.size() > all.series.size())
    all.note = fmt::format("{} problems are not drawn.", contests.size() - all.series.size());
  if (contests.size() > 1)
    chart.panels.push_back(std::move(all));
  size_t shown = std::min(contests.size(), mostPanels);
  size_t mostDots = std::min(mostPoints, mostPointsOfChart / std::max<size_t>(shown, 1));
  for (size_t i = 0; i < shown; ++i)
    chart.panels.push_back(convergenceOf(contests[i], mostDots));
  if (shown < contests.size())
    chart.note = fmt::format("{} of {} problems have no picture of their own; all are in the CSV.",
                             contests.size() - shown, contests.size());
  return chart;
}

static Panel heatMap(const Contest &contest, const KnobPair &pair, std::string &csv) {
  struct Cell {
    const KernelRecord *best = nullptr;
    int64_t trials = 0;
  };
  std::map<std::pair<int64_t, int64_t>, Cell> cells;
  std::set<int64_t> xs, ys;
  for (const KernelRecord *record : contest.timed) {
    Result<KernelConfig> config = KernelConfig::read(record->configText);
    if (!isFit(*record) || !config || !config->has(pair.first) || !config->has(pair.second))
      continue;
    int64_t x = config->get(pair.first), y = config->get(pair.second);
    xs.insert(x);
    ys.insert(y);
    Cell &cell = cells[{x, y}];
    ++cell.trials;
    if (!cell.best || record->measurement->medianUs < cell.best->measurement->medianUs)
      cell.best = record;
  }
  double best = fastest(contest)->measurement->medianUs;
  Panel panel;
  panel.label = fmt::format("{}: {} and {}", contest.label, pair.first, pair.second);
  panel.description = fmt::format(
      "Best time for each pair of values of {} and {} of {} ({}); together they explain {:.0f} % "
      "of the spread",
      pair.first, pair.second, contest.label, contest.instrument, 100 * std::max(0.0, pair.effect));
  panel.note = fmt::format("{} {}; the pair explains {:.0f} % of the spread of log time.",
                           contest.instrument.find("model") == std::string::npos ? "On" : "By",
                           contest.instrument, 100 * std::max(0.0, pair.effect));
  panel.x = {pair.first, Scale::Band};
  panel.y = {pair.second, Scale::Band};
  for (int64_t x : xs)
    panel.x.bands.push_back(std::to_string(x));
  for (int64_t y : ys)
    panel.y.bands.push_back(std::to_string(y));
  Series series{"best time, microseconds", Mark::Cells, 0};
  for (const auto &[at, cell] : cells) {
    double time = cell.best->measurement->medianUs;
    Datum datum;
    datum.xBand = std::to_string(at.first);
    datum.yBand = std::to_string(at.second);
    datum.value = time / best;
    datum.text = formatNumber(time);
    series.data.push_back(datum);
    csv += csvLine({contest.label, std::string(name(contest.source)), contest.device, pair.first,
                    datum.xBand, pair.second, datum.yBand, fmt::format("{}", time),
                    std::to_string(cell.trials), cell.best->configText});
  }
  panel.series.push_back(std::move(series));
  return panel;
}

Chart heatMaps(const std::vector<Contest> &contests) {
  Chart chart{"knobs", "Knobs",
              "The best time, in microseconds, of each pair of values of two knobs, over all "
              "values of the others. Shown are the pairs that explain most of the spread of the "
              "times. Bright is fast; empty means not tried, or no trial came to a time."};
  chart.csv = csvLine({"problem", "source", "device", "first_knob", "first_value", "second_knob",
                       "second_value", "best_us", "trials", "config"});
  constexpr size_t pairsOfContest = 3, mostMaps = 2 * mostPanels;
  size_t left = 0;
  for (const Contest &contest : contests)
    for (const KnobPair &pair : strongestPairs(contest, pairsOfContest)) {
      Panel panel = heatMap(contest, pair, chart.csv);
      if (chart.panels.size() < mostMaps)
        chart.panels.push_back(std::move(panel));
      else
        ++left;
    }
  if (left)
    chart.note = fmt::format("{} maps are not drawn; all are in the CSV.", left);
  return chart;
}

} // namespace zorse::tool::report
