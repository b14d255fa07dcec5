//===- CheckpointVerb.cpp - zorse checkpoint ------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CheckpointWriter.h"
#include "Interrupt.h"
#include "Progress.h"
#include "Verbs.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

namespace zorse::tool {

namespace {

struct CheckpointArguments {
  std::string preset, dir;
  bool list = false, configOnly = false, separateHead = false, tiedHead = false;
  uint64_t seed = 0;
  std::string dtype = "bf16", shardSize;
  int64_t layers = 0;
};

} // namespace

static VerbResult listPresets(const Tool &tool) {
  Json json = {{"schema_version", 1}, {"presets", Json::array()}};
  for (const Preset &preset : presets()) {
    if (!tool.isJson()) {
      fmt::print("{:<28} {:<13} {:>2} layers  {}\n", preset.name, name(preset.format),
                 preset.base.layers, preset.stands);
      continue;
    }
    json["presets"].push_back({{"preset", preset.name},
                               {"format", name(preset.format)},
                               {"layers", preset.base.layers},
                               {"stands_for", preset.stands}});
  }
  if (tool.isJson())
    printJson(json);
  return 0;
}

/// Bytes from "5GB", "500MB" or a plain number; powers of ten, as Hugging Face counts shards.
static Result<int64_t> parseShardSize(const std::string &text) {
  size_t digits = text.find_first_not_of("0123456789");
  const std::string unit = digits == text.npos ? "" : text.substr(digits);
  const int64_t factor = unit.empty()   ? 1
                         : unit == "MB" ? 1'000'000
                         : unit == "GB" ? 1'000'000'000
                                        : 0;
  const std::string number = text.substr(0, digits);
  if (factor == 0 || number.empty() || number.size() > 9)
    return usageError(fmt::format(
        "--shard-size: expected bytes such as 5GB, 500MB or 1000000, found '{}'", text));
  const int64_t bytes = std::stoll(number) * factor;
  if (bytes < 1)
    return usageError("--shard-size: expected at least 1 byte, found '" + text + "'");
  return bytes;
}

static Result<Preset> choosePreset(const CheckpointArguments &arguments) {
  const Preset *preset = findPreset(arguments.preset);
  if (!preset) {
    std::vector<std::string> names;
    for (const Preset &known : presets())
      names.push_back(known.name);
    const std::string guess = closest(arguments.preset, names);
    return usageError(fmt::format(
        "unknown preset '{}'{}; `zorse checkpoint --list` shows all {}", arguments.preset,
        guess.empty() ? "" : fmt::format(" (did you mean '{}'?)", guess), names.size()));
  }
  if (arguments.layers == 0)
    return *preset;
  if (arguments.layers < 1 || arguments.layers > preset->base.layers)
    return usageError(fmt::format("--layers: expected [1, {}], the layers of {}, found {}",
                                  preset->base.layers, preset->name, arguments.layers));
  return firstLayers(*preset, arguments.layers);
}

static Result<CheckpointOptions> chooseOptions(const CheckpointArguments &arguments) {
  CheckpointOptions options;
  options.seed = arguments.seed;
  options.configOnly = arguments.configOnly;
  std::optional<DType> dtype = parseDType(arguments.dtype);
  if (!dtype || *dtype == DType::I32)
    return usageError(fmt::format("--dtype is f32, f16 or bf16, found '{}'", arguments.dtype));
  options.dtype = *dtype;
  if (arguments.separateHead && arguments.tiedHead)
    return usageError("--separate-head and --tied-head exclude each other");
  if (arguments.separateHead || arguments.tiedHead)
    options.separateHead = arguments.separateHead;
  if (!arguments.shardSize.empty()) {
    Result<int64_t> bytes = parseShardSize(arguments.shardSize);
    if (!bytes)
      return bytes.takeError();
    options.shardBytes = *bytes;
  }
  return options;
}

static VerbResult runCheckpoint(const Tool &tool, const CheckpointArguments &arguments) {
  if (arguments.list)
    return listPresets(tool);
  if (arguments.preset.empty() || arguments.dir.empty())
    return usageError("expected a preset and a folder to write; `zorse checkpoint --list` shows "
                      "the presets");
  Result<Preset> preset = choosePreset(arguments);
  if (!preset)
    return preset.takeError();
  Result<CheckpointOptions> options = chooseOptions(arguments);
  if (!options)
    return options.takeError();

  watchSignals();
  Progress progress(tool);
  const auto begin = std::chrono::steady_clock::now();
  auto show = [&](int64_t done, int64_t total) {
    progress.show(fmt::format("{} of {} written", formatBytes(static_cast<double>(done)),
                              formatBytes(static_cast<double>(total))));
  };
  Result<CheckpointSummary> summary =
      writeCheckpoint(*preset, arguments.dir, *options, show, stopRequested);
  progress.clear();
  if (!summary && stopRequested)
    return interruptedExitCode();
  if (!summary)
    return summary.takeError();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (tool.isJson()) {
    printJson({{"schema_version", 1},
               {"model", arguments.dir},
               {"preset", preset->name},
               {"format", name(preset->format)},
               {"layers", preset->base.layers},
               {"dtype", name(options->dtype)},
               {"seed", options->seed},
               {"tensors", summary->tensors},
               {"parameters", summary->parameters},
               {"weight_bytes", summary->bytes},
               {"weight_files", summary->files},
               {"seconds", seconds}});
    return 0;
  }
  if (options->configOnly)
    fmt::print("{}: configuration of {}, no weights\n", arguments.dir, preset->name);
  else
    fmt::print("{}: {} with random weights (seed {}), {} parameters in {} tensors, {} {} in {}, "
               "{}\n",
               arguments.dir, preset->name, options->seed, summary->parameters, summary->tensors,
               formatBytes(static_cast<double>(summary->bytes)), name(options->dtype),
               summary->files == 1 ? "one file" : fmt::format("{} files", summary->files),
               formatSeconds(seconds));
  return 0;
}

void addCheckpoint(CLI::App &app, Tool &tool) {
  auto arguments = std::make_shared<CheckpointArguments>();
  CLI::App *verb =
      addVerb(app, tool, "checkpoint",
              "Writes a model folder with random weights in the exact format of a published model.",
              "  zorse checkpoint --list\n"
              "  zorse checkpoint zebra-llama-1b-4mla-12mamba zebra-1b\n"
              "  zorse checkpoint zebra-llama-8b-8mla-24mamba two-layers --layers 2\n"
              "  zorse checkpoint x-ecomla-3b-kv816 sizes --config-only && zorse inspect sizes");
  verb->add_option("preset", arguments->preset, "which published model")->option_text("PRESET");
  verb->add_option("folder", arguments->dir, "the folder to write; it must not hold anything")
      ->option_text("DIR");
  verb->add_flag("--list", arguments->list, "show the presets and what they stand for");
  verb->add_option("--seed", arguments->seed, "of the weights (default: 0)")->option_text("N");
  verb->add_option("--dtype", arguments->dtype, "stored type (default: bf16)")
      ->option_text("bf16|f16|f32");
  verb->add_option("--layers", arguments->layers,
                   "only the first N layers, which keep their kinds and ranks")
      ->option_text("N");
  verb->add_flag("--separate-head", arguments->separateHead,
                 "store lm_head.weight (default: as the published files do)");
  verb->add_flag("--tied-head", arguments->tiedHead,
                 "leave lm_head.weight out: the embedding table serves");
  verb->add_option("--shard-size", arguments->shardSize,
                   "most bytes of a file of weights (default: as the published files)")
      ->option_text("5GB");
  verb->add_flag("--config-only", arguments->configOnly,
                 "only the configuration files: neither weights nor tokenizer");
  verb->callback([&tool, arguments] {
    tool.action = [&tool, arguments] { return runCheckpoint(tool, *arguments); };
  });
}

} // namespace zorse::tool
