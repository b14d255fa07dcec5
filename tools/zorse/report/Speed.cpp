//===- Speed.cpp - what came of it: roofline and gain ---------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Report.h"

#include "zorse/desc/TargetDesc.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <tuple>

namespace zorse::tool::report {

static double gflopsOf(const Measurement &m) { return m.flops / m.medianUs * 1e-3; }
static double gbsOf(const Measurement &m) { return m.bytes / m.medianUs * 1e-3; }
static bool hasIntensity(const KernelRecord &record) {
  return record.measurement && record.measurement->flops > 0 && record.measurement->bytes > 0;
}

Roofs roofsOf(const std::vector<const Contest *> &ofInstrument) {
  Roofs roofs;
  const KernelRecord &any = *ofInstrument.front()->timed.front();
  Result<TargetDesc> target = findTarget(any.arch);
  if (target && target->peakGBs > 0) {
    if (target->peakTflopsMatrix16 > 0)
      roofs.compute.push_back(
          {"peak of 16-bit matrix instructions", target->peakTflopsMatrix16 * 1000});
    if (target->peakTflopsF32 > 0)
      roofs.compute.push_back({"peak of f32 vectors", target->peakTflopsF32 * 1000});
    roofs.gbs = target->peakGBs;
    roofs.source = fmt::format("data sheet of {} with {} compute units (source: model)", any.arch,
                               target->computeUnits);
    return roofs;
  }
  double gflops = 0;
  for (const Contest *contest : ofInstrument)
    for (const KernelRecord *record : contest->timed)
      if (isFit(*record)) {
        gflops = std::max(gflops, gflopsOf(*record->measurement));
        roofs.gbs = std::max(roofs.gbs, gbsOf(*record->measurement));
      }
  if (gflops > 0)
    roofs.compute.push_back({"highest rate of these trials", gflops});
  roofs.source = fmt::format("no data sheet for {}; the highest rates that these trials achieved "
                             "(source: {}), which are no limits of the machine",
                             any.arch, name(ofInstrument.front()->source));
  return roofs;
}

/// The roof over an op: f32 ops do not use the 16-bit matrix instructions.
static double computeRoof(const KernelRecord &record, const Roofs &roofs) {
  bool isF32 = record.opJson.find("\"dtype\":\"f32\"") != std::string::npos;
  return isF32 ? roofs.compute.back().gflops : roofs.compute.front().gflops;
}

std::optional<double> roofShare(const KernelRecord &record, const Roofs &roofs) {
  if (!hasIntensity(record) || roofs.compute.empty() || roofs.gbs <= 0)
    return std::nullopt;
  const Measurement &m = *record.measurement;
  double boundUs = std::max(m.flops / computeRoof(record, roofs), m.bytes / roofs.gbs) * 1e-3;
  return 100 * boundUs / m.medianUs;
}

static std::string standing(const KernelRecord &record, const Contest &contest) {
  if (&record == contest.winner)
    return "winner";
  if (record.state != TrialState::Ok)
    return std::string(name(record.state));
  if (!record.stale.empty())
    return "stale";
  if (record.verification && !record.verification->passed)
    return "wrong";
  return isVerified(record) ? "ok" : "ok, not verified";
}

static int standingColour(std::string_view standing) {
  static const std::vector<std::string_view> known = {"ok", "stale", "winner", "wrong",
                                                      "ok, not verified"};
  auto found = std::find(known.begin(), known.end(), standing);
  return found == known.end() ? 5 : int(found - known.begin());
}

static void addRoofs(Panel &panel, const Roofs &roofs, double lowest, double highest) {
  if (roofs.compute.empty() || roofs.gbs <= 0)
    return;
  double top = roofs.compute.front().gflops;
  double left = lowest / 2, right = std::max(highest * 2, 2 * top / roofs.gbs);
  int colour = 6;
  for (const Roofs::Peak &peak : roofs.compute) {
    double ridge = peak.gflops / roofs.gbs;
    panel.series.push_back(
        {peak.name,
         Mark::Line,
         colour,
         {{ridge, peak.gflops, "", "", 0, 0, 0, peak.name},
          {right, peak.gflops, "", "", 0, 0, 0,
           fmt::format("{}: {} GFLOP/s", peak.name, formatNumber(peak.gflops))}}});
    colour = 9;
  }
  double ridge = top / roofs.gbs;
  left = std::min(left, ridge / 2);
  std::string text = fmt::format("memory: {} GB/s", formatNumber(roofs.gbs));
  panel.series.push_back(
      {"memory bandwidth",
       Mark::Line,
       8,
       {{left, left * roofs.gbs, "", "", 0, 0, 0, text}, {ridge, top, "", "", 0, 0, 0, text}}});
}

Chart roofline(const std::vector<Contest> &contests) {
  Chart chart{"roofline", "Roofline",
              "Every trial that came to a time: arithmetic it must do for each byte it must move, "
              "against the rate it achieved. The lines are what the machine allows; their source "
              "stands below."};
  chart.csv = csvLine({"id", "problem", "standing", "state", "source", "device", "target",
                       "compute_units", "config", "flops_per_byte", "gflops", "gbs", "time_us"});
  std::map<std::string, std::vector<const Contest *>> instruments;
  for (const Contest &contest : contests)
    instruments[contest.instrument].push_back(&contest);
  size_t panelPoints = std::max<size_t>(
      200, std::min(4 * mostPoints, mostPointsOfChart / std::max<size_t>(1, instruments.size())));
  for (const auto &[instrument, group] : instruments) {
    size_t total = 0, without = 0, drawn = 0, index = 0;
    for (const Contest *contest : group)
      total += contest->timed.size();
    size_t every = total / panelPoints + 1;
    std::map<std::string, Series> byStanding;
    double lowest = INFINITY, highest = 0;
    for (const Contest *contest : group)
      for (const KernelRecord *record : contest->timed) {
        if (!hasIntensity(*record)) {
          ++without;
          continue;
        }
        const Measurement &m = *record->measurement;
        std::string place = standing(*record, *contest);
        Datum datum{m.flops / m.bytes, gflopsOf(m)};
        chart.csv +=
            csvLine({std::to_string(record->id), contest->label, place,
                     std::string(name(record->state)), std::string(name(m.source)), m.device,
                     record->arch, std::to_string(record->computeUnits), record->configText,
                     fmt::format("{}", datum.x), fmt::format("{}", datum.y),
                     fmt::format("{}", gbsOf(m)), fmt::format("{}", m.medianUs)});
        lowest = std::min(lowest, datum.x);
        highest = std::max(highest, datum.x);
        if (index++ % every != 0 && place != "winner")
          continue;
        datum.text = fmt::format("trial {}: {}, {}, {} GFLOP/s, {}", record->id, contest->label,
                                 record->configText, formatNumber(datum.y), place);
        Series &series = byStanding[place];
        series.name = place;
        series.colour = standingColour(place);
        series.data.push_back(std::move(datum));
        ++drawn;
      }
    if (drawn == 0 || chart.panels.size() == mostPanels) {
      chart.note += fmt::format("{}: not drawn. ", instrument);
      continue;
    }
    Panel panel;
    panel.label = instrument;
    panel.description = fmt::format("Rate against arithmetic intensity of {} trials on {}, with "
                                    "the roofs of the machine",
                                    total, instrument);
    panel.x = {"FLOP / byte", Scale::Log};
    panel.y = {"GFLOP/s", Scale::Log};
    for (auto &[place, series] : byStanding)
      if (place != "winner")
        panel.series.push_back(std::move(series));
    if (auto winner = byStanding.find("winner"); winner != byStanding.end())
      panel.series.push_back(std::move(winner->second)); // on top of the others
    Roofs roofs = roofsOf(group);
    addRoofs(panel, roofs, lowest, highest);
    panel.note = fmt::format("Roofs: {}.", roofs.source);
    if (drawn + without < total)
      panel.note += fmt::format(" {} of {} trials are drawn; all are in the CSV.", drawn, total);
    if (without)
      panel.note += fmt::format(" {} trials do not say their arithmetic and bytes.", without);
    chart.panels.push_back(std::move(panel));
  }
  return chart;
}

Chart speedup(const std::vector<Contest> &contests) {
  Chart chart{"gain", "Gain over the default",
              "Time of the default configuration over that of the winner. The thin line is the "
              "interval: lowest default over highest winner to highest default over lowest winner, "
              "from the 95 % intervals of both medians."};
  chart.csv = csvLine({"problem", "source", "device", "default_config", "default_us",
                       "winner_config", "winner_us", "speedup", "low", "high"});
  std::map<std::string, Series> bars;
  std::map<std::string, std::vector<double>> gains;
  size_t without = 0;
  for (const Contest &contest : contests) {
    if (!contest.winner || !contest.fallback) {
      ++without;
      continue;
    }
    const Measurement &won = *contest.winner->measurement, &was = *contest.fallback->measurement;
    Datum datum;
    datum.yBand = contest.label;
    datum.x = was.medianUs / won.medianUs;
    datum.low = was.lowUs / won.highUs;
    datum.high = won.lowUs > 0 ? was.highUs / won.lowUs : datum.x;
    datum.text =
        fmt::format("{}x [{}, {}]: {} us with {}, {} us with {}, {}", formatNumber(datum.x),
                    formatNumber(datum.low), formatNumber(datum.high), formatNumber(was.medianUs),
                    contest.fallback->configText, formatNumber(won.medianUs),
                    contest.winner->configText, name(contest.source));
    chart.csv += csvLine({contest.label, std::string(name(contest.source)), contest.device,
                          contest.fallback->configText, fmt::format("{}", was.medianUs),
                          contest.winner->configText, fmt::format("{}", won.medianUs),
                          fmt::format("{}", datum.x), fmt::format("{}", datum.low),
                          fmt::format("{}", datum.high)});
    gains[contest.instrument].push_back(datum.x);
    bars[contest.instrument].data.push_back(std::move(datum));
  }
  for (auto &[instrument, series] : bars) {
    if (chart.panels.size() == mostPanels)
      break;
    series.name = "default / winner";
    series.mark = Mark::Bars;
    std::vector<double> &gain = gains[instrument];
    std::sort(gain.begin(), gain.end());
    Panel panel;
    panel.label = instrument;
    panel.note =
        fmt::format("Median {}x, largest {}x over {} problems.",
                    formatNumber(gain[gain.size() / 2]), formatNumber(gain.back()), gain.size());
    panel.description =
        fmt::format("Speed-up of winners over the default configuration on {}", instrument);
    std::sort(series.data.begin(), series.data.end(), [](const Datum &a, const Datum &b) {
      return std::tuple(-a.x, std::string_view(a.yBand)) <
             std::tuple(-b.x, std::string_view(b.yBand));
    });
    if (series.data.size() > mostBars) {
      panel.note += fmt::format(" The {} largest are drawn; all are in the CSV.", mostBars);
      series.data.resize(mostBars);
    }
    panel.x = {"speed-up over the default configuration"};
    panel.y = {"", Scale::Band};
    for (const Datum &datum : series.data)
      panel.y.bands.push_back(datum.yBand);
    panel.series.push_back(std::move(series));
    chart.panels.push_back(std::move(panel));
  }
  if (without)
    chart.note = fmt::format("{} of {} problems have no bar: no winner, or the default "
                             "configuration was not timed.",
                             without, contests.size());
  return chart;
}

} // namespace zorse::tool::report
