//===- ModelRunner.cpp - a model with its device and kernels --------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "ModelRunner.h"

#include "Progress.h"

#include <algorithm>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace zorse::tool {

void addModelOptions(CLI::App &verb, ModelChoice &choice) {
  verb.add_option("model", choice.dir, "folder with config.json, tokenizer.json, *.safetensors")
      ->required()
      ->option_text("DIR");
  verb.add_option("--dtype", choice.dtype,
                  "type of activations and caches (default: the checkpoint's)")
      ->option_text("f32|f16|bf16");
  verb.add_option("--pack-cache", choice.packCache,
                  "keep packed weights in this folder (ZORSE_PACK_CACHE), so that the next start "
                  "on the host maps them; as large as the weights")
      ->option_text("DIR");
  addDeviceOptions(verb, choice.device);
  CLI::Option *bundle =
      verb.add_option("--bundle", choice.bundle,
                      "take all kernels from this file (zorse bundle) and compile none")
          ->option_text("FILE");
  verb.add_option("--trust", choice.trust, "public keys whose code is launched")
      ->needs(bundle)
      ->option_text("FILE");
  verb.add_flag("--trust-unsigned", choice.trustUnsigned,
                "launch the code of the bundle though no trusted key signed it")
      ->needs(bundle);
}

double Runner::compileSeconds() const {
#ifdef ZORSE_HAS_COMPILER
  return maker ? maker->seconds() : 0;
#else
  return 0;
#endif
}

int64_t Runner::kernelsCompiled() const {
#ifdef ZORSE_HAS_COMPILER
  return maker ? maker->compiled() : 0;
#else
  return 0;
#endif
}

static Result<std::optional<DType>> parseRunDType(const std::string &text) {
  if (text.empty())
    return std::optional<DType>();
  std::optional<DType> dtype = parseDType(text);
  if (!dtype || *dtype == DType::I32)
    return usageError(fmt::format("--dtype is f32, f16 or bf16, found '{}'", text));
  return dtype;
}

/// The bundle, as one from somebody else.
static Status openBundle(const Tool &tool, const ModelChoice &choice, Runner &runner) {
  Result<TrustStore> trust = trustForBundles(tool, choice.trust);
  if (!trust)
    return trust.takeError();
  Result<Bundle> bundle = Bundle::open(choice.bundle, *trust, choice.trustUnsigned);
  if (!bundle)
    return bundle.takeError();
  runner.bundle = bundle.take();
  return Status();
}

static Status openDatabase(const Tool &tool, const ModelChoice &choice, Runner &runner) {
  if (!choice.bundle.empty())
    return openBundle(tool, choice, runner);
#ifdef ZORSE_HAS_COMPILER
  Database::Mode mode = Database::Mode::ReadWrite; // remembers what it compiles
#else
  Database::Mode mode = Database::Mode::ReadOnly;
#endif
  Result<std::unique_ptr<Database>> database =
      openLayeredDatabase(tool, mode, &runner.layersLeftOut);
  if (!database)
    return database.takeError();
  runner.database = database.take();
  return Status();
}

Status openModel(const Tool &tool, const ModelChoice &choice, Runner &runner) {
  Result<std::optional<DType>> dtype = parseRunDType(choice.dtype);
  if (!dtype)
    return dtype.takeError();
  Result<OpenedDevice> opened = openDevice(tool, choice.device);
  if (!opened)
    return opened.takeError();
  runner.opened = opened.take();
  if (Status status = openDatabase(tool, choice, runner); !status)
    return status;
  Result<std::unique_ptr<Model>> model =
      Model::load(choice.dir, *runner.opened.device,
                  {*dtype, choice.packCache.empty() ? tool.environment.packCache
                                                    : choice.packCache});
  if (!model)
    return model.takeError();
  runner.model = model.take();
  if (!runner.model->packCacheNote().empty())
    spdlog::warn("{}", runner.model->packCacheNote());
  return Status();
}

