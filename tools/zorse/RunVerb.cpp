//===- RunVerb.cpp - zorse run --------------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Bundle.h"
#include "DatabaseChoice.h"
#include "DeviceChoice.h"
#include "Interrupt.h"
#include "Progress.h"
#include "Verbs.h"

#include "zorse/device/Device.h"
#include "zorse/dispatch/Dispatcher.h"
#include "zorse/hybrid/Generator.h"
#include "zorse/hybrid/OpList.h"

#ifdef ZORSE_HAS_COMPILER
#include "KernelMaker.h"
#endif

#include <algorithm>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace zorse::tool {

namespace {

struct RunArguments {
  std::string dir, prompt, dtype, bundle, trust;
  DeviceChoice device;
  bool greedy = false, logits = false, times = false, trustUnsigned = false;
  int64_t maxLen = 0, prefillChunk = 512;
  GenerateOptions generate;
};

/// What stands between the model and the kernels in one run.
struct Runner {
  OpenedDevice opened;
  std::unique_ptr<Database> database;
  std::vector<std::string> layersLeftOut;
  std::optional<Bundle> bundle; ///< instead of a database
  size_t otherCode = 0;         ///< winners of the bundle that are other code than was measured
  std::unique_ptr<Model> model;
#ifdef ZORSE_HAS_COMPILER
  std::optional<KernelMaker> maker; ///< without a bundle
#endif
  std::optional<Dispatcher> dispatcher;
  std::unique_ptr<Engine> engine;

  double compileSeconds() const {
#ifdef ZORSE_HAS_COMPILER
    return maker ? maker->seconds() : 0;
#else
    return 0;
#endif
  }
  int64_t kernelsCompiled() const {
#ifdef ZORSE_HAS_COMPILER
    return maker ? maker->compiled() : 0;
#else
    return 0;
#endif
  }
};

} // namespace

static Result<std::optional<DType>> parseRunDType(const std::string &text) {
  if (text.empty())
    return std::optional<DType>();
  std::optional<DType> dtype = parseDType(text);
  if (!dtype || *dtype == DType::I32)
    return usageError(fmt::format("--dtype is f32, f16 or bf16, found '{}'", text));
  return dtype;
}

/// The bundle, as one from somebody else.
static Status openBundle(const Tool &tool, const RunArguments &arguments, Runner &runner) {
  Result<TrustStore> trust = trustForBundles(tool, arguments.trust);
  if (!trust)
    return trust.takeError();
  Result<Bundle> bundle = Bundle::open(arguments.bundle, *trust, arguments.trustUnsigned);
  if (!bundle)
    return bundle.takeError();
  runner.bundle = bundle.take();
  return Status();
}

