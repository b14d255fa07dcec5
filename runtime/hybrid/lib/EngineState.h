//===- EngineState.h - what an engine holds ---------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "PagePool.h"
#include "Weights.h"

#include "zorse/hybrid/Engine.h"
#include "zorse/hybrid/OpList.h"

#include <array>
#include <compare>
#include <initializer_list>
#include <map>

namespace zorse {

/// The dynamic sizes of one launch; max_len, max_positions and num_slots never change.
struct PassSizes {
  int64_t tokens = 1, batch = 1, context = 1;
};

/// An op with the dispatcher's handle.
struct PreparedOp {
  Dispatcher::Kernel *kernel = nullptr;
  std::vector<const SizeSpec *> sizes;
};

struct PreparedMla {
  PreparedOp qA, qB, kvA, ropeAppend, absorb, decode, expand, gather, expandCache, prefill, out;
};
struct PreparedMamba {
  PreparedOp in, step, conv, scan, norm, out;
};
struct PreparedGqa {
  PreparedOp qkv, ropeAppend, decode, prefill, out;
};
struct PreparedLayer {
  PreparedOp inputNorm, postNorm, gateUp, swiglu, down;
  std::variant<PreparedMla, PreparedMamba, PreparedGqa> mixer;
};
struct PreparedModel {
  PreparedOp embed, gather, finalNorm, head, argmax;
  std::vector<PreparedLayer> layers;
};

/// One cache of all sequences; absent where the layer has no such cache. Either rows, one for each
/// token, or one state for each slot.
struct CacheTensor {
  DeviceTensor data;
  DType dtype = DType::F32;
  int64_t width = 0;    ///< elements of a row or of a state
  bool perToken = true; ///< rows, not states

  size_t widthBytes() const { return static_cast<size_t>(width) * byteWidth(dtype); }
};

/// What a layer remembers of each sequence. Rows are [slots, max_len, width], or [pages, page_size,
/// width]; states [slots, width].
struct LayerCache {
  CacheTensor latent;     ///< MLA: r + dr, latent and rotated shared key
  CacheTensor key, value; ///< GQA: [K, P], keys rotated
  CacheTensor conv;       ///< Mamba2: [d_conv, conv], the last raw inputs, oldest first
  CacheTensor ssm;        ///< Mamba2: [H, P, N]

  std::array<const CacheTensor *, 5> all() const { return {&latent, &key, &value, &conv, &ssm}; }
};

/// Rows of a cache that lie side by side.
struct RowRange {
  int64_t first = 0, count = 0;
};

/// Scratch of one pass over T tokens; each is as wide as the widest layer needs.
struct Activations {
  DeviceTensor x;         ///< [T, h] residual stream
  DeviceTensor normed;    ///< [T, h]
  DeviceTensor gateUp;    ///< [T, 2 I]
  DeviceTensor gated;     ///< [T, I]
  DeviceTensor mixed;     ///< [T, H dv | d_inner | H P] what goes into the out projection
  DeviceTensor qLow;      ///< [T, rq]
  DeviceTensor q;         ///< [T, H, dn + dr | P]
  DeviceTensor kvA;       ///< [T, r + dr]
  DeviceTensor qLatent;   ///< [T, H, r]
  DeviceTensor attended;  ///< [T, H, r]
  DeviceTensor projected; ///< [T, z x B C dt], or [T, q k v]
  DeviceTensor convolved; ///< [T, conv]
  DeviceTensor scanned;   ///< [T, d_inner]
  DeviceTensor latents;   ///< [all cached tokens of a pass, r + dr] collected from pages, grows
  DeviceTensor expanded;  ///< [all cached tokens of a pass, K, dn + dv], grows
  DeviceTensor rows;      ///< [T, h] the rows whose logits are wanted
  DeviceTensor logits;    ///< [rows, V] f32, grows
  DeviceTensor best;      ///< [rows] i32, grows
};

/// The integers of one pass, i32.
struct PassInputs {
  /// [3, T rounded up]: ids, positions, slots. Together, so that a decode step, which needs nothing
  /// else, takes one copy.
  DeviceTensor perToken;
  DeviceTensor wanted;               ///< [T] tokens whose logits are wanted
  DeviceTensor slots, contextLens;   ///< [prompts]
  DeviceTensor cuSeqlens, cuContext; ///< [prompts + 1]
  DeviceTensor cacheRows; ///< [all cached tokens of the prompts] row in the pool of each, grows
  /// [slots, ceildiv(max_len, page_size)] the page of each part of each sequence; not of one pass:
  /// rewritten where sequences get pages. Entries without a page are of no use but legal.
  DeviceTensor pageTable;
};

/// Elements of a row of perToken: each begins where a buffer could.
inline int64_t tokenRow(int64_t tokens) { return (tokens + 15) / 16 * 16; }

/// One trip through the layers, on the host side. Its first `decodeRows` tokens continue a sequence
/// each and go through the decode kernels; the prompts, or pieces of them, follow.
struct Pass {
  int64_t decodeRows = 0;
  std::vector<int32_t> ids, positions, tokenSlots; ///< [tokens]
  std::vector<int32_t> wanted;                     ///< tokens whose logits are wanted, ascending
  int64_t decodeContext = 1;                       ///< longest sequence of the decode rows
  std::vector<int32_t> slots, contextLens;         ///< [prompts]
  std::vector<int32_t> cuSeqlens = {0}, cuContext = {0}; ///< counted from the first prompt

