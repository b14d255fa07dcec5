//===- QuickList.cpp - few configurations for many problems ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/tuner/QuickList.h"

#include "space/QuickLists.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace zorse {

namespace {

/// best / time of one configuration on each problem; 0 where it failed or does not exist.
struct Candidate {
  std::string text;
  std::vector<double> qualities;
  double total = 0;
};

} // namespace

static std::vector<Candidate> candidatesOf(std::span<const Sweep> sweeps) {
  std::map<std::string, std::vector<double>> qualities;
  for (size_t s = 0; s < sweeps.size(); ++s) {
    const Sweep &sweep = sweeps[s];
    double best = *std::min_element(sweep.timesUs.begin(), sweep.timesUs.end());
    if (!std::isfinite(best))
      continue;
    for (size_t i = 0; i < sweep.space.size(); ++i) {
      std::vector<double> &row = qualities[sweep.space[i].text()];
      row.resize(sweeps.size(), 0.0);
      row[s] = best / sweep.timesUs[i];
    }
  }
  std::vector<Candidate> candidates;
  for (auto &[text, row] : qualities) {
    Candidate candidate = {text, std::move(row)};
    for (double quality : candidate.qualities)
      candidate.total += quality;
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

std::vector<std::string> quickList(std::span<const Sweep> sweeps, const QuickListOptions &options) {
  std::vector<Candidate> candidates = candidatesOf(sweeps);
  std::vector<size_t> served(sweeps.size(), 0);
  std::vector<std::string> list;
  for (size_t depth = 1; depth <= options.depth; ++depth)
    for (;;) {
      // The most problems that still lack one; then the best over all problems; then by text.
      auto gain = [&](const Candidate &candidate) {
        size_t count = 0;
        for (size_t s = 0; s < sweeps.size(); ++s)
          count += served[s] < depth && candidate.qualities[s] >= options.fraction;
        return std::pair(count, candidate.total);
      };
      auto chosen = std::max_element(
          candidates.begin(), candidates.end(),
          [&](const Candidate &a, const Candidate &b) { return gain(a) < gain(b); });
      if (chosen == candidates.end() || gain(*chosen).first == 0)
        break;
      for (size_t s = 0; s < sweeps.size(); ++s)
        served[s] += chosen->qualities[s] >= options.fraction;
      list.push_back(chosen->text);
      candidates.erase(chosen);
    }
  return list;
}

std::string quickListFile(std::string_view family, std::span<const Sweep> sweeps,
                          const QuickListOptions &options) {
  std::map<std::string, std::vector<Sweep>> byKind;
  for (const Sweep &sweep : sweeps)
    if (sweep.family == family)
      byKind[sweep.opKind].push_back(sweep);
  // The same text, whatever order they were read in.
  for (auto &[kind, group] : byKind)
    std::sort(group.begin(), group.end(),
              [](const Sweep &a, const Sweep &b) { return a.problem < b.problem; });
  nlohmann::ordered_json lists = nlohmann::ordered_json::object();
  for (const auto &[kind, group] : byKind) {
    nlohmann::ordered_json list;
    for (const Sweep &sweep : group)
      list["problems"].push_back(sweep.problem);
    list["configs"] = quickList(group, options);
    lists[kind] = std::move(list);
  }
  nlohmann::ordered_json file = {{"family", family},
                                 {"fraction", options.fraction},
                                 {"depth", options.depth},
                                 {"lists", std::move(lists)}};
  return file.dump(2) + "\n";
}

using Lists = std::map<std::pair<std::string, std::string>, std::vector<std::string>, std::less<>>;

static Lists readLists() {
  Lists lists;
  for (std::string_view text : tuner::quickListFiles()) {
    nlohmann::json file = nlohmann::json::parse(text, nullptr, false);
    if (!file.is_object() || !file.contains("family") || !file.contains("lists")) {
      fmt::print(stderr, "zorse: a file of tuner/space/quick is no list (a build error)\n");
      std::abort();
    }
    for (const auto &[kind, list] : file["lists"].items())
      lists[{kind, file["family"].get<std::string>()}] =
          list.at("configs").get<std::vector<std::string>>();
  }
  return lists;
}

const std::vector<std::string> &shippedQuickList(std::string_view opKind, std::string_view family) {
  static const Lists lists = readLists();
  static const std::vector<std::string> none;
  auto found = lists.find(std::pair(std::string(opKind), std::string(family)));
  return found == lists.end() ? none : found->second;
}

} // namespace zorse