static Status openDatabase(const Tool &tool, const RunArguments &arguments, Runner &runner) {
  if (!arguments.bundle.empty())
    return openBundle(tool, arguments, runner);
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

#ifdef ZORSE_HAS_COMPILER
/// Every op at every bucket of sizes that this prompt and its continuation will meet.
static Result<std::vector<OpDesc>> opsToCome(const Runner &runner, const RunArguments &arguments,
                                             int64_t promptTokens) {
  const EngineOptions &engine = runner.engine->options();
  OpListOptions options;
  options.maxLen = engine.maxLen;
  options.numSlots = engine.numSlots;
  options.passTokens = engine.prefillChunk;
  options.prefillTokens = {std::min(promptTokens, engine.prefillChunk)};
  if (promptTokens > engine.prefillChunk && promptTokens % engine.prefillChunk)
    options.prefillTokens.push_back(promptTokens % engine.prefillChunk);
  std::vector<OpDesc> ops;
  int64_t last = std::min(engine.maxLen, promptTokens + arguments.generate.maxNewTokens);
  for (int64_t context = promptTokens + 1; context <= std::max(last, promptTokens + 1);
       context *= 2) {
    options.context = context;
    Result<std::vector<OpDesc>> some =
        listOps(runner.model->config(), runner.model->dtype(), options);
    if (!some)
      return some;
    for (OpDesc &op : *some)
      ops.push_back(op.withTuningPoint(bucketOf(op.spec(), op.tuningPoint())));
    options.prefillTokens.clear();
  }
  return ops;
}

static Status prepareKernels(const Tool &tool, const RunArguments &arguments, Runner &runner,
                             int64_t promptTokens) {
  Result<std::vector<OpDesc>> ops = opsToCome(runner, arguments, promptTokens);
  if (!ops)
    return ops.takeError();
  Progress progress(tool);
  return runner.maker->prepare(
      *ops, *runner.dispatcher,
      arguments.device.threads ? arguments.device.threads : tool.environment.threads, progress);
}
#endif

/// Kernels that the database lacks are compiled; those that a bundle lacks are an error.
static Status makeDispatcher(const RunArguments &arguments, Runner &runner) {
  const TargetDesc &target = runner.opened.device->target();
  Dispatcher::MissHandler onMiss;
  if (runner.bundle) {
    onMiss = [&bundle = *runner.bundle, &target](const OpDesc &op, const Sizes &sizes) {
      return bundle.untuned(op, sizes, target);
    };
    if (Status status = runner.bundle->checkFor(runner.model->config(), runner.model->dtype(),
                                                arguments.prefillChunk, target);
        !status)
      return status;
    if (runner.bundle->fact(fact::computeUnits) != std::to_string(target.computeUnits))
      spdlog::warn("{} was tuned for {} compute units, this device has {}", arguments.bundle,
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

static Status setUp(const Tool &tool, const RunArguments &arguments, Runner &runner,
                    std::vector<int32_t> &promptIds) {
  Result<std::optional<DType>> dtype = parseRunDType(arguments.dtype);
  if (!dtype)
    return dtype.takeError();
  if (Status status = arguments.generate.sampling.check(); !status)
    return status;
  Result<OpenedDevice> opened = openDevice(tool, arguments.device);
  if (!opened)
    return opened.takeError();
  runner.opened = opened.take();
  if (Status status = openDatabase(tool, arguments, runner); !status)
    return status;
  Result<std::unique_ptr<Model>> model =
      Model::load(arguments.dir, *runner.opened.device, ModelOptions{*dtype});
  if (!model)
    return model.takeError();
  runner.model = model.take();
  Result<std::vector<int32_t>> ids = runner.model->tokenizer().encode(arguments.prompt);
  if (!ids)
    return ids.takeError();
  promptIds = ids.take();
  if (promptIds.empty())
    return usageError("the prompt has no tokens; give some text with --prompt");

  if (Status status = makeDispatcher(arguments, runner); !status)
    return status;
  runner.dispatcher->timeLaunches(arguments.times);
  auto promptTokens = static_cast<int64_t>(promptIds.size());
  EngineOptions options;
  options.prefillChunk = arguments.prefillChunk;
  options.maxLen = arguments.maxLen;
  if (options.maxLen == 0)
    options.maxLen =
        std::min(runner.model->config().maxPositions,
                 std::max<int64_t>(4096, promptTokens + arguments.generate.maxNewTokens));
  Result<std::unique_ptr<Engine>> engine =
      Engine::create(*runner.model, *runner.dispatcher, options);
  if (!engine)
    return engine.takeError();
  runner.engine = engine.take();
#ifdef ZORSE_HAS_COMPILER
  if (runner.maker)
    return prepareKernels(tool, arguments, runner, promptTokens);
#endif
  return Status();
}

static void reportKernels(const Runner &runner) {
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

/// Rates without the time that compiling took in each phase, which is told apart.
struct Rates {
  double prefillSeconds = 0, decodeSeconds = 0;
  int64_t prefillTokens = 0, decodeTokens = 0;
  static double rate(int64_t tokens, double seconds) {
    return tokens > 0 && seconds > 0 ? static_cast<double>(tokens) / seconds : 0;
  }
  double prefill() const { return rate(prefillTokens, prefillSeconds); }
  double decode() const { return rate(decodeTokens, decodeSeconds); }
};

/// What the emulator counted in each phase; null and empty on other devices.
struct Simulated {
  Json prefill, decode;
  std::string text;
};

static void printResult(const RunArguments &arguments, const Runner &runner,
                        const Simulated &simulated, const GeneratedRow &row, const Rates &rates) {
  Json json = {{"schema_version", 1},
               {"prompt_ids", row.promptIds},
               {"output_ids", row.outputIds},
               {"text", row.text}};
  if (arguments.logits)
    json["last_prompt_logits"] = row.lastPromptLogits;
  json["stop_reason"] = name(row.stop);
  json["prefill_tokens_per_second"] = rates.prefill();
  json["decode_tokens_per_second"] = rates.decode();
  json["prefill_seconds"] = rates.prefillSeconds;
  json["decode_seconds"] = rates.decodeSeconds;
  json["load_seconds"] = runner.model->loadSeconds();
  json["layers_left_out"] = runner.layersLeftOut;
  json["compile_seconds"] = runner.compileSeconds();
#ifdef ZORSE_HAS_COMPILER
  json["kernels_compiled"] = runner.kernelsCompiled();
  if (runner.maker) {
    json["kernels_recalled"] = runner.maker->recalled();
    json["kernels_rebuilt"] = runner.maker->rebuilt();
    json["kernels_untuned"] = runner.maker->compiled() + runner.maker->recalled();
  }
#endif
  json["dtype"] = name(runner.model->dtype());
  json["device"] = runner.opened.device->description();
  json["target"] = runner.opened.device->target().arch;
  json["parameters"] = runner.model->parameterCount();
  json["weight_bytes"] = runner.model->weightBytes();
  json["cache_bytes"] = runner.engine->cacheBytes();
  json["cache_bytes_per_token"] = runner.model->config().cacheBytesPerToken(runner.model->dtype());
  json["kernels"] = Json::object();
  for (const auto &[kind, time] : runner.dispatcher->times())
    if (time.launches > 0)
      json["kernels"][kind] = {{"launches", time.launches}, {"seconds", time.seconds}};
  if (!simulated.prefill.is_null())
    json["simulated"] = {{"prefill", simulated.prefill}, {"decode", simulated.decode}};
  printJson(json);
}

static void printTimes(const Runner &runner) {
  std::vector<std::pair<double, std::string>> lines;
  double total = 0;
  for (const auto &[kind, time] : runner.dispatcher->times()) {
    total += time.seconds;
    lines.emplace_back(time.seconds, fmt::format("{:<22} {:>8} launches {:>10}", kind,
                                                 time.launches, formatSeconds(time.seconds)));
  }
  std::sort(lines.rbegin(), lines.rend());
  for (const auto &[seconds, line] : lines)
    if (total > 0)
      fmt::print(stderr, "  {} {:5.1f} %\n", line, 100 * seconds / total);
}

static VerbResult runModel(const Tool &tool, RunArguments arguments) {
  if (arguments.prompt == "-") {
    Result<std::string> text = readText("-", size_t(16) << 20);
    if (!text)
      return text.takeError();
    arguments.prompt = text.take();
  }
  arguments.generate.keepPromptLogits = arguments.logits;
  if (arguments.greedy)
    arguments.generate.sampling.temperature = 0;
  watchSignals();
  Runner runner;
  std::vector<int32_t> promptIds;
  if (Status status = setUp(tool, arguments, runner, promptIds); !status)
    return status.takeError();
  if (stopRequested)
    return interruptedExitCode();

  if (!tool.isJson()) {
    fmt::print("{}", arguments.prompt);
    std::fflush(stdout);
  }
  double compiledBefore = runner.compileSeconds();
  std::optional<double> compiledAtFirstToken;
  auto prefillTokens = static_cast<int64_t>(promptIds.size());
  Simulated simulated;
  auto onToken = [&](size_t, int32_t, std::string_view text) {
    if (!compiledAtFirstToken) {
      compiledAtFirstToken = runner.compileSeconds();
      simulated.prefill = countsJson(runner.opened, prefillTokens);
      simulated.text = describeCounts(runner.opened, "prefill", prefillTokens);
      clearCounts(runner.opened);
    }
    if (!tool.isJson()) {
      fmt::print("{}", text);
      std::fflush(stdout);
    }
    return !stopRequested;
  };
  Result<GenerateResult> result =
      generate(*runner.engine, {promptIds}, arguments.generate, onToken);
  if (!tool.isJson()) {
    fmt::print("\n");
    // What follows on stderr must not overtake the end of the text.
    std::fflush(stdout);
  }
  if (!result)
    return result.takeError();
  double compiledInPrefill =
      compiledAtFirstToken.value_or(runner.compileSeconds()) - compiledBefore;
  double compiledInDecode = runner.compileSeconds() - compiledBefore - compiledInPrefill;
  Rates rates{std::max(0.0, result->prefillSeconds - compiledInPrefill),
              std::max(0.0, result->decodeSeconds - compiledInDecode), result->prefillTokens,
              result->decodeTokens};
  const GeneratedRow &row = result->rows[0];
  simulated.decode = countsJson(runner.opened, rates.decodeTokens);
  simulated.text += describeCounts(runner.opened, "decode", rates.decodeTokens);
  if (tool.isJson())
    printResult(arguments, runner, simulated, row, rates);
  reportKernels(runner);
  fmt::print(stderr, "{}", simulated.text);
  spdlog::info("prefill {} tokens at {:.1f} tokens/s, decode {} at {:.1f} tokens/s ({}, {})",
               rates.prefillTokens, rates.prefill(), rates.decodeTokens, rates.decode(),
               name(runner.model->dtype()), runner.opened.device->description());
  if (arguments.times)
    printTimes(runner);
  return row.stop == StopReason::Cancelled ? interruptedExitCode() : 0;
}

static void addSampling(CLI::App &verb, RunArguments &arguments) {
  SamplingOptions &sampling = arguments.generate.sampling;
  CLI::Option *greedy =
      verb.add_flag("--greedy", arguments.greedy, "take the largest logit (the default)");
  verb.add_option("--temperature", sampling.temperature, "sample at this temperature, 0 is greedy")
      ->excludes(greedy)
      ->option_text("T");
  verb.add_option("--top-k", sampling.topK, "sample from the k largest, 0 is all")
      ->option_text("K");
  verb.add_option("--top-p", sampling.topP, "sample from the smallest set of this probability")
      ->option_text("P");
  verb.add_option("--min-p", sampling.minP,
                  "leave out what is less likely than this share of the "
                  "likeliest")
      ->option_text("P");
  verb.add_option("--repetition-penalty", sampling.repetitionPenalty, "weaken tokens seen before")
      ->option_text("R");
  verb.add_option("--seed", sampling.seed, "of the random numbers")->option_text("N");
}

void addRun(CLI::App &app, Tool &tool) {
  auto arguments = std::make_shared<RunArguments>();
  CLI::App *verb =
      addVerb(app, tool, "run", "Continues a prompt with a model.",
              "  zorse run MODEL_DIR --prompt \"Once upon a time\"\n"
              "  zorse run MODEL_DIR --prompt \"Once\" --max-new-tokens 64 --greedy --format json\n"
              "  zorse run MODEL_DIR --prompt - --temperature 0.8 --top-p 0.95 --seed 7 < text");
  verb->add_option("model", arguments->dir,
                   "folder with config.json, tokenizer.json, *.safetensors")
      ->required()
      ->option_text("DIR");
  verb->add_option("--prompt", arguments->prompt, "text to continue; - is stdin")
      ->required()
      ->option_text("TEXT");
  verb->add_option("--max-new-tokens", arguments->generate.maxNewTokens, "stop after N tokens")
      ->check(CLI::NonNegativeNumber)
      ->option_text("N");
  verb->add_flag("--ignore-eos", arguments->generate.ignoreEos,
                 "go on after an end-of-sequence token");
  verb->add_flag("--logits", arguments->logits, "put the last logits of the prompt into the JSON");
  addSampling(*verb, *arguments);
  verb->add_option("--dtype", arguments->dtype,
                   "type of activations and caches (default: the checkpoint's)")
      ->option_text("f32|f16|bf16");
  addDeviceOptions(*verb, arguments->device);
  verb->add_option("--max-len", arguments->maxLen, "tokens that the caches have room for")
      ->check(CLI::PositiveNumber)
      ->option_text("N");
  verb->add_option("--prefill-chunk", arguments->prefillChunk, "most prompt tokens in one pass")
      ->check(CLI::PositiveNumber)
      ->option_text("N");
  verb->add_flag("--times", arguments->times, "show the time of each kind of kernel on stderr");
  CLI::Option *bundle =
      verb->add_option("--bundle", arguments->bundle,
                       "take all kernels from this file (zorse bundle) and compile none")
          ->option_text("FILE");
  verb->add_option("--trust", arguments->trust, "public keys whose code is launched")
      ->needs(bundle)
      ->option_text("FILE");
  verb->add_flag("--trust-unsigned", arguments->trustUnsigned,
                 "launch the code of the bundle though no trusted key signed it")
      ->needs(bundle);
  addDatabaseOption(*verb, tool);
  verb->callback([&tool, arguments] {
    tool.action = [&tool, arguments] { return runModel(tool, *arguments); };
  });
}

} // namespace zorse::tool
