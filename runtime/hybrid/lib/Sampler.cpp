//===- Sampler.cpp - choice of the next token -----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hybrid/Generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_set>

namespace zorse {

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

int32_t Sampler::sample(std::span<float> logits, std::span<const int32_t> seen) {
  if (options.repetitionPenalty != 1) {
    std::unordered_set<int32_t> once(seen.begin(), seen.end());
    const float penalty = static_cast<float>(options.repetitionPenalty);
    for (int32_t id : once) {
      float &logit = logits[static_cast<size_t>(id)];
      logit = logit > 0 ? logit / penalty : logit * penalty;
    }
  }
  if (options.temperature == 0)
    return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());

  // Candidates from most to least likely; equal logits by id, so that a seed decides alone.
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  size_t count = order.size();
  if (options.topK > 0)
    count = std::min(count, static_cast<size_t>(options.topK));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](int32_t a, int32_t b) {
                      const float left = logits[static_cast<size_t>(a)];
                      const float right = logits[static_cast<size_t>(b)];
                      return left != right ? left > right : a < b;
                    });
  std::vector<double> weight(count);
  double total = 0;
  const double best = logits[static_cast<size_t>(order[0])];
  for (size_t i = 0; i < count; ++i) {
    weight[i] = std::exp((logits[static_cast<size_t>(order[i])] - best) / options.temperature);
    total += weight[i];
  }
  // top-p: as many as it takes to hold the probability; min-p: relative to the most likely, whose
  // weight is 1.
  double kept = 0;
  size_t end = 0;
  while (end < count && kept < options.topP * total && weight[end] >= options.minP)
    kept += weight[end++];

  // 53 random bits make a double in [0, 1); the standard distributions differ between libraries.
  double at = static_cast<double>(random() >> 11) * 0x1p-53 * kept;
  for (size_t i = 0; i < end; ++i) {
    at -= weight[i];
    if (at < 0)
      return order[i];
  }
  return order[end - 1];
}

} // namespace zorse
