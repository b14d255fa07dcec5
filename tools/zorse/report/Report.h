//===- Report.h - a page about a database -----------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Chart.h"
#include "Contests.h"

namespace zorse::tool::report {

/// What is reported on.
struct Input {
  std::vector<std::string> files;
  std::string contentHash;
  std::string date; ///< ISO 8601, UTC
  /// Rows came from several files or from text, where ids do not tell which was first.
  bool isJoined = false;
  std::vector<KernelRecord> records;
  std::set<int64_t> winners;
};

struct Report {
  std::vector<std::pair<std::string, std::string>> facts; ///< what, value
  std::vector<Chart> charts;
  std::vector<Table> tables;
};

Report makeReport(const Input &input);

/// The page with everything it needs inside.
std::string pageOf(const Report &report);

// The charts, each with all its data as CSV.
Chart convergence(const std::vector<Contest> &contests);
Chart heatMaps(const std::vector<Contest> &contests);
Chart roofline(const std::vector<Contest> &contests);
Chart speedup(const std::vector<Contest> &contests);

// The tables.
Table winnersTable(const std::vector<Contest> &contests);
Table coverageTable(const std::vector<KernelRecord> &records, const std::set<int64_t> &winners);
/// The reasons of the block list and how often each occurs.
Table reasonsTable(const Table &blocked);
Table blockList(const std::vector<KernelRecord> &records);

/// What limits a contest.
struct Roofs {
  struct Peak {
    std::string name;
    double gflops;
  };
  std::vector<Peak> compute; ///< empty if unknown
  double gbs = 0;
  std::string source; ///< where they come from
};
/// From the data sheet of the target, or what the fastest trials on the same instrument achieved.
/// `ofInstrument` is all contests of one instrument.
Roofs roofsOf(const std::vector<const Contest *> &ofInstrument);
/// Of the time that the roofs allow, in percent; nothing if flops, bytes or roofs are unknown.
std::optional<double> roofShare(const KernelRecord &record, const Roofs &roofs);

// No page is useful with more than this.
constexpr size_t mostPanels = 60, mostPoints = 1500, mostPointsOfChart = 12000, mostBars = 40,
                 mostRows = 400;

} // namespace zorse::tool::report
