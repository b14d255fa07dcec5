//===- PublishedModels.cpp - the ops of the published models --------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PublishedModels.h"

#include "zorse/hybrid/OpList.h"

#include <set>
#include <stdexcept>

namespace zorse::test {

namespace {
struct Shape {
  const char *name;
  int64_t vocab, hidden, intermediate;
  std::vector<LayerConfig> layers;
};

LayerConfig mla(int64_t heads, int64_t kvHeads, int64_t queryRank, int64_t rank, int64_t nope,
                int64_t rope, int64_t value) {
  return {.mixer = MlaMixer{heads, kvHeads, queryRank, rank, nope, rope, value}};
}

LayerConfig mamba(int64_t heads, int64_t kvHeads, int64_t width) {
  return {
      .mixer =
          MambaMixer{.numHeads = heads, .numKvHeads = kvHeads, .headDim = width, .dState = width},
      .doubleRoundingNorm = false};
}

LayerConfig gqa(int64_t heads, int64_t kvHeads, int64_t width) {
  return {.mixer = GqaMixer{heads, kvHeads, width}};
}

std::vector<Shape> shapes() {
  constexpr int64_t llama = 128256, smol = 49152, deepseek = 129280;
  return {
      {"Zebra-Llama 1B", llama, 2048, 8192, {mla(32, 8, 1344, 128, 32, 32, 64), mamba(32, 8, 64)}},
      {"Zebra-Llama 3B",
       llama,
       3072,
       8192,
       {mla(24, 8, 1536, 128, 64, 64, 128), mamba(24, 8, 128)}},
      {"Zebra-Llama 8B",
       llama,
       4096,
       14336,
       {mla(32, 8, 2048, 160, 64, 64, 128), mamba(32, 8, 128)}},
      {"MambaInLlama and Llama 1B", llama, 2048, 8192, {gqa(32, 8, 64)}},
      {"MambaInLlama and Llama 3B", llama, 3072, 8192, {gqa(24, 8, 128)}},
      {"MambaInLlama and Llama 8B", llama, 4096, 14336, {gqa(32, 8, 128)}},
      {"X-EcoMLA 1B, fixed ranks",
       llama,
       2048,
       8192,
       {mla(32, 32, 864, 512, 32, 32, 64), mla(32, 32, 1424, 64, 32, 32, 64),
        mla(32, 32, 1344, 128, 32, 32, 64), mla(32, 32, 1440, 48, 32, 32, 64)}},
      {"X-EcoMLA 3B, fixed ranks",
       llama,
       3072,
       8192,
       {mla(24, 24, 1536, 816, 64, 64, 128), mla(24, 24, 2048, 96, 64, 64, 128)}},
      {"X-EcoMLA SmolLM 1.7B", smol, 2048, 8192, {mla(32, 32, 2048, 480, 32, 32, 64)}},
      {"X-EcoMLA SmolLM 360M", smol, 960, 2560, {mla(15, 15, 800, 48, 32, 32, 64)}},
      {"X-EcoMLA SmolLM 135M", smol, 576, 1536, {mla(9, 9, 400, 16, 32, 32, 64)}},
      {"DeepSeek", deepseek, 7168, 18432, {mla(128, 128, 1536, 512, 128, 64, 128)}},
  };
}

/// Lists the ops of each shape that no earlier one has, at each of the tuning points.
std::vector<PublishedModel> list(const std::vector<Shape> &shapes, DType dtype,
                                 const std::vector<OpListOptions> &points) {
  std::set<std::string> seen;
  std::vector<PublishedModel> models;
  for (const Shape &shape : shapes) {
    ModelConfig config;
    config.vocabSize = shape.vocab;
    config.hiddenSize = shape.hidden;
    config.intermediateSize = shape.intermediate;
    config.layers = shape.layers;
    PublishedModel model{shape.name, {}};
    for (const OpListOptions &point : points) {
      Result<std::vector<OpDesc>> ops = listOps(config, dtype, point);
      if (!ops)
        throw std::runtime_error(ops.error().message);
      for (OpDesc &op : *ops)
        if (seen.insert(op.canonicalJson() + op.tuningPointJson()).second)
          model.ops.push_back(std::move(op));
    }
    models.push_back(std::move(model));
  }
  return models;
}
} // namespace

std::vector<PublishedModel> publishedModels(DType dtype) {
  return list(shapes(), dtype,
              {{.decodeBatches = {1, 8}, .prefillTokens = {512}, .context = 4096},
               {.decodeBatches = {1}, .prefillTokens = {}, .context = 300}});
}

std::vector<PublishedModel> modelsOfEveryRank(DType dtype) {
  Shape small{"X-EcoMLA 1B, every rank", 128256, 2048, 8192, {}};
  Shape large{"X-EcoMLA 3B, every rank", 128256, 3072, 8192, {}};
  for (int64_t rank = 16; rank <= 816; rank += 8) {
    small.layers.push_back(mla(32, 32, 1344, rank, 32, 32, 64));
    large.layers.push_back(mla(24, 24, 1536, rank, 64, 64, 128));
  }
  return list({small, large}, dtype,
              {{.decodeBatches = {8}, .prefillTokens = {512}, .context = 4096}});
}

} // namespace zorse::test
