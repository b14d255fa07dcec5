//===- Tables.cpp - winners, coverage, what was blocked -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Report.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tuple>

namespace zorse::tool::report {

Table winnersTable(const std::vector<Contest> &contests) {
  Table table{"winners",
              "Winners",
              "The winner of each problem. The interval is that of the median (95 %). Ties are "
              "configurations whose interval overlaps that of the fastest; among them the one with "
              "fewer resources wins. Roofline: the least time that the roofs allow over the time; "
              "where the roofs are only achieved rates it says so.",
              {"trial", "problem", "target", "configuration", "time, us", "interval, us", "samples",
               "source", "device", "roofline", "largest error / allowed", "ties", "compiler"},
              {true, false, false, false, true, true, true, false, false, true, true, true, false},
              {}};
  std::map<std::string, std::vector<const Contest *>> instruments;
  for (const Contest &contest : contests)
    instruments[contest.instrument].push_back(&contest);
  std::map<std::string, Roofs> roofs;
  for (const auto &[instrument, group] : instruments)
    roofs[instrument] = roofsOf(group);
  for (const Contest &contest : contests) {
    if (!contest.winner)
      continue;
    const KernelRecord &record = *contest.winner;
    const Measurement &m = *record.measurement;
    const Roofs &limits = roofs[contest.instrument];
    std::optional<double> share = roofShare(record, limits);
    bool isAchieved = limits.source.starts_with("no data sheet");
    table.rows.push_back(
        {std::to_string(record.id), contest.label,
         fmt::format("{}, {} CUs", record.arch, record.computeUnits), record.configText,
         formatNumber(m.medianUs),
         fmt::format("{} to {}", formatNumber(m.lowUs), formatNumber(m.highUs)),
         std::to_string(m.samples), std::string(name(m.source)), m.device,
         share ? fmt::format("{:.{}f} %{}", *share, *share < 10 ? 1 : 0,
                             isAchieved ? " of achieved" : "")
               : "unknown",
         record.verification ? formatNumber(record.verification->maxError) : "not verified",
         std::to_string(contest.ties), record.compilerRevision});
  }
  return table;
}

Table coverageTable(const std::vector<KernelRecord> &records, const std::set<int64_t> &winners) {
  struct Counts {
    int64_t trials = 0, winners = 0, ok = 0, unverified = 0, stale = 0, failed = 0, unfinished = 0;
    std::set<std::string> ops, sources;
  };
  using Key = std::tuple<std::string, std::string, std::string>;
  std::map<Key, Counts> covered;
  for (const KernelRecord &record : records) {
    Counts &counts =
        covered[{record.opKind, fmt::format("{}, {} CUs", record.arch, record.computeUnits),
                 sizesText(record.tuningPoint)}];
    ++counts.trials;
    counts.ops.insert(record.opJson);
    bool isOk = record.state == TrialState::Ok;
    bool isUnfinished = record.state == TrialState::Queued || record.state == TrialState::Running ||
                        record.state == TrialState::Interrupted;
    counts.ok += isOk;
    counts.unverified += isOk && !isVerified(record);
    counts.stale += !record.stale.empty();
    counts.unfinished += isUnfinished;
    counts.failed += !isOk && !isUnfinished;
    if (winners.contains(record.id)) {
      ++counts.winners;
      counts.sources.insert(std::string(name(record.measurement->source)));
    }
  }
  Table table{"coverage",
              "Coverage",
              "What was tried for each kind of op, target and tuning point, and whether it has "
              "winners. Stale rows speak of code that the compiler no longer makes.",
              {"op kind", "target", "tuning point", "ops", "winners", "source of winners", "trials",
               "ok", "ok, not verified", "stale", "failed", "unfinished"},
              {false, false, false, true, true, false, true, true, true, true, true, true},
              {}};
  for (const auto &[key, counts] : covered) {
    std::string sources;
    for (const std::string &source : counts.sources)
      sources += (sources.empty() ? "" : ", ") + source;
    table.rows.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key),
                          std::to_string(counts.ops.size()), std::to_string(counts.winners),
                          sources.empty() ? "no winner" : sources, std::to_string(counts.trials),
                          std::to_string(counts.ok), std::to_string(counts.unverified),
                          std::to_string(counts.stale), std::to_string(counts.failed),
                          std::to_string(counts.unfinished)});
  }
  return table;
}

