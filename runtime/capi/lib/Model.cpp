//===- Model.cpp - models of the C API ------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Handles.h"

#include "zorse/db/Trust.h"
#include "zorse/hip/HipDevice.h"

#include <fmt/format.h>

#include <algorithm>

using namespace zorse;
using namespace zorse::capi;

static Result<std::unique_ptr<Device>> openDevice(const zorse_model_options &options) {
  const std::string name = options.device ? options.device : "host";
  if (options.threads < 0 || options.threads > 4096)
    return usageError(fmt::format("threads: expected 0 to 4096, found {}", options.threads));
  if (name == "host")
    return createHostDevice({options.threads, options.pin != 0});
  if (name == "hip")
    return createHipDevice({});
  return usageError(fmt::format("device: expected host or hip, found '{}'", name));
}

static Result<std::optional<DType>> readDType(const char *text) {
  if (!text)
    return std::optional<DType>();
  std::optional<DType> dtype = parseDType(text);
  if (!dtype || *dtype == DType::I32)
    return usageError(fmt::format("dtype: expected f32, f16 or bf16, found '{}'", text));
  return dtype;
}

static Status openKernels(const zorse_model_options &options, OpenModel &open) {
  if (!options.database && !options.bundle)
    return usageError(fmt::format("there is no source of kernels: give `database`, which `zorse "
                                  "tune --model {0}` fills, or `bundle`, which `zorse bundle "
                                  "--model {0} -o FILE` writes",
                                  open.folder));
  if (options.database) {
    Result<std::unique_ptr<Database>> database =
        Database::open(options.database, Database::Mode::ReadOnly);
    if (!database)
      return database.takeError();
    open.database = database.take();
  }
  if (!options.bundle)
    return Status();
  Result<TrustStore> trust =
      options.trust_file ? TrustStore::read(options.trust_file) : Result<TrustStore>(TrustStore());
  if (!trust)
    return trust.takeError();
  Result<Bundle> bundle = Bundle::open(options.bundle, *trust, options.trust_unsigned != 0);
  if (!bundle)
    return bundle.takeError();
  open.bundle = bundle.take();
  return Status();
}

/// Winners come from the database or else the bundle; the rest from the bundle, or is an error.
static void makeDispatcher(OpenModel &open) {
  Database *winners = open.database ? open.database.get() : &open.bundle->database();
  auto onMiss = [&open](const OpDesc &op, const Sizes &sizes) -> Result<CodeObject> {
    const TargetDesc &target = open.device->target();
    if (open.bundle)
      return open.bundle->untuned(op, sizes, target);
    std::string message = fmt::format(
        "{} has no kernel for {} on {} at {}; `zorse tune --model {}` makes and tunes what the "
        "model needs, `zorse bundle` puts it into one file",
        open.database->path(), op.canonicalJson(), target.arch,
        op.withTuningPoint(sizes).tuningPointJson(), open.folder);
    if (!open.dispatcher->notes().empty())
      message += "; " + open.dispatcher->notes().back();
    return runtimeError(std::move(message));
  };
  open.dispatcher.emplace(*open.device, winners, onMiss);
  if (open.bundle && !open.database)
    open.dispatcher->onRebuild([&open](const OpDesc &, const KernelRecord &winner) {
      return open.bundle->otherCode(winner);
    });
}

