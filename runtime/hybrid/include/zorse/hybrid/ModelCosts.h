//===- ModelCosts.h - what a model keeps and moves --------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arithmetic on a configuration alone, in bytes and tokens: no weights, no device.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/hybrid/ModelConfig.h"

#include <optional>

namespace zorse {

/// Element types of a run.
struct CostTypes {
  DType weights = DType::BF16; ///< also activations and conv states
  DType cache = DType::BF16;   ///< latents, keys and values
  DType ssm = DType::BF16;     ///< SSM states between steps
};

/// What one sequence keeps beside the weights.
struct CacheCosts {
  int64_t bytesPerToken = 0;                ///< of all layers
  int64_t stateBytes = 0;                   ///< whatever the length
  std::optional<int64_t> baseBytesPerToken; ///< of the Llama it came from

  /// bytesPerToken as a part of the base's, in [0, 1] for a model that saves something.
  std::optional<double> partOfBase() const;
  /// Tokens of the base's cache that take as much as the states.
  std::optional<double> stateInBaseTokens() const;
  /// The shortest sequence whose caches and states are together smaller than the base's cache;
  /// absent where the base is unknown or there is none.
  std::optional<int64_t> smallerFromTokens() const;
  /// The length up to which a decode step moves more bytes of states, which are read and written,
  /// than it reads of caches; absent without a cache.
  std::optional<double> stateOutweighsUpTo() const;
};
CacheCosts cacheCosts(const ModelConfig &config, const CostTypes &types);

/// Bytes that one decode step moves at least: everything once.
struct StepCosts {
  int64_t weights = 0; ///< layers, final norm and head; of the embedding table only `batch` rows
  int64_t caches = 0;  ///< `context` rows read and one written, each sequence
  int64_t states = 0;  ///< read and written, each sequence

  int64_t total() const { return weights + caches + states; }
};
/// A step of `batch` sequences whose caches hold `context` tokens after it.
StepCosts stepCosts(const ModelConfig &config, const CostTypes &types, int64_t batch,
                    int64_t context);

/// Sequences in a decode step at which their states move as many bytes as the weights; absent
/// without states.
std::optional<double> batchWhereStatesEqualWeights(const ModelConfig &config,
                                                   const CostTypes &types);

} // namespace zorse
