//===- BenchVerb.cpp - zorse bench ----------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "BenchRun.h"
#include "Interrupt.h"
#include "Verbs.h"

#include "bench/Work.h"

#include <algorithm>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace zorse::tool {

namespace {

struct BenchSizes {
  std::vector<int64_t> prompts, generated, batches, depths;
};

} // namespace

static Result<BenchSizes> readSizes(const BenchArguments &arguments) {
  BenchSizes sizes;
  for (auto [text, usual, option, to] :
       {std::tuple(&arguments.prompts, "512", "--prompt", &sizes.prompts),
        std::tuple(&arguments.generated, "128", "--gen", &sizes.generated),
        std::tuple(&arguments.batches, "1", "--batch", &sizes.batches),
        std::tuple(&arguments.depths, "0", "--depth", &sizes.depths)}) {
    Result<std::vector<int64_t>> read = parseBenchSizes(text->empty() ? usual : *text, option);
    if (!read)
      return read.takeError();
    *to = read.take();
  }
  for (int64_t batch : sizes.batches)
    if (batch < 1 || batch > 4096)
      return usageError(fmt::format("--batch: expected 1 to 4096 sequences, found {}", batch));
  std::erase(sizes.prompts, 0);
  std::erase(sizes.generated, 0);
  if (sizes.prompts.empty() && sizes.generated.empty())
    return usageError("there is nothing to time: --prompt and --gen are both 0");
  return sizes;
}

/// The rows of one batch and depth; they share an engine.
static Status measureGroup(const Tool &tool, const BenchArguments &arguments,
                           const BenchSizes &sizes, int64_t batch, int64_t depth, Runner &runner,
                           std::vector<BenchRow> &rows) {
  const int64_t most = runner.model->config().maxPositions;
  int64_t longest = 0, prompt = 0, generated = 0;
  for (int64_t tokens : sizes.prompts)
    prompt = std::max(prompt, tokens);
  for (int64_t tokens : sizes.generated)
    generated = std::max(generated, tokens);
  longest = std::max(depth + prompt, std::max<int64_t>(depth, 1) + generated);
  if (longest > most)
    return usageError(fmt::format("depth {} with {} tokens more exceeds the {} positions that the "
                                  "model was made for",
                                  depth, longest - depth, most));
  runner.engine.reset();
  EngineOptions options;
  options.numSlots = batch;
  options.maxLen = longest;
  options.prefillChunk = arguments.prefillChunk;
  Result<std::unique_ptr<Engine>> engine =
      Engine::create(*runner.model, *runner.dispatcher, options);
  if (!engine)
    return engine.takeError();
  runner.engine = engine.take();
  std::vector<OpDesc> ops;
  std::vector<BenchRow> wanted;
  for (int64_t tokens : sizes.prompts)
    wanted.push_back({.decode = false, .batch = batch, .depth = depth, .tokens = tokens});
  for (int64_t tokens : sizes.generated)
    wanted.push_back({.decode = true, .batch = batch, .depth = depth, .tokens = tokens});
  for (const BenchRow &row : wanted) {
    Result<std::vector<OpDesc>> some =
        opsToCome(runner, row.decode ? 0 : row.tokens, row.decode ? row.tokens : 0, batch, depth);
    if (!some)
      return some.takeError();
    ops.insert(ops.end(), some->begin(), some->end());
  }
  if (Status status = prepareKernels(tool, arguments, ops, runner); !status)
    return status;
  for (const BenchRow &row : wanted) {
    Result<BenchRow> measured = measureRow(runner, row, arguments.repetitions, arguments.seed);
    if (!measured)
      return measured.takeError();
    rows.push_back(measured.take());
    if (tool.showsProgress())
      spdlog::info("{} at batch {}, depth {}: {:.1f} tokens/s", row.test(), batch, depth,
                   rows.back().rate.median);
  }
  return Status();
}

static Result<BenchSetting> describe(const BenchArguments &arguments, const Runner &runner) {
  const Device &device = *runner.opened.device;
  Result<BenchPeaks> peaks = peaksOf(device);
  if (!peaks)
    return peaks.takeError();
  BenchSetting setting;
  setting.model = arguments.dir;
  setting.dtype = name(runner.model->dtype());
  setting.device = device.description();
  setting.machine = systemLine();
  setting.parameters = runner.model->parameterCount();
  setting.weightBytes = runner.model->weightBytes();
  setting.threads = device.target().isHost() ? device.target().computeUnits : 0;
  setting.loadSeconds = runner.model->loadSeconds();
  setting.peaks = peaks.take();
  return setting;
}

