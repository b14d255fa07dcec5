//===- ModelCosts.cpp - what a model keeps and moves ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hybrid/ModelCosts.h"

namespace zorse {

std::optional<double> CacheCosts::partOfBase() const {
  if (!baseBytesPerToken)
    return std::nullopt;
  return static_cast<double>(bytesPerToken) / static_cast<double>(*baseBytesPerToken);
}

std::optional<double> CacheCosts::stateInBaseTokens() const {
  if (!baseBytesPerToken)
    return std::nullopt;
  return static_cast<double>(stateBytes) / static_cast<double>(*baseBytesPerToken);
}

std::optional<int64_t> CacheCosts::smallerFromTokens() const {
  if (!baseBytesPerToken || *baseBytesPerToken <= bytesPerToken)
    return std::nullopt;
  return stateBytes / (*baseBytesPerToken - bytesPerToken) + 1;
}

std::optional<double> CacheCosts::stateOutweighsUpTo() const {
  if (bytesPerToken == 0)
    return std::nullopt;
  return 2.0 * static_cast<double>(stateBytes) / static_cast<double>(bytesPerToken);
}

CacheCosts cacheCosts(const ModelConfig &config, const CostTypes &types) {
  CacheCosts costs;
  costs.bytesPerToken = config.cacheBytesPerToken(types.cache);
  costs.stateBytes = config.stateBytesPerSequence(types.weights, types.ssm);
  if (std::optional<ModelConfig> base = config.base())
    costs.baseBytesPerToken = base->cacheBytesPerToken(types.cache);
  return costs;
}

StepCosts stepCosts(const ModelConfig &config, const CostTypes &types, int64_t batch,
                    int64_t context) {
  const CacheCosts caches = cacheCosts(config, types);
  const int64_t table = config.vocabSize * config.hiddenSize; // embeddings: rows; head: all of it
  const int64_t width = static_cast<int64_t>(byteWidth(types.weights));
  StepCosts step;
  step.weights = (config.parameterCount(/*separateHead=*/true) - table) * width +
                 batch * config.hiddenSize * width;
  step.caches = batch * (context + 1) * caches.bytesPerToken;
  step.states = 2 * batch * caches.stateBytes;
  return step;
}

std::optional<double> batchWhereStatesEqualWeights(const ModelConfig &config,
                                                   const CostTypes &types) {
  const StepCosts none = stepCosts(config, types, 0, 0), one = stepCosts(config, types, 1, 0);
  if (one.states == 0)
    return std::nullopt;
  return static_cast<double>(none.weights) / static_cast<double>(one.states);
}

} // namespace zorse
