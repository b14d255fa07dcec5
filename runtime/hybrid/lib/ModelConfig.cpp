//===- ModelConfig.cpp - config.json and the choice of format -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hybrid/ModelConfig.h"

#include "ModelConfigReader.h"

#include <fmt/format.h>

#include <filesystem>

using nlohmann::json;

namespace zorse {

namespace {

Result<BaseConfig> readBase(const std::string &dir) {
  BaseConfig base;
  Result<json> document = readJsonObject(dir + "/config.json", configBytes);
  if (!document)
    return document.takeError();
  base.document = document.take();
  FieldReader reader(base.document, "config.json");
  std::string type = reader.text("model_type", "llama");
  if (type != "llama" && type != "mistral")
    reader.fail("model_type", "\"llama\", the type that Llama, Zebra-Llama, X-EcoMLA and "
                              "MambaInLlama folders have");
  base.vocabSize = reader.integer("vocab_size", 1, 16'777'216);
  base.hiddenSize = reader.integer("hidden_size", 1, 65'536);
  base.intermediateSize = reader.integer("intermediate_size", 1, 1'048'576);
  base.numLayers = reader.integer("num_hidden_layers", 1, 1'024);
  base.numHeads = reader.integer("num_attention_heads", 1, 1'024);
  base.numKvHeads = reader.integer("num_key_value_heads", 1, 1'024, base.numHeads);
  base.headDim = reader.integer("head_dim", 2, 512, base.hiddenSize / base.numHeads);
  base.maxPositions = reader.integer("max_position_embeddings", 1, 1 << 28, 2'048);
  base.normEps = reader.number("rms_norm_eps", 0, 1, 1e-6);
  base.ropeTheta = reader.number("rope_theta", 1, 1e12, 10'000);
  if (base.numHeads % base.numKvHeads != 0)
    reader.fail("num_key_value_heads",
                fmt::format("a divisor of num_attention_heads = {}", base.numHeads));
  if (base.headDim % 2 != 0 || base.headDim < 2)
    reader.fail("head_dim", "an even head size of at least 2");
  if (reader.text("hidden_act", "silu") != "silu")
    reader.fail("hidden_act", "\"silu\"");
  for (const char *key : {"attention_bias", "mlp_bias"})
    if (reader.boolean(key, false))
      reader.fail(key, "false: layers with bias are not supported");
  if (Status status = reader.status(); !status)
    return status.takeError();
  return base;
}

/// An id or a list of ids; generation_config.json knows better than config.json.
Status readEos(const std::string &dir, const BaseConfig &base, ModelConfig &config) {
  auto read = [&](FieldReader reader, const json &document) {
    auto found = document.find("eos_token_id");
    if (found == document.end() || found->is_null())
      return reader.status();
    std::vector<int64_t> ids;
    if (found->is_array())
      ids = reader.integers("eos_token_id", 0, config.vocabSize - 1);
    else
      ids = {reader.integer("eos_token_id", 0, config.vocabSize - 1)};
    config.eosTokenIds.assign(ids.begin(), ids.end());
    return reader.status();
  };
  std::string path = dir + "/generation_config.json";
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    Result<json> document = readJsonObject(path, configBytes);
    if (!document)
      return document.takeError();
    if (Status status = read(FieldReader(*document, "generation_config.json"), *document); !status)
      return status;
  }
  if (config.eosTokenIds.empty())
    return read(FieldReader(base.document, "config.json"), base.document);
  return Status::success();
}

/// "torch_dtype", or "dtype" in newer files. Other types are no error: weights say what they are.
std::optional<DType> dtypeIn(const json &document) {
  for (const char *key : {"torch_dtype", "dtype"}) {
    auto found = document.find(key);
    if (found == document.end() || !found->is_string())
      continue;
    if (*found == "bfloat16")
      return DType::BF16;
    if (*found == "float16")
      return DType::F16;
    if (*found == "float32")
      return DType::F32;
  }
  return std::nullopt;
}

Status readLlama(const BaseConfig &base, ModelConfig &config) {
  config.baseAttention = GqaMixer{base.numHeads, base.numKvHeads, base.headDim};
  FieldReader reader(base.document, "config.json");
  if (reader.text("model_type", "llama") != "llama")
    reader.fail("model_type", "\"llama\"");
  config.gqaRotary = readLlamaRotary(reader.object("rope_scaling"), base.ropeTheta);
  config.layers.assign(
      static_cast<size_t>(base.numLayers),
      {GqaMixer{base.numHeads, base.numKvHeads, base.headDim}, base.normEps, true});
  return reader.status();
}

} // namespace

std::string_view name(ModelFormat format) {
  switch (format) {
  case ModelFormat::Llama:
    return "Llama";
  case ModelFormat::ZebraLlama:
    return "Zebra-Llama";
  case ModelFormat::XEcoMla:
    return "X-EcoMLA";
  case ModelFormat::MambaInLlama:
    return "MambaInLlama";
  }
  return "";
}

RotaryConfig readLlamaRotary(FieldReader scaling, double theta) {
  RotaryConfig rotary;
  rotary.theta = theta;
  const char *key = scaling.has("rope_type") ? "rope_type" : "type";
  std::string type = scaling.text(key, "default");
  if (type == "llama3" || type == "linear")
    rotary.factor = scaling.number("factor", 1, 1e6, 1);
  if (type == "linear") {
    rotary.scaling = RotaryConfig::Scaling::Linear;
  } else if (type == "llama3") {
    rotary.scaling = RotaryConfig::Scaling::Llama3;
    rotary.lowFreqFactor = scaling.number("low_freq_factor", 1e-6, 1e6, 1);
    rotary.highFreqFactor = scaling.number("high_freq_factor", 1e-6, 1e6, 4);
    rotary.originalMaxPositions =
        scaling.integer("original_max_position_embeddings", 1, 1 << 28, 8'192);
    if (rotary.highFreqFactor <= rotary.lowFreqFactor)
      scaling.fail("high_freq_factor", "more than low_freq_factor");
  } else if (type != "default") {
    scaling.fail(key, "\"default\", \"linear\" or \"llama3\"");
  }
  return rotary;
}

RotaryConfig readMlaRotary(FieldReader scaling, bool present, double theta) {
  RotaryConfig rotary;
  rotary.theta = theta;
  if (!present) {
    rotary.roundAngles = true;
    return rotary;
  }
  // Older files carry the llama3 block of the base here and mean YaRN all the same; the published
  // code then ignores low_freq_factor and high_freq_factor.
  const char *key = scaling.has("rope_type") ? "rope_type" : "type";
  std::string type = scaling.text(key, "yarn");
  if (type != "yarn" && type != "llama3")
    scaling.fail(key, "\"yarn\" (or \"llama3\", read as yarn)");
  rotary.scaling = RotaryConfig::Scaling::Yarn;
  rotary.factor = scaling.number("factor", 1e-3, 1e6, 1);
  rotary.originalMaxPositions =
      scaling.integer("original_max_position_embeddings", 1, 1 << 28, 4'096);
  rotary.betaFast = scaling.number("beta_fast", 1e-6, 1e6, 32);
  rotary.betaSlow = scaling.number("beta_slow", 1e-6, 1e6, 1);
  rotary.mscale = scaling.number("mscale", 0, 1e3, 1);
  rotary.mscaleAllDim = scaling.number("mscale_all_dim", 0, 1e3, 0);
  return rotary;
}

void expectEqual(FieldReader &reader, const char *key, int64_t value, int64_t base,
                 const char *baseKey) {
  if (value != base)
    reader.fail(key, fmt::format("{}, the {} of config.json", base, baseKey));
}

Result<ModelConfig> ModelConfig::read(const std::string &dir) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(dir, ignored))
    return usageError(fmt::format("{}: expected a model folder", dir));
  Result<BaseConfig> base = readBase(dir);
  if (!base)
    return base.takeError();
  ModelConfig config;
  config.vocabSize = base->vocabSize;
  config.hiddenSize = base->hiddenSize;
  config.intermediateSize = base->intermediateSize;
  config.maxPositions = base->maxPositions;
  config.finalNormEps = base->normEps;
  config.writtenDType = dtypeIn(base->document);
  // An absent count means as many as query heads to a plain Llama; of a hybrid's base it tells
  // nothing.
  if (base->document.contains("num_key_value_heads"))
    config.baseAttention = GqaMixer{base->numHeads, base->numKvHeads, base->headDim};

  // config.json looks like plain Llama in every format; only the second file tells.
  auto holds = [&](const char *file) { return std::filesystem::exists(dir + "/" + file, ignored); };
  const bool zebra = holds("hybrid_config.json"), mamba = holds("mamba_config.json");
  const bool xEcoMla = holds("MLA_config.json"), xEcoMlaLayer = holds("mla_layer_config.json");
  if (zebra + mamba + (xEcoMla || xEcoMlaLayer) > 1)
    return usageError(fmt::format("{}: expected the files of one format, found several of "
                                  "hybrid_config.json, mamba_config.json, MLA_config.json",
                                  dir));
  if (xEcoMla != xEcoMlaLayer)
    return usageError(fmt::format("{}: expected MLA_config.json and mla_layer_config.json, found "
                                  "only {}",
                                  dir, xEcoMla ? "MLA_config.json" : "mla_layer_config.json"));
  Status status;
  if (zebra) {
    config.format = ModelFormat::ZebraLlama;
    status = readZebraLlama(dir, *base, config);
  } else if (mamba) {
    config.format = ModelFormat::MambaInLlama;
    status = readMambaInLlama(dir, *base, config);
  } else if (xEcoMla) {
    config.format = ModelFormat::XEcoMla;
    status = readXEcoMla(dir, *base, config);
  } else {
    status = readLlama(*base, config);
  }
  if (status)
    status = readEos(dir, *base, config);
  if (!status)
    return status.takeError();
  return config;
}

int64_t ModelConfig::cacheBytesPerToken(DType dtype) const {
  int64_t elements = 0;
  for (const LayerConfig &layer : layers) {
    if (const MlaMixer *mla = layer.mla())
      elements += mla->latentWidth();
    else if (const GqaMixer *gqa = layer.gqa())
      elements += 2 * gqa->numKvHeads * gqa->headDim;
  }
  return elements * static_cast<int64_t>(byteWidth(dtype));
}

int64_t ModelConfig::stateBytesPerSequence(DType dtype, DType ssm) const {
  int64_t conv = 0, states = 0;
  for (const LayerConfig &layer : layers)
    if (const MambaMixer *mamba = layer.mamba()) {
      conv += mamba->dConv * mamba->convDim();
      states += mamba->dInner() * mamba->dState;
    }
  return conv * static_cast<int64_t>(byteWidth(dtype)) +
         states * static_cast<int64_t>(byteWidth(ssm));
}

std::optional<ModelConfig> ModelConfig::base() const {
  if (!baseAttention)
    return std::nullopt;
  ModelConfig llama = *this;
  llama.format = ModelFormat::Llama;
  for (LayerConfig &layer : llama.layers)
    layer = {*baseAttention, finalNormEps, true};
  return llama;
}

int64_t ModelConfig::parameterCount(bool separateHead) const {
  int64_t count = separateHead ? vocabSize * hiddenSize : 0;
  for (const TensorSpec &tensor : expectedTensors(*this)) {
    int64_t elements = 1;
    for (int64_t size : tensor.shape)
      elements *= size;
    count += elements;
  }
  return count;
}

std::vector<TensorSpec> expectedTensors(const ModelConfig &config) {
  const int64_t h = config.hiddenSize, inter = config.intermediateSize;
  std::vector<TensorSpec> all;
  all.push_back({"model.embed_tokens.weight", {config.vocabSize, h}, "[vocab_size, hidden_size]"});
  for (size_t i = 0; i < config.layers.size(); ++i) {
    auto add = [&](const char *tensor, std::vector<int64_t> shape, const char *why) {
      all.push_back({fmt::format("model.layers.{}.{}", i, tensor), std::move(shape), why});
    };
    add("input_layernorm.weight", {h}, "[hidden_size]");
    add("post_attention_layernorm.weight", {h}, "[hidden_size]");
    add("mlp.gate_proj.weight", {inter, h}, "[intermediate_size, hidden_size]");
    add("mlp.up_proj.weight", {inter, h}, "[intermediate_size, hidden_size]");
    add("mlp.down_proj.weight", {h, inter}, "[hidden_size, intermediate_size]");
    const LayerConfig &layer = config.layers[i];
    if (const MlaMixer *m = layer.mla()) {
      const int64_t queries = m->numHeads * (m->qkNopeHeadDim + m->qkRopeHeadDim);
      if (m->qLoraRank) {
        add("mla.q_a_proj.weight", {m->qLoraRank, h}, "[q_lora_rank, hidden_size]");
        add("mla.q_b_proj.weight", {queries, m->qLoraRank},
            "[num_attention_heads * (qk_nope_head_dim + qk_rope_head_dim), q_lora_rank]");
      } else {
        add("mla.q_proj.weight", {queries, h},
            "[num_attention_heads * (qk_nope_head_dim + qk_rope_head_dim), hidden_size]");
      }
      add("mla.kv_a_proj_with_mqa.weight", {m->latentWidth(), h},
          "[kv_lora_rank + qk_rope_head_dim, hidden_size]");
      add("mla.kv_b_proj.weight", {m->numKvHeads * (m->qkNopeHeadDim + m->vHeadDim), m->kvLoraRank},
          config.format == ModelFormat::XEcoMla
              ? "[num_attention_heads * (qk_nope_head_dim + v_head_dim), kv_lora_rank]"
              : "[num_key_value_heads * (qk_nope_head_dim + v_head_dim), kv_lora_rank]");
      add("mla.out_proj.weight", {h, m->numHeads * m->vHeadDim},
          "[hidden_size, num_attention_heads * v_head_dim]");
    } else if (const MambaMixer *m = layer.mamba()) {
      add("mamba.in_proj.weight", {m->projectedWidth(), h},
          "[2 * d_inner + 2 * d_xb + ngroups, hidden_size]");
      add("mamba.conv1d.weight", {m->convDim(), 1, m->dConv}, "[d_inner + 2 * d_xb, 1, d_conv]");
      add("mamba.conv1d.bias", {m->convDim()}, "[d_inner + 2 * d_xb]");
      add("mamba.dt_bias", {m->numHeads}, "[ngroups]");
      add("mamba.A_log", {m->numHeads}, "[ngroups]");
      add("mamba.D", {m->numHeads}, "[ngroups]");
      add("mamba.norm.weight", {m->dInner()}, "[d_inner]");
      add("mamba.out_proj.weight", {h, m->dInner()}, "[hidden_size, d_inner]");
    } else if (const GqaMixer *g = layer.gqa()) {
      const int64_t q = g->numHeads * g->headDim, kv = g->numKvHeads * g->headDim;
      add("self_attn.q_proj.weight", {q, h}, "[num_attention_heads * head_dim, hidden_size]");
      add("self_attn.k_proj.weight", {kv, h}, "[num_key_value_heads * head_dim, hidden_size]");
      add("self_attn.v_proj.weight", {kv, h}, "[num_key_value_heads * head_dim, hidden_size]");
      add("self_attn.o_proj.weight", {h, q}, "[hidden_size, num_attention_heads * head_dim]");
    }
  }
  all.push_back({"model.norm.weight", {h}, "[hidden_size]"});
  return all;
}

} // namespace zorse