extern "C" {

const char *zorse_version(void) { return ZORSE_VERSION; }

const char *zorse_last_error(void) { return lastError(); }

zorse_status zorse_model_open(const char *folder, const zorse_model_options *given,
                              zorse_model **model) {
  return guarded([&]() -> zorse_status {
    if (!folder || !model)
      return failUsage("zorse_model_open() needs a folder and a place for the model, found NULL");
    zorse_model_options options;
    if (zorse_status status = readStruct(given, options, "zorse_model_options"); status != ZORSE_OK)
      return status;
    auto open = std::make_shared<OpenModel>();
    open->folder = folder;
    Result<std::optional<DType>> dtype = readDType(options.dtype);
    if (!dtype)
      return fail(dtype.error());
    Result<std::unique_ptr<Device>> device = openDevice(options);
    if (!device)
      return fail(device.error());
    open->device = device.take();
    if (Status status = openKernels(options, *open); !status)
      return fail(status.error());
    Result<std::unique_ptr<Model>> loaded =
        Model::load(open->folder, *open->device, ModelOptions{*dtype});
    if (!loaded)
      return fail(loaded.error());
    open->model = loaded.take();
    makeDispatcher(*open);
    *model = new zorse_model{std::move(open)};
    return ZORSE_OK;
  });
}

void zorse_model_release(zorse_model *model) {
  guarded([&] {
    delete model;
    return ZORSE_OK;
  });
}

zorse_status zorse_model_get_info(const zorse_model *model, zorse_model_info *info) {
  return guarded([&]() -> zorse_status {
    if (!model)
      return failUsage("the model is NULL; zorse_model_open() makes one");
    const Model &loaded = *model->open->model;
    const ModelConfig &config = loaded.config();
    zorse_model_info facts = {};
    facts.vocab_size = config.vocabSize;
    facts.hidden_size = config.hiddenSize;
    facts.num_layers = static_cast<int64_t>(config.layers.size());
    facts.max_positions = config.maxPositions;
    facts.parameters = loaded.parameterCount();
    facts.weight_bytes = loaded.weightBytes();
    facts.cache_bytes_per_token = config.cacheBytesPerToken(loaded.dtype());
    facts.state_bytes_per_sequence = config.stateBytesPerSequence(loaded.dtype());
    facts.load_seconds = loaded.loadSeconds();
    auto copy = [](std::string_view text, std::span<char> to) {
      std::copy_n(text.begin(), std::min(text.size(), to.size() - 1), to.begin());
    };
    copy(name(loaded.dtype()), facts.dtype);
    copy(model->open->device->description(), facts.device);
    return writeStruct(facts, info, "zorse_model_info");
  });
}

zorse_status zorse_tokenize(const zorse_model *model, const char *text, size_t textBytes,
                            int32_t addSpecial, int32_t *ids, size_t capacity, size_t *count) {
  return guarded([&]() -> zorse_status {
    if (!model || (!text && textBytes > 0))
      return failUsage("zorse_tokenize() needs a model and a text, found NULL");
    Result<std::vector<int32_t>> found = model->open->model->tokenizer().encode(
        text ? std::string_view(text, textBytes) : std::string_view(), addSpecial != 0);
    if (!found)
      return fail(found.error());
    return copyOut(std::span<const int32_t>(*found), ids, capacity, count);
  });
}

zorse_status zorse_detokenize(const zorse_model *model, const int32_t *ids, size_t count,
                              char *text, size_t capacity, size_t *textBytes) {
  return guarded([&]() -> zorse_status {
    if (!model || (!ids && count > 0))
      return failUsage("zorse_detokenize() needs a model and ids, found NULL");
    const std::string found = model->open->model->tokenizer().decode({ids, count});
    if (text && textBytes && capacity == found.size()) {
      *textBytes = found.size();
      return fail(ZORSE_ERROR_CAPACITY, "the buffer has no room for the zero behind the text");
    }
    zorse_status status =
        copyOut(std::span<const char>(found.data(), found.size()), text, capacity, textBytes);
    if (status == ZORSE_OK && text)
      text[found.size()] = 0;
    return status;
  });
}

zorse_status zorse_model_end_ids(const zorse_model *model, int32_t *ids, size_t capacity,
                                 size_t *count) {
  return guarded([&]() -> zorse_status {
    if (!model)
      return failUsage("the model is NULL; zorse_model_open() makes one");
    return copyOut(std::span<const int32_t>(model->open->model->config().eosTokenIds), ids,
                   capacity, count);
  });
}

} // extern "C"
