//===- TuneRequest.cpp - what zorse tune was asked for --------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "TuneRequest.h"

#include "Verbs.h"

#include "zorse/dispatch/Dispatcher.h"
#include "zorse/hybrid/OpList.h"
#include "zorse/hybrid/Safetensors.h"

#include <fmt/format.h>
#include <set>

namespace zorse::tool {

void addTuneOptions(CLI::App &verb, Tool &tool, TuneArguments &arguments) {
  CLI::Option *op =
      verb.add_option("op", arguments.opPath, "JSON description of the op; - is stdin")
          ->option_text("OP.json");
  verb.add_option("--model", arguments.modelDir, "tune every op of this model instead")
      ->excludes(op)
      ->option_text("DIR");
  addTargetOption(verb, arguments.arch);
  verb.add_option("--space", arguments.space,
                  "quick: the neighbours of the defaults; full: every legal configuration")
      ->check(CLI::IsMember({"quick", "full"}))
      ->option_text("quick|full");
  verb.add_option("--trials", arguments.trials, "try at most N configurations now")
      ->check(CLI::PositiveNumber)
      ->option_text("N");
  verb.add_option("--budget", arguments.budget, "start no trial later than this, such as 30s or 2h")
      ->option_text("TIME");
  verb.add_option("--threads", arguments.threads, "threads, 0 is one for each hardware thread")
      ->check(CLI::Range(0, 4096))
      ->option_text("N");
  verb.add_option("--seed", arguments.seed, "of the sample and of the operands")->option_text("N");
  verb.add_flag("--retune", arguments.retune, "try again what the database already has");
  verb.add_flag("--dry-run", arguments.dryRun,
                "print the size of the space and what each constraint removes");
  addDatabaseOption(verb, tool);
  const char *group = "With --model";
  verb.add_option("--dtype", arguments.dtype, "type of activations (default: the checkpoint's)")
      ->option_text("f32|f16|bf16")
      ->group(group);
  verb.add_option("--batch", arguments.batches, "sequences in a decode step")
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->option_text("N,...")
      ->group(group);
  verb.add_option("--prefill", arguments.prefillTokens, "tokens of a prompt")
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->option_text("N,...")
      ->group(group);
  verb.add_option("--context", arguments.context, "cached tokens of a sequence while it decodes")
      ->check(CLI::PositiveNumber)
      ->option_text("N")
      ->group(group);
}

/// The ops of a model at the buckets that the dispatcher will look for.
static Result<std::vector<OpDesc>> modelOps(const TuneArguments &arguments) {
  Result<ModelConfig> config = ModelConfig::read(arguments.modelDir);
  if (!config)
    return config.takeError();
  std::optional<DType> dtype = parseDType(arguments.dtype);
  if (!arguments.dtype.empty() && (!dtype || *dtype == DType::I32))
    return usageError(fmt::format("--dtype is f32, f16 or bf16, found '{}'", arguments.dtype));
  if (!dtype) {
    Result<Checkpoint> checkpoint = Checkpoint::open(arguments.modelDir);
    if (!checkpoint)
      return checkpoint.takeError();
    dtype = storedDType(*checkpoint);
  }
  OpListOptions options;
  options.decodeBatches = arguments.batches;
  options.prefillTokens = arguments.prefillTokens;
  options.context = arguments.context;
  options.maxLen = std::min<int64_t>(config->maxPositions, 4096);
  Result<std::vector<OpDesc>> listed = listOps(*config, *dtype, options);
  if (!listed)
    return listed;
  std::vector<OpDesc> ops;
  std::set<std::string> seen;
  for (const OpDesc &op : *listed) {
    OpDesc tuned = op.withTuningPoint(bucketOf(op.spec(), op.tuningPoint()));
    if (seen.insert(tuned.canonicalJson() + tuned.tuningPointJson()).second)
      ops.push_back(std::move(tuned));
  }
  return ops;
}

/// A word that a POSIX shell reads back as it is.
static std::string quoted(const std::string &word) {
  bool isPlain =
      !word.empty() && word.find_first_not_of("abcdefghijklmnopqrstuvwxyz"
                                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                              "0123456789_-./,=:+@%") == std::string::npos;
  if (isPlain)
    return word;
  std::string text = "'";
  for (char letter : word)
    text += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return text + "'";
}

static std::string resumeCommand(const Tool &tool, const TuneArguments &arguments) {
  std::string command = "zorse tune";
  if (arguments.modelDir.empty())
    command += " " + quoted(arguments.opPath);
  else
    command += fmt::format(" --model {} --batch {} --prefill {} --context {}",
                           quoted(arguments.modelDir), fmt::join(arguments.batches, ","),
                           fmt::join(arguments.prefillTokens, ","), arguments.context);
  if (!arguments.dtype.empty())
    command += " --dtype " + arguments.dtype;
  command += fmt::format(" --target {} --space {} --seed {} --db {}", arguments.arch,
                         arguments.space, arguments.seed, quoted(tool.databasePath));
  if (arguments.threads > 0)
    command += fmt::format(" --threads {}", arguments.threads);
  return command;
}

Result<TuneRequest> makeTuneRequest(const Tool &tool, TuneArguments &arguments) {
  if (arguments.opPath.empty() == arguments.modelDir.empty())
    return usageError("tune needs an op description (OP.json) or --model DIR, found neither");
  TuneRequest request;
  if (arguments.modelDir.empty()) {
    Result<OpDesc> op = readOp(arguments.opPath);
    if (!op)
      return op.takeError();
    request.ops = {op.take()};
  } else {
    Result<std::vector<OpDesc>> ops = modelOps(arguments);
    if (!ops)
      return ops.takeError();
    request.ops = ops.take();
  }
  if (arguments.threads == 0)
    arguments.threads = tool.environment.threads;
  TuneOptions &options = request.options;
  options.space = arguments.space == "full" ? SearchSpace::Full : SearchSpace::Quick;
  options.maxTrials = arguments.trials;
  options.threads = arguments.threads;
  options.retune = arguments.retune;
  options.seed = arguments.seed;
  if (!arguments.budget.empty()) {
    Result<double> seconds = parseDuration(arguments.budget);
    if (!seconds)
      return Error{seconds.error().code, "--budget: " + seconds.error().message};
    options.budgetSeconds = *seconds;
  }
  request.resumeCommand = resumeCommand(tool, arguments);
  return request;
}

} // namespace zorse::tool
