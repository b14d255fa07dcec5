//===- Presets.cpp - the published configurations -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sizes as the published configuration files and training settings give them.
//
//===----------------------------------------------------------------------===//
#include "Presets.h"

#include <algorithm>

namespace zorse::tool {

namespace {

using enum ModelFormat;

constexpr int64_t longContext = 131'072;

constexpr TokenizerFamily llamaTokens = TokenizerFamily::Llama;
constexpr TokenizerFamily smolTokens = TokenizerFamily::SmolLM;

// h, I, L, H, K, P, V, positions, theta, scaling, tied, tokens
constexpr BaseModel llama1B{2'048,       8'192, 16, 32,   8,           64,     128'256,
                            longContext, 5e5,   32, true, llamaTokens, 128'000};
constexpr BaseModel llama3B{3'072,       8'192, 28, 24,   8,           128,    128'256,
                            longContext, 5e5,   32, true, llamaTokens, 128'000};
constexpr BaseModel llama8B{4'096,       14'336, 32, 32,    8,           128,    128'256,
                            longContext, 5e5,    8,  false, llamaTokens, 128'000};
/// Llama 3, before long contexts.
constexpr BaseModel llama8BShort{4'096, 14'336, 32, 32,    8,           128,    128'256,
                                 8'192, 5e5,    0,  false, llamaTokens, 128'000};
constexpr BaseModel smolLM135M{576,   1'536, 30, 9,    3,          64, 49'152,
                               2'048, 1e4,   0,  true, smolTokens, 0};
constexpr BaseModel smolLM360M{960,   2'560, 32, 15,   5,          64, 49'152,
                               2'048, 1e4,   0,  true, smolTokens, 0};
constexpr BaseModel smolLM1B7{2'048, 8'192, 24, 32,   32,         64, 49'152,
                              2'048, 1e4,   0,  true, smolTokens, 0};

/// Layers first, first + step, … below the base's number.
std::vector<int64_t> every(const BaseModel &base, int64_t step, int64_t first) {
  std::vector<int64_t> layers;
  for (int64_t i = first; i < base.layers; i += step)
    layers.push_back(i);
  return layers;
}

Preset llama(std::string name, const BaseModel &base, std::string stands) {
  return {std::move(name), Llama, base, {}, {}, false, std::move(stands)};
}

Preset zebra(std::string name, const BaseModel &base, std::vector<int64_t> mla,
             std::string stands) {
  const Ranks ranks = base.hidden == 2'048   ? Ranks{128, 1'344}
                      : base.hidden == 3'072 ? Ranks{128, 1'536}
                                             : Ranks{160, 2'048};
  return {"zebra-llama-" + name, ZebraLlama, base, std::move(mla), {ranks}, false,
          std::move(stands)};
}

Preset xEcoMla(std::string name, const BaseModel &base, std::vector<Ranks> ranks,
               std::string stands, bool lacksOriginalLength = false) {
  return {"x-ecomla-" + name,  XEcoMla,          base, {}, std::move(ranks),
          lacksOriginalLength, std::move(stands)};
}

Preset mambaInLlama(std::string name, const BaseModel &base, std::vector<int64_t> attention,
                    std::string stands) {
  return {"mambainllama-" + name, MambaInLlama, base, std::move(attention), {}, false,
          std::move(stands)};
}

// The published lists of the dynamic models are not in their settings. These are made up: their
// means give the published part of the base's cache, their sums the published parameters.
const std::vector<Ranks> madeUp1B = {
    {512, 864}, {440, 952}, {472, 912}, {488, 896}, {504, 872}, {520, 856}, {528, 848}, {536, 832},
    {536, 832}, {544, 824}, {552, 816}, {560, 800}, {568, 792}, {576, 784}, {600, 752}, {512, 864}};
const std::vector<Ranks> madeUp3B = {
    {816, 1536}, {712, 1664}, {744, 1624}, {760, 1608}, {776, 1584}, {784, 1576}, {792, 1568},
    {800, 1552}, {800, 1552}, {808, 1544}, {808, 1544}, {816, 1536}, {816, 1536}, {824, 1528},
    {824, 1528}, {824, 1528}, {832, 1520}, {832, 1520}, {840, 1504}, {840, 1504}, {848, 1496},
    {840, 1504}, {848, 1496}, {856, 1488}, {864, 1472}, {864, 1472}, {872, 1464}, {816, 1536}};

std::vector<Preset> makePresets() {
  return {
      llama("llama-3.2-1b", llama1B, "Llama-3.2-1B-Instruct"),
      llama("llama-3.2-3b", llama3B, "Llama-3.2-3B-Instruct"),
      llama("llama-3.1-8b", llama8B, "Llama-3.1-8B-Instruct"),
      llama("smollm-1.7b", smolLM1B7, "SmolLM-1.7B"),

      zebra("1b-4mla-12mamba", llama1B, {0, 5, 10, 14}, "Zebra-Llama-1B-4MLA-12Mamba-SFT, -DPO"),
      zebra("1b-8mla-8mamba", llama1B, every(llama1B, 2, 0),
            "Zebra-Llama-1B-8MLA-8Mamba-SFT, -DPO"),
      zebra("1b-6mla-10mamba", llama1B, {0, 2, 5, 8, 11, 14}, "training settings only"),
      zebra("3b-6mla-22mamba", llama3B, {0, 5, 10, 16, 21, 26},
            "Zebra-Llama-3B-6MLA-22Mamba-SFT, -DPO"),
      zebra("3b-14mla-14mamba", llama3B, every(llama3B, 2, 0),
            "Zebra-Llama-3B-14MLA-14Mamba-SFT, -DPO"),
      zebra("3b-8mla-20mamba", llama3B, {0, 3, 7, 10, 14, 18, 22, 26}, "training settings only"),
      zebra("8b-8mla-24mamba", llama8B, {0, 4, 8, 12, 16, 20, 25, 30},
            "Zebra-Llama-8B-8MLA-24Mamba-SFT, -DPO"),
      zebra("8b-16mla-16mamba", llama8B, every(llama8B, 2, 0),
            "Zebra-Llama-8B-16MLA-16Mamba-SFT, -DPO"),

      xEcoMla("1b-kv512", llama1B, {{512, 864}}, "X-EcoMLA-1B1B-fixed-kv512-DPO"),
      xEcoMla("1b-dynamic", llama1B, madeUp1B,
              "X-EcoMLA-1B1B-dynamic-0.95-DPO with made-up ranks of the same mean"),
      xEcoMla("1b-kv64", llama1B, {{64, 1'424}}, "X-EcoMLA-1B8B-fixed-kv64-DPO"),
      xEcoMla("1b-kv128", llama1B, {{128, 1'344}}, "the paper only", true),
      xEcoMla("1b-kv48", llama1B, {{48, 1'440}}, "the paper only", true),
      xEcoMla("3b-kv816", llama3B, {{816, 1'536}}, "X-EcoMLA-3B3B-fixed-kv816-DPO"),
      xEcoMla("3b-dynamic", llama3B, madeUp3B,
              "X-EcoMLA-3B3B-dynamic-0.95-DPO with made-up ranks of the same mean"),
      xEcoMla("3b-kv96", llama3B, {{96, 2'048}}, "training settings only", true),
      xEcoMla("smollm-1.7b-kv480", smolLM1B7, {{480, 2'048}},
              "X-EcoMLA-SmolLM-1.7B-fixed-kv480-Pretrain, -DPO"),
      xEcoMla("smollm-135m-kv16", smolLM135M, {{16, 400}}, "training settings only"),
      xEcoMla("smollm-360m-kv48", smolLM360M, {{48, 800}}, "training settings only"),

      mambaInLlama("1b-0.50", llama1B, every(llama1B, 2, 1),
                   "nothing published; for comparisons at the width of 1B"),
      mambaInLlama("3b-0.50", llama3B, every(llama3B, 2, 1), "Llama3.2-Mamba2-3B-distill"),
      mambaInLlama("8b-0.50", llama8B, every(llama8B, 2, 1), "Llama3.1-Mamba2-8B-distill"),
      mambaInLlama("8b-0.75", llama8BShort, every(llama8BShort, 4, 3), "Mamba2InLlama_0_75"),
      mambaInLlama("8b-0.875", llama8BShort, every(llama8BShort, 8, 7), "Mamba2InLlama_0_875"),
      mambaInLlama("8b-1", llama8BShort, {}, "Mamba2InLlama_1"),
  };
}

} // namespace

int64_t Preset::ropeDim() const { return base.headDim / 2; }
int64_t Preset::nopeDim() const { return base.headDim - ropeDim(); }

const std::vector<Preset> &presets() {
  static const std::vector<Preset> all = makePresets();
  return all;
}

const Preset *findPreset(std::string_view name) {
  for (const Preset &preset : presets())
    if (preset.name == name)
      return &preset;
  return nullptr;
}

Preset firstLayers(Preset preset, int64_t count) {
  preset.base.layers = std::min(preset.base.layers, count);
  std::erase_if(preset.layers, [&](int64_t layer) { return layer >= preset.base.layers; });
  if (preset.ranks.size() > 1)
    preset.ranks.resize(static_cast<size_t>(preset.base.layers));
  return preset;
}

} // namespace zorse::tool
