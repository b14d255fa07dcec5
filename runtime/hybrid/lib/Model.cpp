//===- Model.cpp - a checkpoint on a device -------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hybrid/Engine.h"

#include "Weights.h"

#include <fmt/format.h>

#include <chrono>

namespace zorse {

Model::~Model() = default;

int64_t Model::weightBytes() const { return modelWeights->bytes; }
int64_t Model::parameterCount() const { return modelWeights->parameters; }
int64_t Model::panel() const { return modelWeights->panel; }

Result<std::unique_ptr<Model>> Model::load(const std::string &dir, Device &device,
                                           const ModelOptions &options) {
  const auto begin = std::chrono::steady_clock::now();
  std::unique_ptr<Model> model(new Model);
  model->home = &device;

  Result<ModelConfig> config = ModelConfig::read(dir);
  if (!config)
    return config.takeError();
  model->modelConfig = config.take();

  Result<Checkpoint> checkpoint = Checkpoint::open(dir);
  if (!checkpoint)
    return checkpoint.takeError();
  model->runDtype = options.dtype.value_or(storedDType(*checkpoint));
  if (model->runDtype == DType::I32)
    return usageError("expected the dtype f32, f16 or bf16, found i32");

  Result<Tokenizer> tokenizer = Tokenizer::load(dir);
  if (!tokenizer)
    return tokenizer.takeError();
  if (tokenizer->vocabSize() > model->modelConfig.vocabSize)
    return usageError(fmt::format("tokenizer.json: the largest id is {}, but the model has only {} "
                                  "rows of embeddings (vocab_size)",
                                  tokenizer->vocabSize() - 1, model->modelConfig.vocabSize));
  model->modelTokenizer.emplace(tokenizer.take());

  Result<std::unique_ptr<ModelWeights>> weights = loadWeights(
      model->modelConfig, *checkpoint, model->runDtype, device, options.packCache, model->packNote);
  if (!weights)
    return Error{weights.error().code, fmt::format("{}: {}", dir, weights.error().message)};
  model->modelWeights = weights.take();
  model->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return model;
}

} // namespace zorse
