//===- OpList.h - the ops that a model runs ---------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/OpDesc.h"
#include "zorse/desc/TargetDesc.h"
#include "zorse/hybrid/ModelConfig.h"

namespace zorse {

/// Columns of a panel in which a model's weights are packed on this target; 0: rows as stored.
int64_t weightPanel(const TargetDesc &target);

/// Types and layouts of what the kernels of a model work on. A DType alone: everything has it, and
/// weights are rows.
struct OpTypes {
  OpTypes(DType dtype) : dtype(dtype), cache(dtype), state(dtype) {}
  /// With weights as a model on this target has them.
  OpTypes(DType dtype, const TargetDesc &target) : OpTypes(dtype) { panel = weightPanel(target); }

  DType dtype;          ///< weights and activations
  DType cache;          ///< latents, keys and values
  DType state;          ///< SSM states between steps
  int64_t pageSize = 0; ///< tokens of a page of the caches; 0: a slot's rows are contiguous
  /// Pages of the pool, for describeOps(); the lists below fill in 0 as EngineOptions does.
  int64_t numPages = 0;
  int64_t panel = 0; ///< columns of a packed panel of a weight; 0: rows as they are stored
};

/// The ops of one layer; which ones are set depends on the mixer.
struct MlaOps {
  OpDesc qA, qB;                 ///< linear; qA is absent (qB is q_proj) without a query rank
  OpDesc kvA;                    ///< linear h -> r + dr
  OpDesc ropeAppend;             ///< mla_rope_append
  OpDesc absorb, decode, expand; ///< one new token for each sequence
  OpDesc gather;                 ///< embed over a paged cache: its rows side by side; else absent
  OpDesc expandCache;            ///< linear r -> K (dn + dv), rows of the latent cache
  OpDesc prefill;                ///< mla_prefill
  OpDesc out;                    ///< linear, residual
};

struct MambaOps {
  OpDesc in;               ///< linear h -> z, x, B, C, dt
  OpDesc step;             ///< mamba2_step, one new token for each sequence
  OpDesc conv, scan, norm; ///< causal_conv1d, ssd_scan, gated_rmsnorm: runs of tokens
  OpDesc out;              ///< linear, residual
};

struct GqaOps {
  OpDesc qkv, ropeAppend, decode, prefill, out;
};

struct LayerOps {
  OpDesc inputNorm, postNorm;
  OpDesc gateUp, swiglu, down;
  std::variant<MlaOps, MambaOps, GqaOps> mixer;
};

struct ModelOps {
  OpDesc embed;
  std::vector<LayerOps> layers;
  OpDesc gather; ///< embed over the residual stream: the rows whose logits are wanted
  OpDesc finalNorm;
  OpDesc head; ///< linear with f32 results
  OpDesc argmax;
};

/// Describes every op that the engine runs for this model. `passTokens` is the largest number of
/// tokens in one pass (EngineOptions::prefillChunk).
Result<ModelOps> describeOps(const ModelConfig &config, const OpTypes &types, int64_t passTokens);

/// Where listOps() tunes.
struct OpListOptions {
  std::vector<int64_t> decodeBatches = {1};   ///< sequences in a decode step
  std::vector<int64_t> prefillTokens = {512}; ///< tokens of a prefill pass, one sequence
  int64_t context = 1024;                     ///< cached length in a decode step
  int64_t maxLen = 4096;                      ///< EngineOptions::maxLen
  int64_t numSlots = 1;                       ///< EngineOptions::numSlots
  int64_t passTokens = 512;                   ///< EngineOptions::prefillChunk
};

/// One step of an engine: a decode step of `batch` sequences, or the prefill of one prompt.
struct EngineStep {
  bool decode = true;
  int64_t batch = 1;      ///< sequences that decode; 1 in prefill
  int64_t context = 1024; ///< longest cached length after the step; in prefill the prompt's tokens
  /// Of one more sequence, from its beginning, that come along with decode rows in the same pass.
  int64_t promptTokens = 0;
};

/// An op at the sizes of a launch, and how many launches of one step have these sizes.
struct OpUse {
  OpDesc op;
  int64_t launches = 0;
};

/// Every launch that the engine makes in one step, argmax of the logits included. A prompt longer
/// than passTokens takes several passes, each over a longer cache. Of `options` only maxLen,
/// numSlots and passTokens count. Errors: Usage for a step that does not fit maxLen or numSlots.
Result<std::vector<OpUse>> listUses(const ModelConfig &config, const OpTypes &types,
                                    const EngineStep &step, const OpListOptions &options = {});

/// Every distinct op of the model with every tuning point at which it runs, in order of first use;
/// no (op, tuning point) pair twice.
Result<std::vector<OpDesc>> listOps(const ModelConfig &config, const OpTypes &types,
                                    const OpListOptions &options = {});

} // namespace zorse
