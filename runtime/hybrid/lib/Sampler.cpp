//===- Sampler.cpp - choice of the next token -----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hybrid/Generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace zorse {

namespace {

struct Candidate {
  float logit;
  int32_t id;
  /// From most to least likely; equal ones by id, so that a seed decides alone.
  bool operator<(const Candidate &other) const {
    return logit != other.logit ? logit > other.logit : id < other.id;
  }
};

/// e^x for x <= 0 with a relative error below 3e-7, 0 for what is no number: plain arithmetic that
/// compilers vectorise, and the same on every machine.
inline float expOfNegative(float x) {
  const bool counts = x > -87.0f;
  const float bounded = counts ? x : 0.0f;
  const float rounding = 12582912.0f; // 1.5 * 2^23 leaves an integer in the last bits
  const float k = (bounded * 1.44269504f + rounding) - rounding;
  const float r = (bounded - k * 0.693359375f) + k * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  for (float c :
       {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f})
    p = p * r + c;
  p = p * r * r + r + 1.0f;
  const float power = std::bit_cast<float>((static_cast<int32_t>(k) + 127) << 23);
  return counts ? p * power : 0.0f;
}

/// Repeated entries of `seen` count once.
void penalise(std::span<float> logits, std::span<const int32_t> seen, float penalty) {
  std::vector<bool> done(logits.size());
  for (int32_t id : seen) {
    const auto at = static_cast<size_t>(id);
    if (done[at])
      continue;
    done[at] = true;
    logits[at] = logits[at] > 0 ? logits[at] / penalty : logits[at] * penalty;
  }
}

/// The k largest, most likely first: one pass with the worst of the best k on top of a heap.
std::vector<Candidate> largest(std::span<const float> logits, size_t k) {
  std::vector<Candidate> best;
  best.reserve(k);
  for (size_t i = 0; i < logits.size(); ++i) {
    const Candidate next{logits[i], static_cast<int32_t>(i)};
    if (best.size() < k) {
      best.push_back(next);
      std::push_heap(best.begin(), best.end());
    } else if (next.logit > best.front().logit) {
      std::pop_heap(best.begin(), best.end());
      best.back() = next;
      std::push_heap(best.begin(), best.end());
    }
  }
  std::sort_heap(best.begin(), best.end());
  return best;
}

/// The last token of the smallest set that holds `part` of `total`; `weights` in [0, 1]. Sorts
/// only the tokens of about the weight where the set ends: weights are counted by the leading bits
/// of their float, which grow as they do.
Candidate endOfNucleus(std::span<const float> weights, double part, double total) {
  constexpr int dropped = 17; // leaves the exponent and 6 bits: steps of 1.6 %
  constexpr uint32_t top = std::bit_cast<uint32_t>(1.0f) >> dropped;
  auto bucket = [&](float weight) { return std::bit_cast<uint32_t>(weight) >> dropped; };
  std::vector<double> sums(top + 1);
  for (float weight : weights)
    sums[std::min(bucket(weight), top)] += weight;
  double kept = 0;
  uint32_t last = top;
  while (last > 0 && kept + sums[last] < part * total)
    kept += sums[last--];
  std::vector<Candidate> there;
  for (size_t i = 0; i < weights.size(); ++i)
    if (std::min(bucket(weights[i]), top) == last)
      there.push_back({weights[i], static_cast<int32_t>(i)});
  std::sort(there.begin(), there.end());
  size_t at = 0;
  while (at < there.size() && kept < part * total)
    kept += there[at++].logit;
  // Nothing of this bucket was needed only where rounding ate the difference.
  return there.empty() ? Candidate{0, INT32_MAX} : there[at > 0 ? at - 1 : 0];
}

} // namespace

Status SamplingOptions::check() const {
  auto outside = [](const char *name, const char *range, auto found) {
    return usageError(fmt::format("{}: expected {}, found {}", name, range, found));
  };
  // Written so that NaN fails.
  if (!(temperature >= 0 && temperature <= 100))
    return outside("temperature", "[0, 100]", temperature);
  if (topK < 0)
    return outside("top-k", "at least 0", topK);
  if (!(topP > 0 && topP <= 1))
    return outside("top-p", "(0, 1]", topP);
  if (!(minP >= 0 && minP <= 1))
    return outside("min-p", "[0, 1]", minP);
  if (!(repetitionPenalty > 0 && repetitionPenalty <= 100))
    return outside("repetition-penalty", "(0, 100]", repetitionPenalty);
  return Status::success();
}

Sampler::Sampler(const SamplingOptions &options, uint64_t row) : options(options) {
  std::seed_seq seeds{uint32_t(options.seed), uint32_t(options.seed >> 32), uint32_t(row),
                      uint32_t(row >> 32)};
  random.seed(seeds);
}

static int32_t drawFrom(std::span<const Candidate> order, const SamplingOptions &options,
                        double draw) {
  std::vector<double> weight(order.size());
  double total = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    weight[i] = std::exp((double(order[i].logit) - double(order[0].logit)) / options.temperature);
    total += weight[i];
  }
  // top-p: as many as it takes to hold the probability; min-p: relative to the most likely, whose
  // weight is 1.
  double kept = 0;
  size_t end = 0;
  while (end < order.size() && kept < options.topP * total && weight[end] >= options.minP)
    kept += weight[end++];
  double left = draw * kept;
  for (size_t i = 0; i < end; ++i) {
    left -= weight[i];
    if (left < 0)
      return order[i].id;
  }
  return order[end > 0 ? end - 1 : 0].id;
}

int32_t Sampler::sample(std::span<float> logits, std::span<const int32_t> seen) {
  if (options.repetitionPenalty != 1)
    penalise(logits, seen, static_cast<float>(options.repetitionPenalty));
  const auto bestAt = std::max_element(logits.begin(), logits.end());
  const auto bestId = static_cast<int32_t>(bestAt - logits.begin());
  if (options.temperature == 0)
    return bestId;
  const float best = *bestAt;

  // 53 random bits make a double in [0, 1); the standard distributions differ between libraries.
  const double draw = static_cast<double>(random() >> 11) * 0x1p-53;
  if (options.topK > 0 && static_cast<size_t>(options.topK) < logits.size())
    return drawFrom(largest(logits, static_cast<size_t>(options.topK)), options, draw);

  double total = 0;
  const float scale = static_cast<float>(1 / options.temperature);
  for (float &logit : logits) // from here on weights; the largest is 1
    logit = expOfNegative((logit - best) * scale);
  for (float weight : logits)
    total += weight;
  Candidate last{0, INT32_MAX};
  if (options.topP < 1)
    last = endOfNucleus(logits, options.topP, total);
  const Candidate least{std::max(last.logit, static_cast<float>(options.minP)),
                        last.logit >= options.minP ? last.id : INT32_MAX};
  auto isKept = [&](size_t i) {
    const float weight = logits[i];
    return weight > least.logit || (weight == least.logit && static_cast<int32_t>(i) <= least.id);
  };
  double kept = 0;
  for (size_t i = 0; i < logits.size(); ++i)
    kept += isKept(i) ? logits[i] : 0;
  double left = draw * kept;
  int32_t chosen = bestId;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!isKept(i) || logits[i] == 0)
      continue;
    chosen = static_cast<int32_t>(i);
    left -= logits[i];
    if (left < 0)
      break;
  }
  return chosen;
}

} // namespace zorse