static VerbResult runBench(const Tool &tool, const BenchArguments &arguments) {
  watchSignals();
  if (!arguments.against.empty())
    return compareModels(tool, arguments);
  Result<TableFormats> formats = TableFormats::parse(arguments.format, arguments.also);
  if (!formats)
    return formats.takeError();
  Result<BenchSizes> sizes = readSizes(arguments);
  if (!sizes)
    return sizes.takeError();
  BenchSetting setting;
  std::vector<BenchRow> rows;
  {
    Runner runner;
    if (Status status = openModel(tool, arguments, runner); !status)
      return status.takeError();
    Result<BenchSetting> described = describe(arguments, runner);
    if (!described)
      return described.takeError();
    setting = described.take();
    if (Status status = makeDispatcher(arguments, arguments.prefillChunk, runner); !status)
      return status.takeError();
    for (int64_t batch : sizes->batches)
      for (int64_t depth : sizes->depths)
        if (Status status = measureGroup(tool, arguments, *sizes, batch, depth, runner, rows);
            !status)
          return status.takeError();
    reportKernels(runner);
  }
  std::optional<FirstToken> first;
  if (arguments.firstToken) {
    const int64_t tokens = sizes->prompts.empty() ? 8 : sizes->prompts.front();
    Result<FirstToken> timed = timeFirstToken(tool, arguments, tokens);
    if (!timed)
      return timed.takeError();
    first = *timed;
  }
  const FirstToken *shown = first ? &*first : nullptr;
  formats->print([&](TableFormat format) { return formatTable(format, setting, rows, shown); });
  return 0;
}

void addBench(CLI::App &app, Tool &tool) {
  auto arguments = std::make_shared<BenchArguments>();
  CLI::App *verb = addVerb(
      app, tool, "bench", "Times prompts and decode steps of a model, as tokens/s.",
      "  zorse bench MODEL_DIR\n"
      "  zorse bench MODEL_DIR --prompt 512,2048 --gen 128 --batch 1,8 --depth 0,4K -r 5\n"
      "  zorse bench ZEBRA --against MAMBAINLLAMA --against LLAMA --batch 1,8,48 --depth 1K-32K*2");
  verb->remove_option(verb->get_option("--format"));
  addModelOptions(*verb, *arguments);
  verb->add_option("-p,--prompt", arguments->prompts,
                   "tokens of a prompt, 0 is none (default: 512)")
      ->option_text("SIZES");
  verb->add_option("-n,--gen", arguments->generated,
                   "decode steps of a repetition, 0 is none (default: 128)")
      ->option_text("SIZES");
  verb->add_option("-b,--batch", arguments->batches, "sequences (default: 1)")
      ->option_text("SIZES");
  verb->add_option("-d,--depth", arguments->depths,
                   "tokens that are cached already, filled at random (default: 0)")
      ->option_text("SIZES");
  verb->add_option("-r,--repetitions", arguments->repetitions, "after one to warm up (default: 5)")
      ->check(CLI::Range(1, 1000))
      ->option_text("N");
  verb->add_option("--prefill-chunk", arguments->prefillChunk, "most prompt tokens in one pass")
      ->check(CLI::PositiveNumber)
      ->option_text("N");
  verb->add_flag("--first-token", arguments->firstToken,
                 "also time the first token: cold, warm and with the model loaded");
  verb->add_option("--against", arguments->against,
                   "compare decode throughput with this model by the protocol of the papers; may "
                   "be given again")
      ->option_text("DIR");
  verb->add_option("--seconds", arguments->cellSeconds,
                   "with --against: time for each batch and depth (default: 2)")
      ->check(CLI::PositiveNumber)
      ->option_text("S");
  verb->add_option("--seed", arguments->seed, "of tokens and random caches")->option_text("N");
  verb->add_option("--format", arguments->format, "of the table on stdout (default: md)")
      ->option_text("md|csv|json|jsonl");
  verb->add_option("--also", arguments->also, "the table on stderr too, in this format")
      ->option_text("md|csv|json|jsonl");
  addDatabaseOption(*verb, tool);
  verb->callback([&tool, arguments] {
    tool.action = [&tool, arguments] { return runBench(tool, *arguments); };
  });
}

} // namespace zorse::tool
