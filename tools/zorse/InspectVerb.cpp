//===- InspectVerb.cpp - zorse inspect ------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CodeJson.h"
#include "Verbs.h"

#include "zorse/compiler/Inspect.h"
#include "zorse/hybrid/ModelConfig.h"
#include "zorse/hybrid/Safetensors.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

namespace zorse::tool {

static Result<CodeObject> inspectFile(const std::string &path) {
  Result<std::string> text = readText(path, size_t(256) << 20);
  if (!text)
    return text.takeError();
  Result<CodeObject> object =
      inspectCodeObject({reinterpret_cast<const uint8_t *>(text->data()), text->size()});
  if (!object)
    return Error{object.error().code, fmt::format("{}: {}", path, object.error().message)};
  return object;
}

/// The code objects in a folder, sorted by name.
static std::vector<std::string> codeFiles(const std::string &folder) {
  std::vector<std::string> files;
  std::error_code ignored;
  for (const auto &entry : std::filesystem::directory_iterator(folder, ignored))
    if (std::string suffix = entry.path().extension(); suffix == ".hsaco" || suffix == ".so")
      files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

static Json mixerJson(const LayerConfig &layer) {
  if (const MlaMixer *mla = layer.mla())
    return {{"mixer", "mla"},
            {"num_heads", mla->numHeads},
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

static VerbResult inspectModel(const Tool &tool, const std::string &dir) {
  Result<ModelConfig> config = ModelConfig::read(dir);
  if (!config)
    return config.takeError();
  Result<Checkpoint> checkpoint = Checkpoint::open(dir);
  if (!checkpoint)
    return checkpoint.takeError();
  DType dtype = storedDType(*checkpoint);
  int64_t parameters = 0, bytes = 0;
  for (const std::string &name : checkpoint->names()) {
    parameters += checkpoint->find(name)->elements();
    bytes += static_cast<int64_t>(checkpoint->find(name)->bytes.size());
  }
  if (!tool.isJson()) {
    fmt::print("model      {}, {} format, {} parameters, {} stored mostly as {}\n", dir,
               name(config->format), parameters, formatBytes(static_cast<double>(bytes)),
               name(dtype));
    fmt::print("sizes      vocabulary {}, hidden {}, intermediate {}, positions {}\n",
               config->vocabSize, config->hiddenSize, config->intermediateSize,
               config->maxPositions);
    fmt::print("cache      {} bytes a token, {} bytes of state a sequence ({})\n",
               config->cacheBytesPerToken(dtype), config->stateBytesPerSequence(dtype),
               name(dtype));
    for (size_t i = 0; i < config->layers.size(); ++i)
      fmt::print("layer {:<4} {}\n", i, mixerJson(config->layers[i]).dump());
    return 0;
  }
  Json json = {{"schema_version", 1},
               {"model", dir},
               {"format", name(config->format)},
               {"parameters", parameters},
               {"stored_bytes", bytes},
               {"dtype", name(dtype)},
               {"vocab_size", config->vocabSize},
               {"hidden_size", config->hiddenSize},
               {"intermediate_size", config->intermediateSize},
               {"max_positions", config->maxPositions},
               {"cache_bytes_per_token", config->cacheBytesPerToken(dtype)},
               {"state_bytes_per_sequence", config->stateBytesPerSequence(dtype)}};
  json["layers"] = Json::array();
  for (const LayerConfig &layer : config->layers)
    json["layers"].push_back(mixerJson(layer));
  printJson(json);
  return 0;
}

static VerbResult inspectCode(const Tool &tool, const std::vector<std::string> &files) {
  Json json = {{"schema_version", 1}, {"objects", Json::array()}};
  for (const std::string &file : files) {
    Result<CodeObject> object = inspectFile(file);
    if (!object)
      return object.takeError();
    if (!tool.isJson()) {
      fmt::print("file       {}\ntarget     {}\n{}", file, object->arch, describeCode(*object));
      continue;
    }
    Json entry = {{"file", file}, {"target", object->arch}};
    addCode(entry, *object, nullptr);
    json["objects"].push_back(std::move(entry));
  }
  if (tool.isJson())
    printJson(json);
  return 0;
}

static VerbResult runInspect(const Tool &tool, const std::string &path) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored))
    return inspectCode(tool, {path});
  if (std::filesystem::exists(std::filesystem::path(path) / "config.json", ignored))
    return inspectModel(tool, path);
  std::vector<std::string> files = codeFiles(path);
  if (files.empty())
    return usageError(fmt::format("{} holds neither a config.json nor .hsaco or .so files", path));
  return inspectCode(tool, files);
}

void addInspect(CLI::App &app, Tool &tool) {
  auto path = std::make_shared<std::string>();
  CLI::App *verb = addVerb(app, tool, "inspect",
                           "Shows what a code object needs and is made of, or what a model is.",
                           "  zorse inspect op.hsaco\n  zorse inspect MODEL_DIR --format json");
  verb->add_option("path", *path, "code object, folder of code objects, or model folder")
      ->required()
      ->option_text("FILE|DIR");
  verb->callback(
      [&tool, path] { tool.action = [&tool, path] { return runInspect(tool, *path); }; });
}

} // namespace zorse::tool
