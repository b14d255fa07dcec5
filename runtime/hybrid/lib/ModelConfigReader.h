//===- ModelConfigReader.h - the four folder formats ------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "JsonFile.h"

#include "zorse/hybrid/ModelConfig.h"

namespace zorse {

/// Largest configuration file.
constexpr size_t configBytes = 1u << 20;

/// config.json, which every format has and which describes the Llama that the model came from.
struct BaseConfig {
  nlohmann::json document;
  int64_t vocabSize = 0, hiddenSize = 0, intermediateSize = 0, numLayers = 0;
  int64_t numHeads = 0, numKvHeads = 0, headDim = 0, maxPositions = 0;
  double normEps = 0, ropeTheta = 0;
};

/// Rotary angles of Llama attention from a "rope_scaling" object.
RotaryConfig readLlamaRotary(FieldReader scaling, double theta);
/// Rotary angles of MLA layers: YaRN whatever the type is called, or none.
RotaryConfig readMlaRotary(FieldReader scaling, bool present, double theta);

/// Checks that the two files of a model agree on a number.
void expectEqual(FieldReader &reader, const char *key, int64_t value, int64_t base,
                 const char *baseKey);

Status readZebraLlama(const std::string &dir, const BaseConfig &base, ModelConfig &config);
Status readXEcoMla(const std::string &dir, const BaseConfig &base, ModelConfig &config);
Status readMambaInLlama(const std::string &dir, const BaseConfig &base, ModelConfig &config);

/// The Mamba2 module of Zebra-Llama and MambaInLlama; `numKvHeads` follows from d_xb.
MambaMixer readMamba(FieldReader &file);

} // namespace zorse
