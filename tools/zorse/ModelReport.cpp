//===- ModelReport.cpp - what a model is, keeps and moves -----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "ModelReport.h"

#include "PlanRequest.h"

#include "zorse/hybrid/ModelCosts.h"
#include "zorse/hybrid/Safetensors.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace zorse::tool {

namespace {

/// What is stored in a folder, or why nothing is.
struct Stored {
  bool present = false;
  std::string missing;
  int64_t parameters = 0, bytes = 0, tensors = 0;
  bool head = false; ///< lm_head.weight
  DType dtype = DType::BF16;
};

struct ModelFacts {
  ModelConfig config;
  Stored stored;
  CostTypes types;
  CacheCosts caches;
  std::vector<int64_t> contexts, batches;
};

} // namespace

static Result<Stored> readStored(const std::string &dir, const ModelConfig &config) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const std::string single = dir + "/model.safetensors";
  const bool present = fs::exists(single, ignored) || fs::exists(single + ".index.json", ignored);
  Stored stored;
  stored.dtype = config.writtenDType.value_or(DType::BF16);
  Result<Checkpoint> checkpoint = Checkpoint::open(dir);
  if (!checkpoint && present)
    return checkpoint.takeError();
  if (!checkpoint) { // configuration files only, or a pickle
    stored.missing = checkpoint.error().message;
    return stored;
  }
  stored.present = true;
  stored.dtype = storedDType(*checkpoint);
  for (const std::string &name : checkpoint->names()) {
    stored.parameters += checkpoint->find(name)->elements();
    stored.bytes += static_cast<int64_t>(checkpoint->find(name)->bytes.size());
    ++stored.tensors;
  }
  stored.head = checkpoint->find("lm_head.weight") != nullptr;
  return stored;
}

static Status chooseType(const std::string &text, const char *option, DType &type) {
  if (text.empty())
    return Status::success();
  std::optional<DType> parsed = parseDType(text);
  if (!parsed || *parsed == DType::I32)
    return usageError(fmt::format("{} is f32, f16 or bf16, found '{}'", option, text));
  type = *parsed;
  return Status::success();
}

static Result<ModelFacts> readFacts(const std::string &dir, const ModelReportOptions &options) {
  Result<ModelConfig> config = ModelConfig::read(dir);
  if (!config)
    return config.takeError();
  Result<Stored> stored = readStored(dir, *config);
  if (!stored)
    return stored.takeError();
  ModelFacts facts{config.take(), stored.take(), {}, {}, {}, {}};
  DType dtype = facts.stored.dtype;
  if (Status status = chooseType(options.dtype, "--dtype", dtype); !status)
    return status.takeError();
  facts.types = {dtype, dtype, dtype};
  if (Status status = chooseType(options.cacheDType, "--cache-dtype", facts.types.cache); !status)
    return status.takeError();
  if (Status status = chooseType(options.stateDType, "--state-dtype", facts.types.ssm); !status)
    return status.takeError();
  Result<std::vector<int64_t>> contexts = parseSizeList(options.contexts, "--context");
  if (!contexts)
    return contexts.takeError();
  Result<std::vector<int64_t>> batches = parseSizeList(options.batches, "--batch");
  if (!batches)
    return batches.takeError();
  facts.contexts = contexts.take();
  facts.batches = batches.take();
  facts.caches = cacheCosts(facts.config, facts.types);
  return facts;
}

static Json mixerJson(const LayerConfig &layer) {
  if (const MlaMixer *mla = layer.mla())
    return {{"mixer", "mla"},
            {"num_heads", mla->numHeads},
            {"kv_b_heads", mla->numKvHeads},
            {"q_lora_rank", mla->qLoraRank},
            {"kv_lora_rank", mla->kvLoraRank},
            {"qk_nope_head_dim", mla->qkNopeHeadDim},
            {"qk_rope_head_dim", mla->qkRopeHeadDim},
            {"v_head_dim", mla->vHeadDim}};
  if (const MambaMixer *mamba = layer.mamba())
    return {{"mixer", "mamba2"},
            {"num_heads", mamba->numHeads},
            {"num_kv_heads", mamba->numKvHeads},
            {"head_dim", mamba->headDim},
            {"d_state", mamba->dState},
            {"d_conv", mamba->dConv}};
  const GqaMixer *gqa = layer.gqa();
  return {{"mixer", "gqa"},
          {"num_heads", gqa->numHeads},
          {"num_kv_heads", gqa->numKvHeads},
          {"head_dim", gqa->headDim}};
}

template <typename T> static Json orNull(const std::optional<T> &value) {
  return value ? Json(*value) : Json(nullptr);
}

static int64_t countOf(const ModelConfig &config, bool (*is)(const LayerConfig &)) {
  return std::count_if(config.layers.begin(), config.layers.end(), is);
}

static Json countsJson(const ModelConfig &config) {
  return {{"mla", countOf(config, [](const LayerConfig &l) { return l.mla() != nullptr; })},
          {"mamba2", countOf(config, [](const LayerConfig &l) { return l.mamba() != nullptr; })},
          {"gqa", countOf(config, [](const LayerConfig &l) { return l.gqa() != nullptr; })}};
}

