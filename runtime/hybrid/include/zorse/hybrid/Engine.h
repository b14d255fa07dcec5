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
//   engine.open() ... step() ... step() ...   or generate() of Generator.h, or a Batcher
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
#include "zorse/hybrid/OpList.h"
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
  /// A folder where packed weights are kept in a file for each checkpoint and type, as large as the
  /// weights; empty: they are packed at each start. Only for the host.
  std::string packCache;
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
  /// Rows of a packed panel of the weights (OpTypes::panel).
  int64_t panel() const;
  /// Why packed weights in ModelOptions::packCache were not taken or not kept; empty if all is
  /// well.
  const std::string &packCacheNote() const { return packNote; }

private:
  Model() = default;
  ModelConfig modelConfig;
  std::optional<Tokenizer> modelTokenizer;
  std::unique_ptr<ModelWeights> modelWeights;
  Device *home = nullptr;
  DType runDtype = DType::F32;
  std::string packNote;
  double seconds = 0;
};

struct EngineOptions {
  int64_t numSlots = 1; ///< sequences that the caches have room for
  int64_t maxLen = 0;   ///< tokens of the longest sequence; 0: min(config().maxPositions, 4096)
  /// Most tokens in one pass (or numSlots, if that is more); longer prompts take several.
  int64_t prefillChunk = 512;
  /// Tokens of a page of the caches, a power of two from 16 to 4096. 0: every slot owns maxLen
  /// rows.
  int64_t pageSize = 0;
  /// Pages of the pool that all sequences share; 0: enough for numSlots times maxLen. Only with
  /// pageSize.
  int64_t numPages = 0;
  /// Type of latents, keys and values, and of the SSM states; default: the model's dtype().
  std::optional<DType> cacheDType, stateDType;
  /// Whether a decode step that was made before is recorded and then replayed as one launch;
  /// default: where launches are asynchronous, unless the dispatcher times each.
  std::optional<bool> decodeGraphs;
};

/// Time and tokens of the steps so far (source: measured, wall clock). A step is counted by what it
/// was given: prompts alone, single tokens of sequences that go on alone, or both.
struct EngineTimes {
  double prefillSeconds = 0, decodeSeconds = 0, mixedSeconds = 0;
  int64_t prefillTokens = 0, decodeTokens = 0, mixedTokens = 0; ///< that went through the layers
  int64_t decodeSteps = 0, mixedSteps = 0;
  int64_t replayedSteps = 0; ///< decode steps that were replayed from a recording
};

/// A sequence as it was at one moment, from Engine::snapshot(). Copies share what they hold; the
/// last one gives it back. May outlive its engine, but is of use to it alone.
class Snapshot {
public:
  int64_t length() const;    ///< tokens
  int64_t heldBytes() const; ///< host memory: states, and rows where the caches are contiguous
  int64_t heldPages() const; ///< pages of the pool that it keeps from being given to others

  struct Data;

private:
  friend class Engine;
  explicit Snapshot(std::shared_ptr<const Data> data) : data(std::move(data)) {}
  std::shared_ptr<const Data> data;
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
  /// Gives a slot and its pages back.
  void close(int32_t slot);
  /// Tokens of the sequence so far.
  int64_t length(int32_t slot) const;

  /// New tokens of one sequence.
  struct Run {
    int32_t slot = 0;
    std::span<const int32_t> tokens;
    bool logits = true; ///< false: no row of logits, as for a prompt whose next piece follows
  };
  enum class LogitsOf { LastToken, EveryToken };

  /// Appends runs of one or more tokens to different sequences, any lengths and any mix of prompts
  /// and single tokens. A single token of a sequence that has some already goes through the decode
  /// kernels, everything else through those for prompts; products and norms see all tokens of a
  /// pass together. One pass takes all single tokens and fills up with prompts to prefillChunk
  /// tokens; if there are more, others follow. Afterwards logits() has one row for each run, or for
  /// each token of all runs one after another.
  ///
  /// Usage errors, with nothing changed: a slot that is not open or in two runs, an id outside of
  /// the vocabulary, no room in maxLen or in the pages. After another error the sequences of the
  /// runs may hold a part of them: close those.
  Status step(std::span<const Run> runs, LogitsOf rows = LogitsOf::LastToken);
  /// The same; the name says that the runs are prompts, or pieces of them.
  Status prefill(std::span<const Run> runs, LogitsOf rows = LogitsOf::LastToken) {
    return step(runs, rows);
  }
  /// A step of one token for each of these sequences.
  Status decodeStep(std::span<const int32_t> slots, std::span<const int32_t> tokens);

  /// Logits of the last step, [rows, vocabSize] f32.
  Result<std::vector<float>> logits();
  /// Those of `count` rows from row `first` on, [count, vocabSize].
  Result<std::vector<float>> logits(int64_t first, int64_t count);
  /// Their largest entries, by the argmax kernel; the first of equals.
  Result<std::vector<int32_t>> argmax();
  int64_t logitRows() const;

  /// Opens a sequence that goes on as `slot` would, both on their own from now on. Full pages are
  /// shared, the last partial one and the states are copied (all rows, where the caches are
  /// contiguous). Errors: no free slot, no free page.
  Result<int32_t> fork(int32_t slot);
  /// Remembers the sequence as it is. Holds the states in host memory; of the caches the pages,
  /// the last partial one as a copy (or all rows in host memory, where they are contiguous).
  Result<Snapshot> snapshot(int32_t slot);
  /// Opens a sequence that goes on from there, as fork() does. The snapshot can be used again.
  Result<int32_t> restore(const Snapshot &snapshot);
  /// Makes the sequence one of `length` tokens, 0 to maxLen, whose caches and states are filled at
  /// random: what a benchmark of decode steps alone starts from. Equal seeds give equal caches,
  /// contiguous or paged. There are no logits; go on with a decode step of any token.
  Status fillRandom(int32_t slot, int64_t length, uint64_t seed);

  /// Pages that step() would take from the pool for `more` tokens of this sequence; 0 where the
  /// caches are contiguous.
  int64_t pagesFor(int32_t slot, int64_t more) const;
  int64_t freePages() const; ///< pages that nobody holds
  int64_t openSlots() const; ///< sequences

  /// One cache of a sequence, for tests and dumps, as f32: "latent" [length, r + dr], "k" and "v"
  /// [length, K, P], "conv" [d_conv, channels], "ssm" [H, P, N].
  Result<std::vector<float>> readCache(int64_t layer, std::string_view kind, int32_t slot);

  const Model &model() const;
  const EngineOptions &options() const; ///< with maxLen, numPages and the types filled in
  OpTypes opTypes() const;              ///< of its kernels, for listOps() and listUses()
  int64_t cacheBytes() const;           ///< all slots, or all pages, and all states
  EngineTimes times() const;
  void clearTimes();

  struct State;

private:
  explicit Engine(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

} // namespace zorse
