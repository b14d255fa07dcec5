//===- HybridConfigs.cpp - the second files of the hybrid formats ---------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "ModelConfigReader.h"

#include <fmt/format.h>

#include <algorithm>

using nlohmann::json;

namespace zorse {

namespace {

/// Refuses what the published checkpoints never switch on and the engine does not compute.
void refuseLatentNorm(FieldReader &reader) {
  if (reader.boolean("use_lora_layer_norm", false))
    reader.fail("use_lora_layer_norm", "false: norms on the latents are not supported");
  if (reader.boolean("attention_bias", false))
    reader.fail("attention_bias", "false: layers with bias are not supported");
  if (reader.text("hidden_act", "silu") != "silu")
    reader.fail("hidden_act", "\"silu\"");
}

void readHeadSizes(FieldReader &reader, MlaMixer &mla) {
  mla.qkRopeHeadDim = reader.integer("qk_rope_head_dim", 2, 512, 64);
  mla.qkNopeHeadDim = reader.integer("qk_nope_head_dim", 1, 512, 128);
  mla.vHeadDim = reader.integer("v_head_dim", 1, 512, 128);
  if (mla.qkRopeHeadDim % 2 != 0)
    reader.fail("qk_rope_head_dim", "an even number");
}

/// Which layers a list of indices names.
std::vector<bool> layerSet(FieldReader &reader, const char *key, int64_t numLayers) {
  std::vector<bool> in(static_cast<size_t>(numLayers), false);
  for (int64_t index : reader.integers(key, 0, numLayers - 1))
    in[static_cast<size_t>(index)] = true;
  return in;
}

} // namespace

MambaMixer readMamba(FieldReader &file) {
  FieldReader ssm = file.object("ssm_cfg");
  MambaMixer mamba;
  if (!ssm.has("ngroups") || !ssm.has("d_state"))
    file.fail("ssm_cfg", "the Mamba2 fields ngroups and d_state (Mamba1 is not supported)");
  mamba.numHeads = ssm.integer("ngroups", 1, 1'024, 1);
  mamba.dState = ssm.integer("d_state", 2, 512, 2);
  mamba.headDim = mamba.dState; // the published module forces headdim = d_state
  mamba.dConv = ssm.integer("d_conv", 2, 8, 4);
  if (ssm.boolean("repeat_kv_before_conv", false))
    ssm.fail("repeat_kv_before_conv", "false: expanding before the convolution is not supported");
  const int64_t width = file.integer("d_model", 1, 65'536);
  const int64_t expand = ssm.integer("expand", 1, 16, 2);
  if (file.integer("d_inner", 1, 1 << 20, width * expand) != mamba.dInner())
    file.fail("d_inner", fmt::format("ngroups * d_state = {}", mamba.dInner()));
  const int64_t dXb = file.integer("d_xb", 1, 1 << 20, 2'560);
  mamba.numKvHeads = std::max<int64_t>(1, dXb / mamba.headDim);
  if (dXb % mamba.headDim != 0 || mamba.numHeads % mamba.numKvHeads != 0)
    file.fail("d_xb", fmt::format("d_state = {} times a divisor of ngroups = {}", mamba.dState,
                                  mamba.numHeads));
  return mamba;
}

Status readZebraLlama(const std::string &dir, const BaseConfig &base, ModelConfig &config) {
  Result<json> document = readJsonObject(dir + "/hybrid_config.json", configBytes);
  if (!document)
    return document.takeError();
  FieldReader reader(*document, "hybrid_config.json");
  refuseLatentNorm(reader);
  expectEqual(reader, "hidden_size", reader.integer("hidden_size", 1, 65'536, 4'096),
              base.hiddenSize, "hidden_size");
  expectEqual(reader, "n_layer", reader.integer("n_layer", 1, 1'024, 32), base.numLayers,
              "num_hidden_layers");
  config.intermediateSize = reader.integer("intermediate_size", 1, 1'048'576, 18'432);
  config.maxPositions = reader.integer("max_position_embeddings", 1, 1 << 28, 4'096);
  config.mlaRotary = readMlaRotary(reader.object("rope_scaling"), reader.has("rope_scaling"),
                                   reader.number("rope_theta", 1, 1e12, 10'000));

  MlaMixer mla;
  mla.numHeads = reader.integer("num_attention_heads", 1, 1'024, 32);
  const int64_t kvHeads = reader.integer("num_key_value_heads", 1, 1'024, 8);
  if (mla.numHeads % kvHeads != 0)
    reader.fail("num_key_value_heads",
                fmt::format("a divisor of num_attention_heads = {}", mla.numHeads));
  mla.numKvHeads = reader.boolean("use_full_kv_head", false) ? mla.numHeads : kvHeads;
  mla.kvLoraRank = reader.integer("kv_lora_rank", 1, 4'096, 128);
  // Null means one q_proj; only an absent key takes the default.
  const bool noQueryRank = document->contains("q_lora_rank") && !reader.has("q_lora_rank");
  mla.qLoraRank = noQueryRank ? 0 : reader.integer("q_lora_rank", 1, 65'536, 1'536);
  readHeadSizes(reader, mla);

  const double eps = reader.number("rms_norm_eps", 0, 1, 1e-5);
  const std::vector<bool> isMla = layerSet(reader, "mla_layers", base.numLayers);
  const bool anyMamba = std::count(isMla.begin(), isMla.end(), false) > 0;
  const MambaMixer mamba = anyMamba ? readMamba(reader) : MambaMixer{};
  for (bool layerIsMla : isMla)
    if (layerIsMla)
      config.layers.push_back({mla, eps, true});
    else
      config.layers.push_back({mamba, eps, false});
  return reader.status();
}

Status readXEcoMla(const std::string &dir, const BaseConfig &base, ModelConfig &config) {
  Result<json> outer = readJsonObject(dir + "/MLA_config.json", configBytes);
  if (!outer)
    return outer.takeError();
  FieldReader reader(*outer, "MLA_config.json");
  expectEqual(reader, "d_model", reader.integer("d_model", 1, 65'536, 2'560), base.hiddenSize,
              "hidden_size");
  expectEqual(reader, "n_layer", reader.integer("n_layer", 1, 1'024, 32), base.numLayers,
              "num_hidden_layers");
  config.intermediateSize = reader.integer("intermediate_size", 1, 1'048'576, 10'240);
  const double eps = reader.number("rms_norm_eps", 0, 1, 1e-5);
  const std::vector<bool> isAttention = layerSet(reader, "attn_layers", base.numLayers);
  if (Status status = reader.status(); !status)
    return status;

  // A dump of the differences from a class: what is absent has the default of that class.
  Result<json> inner = readJsonObject(dir + "/mla_layer_config.json", configBytes);
  if (!inner)
    return inner.takeError();
  FieldReader layer(*inner, "mla_layer_config.json");
  refuseLatentNorm(layer);
  config.maxPositions = layer.integer("max_position_embeddings", 1, 1 << 28, 4'096);
  config.mlaRotary = readMlaRotary(layer.object("rope_scaling"), layer.has("rope_scaling"),
                                   layer.number("rope_theta", 1, 1e12, 10'000));
  MlaMixer mla;
  mla.numHeads = layer.integer("num_attention_heads", 1, 1'024, 128);
  mla.numKvHeads = mla.numHeads; // kv_b always has every head; mla_num_key_value_heads is not used
  mla.kvLoraRank = layer.integer("kv_lora_rank", 1, 4'096, 512);
  const bool noQueryRank = inner->contains("q_lora_rank") && !layer.has("q_lora_rank");
  mla.qLoraRank = noQueryRank ? 0 : layer.integer("q_lora_rank", 1, 65'536, 1'536);
  readHeadSizes(layer, mla);

  FieldReader ranks = layer.object("layer_rank_list");
  for (const std::string &key : ranks.keys()) {
    const bool digits =
        !key.empty() && key.size() <= 4 && key.find_first_not_of("0123456789") == std::string::npos;
    if (!digits || std::stoll(key) >= base.numLayers)
      ranks.fail(key, fmt::format("keys that are layers in [0, {}]", base.numLayers - 1));
  }
  for (int64_t i = 0; i < base.numLayers; ++i) {
    if (isAttention[static_cast<size_t>(i)]) {
      config.layers.push_back(
          {GqaMixer{base.numHeads, base.numKvHeads, base.headDim}, base.normEps, true});
      continue;
    }
    // A layer without an entry keeps the ranks of the layer before it, as the published code does.
    FieldReader rank = ranks.object(std::to_string(i).c_str());
    mla.kvLoraRank = rank.integer("kv_rank", 1, 4'096, mla.kvLoraRank);
    mla.qLoraRank = mla.qLoraRank == 0 && !rank.has("q_rank")
                        ? 0
                        : rank.integer("q_rank", 1, 65'536, mla.qLoraRank);
    config.layers.push_back({mla, eps, true});
  }
  FieldReader baseReader(base.document, "config.json");
  config.gqaRotary = readLlamaRotary(baseReader.object("rope_scaling"), base.ropeTheta);
  if (Status status = layer.status(); !status)
    return status;
  return baseReader.status();
}

Status readMambaInLlama(const std::string &dir, const BaseConfig &base, ModelConfig &config) {
  Result<json> document = readJsonObject(dir + "/mamba_config.json", configBytes);
  if (!document)
    return document.takeError();
  FieldReader reader(*document, "mamba_config.json");
  expectEqual(reader, "d_model", reader.integer("d_model", 1, 65'536, 2'560), base.hiddenSize,
              "hidden_size");
  expectEqual(reader, "n_layer", reader.integer("n_layer", 1, 1'024, 32), base.numLayers,
              "num_hidden_layers");
  config.intermediateSize = reader.integer("intermediate_size", 1, 1'048'576, 10'240);
  const double eps = reader.number("rms_norm_eps", 0, 1, 1e-5);
  // Its attention uses the plain frequencies even where the base scales them.
  config.gqaRotary.theta = base.ropeTheta;
  const std::vector<bool> isAttention = layerSet(reader, "attn_layers", base.numLayers);
  const bool anyMamba = std::count(isAttention.begin(), isAttention.end(), false) > 0;
  const MambaMixer mamba = anyMamba ? readMamba(reader) : MambaMixer{};
  for (bool attention : isAttention)
    if (attention)
      config.layers.push_back({GqaMixer{base.numHeads, base.numKvHeads, base.headDim}, eps, false});
    else
      config.layers.push_back({mamba, eps, false});
  return reader.status();
}

} // namespace zorse