static Json stepsJson(const ModelFacts &facts) {
  const std::optional<ModelConfig> base = facts.config.base();
  Json steps = Json::array();
  for (int64_t batch : facts.batches)
    for (int64_t context : facts.contexts) {
      const StepCosts step = stepCosts(facts.config, facts.types, batch, context);
      const int64_t held = batch * (context * facts.caches.bytesPerToken + facts.caches.stateBytes);
      Json row = {{"batch", batch},
                  {"context", context},
                  {"weight_bytes", step.weights},
                  {"cache_bytes", step.caches},
                  {"state_bytes", step.states},
                  {"bytes", step.total()},
                  {"bytes_per_token", step.total() / batch},
                  {"held_bytes", held}};
      if (base) {
        row["base_bytes"] = stepCosts(*base, facts.types, batch, context).total();
        row["base_held_bytes"] = batch * context * *facts.caches.baseBytesPerToken;
      }
      steps.push_back(std::move(row));
    }
  return steps;
}

static void printModelJson(const std::string &dir, const ModelFacts &facts) {
  const ModelConfig &config = facts.config;
  const CacheCosts &caches = facts.caches;
  Json json = {{"schema_version", 1}, {"model", dir}, {"format", name(config.format)}};
  if (facts.stored.present) {
    json["parameters"] = facts.stored.parameters;
    json["stored_bytes"] = facts.stored.bytes;
    json["stored_tensors"] = facts.stored.tensors;
    json["separate_head"] = facts.stored.head;
  } else {
    json["no_weights"] = facts.stored.missing;
  }
  json.update({{"dtype", name(facts.types.weights)},
               {"cache_dtype", name(facts.types.cache)},
               {"state_dtype", name(facts.types.ssm)},
               {"vocab_size", config.vocabSize},
               {"hidden_size", config.hiddenSize},
               {"intermediate_size", config.intermediateSize},
               {"max_positions", config.maxPositions},
               {"parameters_tied", config.parameterCount(/*separateHead=*/false)},
               {"parameters_separate_head", config.parameterCount(/*separateHead=*/true)},
               {"cache_bytes_per_token", caches.bytesPerToken},
               {"state_bytes_per_sequence", caches.stateBytes},
               {"base_cache_bytes_per_token", orNull(caches.baseBytesPerToken)}});
  const std::optional<double> part = caches.partOfBase();
  json["cache_percent_of_base"] = part ? Json(100 * *part) : Json(nullptr);
  json["cache_times_smaller"] = part && *part > 0 ? Json(1 / *part) : Json(nullptr);
  json["state_in_base_tokens"] = orNull(caches.stateInBaseTokens());
  json["smaller_than_base_from_tokens"] = orNull(caches.smallerFromTokens());
  json["states_outweigh_cache_up_to_tokens"] = orNull(caches.stateOutweighsUpTo());
  json["states_equal_weights_at_batch"] = orNull(batchWhereStatesEqualWeights(config, facts.types));
  json["steps"] = stepsJson(facts);
  json["layer_counts"] = countsJson(config);
  json["layers"] = Json::array();
  for (const LayerConfig &layer : config.layers)
    json["layers"].push_back(mixerJson(layer));
  printJson(json);
}

/// "0-3,7".
static std::string layerList(const std::vector<size_t> &layers) {
  std::string text;
  for (size_t i = 0; i < layers.size();) {
    size_t last = i;
    while (last + 1 < layers.size() && layers[last + 1] == layers[last] + 1)
      ++last;
    text += (text.empty() ? "" : ",") + std::to_string(layers[i]);
    if (last > i)
      text += fmt::format("{}{}", last == i + 1 ? "," : "-", layers[last]);
    i = last + 1;
  }
  return text;
}

/// "128", or one value a layer where they differ.
static std::string valuesText(const std::vector<int64_t> &values) {
  if (std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) == values.end())
    return std::to_string(values.front());
  int64_t sum = 0;
  for (int64_t value : values)
    sum += value;
  return fmt::format("{} (mean {:.1f})", fmt::join(values, " "),
                     static_cast<double>(sum) / static_cast<double>(values.size()));
}

/// Layers of one kind; only the ranks of MLA may differ among them.
static void printKinds(const ModelConfig &config) {
  std::vector<size_t> mla, mamba, gqa;
  std::vector<int64_t> kvRanks, qRanks;
  for (size_t i = 0; i < config.layers.size(); ++i) {
    if (const MlaMixer *mixer = config.layers[i].mla()) {
      mla.push_back(i);
      kvRanks.push_back(mixer->kvLoraRank);
      qRanks.push_back(mixer->qLoraRank);
    } else {
      (config.layers[i].mamba() ? mamba : gqa).push_back(i);
    }
  }
  if (!mla.empty()) {
    const MlaMixer &m = *config.layers[mla.front()].mla();
    fmt::print("mla         {} layers: {}\n", mla.size(), layerList(mla));
    fmt::print("            {} heads of {} + {} rope, values {}; {} heads in kv_b\n", m.numHeads,
               m.qkNopeHeadDim, m.qkRopeHeadDim, m.vHeadDim, m.numKvHeads);
    fmt::print("            kv rank {}\n", valuesText(kvRanks));
    fmt::print("            q rank {}\n", valuesText(qRanks));
  }
  if (!mamba.empty()) {
    const MambaMixer &m = *config.layers[mamba.front()].mamba();
    fmt::print("mamba2      {} layers: {}\n", mamba.size(), layerList(mamba));
    fmt::print("            {} heads of {}, {} kv heads, state {}, convolution over {} x {}\n",
               m.numHeads, m.headDim, m.numKvHeads, m.dState, m.dConv, m.convDim());
  }
  if (!gqa.empty()) {
    const GqaMixer &g = *config.layers[gqa.front()].gqa();
    fmt::print("attention   {} layers: {}\n", gqa.size(), layerList(gqa));
    fmt::print("            {} heads of {}, {} kv heads\n", g.numHeads, g.headDim, g.numKvHeads);
  }
}

