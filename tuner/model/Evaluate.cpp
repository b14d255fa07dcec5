//===- Evaluate.cpp - how well the model ranks what was measured ---------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/tuner/Evaluate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <tuple>

namespace zorse {

namespace {

/// Indices by value, equal values as given.
std::vector<size_t> orderOf(const std::vector<double> &values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return values[a] < values[b] || (values[a] == values[b] && a < b);
  });
  return order;
}

/// Ranks from 0, equal values with the mean of their ranks.
std::vector<double> ranksOf(const std::vector<double> &values) {
  std::vector<size_t> order = orderOf(values);
  std::vector<double> ranks(values.size());
  for (size_t i = 0; i < order.size();) {
    size_t end = i;
    while (end < order.size() && values[order[end]] == values[order[i]])
      ++end;
    for (size_t k = i; k < end; ++k)
      ranks[order[k]] = double(i + end - 1) / 2;
    i = end;
  }
  return ranks;
}

double correlation(const std::vector<double> &a, const std::vector<double> &b) {
  double n = double(a.size());
  double meanA = std::accumulate(a.begin(), a.end(), 0.0) / n;
  double meanB = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - meanA) * (b[i] - meanB);
    aa += (a[i] - meanA) * (a[i] - meanA);
    bb += (b[i] - meanB) * (b[i] - meanB);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

/// The expected smallest of `count` of the `sorted` values, drawn without putting back.
double expectedBest(const std::vector<double> &sorted, size_t count) {
  double n = double(sorted.size()), result = 0;
  count = std::min(count, sorted.size());
  double noneBefore = 1; // no draw was among the values before
  for (size_t i = 0; i < sorted.size(); ++i) {
    double left = n - double(i);
    double thisOne = noneBefore * std::min(1.0, double(count) / left);
    result += thisOne * sorted[i];
    noneBefore -= thisOne;
  }
  return result;
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, size_t(share * double(values.size())))];
}

Result<Problem> problemOf(const KernelRecord &record) {
  // The canonical JSON of an op is an object without the tuning point; it goes in as a last member.
  std::string text = record.opJson;
  while (!text.empty() && text.back() != '}')
    text.pop_back();
  if (text.empty())
    return usageError("expected a JSON object as the op");
  text.back() = ',';
  Result<OpDesc> op = OpDesc::parse(text + "\"tuning\":" + record.tuningPoint + "}");
  if (!op)
    return op.takeError();
  Result<TargetDesc> target = findTarget(record.arch);
  if (!target)
    return target.takeError();
  if (record.computeUnits > 0)
    target->computeUnits = int(record.computeUnits);
  return Problem{op.take(), target.take()};
}

} // namespace

std::vector<RecordedProblem> recordedProblems(const std::vector<KernelRecord> &records,
                                              size_t fewest, int64_t *unreadable) {
  using Key = std::tuple<std::string, std::string, std::string, int64_t, std::string>;
  std::map<Key, std::map<std::string, const KernelRecord *>> groups;
  for (const KernelRecord &record : records) {
    if (record.state != TrialState::Ok || !record.stale.empty() || !record.measurement ||
        record.measurement->source != Source::Measured || !(record.measurement->medianUs > 0))
      continue;
    Key key{record.opJson, record.tuningPoint, record.arch, record.computeUnits,
            record.measurement->device};
    const KernelRecord *&kept = groups[key][record.configText];
    if (!kept || record.measurement->medianUs < kept->measurement->medianUs)
      kept = &record;
  }
  int64_t left = 0;
  std::vector<RecordedProblem> problems;
  for (const auto &[key, rows] : groups) {
    Result<Problem> problem = problemOf(*rows.begin()->second);
    if (!problem) {
      left += int64_t(rows.size());
      continue;
    }
    RecordedProblem recorded{problem.take(), std::get<4>(key), {}, {}};
    for (const auto &[text, row] : rows) {
      Result<KernelConfig> config =
          KernelConfig::parse(text, recorded.problem.op, recorded.problem.target);
      if (!config) {
        ++left;
        continue;
      }
      recorded.configs.push_back(config.take());
      recorded.measuredUs.push_back(row->measurement->medianUs);
    }
    if (!recorded.configs.empty() && recorded.configs.size() >= fewest)
      problems.push_back(std::move(recorded));
  }
  if (unreadable)
    *unreadable = left;
  return problems;
}

RankingQuality judgeRanking(const std::vector<double> &predictedUs,
                            const std::vector<double> &measuredUs,
                            std::optional<size_t> defaultIndex) {
  RankingQuality quality;
  size_t count = measuredUs.size();
  quality.configs = count;
  std::vector<size_t> order = orderOf(predictedUs);
  std::vector<double> sorted = measuredUs;
  std::sort(sorted.begin(), sorted.end());
  double best = sorted.front();
  for (size_t d = 0; d < rankingDepths.size(); ++d) {
    double found = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < std::min(rankingDepths[d], count); ++i)
      found = std::min(found, measuredUs[order[i]]);
    quality.regret[d] = found / best - 1;
    quality.randomRegret[d] = expectedBest(sorted, rankingDepths[d]) / best - 1;
  }
  if (defaultIndex)
    quality.defaultRegret = measuredUs[*defaultIndex] / best - 1;
  quality.spearman = correlation(ranksOf(predictedUs), ranksOf(measuredUs));

  std::vector<double> logs;
  for (size_t i = 0; i < count; ++i)
    if (std::isfinite(predictedUs[i]) && predictedUs[i] > 0)
      logs.push_back(std::log(predictedUs[i] / measuredUs[i]));
  quality.covered = double(logs.size()) / double(count);
  if (!logs.empty()) {
    double middle = quantile(logs, 0.5);
    quality.scale = std::exp(middle);
    for (double &value : logs)
      value = std::abs(value - middle);
    quality.spread = std::exp(quantile(logs, 0.5));
  }
  return quality;
}

} // namespace zorse
