//===- PlanRequest.cpp - a model, and the sizes it is to serve ------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "PlanRequest.h"

#include "zorse/dispatch/Dispatcher.h"
#include "zorse/hybrid/Safetensors.h"
#include "zorse/tuner/Predict.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>

namespace zorse::tool {

CLI::Option *addPlanOptions(CLI::App &verb, PlanArguments &arguments) {
  const char *group = "With --model";
  CLI::Option *model =
      verb.add_option("--model", arguments.modelDir, "every op of this model")->option_text("DIR");
  verb.add_option("--dtype", arguments.dtype, "type of activations (default: the checkpoint's)")
      ->option_text("f32|f16|bf16")
      ->group(group);
  verb.add_option("--batch", arguments.batches,
                  "sequences in a decode step: 8 or 1,4 or 1..64, which doubles")
      ->option_text("N|N,N|N..N")
      ->group(group);
  verb.add_option("--context", arguments.contexts,
                  "cached tokens of a sequence while it decodes, such as 512..32K")
      ->option_text("N|N,N|N..N")
      ->group(group);
  verb.add_option("--prefill", arguments.prefills, "tokens of a prompt")
      ->option_text("N|N,N|N..N")
      ->group(group);
  return model;
}

std::string PlanArguments::options() const {
  std::string text =
      fmt::format("--batch {} --context {} --prefill {}", batches, contexts, prefills);
  return dtype.empty() ? text : text + " --dtype " + dtype;
}

static std::optional<int64_t> parseSize(std::string_view text) {
  int64_t factor = 1;
  if (text.ends_with('k') || text.ends_with('K')) {
    factor = 1024;
    text.remove_suffix(1);
  }
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  constexpr int64_t most = int64_t(1) << 31;
  if (error != std::errc() || end != text.data() + text.size() || value < 1 ||
      value > most / factor)
    return std::nullopt;
  return value * factor;
}

Result<std::vector<int64_t>> parseSizeList(const std::string &text, std::string_view option) {
  auto wrong = [&] {
    return usageError(fmt::format("{}: expected sizes from 1 to 2^31 such as 8 or 1,4,8 or 1..64 "
                                  "or 512..32K, found '{}'",
                                  option, text));
  };
  std::set<int64_t> sizes;
  std::string_view rest = text;
  while (true) {
    std::string_view item = rest.substr(0, rest.find(','));
    size_t dots = item.find("..");
    std::optional<int64_t> first = parseSize(item.substr(0, dots));
    std::optional<int64_t> last = dots == item.npos ? first : parseSize(item.substr(dots + 2));
    if (!first || !last || *first > *last)
      return wrong();
    for (int64_t size = *first; size < *last; size *= 2)
      sizes.insert(size);
    sizes.insert(*last);
    if (item.size() == rest.size())
      return std::vector<int64_t>(sizes.begin(), sizes.end());
    rest.remove_prefix(item.size() + 1);
  }
}

Result<DType> chooseDType(const std::string &text, const std::string &modelDir) {
  std::optional<DType> dtype = parseDType(text);
  if (!text.empty() && (!dtype || *dtype == DType::I32))
    return usageError(fmt::format("--dtype is f32, f16 or bf16, found '{}'", text));
  if (dtype)
    return *dtype;
  Result<Checkpoint> checkpoint = Checkpoint::open(modelDir);
  if (!checkpoint)
    return checkpoint.takeError();
  return storedDType(*checkpoint);
}

/// Leaves out what the model was not made for; the shortest stays as the model's limit.
static Status fitContexts(std::vector<int64_t> &sizes, std::string_view what, bool isDefault,
                          ModelPlan &made) {
  const int64_t most = made.config.maxPositions;
  std::vector<int64_t> fitting;
  std::copy_if(sizes.begin(), sizes.end(), std::back_inserter(fitting),
               [&](int64_t size) { return size <= most; });
  if (fitting.empty() && isDefault)
    fitting = {most};
  if (fitting.empty())
    return usageError(fmt::format("{} must not exceed the {} positions that the model was made "
                                  "for, found {}",
                                  what, most, fmt::join(sizes, ",")));
  if (fitting.size() < sizes.size() && !isDefault)
    made.notes.push_back(fmt::format(
        "{} above {} is left out: the model was made for so many positions", what, most));
  sizes = std::move(fitting);
  return Status();
}

static Status readSizes(const PlanArguments &arguments, ModelPlan &made) {
  const PlanArguments defaults;
  for (auto [text, option, sizes] :
       {std::tuple(&arguments.batches, "--batch", &made.batches),
        std::tuple(&arguments.contexts, "--context", &made.contexts),
        std::tuple(&arguments.prefills, "--prefill", &made.prefills)}) {
    Result<std::vector<int64_t>> read = parseSizeList(*text, option);
    if (!read)
      return read.takeError();
    *sizes = read.take();
  }
  if (made.batches.back() > 4096)
    return usageError(fmt::format("--batch: a decode step takes up to 4096 sequences, found {}",
                                  made.batches.back()));
  if (Status status =
          fitContexts(made.contexts, "--context", arguments.contexts == defaults.contexts, made);
      !status)
    return status;
  return fitContexts(made.prefills, "--prefill", arguments.prefills == defaults.prefills, made);
}

Result<ModelPlan> makeModelPlan(const PlanArguments &arguments, const TargetDesc &target) {
  Result<ModelConfig> config = ModelConfig::read(arguments.modelDir);
  if (!config)
    return config.takeError();
  Result<DType> dtype = chooseDType(arguments.dtype, arguments.modelDir);
  if (!dtype)
    return dtype.takeError();
  ModelPlan made;
  made.modelDir = arguments.modelDir;
  made.config = config.take();
  made.dtype = *dtype;
  if (Status status = readSizes(arguments, made); !status)
    return status.takeError();
  // One engine that serves them all, as `run` makes it for one of them.
  made.engine.maxLen =
      std::min(made.config.maxPositions,
               std::max({int64_t(4096), made.contexts.back(), made.prefills.back()}));
  made.engine.numSlots = made.batches.back();

  std::vector<Scenario> scenarios;
  std::vector<PlannedUse> uses;
  auto add = [&](const Scenario &scenario) -> Status {
    const EngineStep step{scenario.kind == Scenario::Kind::Decode, scenario.batch,
                          scenario.context};
    Result<std::vector<OpUse>> listed = listUses(made.config, {made.dtype, target}, step, made.engine);
    if (!listed)
      return listed.takeError();
    for (const OpUse &use : *listed)
      uses.push_back({scenarios.size(),
                      use.op.withTuningPoint(bucketOf(use.op.spec(), use.op.tuningPoint())),
                      use.launches});
    scenarios.push_back(scenario);
    return Status();
  };
  for (int64_t batch : made.batches)
    for (int64_t context : made.contexts)
      if (Status status = add({Scenario::Kind::Decode, batch, context}); !status)
        return status.takeError();
  for (int64_t tokens : made.prefills)
    if (Status status = add({Scenario::Kind::Prefill, 1, tokens}); !status)
      return status.takeError();
  Result<Plan> plan = makePlan(std::move(scenarios), uses, target,
                               [](const Problem &problem) { return predictUs(problem); });
  if (!plan)
    return plan.takeError();
  made.plan = plan.take();
  return made;
}

} // namespace zorse::tool
