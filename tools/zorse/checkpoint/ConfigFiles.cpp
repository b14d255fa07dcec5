//===- ConfigFiles.cpp - the texts of a published folder ------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "ConfigFiles.h"

#include "SyntheticTokenizer.h"

#include <nlohmann/json.hpp>

using nlohmann::json;

namespace zorse::tool {

namespace {

/// The original context of the bases with llama3 scaling.
constexpr int64_t originalPositions = 8'192;

bool isSmolLM(const Preset &preset) { return preset.base.tokenizer == TokenizerFamily::SmolLM; }

/// Llama 3: end of text, of message, of turn.
json endIds(const Preset &preset) {
  const int64_t first = preset.base.firstSpecial;
  return isSmolLM(preset) ? json(first) : json({first + 1, first + 8, first + 9});
}

json beginId(const Preset &preset) { return preset.base.firstSpecial; }

/// Every format has it, and in every format it describes the Llama that the model came from.
json baseConfig(const Preset &preset, DType dtype, bool tied) {
  const BaseModel &base = preset.base;
  json config = {{"architectures", {"LlamaForCausalLM"}},
                 {"model_type", "llama"},
                 {"attention_bias", false},
                 {"attention_dropout", 0.0},
                 {"bos_token_id", beginId(preset)},
                 {"eos_token_id", endIds(preset)},
                 {"head_dim", base.headDim},
                 {"hidden_act", "silu"},
                 {"hidden_size", base.hidden},
                 {"initializer_range", 0.02},
                 {"intermediate_size", base.intermediate},
                 {"max_position_embeddings", base.maxPositions},
                 {"mlp_bias", false},
                 {"num_attention_heads", base.heads},
                 {"num_hidden_layers", base.layers},
                 {"num_key_value_heads", base.kvHeads},
                 {"pretraining_tp", 1},
                 {"rms_norm_eps", 1e-5},
                 {"rope_scaling", nullptr},
                 {"rope_theta", base.ropeTheta},
                 {"tie_word_embeddings", tied},
                 {"torch_dtype", dtype == DType::F32   ? "float32"
                                 : dtype == DType::F16 ? "float16"
                                                       : "bfloat16"},
                 {"use_cache", true},
                 {"vocab_size", base.vocabulary}};
  if (base.scaling > 0)
    config["rope_scaling"] = {{"factor", base.scaling},
                              {"high_freq_factor", 4.0},
                              {"low_freq_factor", 1.0},
                              {"original_max_position_embeddings", originalPositions},
                              {"rope_type", "llama3"}};
  return config;
}

json ssmConfig(const BaseModel &base) {
  return {{"expand", 1}, {"ngroups", base.heads}, {"d_state", base.headDim}};
}

json zebraConfig(const Preset &preset) {
  const BaseModel &base = preset.base;
  const Ranks ranks = preset.ranks.front();
  json ssm = ssmConfig(base);
  ssm["repeat_kv_before_conv"] = false;
  return {{"hidden_size", base.hidden},
          {"intermediate_size", base.intermediate},
          {"hidden_act", "silu"},
          {"n_layer", base.layers},
          {"mla_layers", preset.layers},
          {"rms_norm_eps", 1e-5},
          {"num_attention_heads", base.heads},
          {"num_key_value_heads", base.kvHeads},
          {"kv_lora_rank", ranks.kv},
          {"q_lora_rank", ranks.q},
          {"use_lora_layer_norm", false},
          {"use_full_kv_head", false},
          {"qk_rope_head_dim", preset.ropeDim()},
          {"qk_nope_head_dim", preset.nopeDim()},
          {"v_head_dim", base.headDim},
          {"qkv_rank_divisor", 8},
          {"max_position_embeddings", base.maxPositions},
          {"rope_theta", base.ropeTheta},
          {"rope_scaling",
           {{"factor", base.scaling},
            {"original_max_position_embeddings", originalPositions},
            {"rope_type", "yarn"}}},
          {"attention_bias", false},
          {"attention_dropout", 0.0},
          {"rope_type", "yarn"},
          {"d_model", base.hidden},
          {"ssm_cfg", ssm},
          {"d_inner", base.heads * base.headDim},
          {"d_xb", base.kvHeads * base.headDim}};
}

/// MLA_config.json and mamba_config.json have the same keys, but for the Mamba2 settings.
json outerConfig(const Preset &preset) {
  const BaseModel &base = preset.base;
  return {{"d_model", base.hidden},
          {"rms_norm_eps", 1e-5},
          {"vocab_size", nullptr},
          {"d_inner", base.heads * base.headDim},
          {"d_xb", base.kvHeads * base.headDim},
          {"intermediate_size", base.intermediate},
          {"hidden_act", "silu"},
          {"n_layer", base.layers},
          {"attn_layers", preset.layers}};
}

/// What differs from the defaults of the class, as its dump does: equal keys are left out.
json mlaLayerConfig(const Preset &preset) {
  const BaseModel &base = preset.base;
  json layer = json::object();
  auto put = [&](const char *key, const json &value, const json &classDefault) {
    if (value != classDefault)
      layer[key] = value;
  };
  put("hidden_size", base.heads * base.headDim, 7'168);
  put("num_attention_heads", base.heads, 128);
  put("llama_num_key_value_heads", base.kvHeads, 128);
  put("mla_num_key_value_heads", base.heads, 16);
  put("kv_lora_rank", preset.ranks.front().kv, 512);
  put("q_lora_rank", preset.ranks.front().q, 1'536);
  put("qk_rope_head_dim", preset.ropeDim(), 64);
  put("qk_nope_head_dim", preset.nopeDim(), 128);
  put("v_head_dim", base.headDim, 128);
  put("max_position_embeddings", base.maxPositions, 4'096);
  put("rope_theta", base.ropeTheta, 1e4);
  put("use_fixed_rank_for_first_and_last_block", true, false);
  put("rms_norm_eps", 1e-5, 1e-6);
  if (base.scaling > 0) {
    if (preset.lacksOriginalLength)
      layer["rope_scaling"] = {{"factor", base.scaling}, {"beta_fast", 32},       {"beta_slow", 1},
                               {"mscale", 1.0},          {"mscale_all_dim", 0.0}, {"type", "yarn"}};
    else
      layer["rope_scaling"] = {{"factor", base.scaling},
                               {"original_max_position_embeddings", originalPositions},
                               {"type", "yarn"}};
  }
  for (int64_t i = 0; i < base.layers; ++i) {
    const Ranks ranks = preset.ranks[preset.ranks.size() > 1 ? static_cast<size_t>(i) : 0];
    layer["layer_rank_list"][std::to_string(i)] = {{"q_rank", ranks.q}, {"kv_rank", ranks.kv}};
  }
  return layer;
}

} // namespace

std::vector<std::pair<std::string, std::string>> configFiles(const Preset &preset, DType dtype,
                                                             bool tied) {
  json generation = {{"bos_token_id", beginId(preset)}, {"eos_token_id", endIds(preset)}};
  if (!isSmolLM(preset))
    generation.update({{"do_sample", true}, {"temperature", 0.6}, {"top_p", 0.9}});
  std::vector<std::pair<std::string, std::string>> files = {
      {"config.json", baseConfig(preset, dtype, tied).dump(2)},
      {"generation_config.json", generation.dump(2)}};
  switch (preset.format) {
  case ModelFormat::Llama:
    break;
  case ModelFormat::ZebraLlama:
    files.emplace_back("hybrid_config.json", zebraConfig(preset).dump(2));
    break;
  case ModelFormat::XEcoMla:
    files.emplace_back("MLA_config.json", outerConfig(preset).dump(2));
    files.emplace_back("mla_layer_config.json", mlaLayerConfig(preset).dump(2));
    break;
  case ModelFormat::MambaInLlama: {
    json outer = outerConfig(preset);
    outer["ssm_cfg"] = ssmConfig(preset.base);
    files.emplace_back("mamba_config.json", outer.dump(2));
    break;
  }
  }
  return files;
}

std::vector<std::pair<std::string, std::string>> tokenizerFiles(const Preset &preset) {
  const bool small = isSmolLM(preset);
  const json config = {{"tokenizer_class", small ? "GPT2Tokenizer" : "PreTrainedTokenizerFast"},
                       {"bos_token", small ? "<|endoftext|>" : "<|begin_of_text|>"},
                       {"eos_token", small ? "<|endoftext|>" : "<|eot_id|>"},
                       {"model_max_length", preset.base.maxPositions}};
  return {{"tokenizer.json", syntheticTokenizer(preset.base.tokenizer)},
          {"tokenizer_config.json", config.dump(2)}};
}

} // namespace zorse::tool
