//===- BadConfigs.cpp - broken configuration files ------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "BadFile.h"

using nlohmann::json;

namespace zorse {

namespace {

constexpr const char *zebra = "zebra-stories-260k";
constexpr const char *llama = "llama-stories-260k";
constexpr const char *xEcoMla = "x-ecomla-stories-260k";
constexpr const char *mambaInLlama = "mambainllama-stories-260k";

BadFile edited(const std::string &name, const char *model, const std::string &file,
               std::function<void(json &)> edit, const std::string &message) {
  return {name, model, [file, edit](const ScratchFolder &dir) { dir.editJson(file, edit); },
          file + ": " + message};
}

/// One field of a file set to a value; null removes it.
BadFile field(const std::string &name, const char *model, const std::string &file,
              const std::string &key, const json &value, const std::string &message) {
  return edited(
      name, model, file,
      [key, value](json &document) {
        if (value.is_null())
          document.erase(key);
        else
          document[key] = value;
      },
      "$." + key + ": " + message);
}

BadFile replaced(const std::string &name, const std::string &file, const std::string &text,
                 const std::string &message) {
  return {name, zebra, [file, text](const ScratchFolder &dir) { dir.write(file, text); },
          file + ": " + message};
}

} // namespace

std::vector<BadFile> badConfigs() {
  const std::string config = "config.json", hybrid = "hybrid_config.json";
  const std::string mla = "MLA_config.json", mlaLayer = "mla_layer_config.json";
  const std::string mamba = "mamba_config.json";
  std::string deep(100'000, '[');
  return {
      {"config_missing", zebra, [](const ScratchFolder &dir) { dir.remove("config.json"); },
       "DIR/config.json: cannot open: No such file or directory"},
      replaced("config_empty", config, "", "not valid JSON: unexpected end of text at byte 1"),
      replaced("config_cut", config, "{\"a\":1",
               "not valid JSON: unexpected end of text at byte 7"),
      replaced("config_list", config, "[]", "$: expected an object, found an array"),
      replaced("config_duplicate_key", config, R"({"vocab_size":1,"vocab_size":2})",
               "$.vocab_size: duplicate key"),
      replaced("config_deep", config, deep, "expected at most 64 levels of nesting, found more"),
      {"config_two_megabytes", zebra,
       [](const ScratchFolder &dir) { dir.write("config.json", std::string(2 << 20, ' ')); },
       "DIR/config.json: 2097152 bytes exceed the limit of 1048576"},
      field("vocab_missing", llama, config, "vocab_size", nullptr,
            "expected an integer in [1, 16777216], found nothing"),
      field("vocab_text", llama, config, "vocab_size", "512",
            "expected an integer in [1, 16777216], found \"512\" (string)"),
      field("vocab_negative", llama, config, "vocab_size", -1,
            "expected an integer in [1, 16777216], found -1"),
      field("vocab_fraction", llama, config, "vocab_size", 512.5,
            "expected an integer in [1, 16777216], found 512.5 (number)"),
      field("vocab_1e30", llama, config, "vocab_size", 1e30,
            "expected an integer in [1, 16777216], found 1e+30 (number)"),
      field("vocab_two_to_64_less_1", llama, config, "vocab_size", 18446744073709551615ull,
            "expected an integer in [1, 16777216], found 18446744073709551615"),
      field("layers_zero", llama, config, "num_hidden_layers", 0,
            "expected an integer in [1, 1024], found 0"),
      field("other_model_type", llama, config, "model_type", "qwen2",
            "expected \"llama\", the type that Llama, Zebra-Llama, X-EcoMLA and MambaInLlama "
            "folders have, found \"qwen2\" (string)"),
      field("heads_do_not_divide", llama, config, "num_key_value_heads", 3,
            "expected a divisor of num_attention_heads = 8, found 3"),
      field("odd_head", llama, config, "head_dim", 7,
            "expected an even head size of at least 2, found 7"),
      field("other_activation", llama, config, "hidden_act", "gelu",
            "expected \"silu\", found \"gelu\" (string)"),
      field("attention_bias", llama, config, "attention_bias", true,
            "expected false: layers with bias are not supported, found true (boolean)"),
      field("eps_text", llama, config, "rms_norm_eps", "small",
            "expected a number in [0, 1], found \"small\" (string)"),
      edited(
          "unknown_rope_scaling", llama, config,
          [](json &document) { document["rope_scaling"] = {{"rope_type", "longrope"}}; },
          "$.rope_scaling.rope_type: expected \"default\", \"linear\" or \"llama3\", found "
          "\"longrope\" (string)"),
      field("rope_scaling_list", llama, config, "rope_scaling", json::array(),
            "expected an object, found an array"),
      field("eos_out_of_range", llama, "generation_config.json", "eos_token_id", 512,
            "expected an integer in [0, 511], found 512"),
      field("eos_list_of_text", llama, "generation_config.json", "eos_token_id", {"2"},
            "expected a list of integers in [0, 511], found an array"),
      field("zebra_layer_count", zebra, hybrid, "n_layer", 6,
            "expected 5, the num_hidden_layers of config.json, found 6"),
      field("zebra_width", zebra, hybrid, "hidden_size", 128,
            "expected 64, the hidden_size of config.json, found 128"),
      field("zebra_layer_out_of_range", zebra, hybrid, "mla_layers", {0, 5},
            "expected a list of integers in [0, 4], found an array"),
      field("zebra_layers_text", zebra, hybrid, "mla_layers", "0,2",
            "expected a list of integers in [0, 4], found \"0,2\" (string)"),
      field("zebra_rank_zero", zebra, hybrid, "kv_lora_rank", 0,
            "expected an integer in [1, 4096], found 0"),
      field("zebra_odd_rope", zebra, hybrid, "qk_rope_head_dim", 5,
            "expected an even number, found 5"),
      field("zebra_latent_norm", zebra, hybrid, "use_lora_layer_norm", true,
            "expected false: norms on the latents are not supported, found true (boolean)"),
      edited(
          "zebra_rope_scaling", zebra, hybrid,
          [](json &document) { document["rope_scaling"]["rope_type"] = "dynamic"; },
          "$.rope_scaling.rope_type: expected \"yarn\" (or \"llama3\", read as yarn), found "
          "\"dynamic\" (string)"),
      field("zebra_mamba1", zebra, hybrid, "ssm_cfg", {{"expand", 1}},
            "expected the Mamba2 fields ngroups and d_state (Mamba1 is not supported), found an "
            "object"),
      edited(
          "zebra_repeat_kv", zebra, hybrid,
          [](json &document) { document["ssm_cfg"]["repeat_kv_before_conv"] = true; },
          "$.ssm_cfg.repeat_kv_before_conv: expected false: expanding before the convolution "
          "is not supported, found true (boolean)"),
      field("zebra_d_inner", zebra, hybrid, "d_inner", 65,
            "expected ngroups * d_state = 64, found 65"),
      field("zebra_d_xb", zebra, hybrid, "d_xb", 36,
            "expected d_state = 8 times a divisor of ngroups = 8, found 36"),
      field("x_ecomla_latent_norm", xEcoMla, mlaLayer, "use_lora_layer_norm", true,
            "expected false: norms on the latents are not supported, found true (boolean)"),
      field("mambainllama_mamba1", mambaInLlama, mamba, "ssm_cfg", {{"expand", 1}},
            "expected the Mamba2 fields ngroups and d_state (Mamba1 is not supported), found an "
            "object"),
      {"two_formats", zebra, [](const ScratchFolder &dir) { dir.write("mamba_config.json", "{}"); },
       "DIR: expected the files of one format, found several of hybrid_config.json, "
       "mamba_config.json, MLA_config.json"},
      {"half_of_x_ecomla", xEcoMla,
       [](const ScratchFolder &dir) { dir.remove("mla_layer_config.json"); },
       "DIR: expected MLA_config.json and mla_layer_config.json, found only MLA_config.json"},
      edited(
          "rank_list_key", xEcoMla, mlaLayer,
          [](json &document) { document["layer_rank_list"]["-1"] = json::object(); },
          "$.layer_rank_list.-1: expected keys that are layers in [0, 4], found an object"),
      edited(
          "rank_list_layer", xEcoMla, mlaLayer,
          [](json &document) { document["layer_rank_list"]["5"] = json::object(); },
          "$.layer_rank_list.5: expected keys that are layers in [0, 4], found an object"),
      edited(
          "rank_list_rank", xEcoMla, mlaLayer,
          [](json &document) { document["layer_rank_list"]["2"]["kv_rank"] = 5'000; },
          "$.layer_rank_list.2.kv_rank: expected an integer in [1, 4096], found 5000"),
      field("x_ecomla_width", xEcoMla, mla, "d_model", 63,
            "expected 64, the hidden_size of config.json, found 63"),
      field("mambainllama_attention", mambaInLlama, mamba, "attn_layers", {-1},
            "expected a list of integers in [0, 4], found an array"),
      edited(
          "mambainllama_state", mambaInLlama, mamba,
          [](json &document) { document["ssm_cfg"]["d_state"] = 1'024; },
          "$.ssm_cfg.d_state: expected an integer in [2, 512], found 1024"),
  };
}

} // namespace zorse