  int64_t tokens() const { return static_cast<int64_t>(ids.size()); }
  int64_t promptTokens() const { return tokens() - decodeRows; }
  int64_t prompts() const { return static_cast<int64_t>(slots.size()); }
  /// Decode rows alone, all with logits: nothing but perToken is read, and equal shapes make equal
  /// launches.
  bool decodesAll() const {
    return prompts() == 0 && static_cast<int64_t>(wanted.size()) == tokens();
  }
  int64_t promptContext() const; ///< longest sequence of the prompts
  /// Adds one token of a sequence that has `length` > 0 so far; before any prompt.
  void appendDecode(int32_t slot, int64_t length, int32_t token);
  /// Adds a piece of a prompt of a sequence that has `length` tokens so far.
  void appendPrompt(int32_t slot, int64_t length, std::span<const int32_t> tokens);
};

/// Decode steps whose launches are equal: as many tokens, and caches up to the same length.
struct StepShape {
  int64_t tokens = 0, context = 0;
  auto operator<=>(const StepShape &) const = default;
};

/// What is remembered of one shape: the first step loads code and makes workspaces, the second is
/// recorded, from then on it is replayed. Everything that differs between the steps, such as token
/// ids and positions, lies in device buffers.
struct StepGraph {
  uint64_t logits = 0; ///< where the launches write; another place makes them stale
  std::unique_ptr<Dispatcher::Recording> recording;
  int64_t lastStep = 0; ///< that had this shape
};

struct Sequence {
  bool open = false;
  int64_t length = 0;
  /// That hold its rows; of those, only the last one may have room, and then nobody else holds it.
  std::vector<int32_t> pages = {};
};

struct Snapshot::Data {
  ~Data();
  std::shared_ptr<PagePool> pool; ///< also tells engines apart
  int64_t length = 0;
  std::vector<int32_t> pages;
  std::vector<std::vector<uint8_t>> copies; ///< of states, and of rows where they are contiguous
};

struct Engine::State {
  State(const Model &model, Dispatcher &dispatcher) : model(model), dispatcher(dispatcher) {}

