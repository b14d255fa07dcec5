//===- EngineState.h - what an engine holds ---------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Weights.h"

#include "zorse/hybrid/Engine.h"
#include "zorse/hybrid/OpList.h"

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
  PreparedOp qA, qB, kvA, ropeAppend, absorb, decode, expand, expandCache, prefill, out;
};
struct PreparedMamba {
  PreparedOp in, convUpdate, ssmUpdate, conv, scan, norm, out;
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

/// One cache of all slots; absent where the layer has no such cache.
struct CacheTensor {
  DeviceTensor data;
  int64_t slotElements = 0;
};

/// What a layer remembers of each sequence, in the run dtype.
struct LayerCache {
  CacheTensor latent;     ///< MLA: [slots, max_len, r + dr], latent and rotated shared key
  CacheTensor key, value; ///< GQA: [slots, max_len, K, P], keys rotated
  CacheTensor conv;       ///< Mamba2: [slots, d_conv, conv], the last raw inputs, oldest first
  CacheTensor ssm;        ///< Mamba2: [slots, H, P, N]
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
  DeviceTensor slots, contextLens;   ///< [sequences]
  DeviceTensor cuSeqlens, cuContext; ///< [sequences + 1]
};

/// Elements of a row of perToken: each begins where a buffer could.
inline int64_t tokenRow(int64_t tokens) { return (tokens + 15) / 16 * 16; }

/// One trip through the layers, on the host side.
struct Pass {
  bool decode = false;                             ///< one token for each of different sequences
  std::vector<int32_t> ids, positions, tokenSlots; ///< [tokens]
  std::vector<int32_t> wanted;                     ///< tokens whose logits are wanted, ascending
  std::vector<int32_t> slots, contextLens;         ///< [sequences]
  std::vector<int32_t> cuSeqlens = {0}, cuContext = {0};

  int64_t tokens() const { return static_cast<int64_t>(ids.size()); }
  int64_t batch() const { return static_cast<int64_t>(slots.size()); }
  int64_t longestContext() const;
  /// The size `context` of the launches. It is an upper bound, so a decode step takes the next
  /// power of two: then neighbouring steps are equal.
  int64_t contextBound(int64_t maxLen) const;
  /// Adds new tokens of a sequence that has `length` tokens so far.
  void append(int32_t slot, int64_t length, std::span<const int32_t> tokens);
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
};

struct Engine::State {
  State(const Model &model, Dispatcher &dispatcher) : model(model), dispatcher(dispatcher) {}

  const Model &model;
  Dispatcher &dispatcher;
  EngineOptions options;
  PreparedModel kernels;
  std::vector<LayerCache> caches;
  DeviceTensor mlaCos, mlaSin; ///< [max_len, dr / 2]
  DeviceTensor gqaCos, gqaSin; ///< [max_len, P / 2]
  Activations act;
  PassInputs inputs;
  std::vector<Sequence> sequences;
  std::map<StepShape, StepGraph> stepGraphs;
  int64_t stepsTaken = 0; ///< decode steps since the start
  int64_t rows = 0;       ///< rows of logits
  int64_t cacheBytes = 0;
  EngineTimes times;

  Device &device() const { return model.device(); }
  size_t elementBytes() const { return byteWidth(model.dtype()); }

  // Engine.cpp
  Status checkSlot(int32_t slot) const;
  Status checkTokens(std::span<const int32_t> tokens) const;
  Status checkRoom(int32_t slot, int64_t more) const;

  // EngineSetup.cpp
  Status prepareKernels();
  Status allocateCaches();
  Status allocateActivations();
  Status buildTables();
  Result<DeviceTensor> allocate(int64_t elements, size_t bytesEach);
  /// Makes `tensor` at least this large; its contents are lost when it grows.
  Status grow(DeviceTensor &tensor, int64_t elements, size_t bytesEach);
  Status clearSequence(int32_t slot);

  // Forward.cpp
  /// Runs all layers and writes the wanted logits from row `firstRow` on. May return before the
  /// device has finished.
  Status forward(const Pass &pass, int64_t firstRow);
  /// Its launches alone, with the inputs in place.
  Status launchLayers(const Pass &pass, int64_t firstRow);
  /// Likewise for a decode step, from a recording where there is one.
  Status launchDecode(const Pass &pass);
};

} // namespace zorse
