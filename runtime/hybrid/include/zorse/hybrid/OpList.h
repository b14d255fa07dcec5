//===- OpList.h - the ops that a model runs ---------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/OpDesc.h"
#include "zorse/hybrid/ModelConfig.h"

namespace zorse {

/// The ops of one layer; which ones are set depends on the mixer.
struct MlaOps {
  OpDesc qA, qB;                 ///< linear; qA is absent (qB is q_proj) without a query rank
  OpDesc kvA;                    ///< linear h -> r + dr
  OpDesc ropeAppend;             ///< mla_rope_append
  OpDesc absorb, decode, expand; ///< one new token for each sequence
  OpDesc expandCache;            ///< linear r -> K (dn + dv), rows of the latent cache
  OpDesc prefill;                ///< mla_prefill
  OpDesc out;                    ///< linear, residual
};

struct MambaOps {
  OpDesc in;                    ///< linear h -> z, x, B, C, dt
  OpDesc convUpdate, ssmUpdate; ///< one new token for each sequence
  OpDesc conv, scan;            ///< runs of tokens
  OpDesc norm;                  ///< gated_rmsnorm
  OpDesc out;                   ///< linear, residual
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
Result<ModelOps> describeOps(const ModelConfig &config, DType dtype, int64_t passTokens);

/// Where listOps() tunes.
struct OpListOptions {
  std::vector<int64_t> decodeBatches = {1};   ///< sequences in a decode step
  std::vector<int64_t> prefillTokens = {512}; ///< tokens of a prefill pass, one sequence
  int64_t context = 1024;                     ///< cached length in a decode step
  int64_t maxLen = 4096;                      ///< EngineOptions::maxLen
  int64_t numSlots = 1;                       ///< EngineOptions::numSlots
  int64_t passTokens = 512;                   ///< EngineOptions::prefillChunk
};

/// Every distinct op of the model with every tuning point at which it runs, in order of first use;
/// no (op, tuning point) pair twice.
Result<std::vector<OpDesc>> listOps(const ModelConfig &config, DType dtype,
                                    const OpListOptions &options = {});

} // namespace zorse
