//===- BenchRun.h - times prompts and decode steps of a model ---*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ModelRunner.h"

#include "bench/Table.h"

#include "zorse/hybrid/ModelCosts.h"

namespace zorse::tool {

/// What `zorse bench` was asked for.
struct BenchArguments : ModelChoice {
  std::vector<std::string> against; ///< other models, compared by decode steps alone
  std::string prompts, generated, batches, depths;
  std::string format = "md", also;
  int64_t repetitions = 5, prefillChunk = 512;
  uint64_t seed = 1;
  bool firstToken = false;
  double cellSeconds = 2; ///< of a cell of a comparison
};

/// Sequences that decode behind caches filled at random. They are closed with it.
class RandomSequences {
public:
  /// Opens `batch` slots of `depth` tokens each. Without a depth every sequence begins with one
  /// token, so that a decode step has something to go on from.
  static Result<std::unique_ptr<RandomSequences>> open(Engine &engine, int64_t batch, int64_t depth,
                                                       uint64_t seed);
  ~RandomSequences();
  RandomSequences(const RandomSequences &) = delete;

  /// One greedy step of all: decode and argmax. Returns the seconds of both.
  Result<double> step();

private:
  explicit RandomSequences(Engine &engine) : engine(engine) {}
  Engine &engine;
  std::vector<int32_t> slots, tokens;
};

/// One row: `batch` prompts of `tokens` tokens each, or `tokens` decode steps, behind `depth`
/// cached tokens; a repetition to warm up, then `repetitions`. Errors: Interrupted after a signal.
Result<BenchRow> measureRow(Runner &runner, const BenchRow &wanted, int64_t repetitions,
                            uint64_t seed);

/// Tokens of a benchmark: random ids that the model has.
std::vector<int32_t> randomTokens(const ModelConfig &config, int64_t count, uint64_t seed);
/// The types that an engine keeps its caches in.
CostTypes costTypes(const Engine &engine);

/// Peaks of this host by as many threads as the device uses, measured now; of a GPU those of its
/// data sheet. Errors (Usage): a device whose times are not real.
Result<BenchPeaks> peaksOf(const Device &device);
/// Kernel and load of the system: "Linux 6.1.0, load 0.12".
std::string systemLine();
/// Bytes: the most that this process has had in memory; what the system can still give.
int64_t peakMemory();
int64_t availableMemory();

/// Models side by side: measures every cell that memory has room for and prints.
VerbResult compareModels(const Tool &tool, const BenchArguments &arguments);

/// Opens the model again with the files thrown out of memory, with them there, and asks the model
/// that is open; each time up to the first token of a prompt.
Result<FirstToken> timeFirstToken(const Tool &tool, const BenchArguments &arguments,
                                  int64_t promptTokens);

} // namespace zorse::tool
