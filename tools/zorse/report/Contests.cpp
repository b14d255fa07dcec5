//===- Contests.cpp - trials that can be compared -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Contests.h"

#include "zorse/desc/KernelConfig.h"
#include "zorse/desc/StrictJson.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <tuple>

namespace zorse::tool::report {

bool isVerified(const KernelRecord &record) {
  return record.verification && record.verification->passed;
}

bool isFit(const KernelRecord &record) {
  bool isRefuted = record.verification && !record.verification->passed;
  return record.state == TrialState::Ok && record.measurement && record.stale.empty() && !isRefuted;
}

const KernelRecord *fastest(const Contest &contest) {
  const KernelRecord *best = nullptr;
  for (const KernelRecord *record : contest.timed)
    if (isFit(*record) && (!best || record->measurement->medianUs < best->measurement->medianUs))
      best = record;
  return best;
}

static nlohmann::json objectOf(const std::string &text) {
  Result<nlohmann::json> parsed = parseStrictJson(text);
  return parsed && parsed->is_object() ? *parsed : nlohmann::json();
}

static std::string valueText(const nlohmann::json &value) {
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string sizesText(const std::string &json) {
  nlohmann::json object = objectOf(json);
  if (object.is_null())
    return json;
  std::string text;
  for (const auto &[key, value] : object.items())
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", key, valueText(value));
  return text;
}

/// For each kind, the fields in which its ops differ: what a label has to say.
static std::map<std::string, std::set<std::string>>
differingFields(const std::vector<KernelRecord> &records) {
  std::map<std::string, std::map<std::string, std::set<std::string>>> values; // kind, field
  std::map<std::string, std::set<std::string>> differing;
  std::set<std::string> seen;
  for (const KernelRecord &record : records) {
    if (!seen.insert(record.opJson).second)
      continue;
    nlohmann::json op = objectOf(record.opJson);
    for (const auto &[key, value] : op.items()) {
      auto &known = values[record.opKind][key];
      known.insert(valueText(value));
      if (known.size() > 1)
        differing[record.opKind].insert(key);
    }
  }
  return differing;
}

static std::string labelOf(const KernelRecord &record, const std::set<std::string> &fields) {
  std::string label = record.opKind;
  nlohmann::json op = objectOf(record.opJson);
  for (const std::string &field : fields)
    if (op.contains(field))
      label += fmt::format(" {}={}", field, valueText(op[field]));
  std::string sizes = sizesText(record.tuningPoint);
  return sizes.empty() ? label : fmt::format("{} at {}", label, sizes);
}

/// The text of the default configuration, or empty if today's specs no longer allow the op.
static std::string defaultConfig(const KernelRecord &record) {
  Result<OpDesc> op = OpDesc::parse(record.opJson);
  Result<TargetDesc> target = findTarget(record.arch);
  if (!op || !target)
    return "";
  target->computeUnits = int(record.computeUnits);
  Sizes sizes;
  nlohmann::json point = objectOf(record.tuningPoint);
  for (const auto &[key, value] : point.items())
    if (value.is_number_integer())
      sizes[key] = value.get<int64_t>();
  Result<KernelConfig> config = KernelConfig::defaults(op->withTuningPoint(sizes), *target);
  return config ? config->text() : "";
}

static void finishContest(Contest &contest, const std::set<int64_t> &winners, Order order) {
  auto isFirst = [order](const KernelRecord *a, const KernelRecord *b) {
    int byDate = order == Order::Date ? a->createdAt.compare(b->createdAt) : 0;
    return byDate != 0 ? byDate < 0 : a->id < b->id;
  };
  std::sort(contest.timed.begin(), contest.timed.end(), isFirst);
  std::sort(contest.attempts.begin(), contest.attempts.end(), isFirst);
  std::string fallback = defaultConfig(*contest.timed.front());
  const KernelRecord *best = nullptr; // of the verified ones, as for winners
  for (const KernelRecord *record : contest.timed) {
    double time = record->measurement->medianUs;
    if (winners.contains(record->id))
      contest.winner = record;
    if (isFit(*record) && isVerified(*record) && (!best || time < best->measurement->medianUs))
      best = record;
    // Of several compiler revisions the latest.
    if (isFit(*record) && record->configText == fallback)
      contest.fallback = record;
  }
  for (const KernelRecord *record : contest.timed)
    if (best && isFit(*record) && isVerified(*record) &&
        record->measurement->lowUs <= best->measurement->highUs)
      ++contest.ties;
}

std::vector<Contest> contestsOf(const std::vector<KernelRecord> &records,
                                const std::set<int64_t> &winners, Order order) {
  using Problem = std::tuple<std::string, std::string, std::string, int64_t, std::string>;
  using Instrument = std::pair<std::string, Source>;
  std::map<Problem, std::map<Instrument, Contest>> timed;
  std::map<Problem, std::vector<const KernelRecord *>> untimed;
  for (const KernelRecord &record : records) {
    Problem problem(record.opKind, record.opJson, record.arch, record.computeUnits,
                    record.tuningPoint);
    if (record.measurement)
      timed[problem][{record.measurement->device, record.measurement->source}].timed.push_back(
          &record);
    else
      untimed[problem].push_back(&record);
  }
  auto fields = differingFields(records);
  std::vector<Contest> contests;
  std::map<std::string, int> used;
  for (auto &[problem, byInstrument] : timed)
    for (auto &[instrument, contest] : byInstrument) {
      contest.attempts = contest.timed;
      const auto &without = untimed[problem];
      contest.attempts.insert(contest.attempts.end(), without.begin(), without.end());
      finishContest(contest, winners, order);
      const KernelRecord &any = *contest.timed.front();
      contest.device = instrument.first;
      contest.source = instrument.second;
      contest.instrument = fmt::format("{}, {} compute units, {}, {}", any.arch, any.computeUnits,
                                       contest.device, name(contest.source));
      contest.label = labelOf(any, fields[any.opKind]);
      ++used[contest.label];
      contests.push_back(std::move(contest));
    }
  std::set<std::string> taken;
  for (Contest &contest : contests) {
    if (used[contest.label] > 1)
      contest.label += fmt::format(" on {}", contest.instrument);
    std::string label = contest.label;
    for (int i = 2; !taken.insert(contest.label).second; ++i)
      contest.label = fmt::format("{} ({})", label, i);
  }
  return contests;
}

std::vector<KnobPair> strongestPairs(const Contest &contest, size_t most) {
  struct Sample {
    std::vector<std::pair<std::string, int64_t>> knobs;
    double logUs;
  };
  std::vector<Sample> samples;
  std::map<std::string, std::set<int64_t>> values;
  double mean = 0;
  for (const KernelRecord *record : contest.timed) {
    Result<KernelConfig> config = KernelConfig::read(record->configText);
    if (!isFit(*record) || !config)
      continue;
    samples.push_back({config->values(), std::log(record->measurement->medianUs)});
    mean += samples.back().logUs;
    for (const auto &[knob, value] : config->values())
      values[knob].insert(value);
  }
  mean /= double(std::max<size_t>(samples.size(), 1));
  double total = 0;
  for (const Sample &sample : samples)
    total += (sample.logUs - mean) * (sample.logUs - mean);

  std::vector<KnobPair> pairs;
  for (auto first = values.begin(); first != values.end(); ++first)
    for (auto second = std::next(first); second != values.end(); ++second) {
      if (first->second.size() < 2 || second->second.size() < 2 || total <= 0)
        continue;
      std::map<std::pair<int64_t, int64_t>, std::array<double, 3>> cells; // n, sum, squares
      for (const Sample &sample : samples) {
        const int64_t *a = nullptr, *b = nullptr;
        for (const auto &[knob, value] : sample.knobs) {
          a = knob == first->first ? &value : a;
          b = knob == second->first ? &value : b;
        }
        if (!a || !b)
          continue;
        auto &cell = cells[{*a, *b}];
        cell[0] += 1;
        cell[1] += sample.logUs;
        cell[2] += sample.logUs * sample.logUs;
      }
      double within = 0, n = double(samples.size()), k = double(cells.size());
      for (const auto &[at, cell] : cells)
        within += std::max(0.0, cell[2] - cell[1] * cell[1] / cell[0]);
      // More cells explain more by chance alone; with one sample a cell nothing can be said.
      double effect = n > k ? 1 - within / total * (n - 1) / (n - k) : 0;
      pairs.push_back({first->first, second->first, effect});
    }
  std::sort(pairs.begin(), pairs.end(), [](const KnobPair &a, const KnobPair &b) {
    return std::tuple(-a.effect, a.first, a.second) < std::tuple(-b.effect, b.first, b.second);
  });
  if (pairs.size() > most)
    pairs.resize(most);
  return pairs;
}

} // namespace zorse::tool::report
