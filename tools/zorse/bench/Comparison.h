//===- Comparison.h - decode throughput of models side by side --*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The protocol of the papers: decode steps alone, caches filled at random, greedy. One
// cell is a model at a batch and a context; the first model is the one that the others
// are compared with. What the text says is derived from the measured cells and from
// the least bytes of a step, which stand beside each other.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Table.h"

#include "zorse/hybrid/ModelCosts.h"

namespace zorse::tool {

/// One model of a comparison.
struct ComparedModel {
  std::string name;
  ModelConfig config;
  CostTypes types;
  int64_t weightBytes = 0, parameters = 0;
};

/// A model at a batch and a context.
struct ComparedCell {
  int64_t batch = 1, context = 1;
  double seconds = 0;         ///< median of a step; 0: not measured
  double low = 0, high = 0;   ///< its 95 % interval
  int64_t steps = 0;          ///< that were measured
  int64_t cacheBytes = 0;     ///< caches and states, all sequences
  int64_t neededBytes = 0;    ///< weights, caches, states and what a step works with
  int64_t availableBytes = 0; ///< if it was not measured
  std::string reason;         ///< why it was not measured

  double tokensPerSecond() const { return seconds > 0 ? static_cast<double>(batch) / seconds : 0; }
};

struct Comparison {
  BenchSetting setting; ///< device and peaks; model and load are those of the first
  std::vector<ComparedModel> models;
  std::vector<std::vector<ComparedCell>> cells; ///< [model][batch and context, same order]

  /// How many times as many tokens/s the first model makes; 0 where one was not measured.
  double measuredRatio(size_t other, size_t cell) const;
  /// The same if both moved their least bytes at the same bandwidth.
  double bytesRatio(size_t other, size_t cell) const;
};

/// Bytes that a cell needs beside what the machine needs anyway: weights, caches and states of the
/// whole batch, and activations and logits of a pass of `passTokens`.
int64_t neededBytes(const ComparedModel &model, int64_t batch, int64_t context, int64_t passTokens);
/// The part of a step's least bytes that is weights, 0 to 1.
double weightShare(const ComparedModel &model, int64_t batch, int64_t context);

/// What the cells say about the published ratios over MambaInLlama (2.6 to 3.8 times, revised to
/// 1.4 to 3.3 times): where they appear, where not, and why. Sentences.
std::vector<std::string> explain(const Comparison &comparison);

/// Table and sentences. Csv and JsonLines: one row a cell.
std::string formatComparison(TableFormat format, const Comparison &comparison);

} // namespace zorse::tool
