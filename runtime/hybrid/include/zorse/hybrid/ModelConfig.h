//===- ModelConfig.h - what a model is made of ------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One structure for the four folder formats. Letters used in shapes:
//
//   V vocabulary   h hidden size   I intermediate size   T tokens
//   H query heads  K key/value heads  P head size  N state size
//   r latent rank  rq query rank   dn, dr, dv sizes of the parts of an MLA head
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/DType.h"
#include "zorse/desc/Status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace zorse {

/// The folder format, told by which second configuration file is present.
enum class ModelFormat {
  Llama,        ///< config.json alone
  ZebraLlama,   ///< + hybrid_config.json
  XEcoMla,      ///< + MLA_config.json and mla_layer_config.json
  MambaInLlama, ///< + mamba_config.json
};
std::string_view name(ModelFormat format);

/// Angles of a rotary embedding: inverse frequencies, then scaling.
struct RotaryConfig {
  enum class Scaling { None, Yarn, Llama3, Linear };
  Scaling scaling = Scaling::None;
  double theta = 10000;
  double factor = 1;
  int64_t originalMaxPositions = 4096;
  double betaFast = 32, betaSlow = 1;           ///< Yarn: ends of the ramp, in rotations
  double mscale = 1, mscaleAllDim = 0;          ///< Yarn: the amplitude of the tables
  double lowFreqFactor = 1, highFreqFactor = 4; ///< Llama3
  /// Positions, frequencies and angles are rounded to the run dtype before cos and sin. The
  /// published MLA layers without scaling (SmolLM) were trained that way in bf16, where positions
  /// above 256 are not distinct; exact tables would differ from them. A run in f32 is exact.
  bool roundAngles = false;
};

struct MlaMixer {
  int64_t numHeads = 0;      ///< H
  int64_t numKvHeads = 0;    ///< heads of kv_b: K (Zebra-Llama), H (X-EcoMLA)
  int64_t qLoraRank = 0;     ///< rq; 0: a single q_proj [H (dn + dr), h]
  int64_t kvLoraRank = 0;    ///< r
  int64_t qkNopeHeadDim = 0; ///< dn
  int64_t qkRopeHeadDim = 0; ///< dr
  int64_t vHeadDim = 0;      ///< dv

  int64_t latentWidth() const { return kvLoraRank + qkRopeHeadDim; } ///< cached per token
};

struct MambaMixer {
  int64_t numHeads = 0;   ///< H, also the number of groups
  int64_t numKvHeads = 0; ///< K: x and B are shared by H / K heads
  int64_t headDim = 0;    ///< P
  int64_t dState = 0;     ///< N
  int64_t dConv = 4;
  double normEps = 1e-5; ///< of the gated norm

  int64_t dInner() const { return numHeads * headDim; }
  int64_t dXb() const { return numKvHeads * headDim; }
  int64_t convDim() const { return dInner() + 2 * dXb(); }                   ///< x, B, C
  int64_t projectedWidth() const { return dInner() + convDim() + numHeads; } ///< z, x, B, C, dt
};

struct GqaMixer {
  int64_t numHeads = 0;   ///< H
  int64_t numKvHeads = 0; ///< K
  int64_t headDim = 0;    ///< P

  int64_t qkvWidth() const { return (numHeads + 2 * numKvHeads) * headDim; }
};

struct LayerConfig {
  std::variant<MlaMixer, MambaMixer, GqaMixer> mixer;
  double normEps = 1e-5;
  /// Round to the run dtype before the product with the weight (Llama and MLA layers), or once at
  /// the end (Mamba2 layers, and every layer of MambaInLlama).
  bool doubleRoundingNorm = true;

  const MlaMixer *mla() const { return std::get_if<MlaMixer>(&mixer); }
  const MambaMixer *mamba() const { return std::get_if<MambaMixer>(&mixer); }
  const GqaMixer *gqa() const { return std::get_if<GqaMixer>(&mixer); }
};

struct ModelConfig {
  ModelFormat format = ModelFormat::Llama;
  int64_t vocabSize = 0;        ///< V
  int64_t hiddenSize = 0;       ///< h
  int64_t intermediateSize = 0; ///< I
  int64_t maxPositions = 0;     ///< longest sequence the model was made for
  double finalNormEps = 1e-5;
  RotaryConfig mlaRotary; ///< adjacent pairs, over dr
  RotaryConfig gqaRotary; ///< half-split pairs, over P
  std::vector<LayerConfig> layers;
  std::vector<int32_t> eosTokenIds; ///< generation_config.json, else config.json; may be empty
  /// Attention of the Llama that the model came from: config.json still has it. Absent where that
  /// file gives no num_key_value_heads.
  std::optional<GqaMixer> baseAttention;
  std::optional<DType> writtenDType; ///< torch_dtype of config.json, if it is one of ours

  /// The Llama that the model came from, or nothing where baseAttention is absent.
  std::optional<ModelConfig> base() const;
  /// Bytes of cache that one more token needs (latents; keys and values), all layers.
  int64_t cacheBytesPerToken(DType dtype) const;
  /// Bytes of cache that a sequence needs whatever its length: conv states in `dtype`, SSM states
  /// in `ssm`.
  int64_t stateBytesPerSequence(DType dtype, DType ssm) const;
  int64_t stateBytesPerSequence(DType dtype) const { return stateBytesPerSequence(dtype, dtype); }
  /// Number of weights that the folder must hold, an untied head counted when present.
  int64_t parameterCount(bool separateHead) const;

  /// Reads the configuration files of a model folder. Unknown keys are ignored; a wrong type or a
  /// value out of range is an error that names file and path ("hybrid_config.json: $.n_layer").
  static Result<ModelConfig> read(const std::string &dir);
};

/// One tensor that a checkpoint of this configuration holds.
struct TensorSpec {
  std::string name;
  std::vector<int64_t> shape;
  std::string why; ///< the shape in terms of the configuration: "[q_lora_rank, hidden_size]"
};

/// Every tensor but lm_head.weight, which may be absent (then the embedding table serves).
std::vector<TensorSpec> expectedTensors(const ModelConfig &config);

} // namespace zorse