Table blockList(const std::vector<KernelRecord> &records) {
  Table table{"blocked",
              "Blocked and stale configurations",
              "Configurations that are not tried again, or no longer count, and why.",
              {"trial", "op kind", "target", "tuning point", "configuration", "state", "reason"},
              {true, false, false, false, false, false, false},
              {}};
  for (const KernelRecord &record : records) {
    bool isBlocked = record.state == TrialState::Failed || record.state == TrialState::TimedOut ||
                     record.state == TrialState::Crashed || record.state == TrialState::Wrong;
    if (!isBlocked && record.stale.empty())
      continue;
    std::string reason = record.stale.empty() ? record.error : record.stale;
    if (reason.empty() && record.verification)
      reason = record.verification->detail;
    table.rows.push_back({std::to_string(record.id), record.opKind,
                          fmt::format("{}, {} CUs", record.arch, record.computeUnits),
                          sizesText(record.tuningPoint), record.configText,
                          record.stale.empty() ? std::string(name(record.state)) : "stale",
                          reason.empty() ? "no reason recorded" : reason});
  }
  return table;
}

Table reasonsTable(const Table &blocked) {
  std::map<std::pair<std::string, std::string>, std::pair<int64_t, std::set<std::string>>> reasons;
  for (const std::vector<std::string> &row : blocked.rows) {
    auto &[count, kinds] = reasons[{row[5], row[6]}];
    ++count;
    kinds.insert(row[1]);
  }
  Table table{"reasons",
              "Why configurations are blocked or stale",
              "The reasons of the list below, the most frequent first.",
              {"configurations", "state", "reason", "op kinds"},
              {true, false, false, false},
              {}};
  for (const auto &[reason, where] : reasons)
    table.rows.push_back({std::to_string(where.first), reason.first, reason.second,
                          fmt::format("{}", fmt::join(where.second, ", "))});
  std::sort(table.rows.begin(), table.rows.end(), [](const auto &a, const auto &b) {
    return std::pair(-std::stoll(a[0]), a) < std::pair(-std::stoll(b[0]), b);
  });
  return table;
}

/// "a (3), b (1)" of values and how often they occur.
static std::string tally(const std::map<std::string, int64_t> &counts) {
  std::string text;
  for (const auto &[value, count] : counts)
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", value, count);
  return text.empty() ? "none" : text;
}

Report makeReport(const Input &input) {
  std::map<std::string, int64_t> states, devices, sources, compilers;
  int64_t stale = 0, unverified = 0;
  std::string first, last;
  for (const KernelRecord &record : input.records) {
    ++states[std::string(name(record.state))];
    if (!record.compilerRevision.empty())
      ++compilers[record.compilerRevision];
    if (const auto &m = record.measurement) {
      ++sources[std::string(name(m->source))];
      ++devices[m->device];
    }
    stale += !record.stale.empty();
    unverified += record.state == TrialState::Ok && !isVerified(record);
    first = first.empty() ? record.createdAt : std::min(first, record.createdAt);
    last = std::max(last, record.createdAt);
  }
  std::string files;
  for (const std::string &file : input.files)
    files += (files.empty() ? "" : ", ") + file;
  std::vector<Contest> contests =
      contestsOf(input.records, input.winners, input.isJoined ? Order::Date : Order::Id);
  Report report;
  report.facts = {{"Database", files},
                  {"Content hash", input.contentHash},
                  {"Written", input.date},
                  {"Trials", fmt::format("{} from {} to {}", input.records.size(),
                                         first.empty() ? "-" : first, last.empty() ? "-" : last)},
                  {"By state", tally(states)},
                  {"Not verified", std::to_string(unverified)},
                  {"Stale", std::to_string(stale)},
                  {"Problems", std::to_string(contests.size())},
                  {"Winners", std::to_string(input.winners.size())},
                  {"Devices", tally(devices)},
                  {"Source of times", tally(sources)},
                  {"Compilers", tally(compilers)}};
  report.charts = {convergence(contests), heatMaps(contests), roofline(contests),
                   speedup(contests)};
  report.charts.front().caption +=
      input.isJoined ? " Trials stand in the order of their dates, which are exact to the second."
                     : " Trials stand in the order of their numbers in the database.";
  report.tables = {winnersTable(contests),
                   coverageTable(input.records, input.winners),
                   {},
                   blockList(input.records)};
  report.tables[2] = reasonsTable(report.tables[3]);
  return report;
}

} // namespace zorse::tool::report