Status makeDispatcher(const ModelChoice &choice, int64_t passTokens, Runner &runner) {
  const TargetDesc &target = runner.opened.device->target();
  Dispatcher::MissHandler onMiss;
  if (runner.bundle) {
    onMiss = [&bundle = *runner.bundle, &target](const OpDesc &op, const Sizes &sizes) {
      return bundle.untuned(op, sizes, target);
    };
    if (Status status = runner.bundle->checkFor(
            runner.model->config(), {runner.model->dtype(), target}, passTokens, target);
        !status)
      return status;
    if (runner.bundle->fact(fact::computeUnits) != std::to_string(target.computeUnits))
      spdlog::warn("{} was tuned for {} compute units, this device has {}", choice.bundle,
                   runner.bundle->fact(fact::computeUnits), target.computeUnits);
    runner.dispatcher.emplace(*runner.opened.device, &runner.bundle->database(), onMiss);
    runner.dispatcher->onRebuild([&runner](const OpDesc &, const KernelRecord &winner) {
      ++runner.otherCode;
      return runner.bundle->otherCode(winner);
    });
    return Status();
  }
#ifdef ZORSE_HAS_COMPILER
  runner.maker.emplace(target, *runner.database);
  onMiss = [&maker = *runner.maker](const OpDesc &op, const Sizes &sizes) {
    return maker.make(op, sizes);
  };
#endif
  runner.dispatcher.emplace(*runner.opened.device, runner.database.get(), onMiss);
#ifdef ZORSE_HAS_COMPILER
  runner.dispatcher->onRebuild(
      [&maker = *runner.maker](const OpDesc &op, const KernelRecord &record) {
        return maker.makeAgain(op, record);
      });
#endif
  return Status();
}

Result<std::vector<OpDesc>> opsToCome(const Runner &runner, int64_t promptTokens, int64_t newTokens,
                                      int64_t batch, int64_t depth) {
  std::vector<OpDesc> ops;
#ifdef ZORSE_HAS_COMPILER
  if (!runner.maker)
    return ops;
  const EngineOptions &engine = runner.engine->options();
  OpListOptions options;
  options.maxLen = engine.maxLen;
  options.numSlots = engine.numSlots;
  options.passTokens = engine.prefillChunk;
  options.decodeBatches = {batch};
  options.prefillTokens.clear();
  if (promptTokens > 0)
    options.prefillTokens = {std::min(promptTokens, engine.prefillChunk)};
  if (promptTokens > engine.prefillChunk && promptTokens % engine.prefillChunk)
    options.prefillTokens.push_back(promptTokens % engine.prefillChunk);
  const int64_t first = depth + promptTokens + 1;
  const int64_t last = std::max(first, std::min(engine.maxLen, first - 1 + newTokens));
  for (int64_t context = first; context <= last; context *= 2) {
    options.context = context;
    Result<std::vector<OpDesc>> some =
        listOps(runner.model->config(), runner.engine->opTypes(), options);
    if (!some)
      return some;
    for (OpDesc &op : *some)
      ops.push_back(op.withTuningPoint(bucketOf(op.spec(), op.tuningPoint())));
    options.prefillTokens.clear();
  }
#endif
  return ops;
}

Status prepareKernels(const Tool &tool, const ModelChoice &choice, const std::vector<OpDesc> &ops,
                      Runner &runner) {
#ifdef ZORSE_HAS_COMPILER
  if (!runner.maker)
    return Status();
  Progress progress(tool);
  return runner.maker->prepare(
      ops, *runner.dispatcher,
      choice.device.threads ? choice.device.threads : tool.environment.threads, progress);
#else
  return Status();
#endif
}

void reportKernels(const Runner &runner) {
#ifdef ZORSE_HAS_COMPILER
  if (runner.maker) {
    const KernelMaker &maker = *runner.maker;
    const std::string path = runner.database->path();
    if (maker.compiled() > 0)
      spdlog::info("compiled {} kernels that the database lacked, with default configurations, in "
                   "{}; remembered in {}",
                   maker.compiled(), formatSeconds(maker.seconds()), path);
    if (maker.rebuilt() > 0)
      spdlog::info("built the code of {} winners in {}; remembered in {}", maker.rebuilt(),
                   formatSeconds(maker.seconds()), path);
    if (maker.differing() > 0)
      spdlog::info("{} winners are other code here than was measured; `zorse tune --model DIR` "
                   "measures on this machine",
                   maker.differing());
    if (maker.compiled() + maker.recalled() > 0)
      spdlog::info("{} kernels are not tuned; `zorse tune --model DIR` finds faster ones",
                   maker.compiled() + maker.recalled());
    for (const std::string &note : maker.notes())
      spdlog::warn("{}", note);
  }
#endif
  const std::vector<std::string> &notes = runner.dispatcher->notes();
  if (runner.otherCode > 0 && notes.size() == runner.otherCode) {
    spdlog::info("{} winners of {} are other code than was measured, so their times say little",
                 runner.otherCode, runner.bundle->database().path());
    return;
  }
  for (const std::string &note : notes)
    spdlog::warn("{}", note);
}

} // namespace zorse::tool
