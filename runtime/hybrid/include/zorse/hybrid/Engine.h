//===- Engine.h - runs a hybrid model ---------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a folder to tokens:
//
//   Model::load(dir, device)            weights on the device, configuration, tokenizer
//   Engine::create(model, dispatcher)   caches and the kernels' handles
//   engine.open() ... prefill() ... decodeStep() ...   or generate() of Generator.h
//
// Every layer's work is a kernel launched through the dispatcher. The engine itself builds the
// rotary tables, moves token ids, and nothing else. A kernel that the dispatcher cannot find is
// an error; a tool may give the dispatcher a miss handler that compiles.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/device/Device.h"
#include "zorse/dispatch/Dispatcher.h"
#include "zorse/hybrid/ModelConfig.h"
#include "zorse/hybrid/Tokenizer.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace zorse {

struct ModelOptions {
  /// Type of weights, activations and caches on the device; default: the type that most of the
  /// checkpoint is stored in.
  std::optional<DType> dtype;
};

struct ModelWeights;

/// A checkpoint on a device.
class Model {
public:
  /// Reads configuration, tokenizer and weights, and moves the weights to the device. The device
  /// must outlive the model. Errors name the file and what to try.
  static Result<std::unique_ptr<Model>> load(const std::string &dir, Device &device,
                                             const ModelOptions &options = {});
  ~Model();

  const ModelConfig &config() const { return modelConfig; }
  const Tokenizer &tokenizer() const { return *modelTokenizer; }
  DType dtype() const { return runDtype; }
  Device &device() const { return *home; }
  const ModelWeights &weights() const { return *modelWeights; }
  int64_t weightBytes() const;    ///< on the device
  int64_t parameterCount() const; ///< as stored
  double loadSeconds() const { return seconds; }

private:
  Model() = default;
  ModelConfig modelConfig;
  std::optional<Tokenizer> modelTokenizer;
  std::unique_ptr<ModelWeights> modelWeights;
  Device *home = nullptr;
  DType runDtype = DType::F32;
  double seconds = 0;
};

struct EngineOptions {
  int64_t numSlots = 1; ///< sequences that the caches have room for
  int64_t maxLen = 0;   ///< tokens of the longest sequence; 0: min(config().maxPositions, 4096)
  int64_t prefillChunk = 512; ///< most tokens in one pass; longer prompts take several
  /// Whether a decode step that was made before is recorded and then replayed as one launch;
  /// default: where launches are asynchronous, unless the dispatcher times each.
  std::optional<bool> decodeGraphs;
};

/// Time and tokens of the passes so far (source: measured, wall clock).
struct EngineTimes {
  double prefillSeconds = 0, decodeSeconds = 0;
  int64_t prefillTokens = 0, decodeTokens = 0; ///< tokens that went through the layers
  int64_t decodeSteps = 0;
  int64_t replayedSteps = 0; ///< of those, replayed from a recording
};

/// Runs one model for up to `numSlots` sequences. Not thread safe.
class Engine {
public:
  /// Allocates the caches and prepares the kernels. Model and dispatcher must outlive the engine
  /// and be of the same device.
  static Result<std::unique_ptr<Engine>> create(const Model &model, Dispatcher &dispatcher,
                                                const EngineOptions &options = {});
  ~Engine();

  /// Takes a free slot and clears its state. Error when all are taken.
  Result<int32_t> open();
  /// Gives a slot back.
  void close(int32_t slot);
  /// Tokens of the sequence so far.
  int64_t length(int32_t slot) const;

  /// New tokens of one sequence.
  struct Run {
    int32_t slot = 0;
    std::span<const int32_t> tokens;
  };
  enum class LogitsOf { LastToken, EveryToken };

  /// Appends runs of one or more tokens to different sequences, any lengths, in passes of at most
  /// prefillChunk tokens. Afterwards logits() has one row for each run, or for each token of all
  /// runs one after another. A run may continue a sequence (chunked prefill, multi-turn).
  Status prefill(std::span<const Run> runs, LogitsOf rows = LogitsOf::LastToken);

  /// Appends one token to each of several different sequences, at any lengths. Afterwards logits()
  /// has one row for each.
  Status decodeStep(std::span<const int32_t> slots, std::span<const int32_t> tokens);

  /// Logits of the last prefill or step, [rows, vocabSize] f32.
  Result<std::vector<float>> logits();
  /// Their largest entries, by the argmax kernel; the first of equals.
  Result<std::vector<int32_t>> argmax();
  int64_t logitRows() const;

  /// One cache of a sequence, for tests and dumps, as f32: "latent" [length, r + dr], "k" and "v"
  /// [length, K, P], "conv" [d_conv, channels], "ssm" [H, P, N].
  Result<std::vector<float>> readCache(int64_t layer, std::string_view kind, int32_t slot);

  const Model &model() const;
  const EngineOptions &options() const; ///< with maxLen filled in
  int64_t cacheBytes() const;           ///< all slots
  EngineTimes times() const;
  void clearTimes();

  struct State;

private:
  explicit Engine(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

} // namespace zorse