static void printCaches(const ModelFacts &facts) {
  const CacheCosts &caches = facts.caches;
  fmt::print("cache       {} bytes a token in {}", caches.bytesPerToken, name(facts.types.cache));
  if (facts.config.format == ModelFormat::Llama)
    fmt::print("\n");
  else if (std::optional<double> part = caches.partOfBase())
    fmt::print(": {:.3f} % of the {} bytes of its Llama{}\n", 100 * *part,
               *caches.baseBytesPerToken,
               *part > 0 ? fmt::format(", {:.1f} times smaller", 1 / *part) : "");
  else
    fmt::print("; its Llama's are unknown: config.json has no num_key_value_heads\n");
  if (caches.stateBytes == 0)
    return;
  const std::string types =
      facts.types.weights == facts.types.ssm
          ? std::string(name(facts.types.ssm))
          : fmt::format("conv {}, SSM {}", name(facts.types.weights), name(facts.types.ssm));
  fmt::print("state       {} bytes ({:.2f} MiB) a sequence in {}\n", caches.stateBytes,
             static_cast<double>(caches.stateBytes) / (1 << 20), types);
  if (std::optional<double> tokens = caches.stateInBaseTokens())
    fmt::print("            as much as {:.0f} tokens of the Llama's cache", *tokens);
  if (std::optional<int64_t> from = caches.smallerFromTokens())
    fmt::print("; in all smaller from {} tokens on", *from);
  fmt::print("{}", caches.baseBytesPerToken ? "\n" : "");
  if (std::optional<double> tokens = caches.stateOutweighsUpTo())
    fmt::print("            a decode step moves more states than cache up to {:.0f} tokens\n",
               *tokens);
  if (std::optional<double> batch = batchWhereStatesEqualWeights(facts.config, facts.types))
    fmt::print("            and as many bytes of states as of weights at batch {:.0f}\n", *batch);
}

static void printSteps(const ModelFacts &facts) {
  const std::optional<ModelConfig> base = facts.config.base();
  auto size = [](int64_t bytes) { return formatBytes(static_cast<double>(bytes)); };
  fmt::print("\nbytes that one decode step moves at least\n");
  fmt::print("{:>6} {:>9} {:>11} {:>11} {:>11} {:>11} {:>11}\n", "batch", "context", "weights",
             "cache", "states", "all", base ? "its Llama" : "");
  for (int64_t batch : facts.batches)
    for (int64_t context : facts.contexts) {
      const StepCosts step = stepCosts(facts.config, facts.types, batch, context);
      fmt::print("{:>6} {:>9} {:>11} {:>11} {:>11} {:>11} {:>11}\n", batch, context,
                 size(step.weights), size(step.caches), size(step.states), size(step.total()),
                 base ? size(stepCosts(*base, facts.types, batch, context).total()) : "");
    }
}

VerbResult reportModel(const Tool &tool, const std::string &dir,
                       const ModelReportOptions &options) {
  Result<ModelFacts> read = readFacts(dir, options);
  if (!read)
    return read.takeError();
  const ModelFacts &facts = *read;
  if (tool.isJson()) {
    printModelJson(dir, facts);
    return 0;
  }
  const ModelConfig &config = facts.config;
  fmt::print("model       {}\n", dir);
  fmt::print("format      {}, {} layers\n", name(config.format), config.layers.size());
  printKinds(config);
  fmt::print("sizes       vocabulary {}, hidden {}, intermediate {}, positions {}\n",
             config.vocabSize, config.hiddenSize, config.intermediateSize, config.maxPositions);
  fmt::print("parameters  {} with the head tied, {} with its own\n", config.parameterCount(false),
             config.parameterCount(true));
  if (facts.stored.present)
    fmt::print("stored      {} parameters in {} tensors, {}, mostly {}; the head is {}\n",
               facts.stored.parameters, facts.stored.tensors,
               formatBytes(static_cast<double>(facts.stored.bytes)), name(facts.stored.dtype),
               facts.stored.head ? "stored" : "the embedding table");
  else
    fmt::print("stored      nothing that is read: {}\n", facts.stored.missing);
  printCaches(facts);
  printSteps(facts);
  return 0;
}

} // namespace zorse::tool
