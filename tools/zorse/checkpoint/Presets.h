//===- Presets.h - the published configurations -----------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "SyntheticTokenizer.h"

#include "zorse/hybrid/ModelConfig.h"

#include <span>
#include <string>
#include <vector>

namespace zorse::tool {

/// The Llama that a model came from.
struct BaseModel {
  int64_t hidden, intermediate, layers, heads, kvHeads, headDim, vocabulary, maxPositions;
  double ropeTheta;
  double scaling; ///< factor of the llama3 rope scaling; 0: none
  bool tied;      ///< whether the head is the embedding table
  TokenizerFamily tokenizer;
  int64_t firstSpecial; ///< id of the tokenizer's first special token
};

/// Ranks of the MLA layers.
struct Ranks {
  int64_t kv, q;
};

/// One published configuration.
struct Preset {
  std::string name;
  ModelFormat format;
  BaseModel base;
  std::vector<int64_t> layers; ///< Zebra-Llama: MLA layers; MambaInLlama: attention layers
  std::vector<Ranks> ranks;    ///< one for all layers, or one for each layer of X-EcoMLA
  /// X-EcoMLA as its training script writes it today: no original_max_position_embeddings.
  bool lacksOriginalLength = false;
  std::string stands; ///< what is published under this configuration

  /// Sizes of the parts of an MLA head: halves of the base's, the value whole.
  int64_t ropeDim() const;
  int64_t nopeDim() const;
};

const std::vector<Preset> &presets();
/// The preset or nullptr.
const Preset *findPreset(std::string_view name);
/// The same with its first `count` layers only, which keep their kinds and ranks.
Preset firstLayers(Preset preset, int64_t count);

} // namespace zorse::tool
