//===- MakeCheckpoint.cpp - random weights in a published format ----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes a model folder as the published one would look, with random weights of
// sane scales: for measuring load time, memory and speed at full size. The tensors
// are those that the loader asks for, so the two cannot disagree.
//
//===----------------------------------------------------------------------===//
#include "RandomTensor.h"
#include "SyntheticTokenizer.h"

#include "zorse/hybrid/ModelConfig.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>

using nlohmann::json;

namespace zorse {
namespace {

/// One published Zebra-Llama.
struct Preset {
  const char *name;
  int64_t hidden, intermediate, heads, headDim, rank, queryRank, rope, nope, value;
  double factor;
  int64_t numLayers;
  std::vector<int64_t> mlaLayers;
};

std::vector<int64_t> everySecond(int64_t numLayers) {
  std::vector<int64_t> layers;
  for (int64_t i = 0; i < numLayers; i += 2)
    layers.push_back(i);
  return layers;
}

std::vector<Preset> presets() {
  auto small = [](const char *name, std::vector<int64_t> mla) {
    return Preset{name, 2048, 8192, 32, 64, 128, 1344, 32, 32, 64, 32, 16, std::move(mla)};
  };
  auto medium = [](const char *name, std::vector<int64_t> mla) {
    return Preset{name, 3072, 8192, 24, 128, 128, 1536, 64, 64, 128, 32, 28, std::move(mla)};
  };
  auto large = [](const char *name, std::vector<int64_t> mla) {
    return Preset{name, 4096, 14336, 32, 128, 160, 2048, 64, 64, 128, 8, 32, std::move(mla)};
  };
  return {small("zebra-llama-1b-4mla-12mamba", {0, 5, 10, 14}),
          small("zebra-llama-1b-8mla-8mamba", everySecond(16)),
          medium("zebra-llama-3b-6mla-22mamba", {0, 5, 10, 16, 21, 26}),
          medium("zebra-llama-3b-14mla-14mamba", everySecond(28)),
          large("zebra-llama-8b-8mla-24mamba", {0, 4, 8, 12, 16, 20, 25, 30}),
          large("zebra-llama-8b-16mla-16mamba", everySecond(32))};
}

std::string presetNames() {
  std::string names;
  for (const Preset &preset : presets())
    names += (names.empty() ? "" : ", ") + std::string(preset.name);
  return names;
}

constexpr int64_t kvHeads = 8, vocabulary = 128'256, beginOfText = 128'000;
const std::vector<int64_t> endIds = {128'001, 128'008, 128'009};

json baseConfig(const Preset &p, bool tied) {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"attention_bias", false},
          {"bos_token_id", beginOfText},
          {"eos_token_id", endIds},
          {"head_dim", p.headDim},
          {"hidden_act", "silu"},
          {"hidden_size", p.hidden},
          {"intermediate_size", p.intermediate},
          {"max_position_embeddings", 131'072},
          {"mlp_bias", false},
          {"num_attention_heads", p.heads},
          {"num_hidden_layers", p.numLayers},
          {"num_key_value_heads", kvHeads},
          {"rms_norm_eps", 1e-5},
          {"rope_scaling",
           {{"factor", p.factor},
            {"high_freq_factor", 4.0},
            {"low_freq_factor", 1.0},
            {"original_max_position_embeddings", 8'192},
            {"rope_type", "llama3"}}},
          {"rope_theta", 500'000.0},
          {"tie_word_embeddings", tied},
          {"torch_dtype", "bfloat16"},
          {"vocab_size", vocabulary}};
}

json hybridConfig(const Preset &p) {
  return {
      {"hidden_size", p.hidden},
      {"intermediate_size", p.intermediate},
      {"hidden_act", "silu"},
      {"n_layer", p.numLayers},
      {"mla_layers", p.mlaLayers},
      {"rms_norm_eps", 1e-5},
      {"num_attention_heads", p.heads},
      {"num_key_value_heads", kvHeads},
      {"kv_lora_rank", p.rank},
      {"q_lora_rank", p.queryRank},
      {"use_lora_layer_norm", false},
      {"use_full_kv_head", false},
      {"qk_rope_head_dim", p.rope},
      {"qk_nope_head_dim", p.nope},
      {"v_head_dim", p.value},
      {"qkv_rank_divisor", 8},
      {"max_position_embeddings", 131'072},
      {"rope_theta", 500'000.0},
      {"rope_scaling",
       {{"factor", p.factor}, {"original_max_position_embeddings", 8'192}, {"rope_type", "yarn"}}},
      {"attention_bias", false},
      {"attention_dropout", 0.0},
      {"rope_type", "yarn"},
      {"d_model", p.hidden},
      {"ssm_cfg",
       {{"expand", 1},
        {"ngroups", p.heads},
        {"d_state", p.headDim},
        {"repeat_kv_before_conv", false}}},
      {"d_inner", p.heads * p.headDim},
      {"d_xb", kvHeads * p.headDim}};
}

int64_t elementsOf(const TensorSpec &tensor) {
  int64_t count = 1;
  for (int64_t size : tensor.shape)
    count *= size;
  return count;
}

Status writeText(const std::string &path, const std::string &text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  return out ? Status::success() : Status(runtimeError(path + ": cannot write"));
}

/// Header, then the tensors one after another, drawn as they are written.
Status writeWeights(const std::string &path, const std::vector<TensorSpec> &tensors,
                    size_t numLayers, uint64_t seed) {
  json header = {{"__metadata__", {{"format", "pt"}}}};
  int64_t at = 0;
  for (const TensorSpec &tensor : tensors) {
    const int64_t bytes = 2 * elementsOf(tensor);
    header[tensor.name] = {
        {"dtype", "BF16"}, {"shape", tensor.shape}, {"data_offsets", {at, at + bytes}}};
    at += bytes;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' '); // the data begin aligned
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  for (int i = 0; i < 8; ++i)
    out.put(static_cast<char>(text.size() >> (8 * i) & 0xFF));
  out << text;
  RandomTensor random(seed, numLayers);
  for (const TensorSpec &tensor : tensors)
    random.write(out, tensor.name, tensor.shape);
  out.close();
  return out ? Status::success() : Status(runtimeError(path + ": cannot write; is the disk full?"));
}

Status make(const Preset &preset, const std::string &dir, bool separateHead, uint64_t seed) {
  std::error_code failed;
  std::filesystem::create_directories(dir, failed);
  if (failed)
    return runtimeError(fmt::format("{}: cannot create: {}", dir, failed.message()));
  const json generation = {{"bos_token_id", beginOfText}, {"eos_token_id", endIds}};
  const json tokenizerConfig = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                                {"bos_token", "<|begin_of_text|>"},
                                {"eos_token", "<|eot_id|>"}};
  const std::pair<const char *, std::string> files[] = {
      {"config.json", baseConfig(preset, !separateHead).dump(2)},
      {"hybrid_config.json", hybridConfig(preset).dump(2)},
      {"generation_config.json", generation.dump(2)},
      {"tokenizer_config.json", tokenizerConfig.dump(2)},
      {"tokenizer.json", syntheticTokenizer()}};
  for (const auto &[name, text] : files)
    if (Status status = writeText(dir + "/" + name, text); !status)
      return status;

  Result<ModelConfig> config = ModelConfig::read(dir);
  if (!config)
    return config.takeError();
  std::vector<TensorSpec> tensors = expectedTensors(*config);
  if (separateHead)
    tensors.push_back(
        {"lm_head.weight", {config->vocabSize, config->hiddenSize}, "[vocab_size, hidden_size]"});
  if (Status status =
          writeWeights(dir + "/model.safetensors", tensors, config->layers.size(), seed);
      !status)
    return status;
  fmt::print("{}: {} parameters in {} tensors, {} bytes of cache per token in bf16\n", dir,
             config->parameterCount(separateHead), tensors.size(),
             config->cacheBytesPerToken(DType::BF16));
  return Status::success();
}

constexpr const char *usage =
    "usage: zorse-make-checkpoint FOLDER [--preset NAME] [--separate-head] [--seed N]\n\n"
    "Writes a model folder with random weights in the format of a published model.\n\n"
    "  --preset NAME    one of {} (default: {})\n"
    "  --separate-head  store lm_head.weight beside the embeddings, as the published files do\n"
    "  --seed N         of the weights (default: 0)\n\n"
    "example: zorse-make-checkpoint zebra-1b && zorse run zebra-1b --prompt Hello "
    "--max-new-tokens 16\n";

struct Arguments {
  std::string dir;
  Preset preset;
  bool separateHead = false, help = false;
  uint64_t seed = 0;
};

Result<Arguments> parseArguments(const std::vector<std::string> &words) {
  Arguments arguments;
  arguments.preset = presets().front();
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string &word = words[i];
    const bool hasValue = i + 1 < words.size();
    if (word == "--help") {
      arguments.help = true;
    } else if (word == "--separate-head") {
      arguments.separateHead = true;
    } else if (word == "--preset" && hasValue) {
      const std::vector<Preset> all = presets();
      const std::string &name = words[++i];
      auto found = std::find_if(all.begin(), all.end(),
                                [&](const Preset &preset) { return name == preset.name; });
      if (found == all.end())
        return usageError(
            fmt::format("--preset: expected one of {}, found {}", presetNames(), name));
      arguments.preset = *found;
    } else if (word == "--seed" && hasValue) {
      const std::string &text = words[++i];
      auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), arguments.seed);
      if (error != std::errc() || end != text.data() + text.size())
        return usageError(fmt::format("--seed: expected an integer in [0, 2^64), found {}", text));
    } else if (word.starts_with("--")) {
      return usageError(fmt::format("unknown option {}, or its value is missing", word));
    } else if (arguments.dir.empty()) {
      arguments.dir = word;
    } else {
      return usageError(fmt::format("expected one folder, found {} and {}", arguments.dir, word));
    }
  }
  if (arguments.dir.empty() && !arguments.help)
    return usageError("expected a folder to write; --help shows the options");
  return arguments;
}

} // namespace
} // namespace zorse

int main(int argc, char **argv) {
  zorse::Result<zorse::Arguments> arguments = zorse::parseArguments({argv + 1, argv + argc});
  if (arguments && arguments->help) {
    fmt::print(fmt::runtime(zorse::usage), zorse::presetNames(), zorse::presets().front().name);
    return 0;
  }
  zorse::Status status;
  if (!arguments)
    status = arguments.takeError();
  else
    status =
        zorse::make(arguments->preset, arguments->dir, arguments->separateHead, arguments->seed);
  if (!status) {
    fmt::print(stderr, "zorse-make-checkpoint: {}\n", status.error().message);
    return static_cast<int>(status.error().code);
  }
  return 0;
}