  const Model &model;
  Dispatcher &dispatcher;
  EngineOptions options;
  PreparedModel kernels;
  std::vector<LayerCache> caches;
  std::shared_ptr<PagePool> pool; ///< of no pages where the caches are contiguous
  DeviceTensor mlaCos, mlaSin;    ///< [max_len, dr / 2]
  DeviceTensor gqaCos, gqaSin;    ///< [max_len, P / 2]
  Activations act;
  PassInputs inputs;
  std::vector<Sequence> sequences;
  std::map<StepShape, StepGraph> stepGraphs;
  int64_t stepsTaken = 0;        ///< decode steps since the start
  int64_t rows = 0;              ///< rows of logits
  std::vector<int32_t> rowOrder; ///< where each of them lies in act.logits; empty: in order
  int64_t cacheBytes = 0;
  EngineTimes times;

  Device &device() const { return model.device(); }
  size_t elementBytes() const { return byteWidth(model.dtype()); }
  bool paged() const { return options.pageSize > 0; }
  Sequence &sequence(int32_t slot) { return sequences[static_cast<size_t>(slot)]; }
  const Sequence &sequence(int32_t slot) const { return sequences[static_cast<size_t>(slot)]; }
  OpTypes opTypes() const;

  // Engine.cpp
  Status checkSlot(int32_t slot) const;
  Status checkTokens(std::span<const int32_t> tokens) const;
  Status checkRoom(int32_t slot, int64_t more) const;
  Status checkRuns(std::span<const Run> runs) const;
  /// The next pass over these runs, of which `taken` tokens each are done; gives its rows of logits
  /// their places.
  Pass nextPass(std::span<const Run> runs, LogitsOf wanted, std::vector<size_t> &taken);

  // EngineSequences.cpp
  int64_t pagesFor(int32_t slot, int64_t more) const;
  Status checkPages(int64_t wanted) const;
  /// Takes pages until the sequence has room for `length` tokens. There must be enough.
  Status reserve(int32_t slot, int64_t length);
  /// Writes the entries of a slot from page `first` on.
  Status uploadPageTable(int32_t slot, size_t first);
  void releasePages(Sequence &sequence);
  Result<int32_t> freeSlot() const;
  /// With `own`, a last partial page is copied; else it is shared, which must not last.
  Result<Snapshot> remember(int32_t slot, bool own);
  Result<int32_t> recall(const Snapshot::Data &data);

  // EngineCaches.cpp
  Status allocateCaches();
  Status clearStates(int32_t slot);
  Status fillRandom(int32_t slot, uint64_t seed);
  /// Where the first `length` rows of a sequence lie.
  std::vector<RowRange> rowsOf(int32_t slot, int64_t length) const;
  /// Rows [first, first + count) of the pool to those from `to` on, in every cache.
  Status copyRows(int64_t first, int64_t to, int64_t count);
  Result<std::vector<uint8_t>> download(const CacheTensor &tensor, std::span<const RowRange> rows);
  Status upload(const CacheTensor &tensor, std::span<const RowRange> rows,
                std::span<const uint8_t> bytes);
  /// What a snapshot copies: states, and rows where the caches are contiguous.
  std::vector<const CacheTensor *> copiedTensors() const;
  std::vector<RowRange> copiedRows(const CacheTensor &tensor, int32_t slot, int64_t length) const;

  // EngineSetup.cpp
  Status prepareKernels();
  Status allocateActivations();
  Status buildTables();
  Result<DeviceTensor> allocate(int64_t elements, size_t bytesEach);
  /// Makes `tensor` at least this large; its contents are lost when it grows.
  Status grow(DeviceTensor &tensor, int64_t elements, size_t bytesEach);

  // Forward.cpp
  /// Runs all layers and writes the wanted logits from row `firstRow` on. May return before the
  /// device has finished.
  Status forward(const Pass &pass, int64_t firstRow);
  /// Its launches alone, with the inputs in place. `decodeContext` is an upper bound of the
  /// pass's own.
  Status launchLayers(const Pass &pass, int64_t decodeContext, int64_t firstRow);
  /// Likewise for decode rows alone, from a recording where there is one.
  Status launchDecode(const Pass &pass, int64_t firstRow);
  /// Makes room for keys and values of all prompts, and says where their rows lie.
  Status growExpanded(const Pass &pass);
};

} // namespace zorse
