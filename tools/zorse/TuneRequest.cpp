//===- TuneRequest.cpp - what zorse tune was asked for --------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "TuneRequest.h"

#include "Verbs.h"

#include "zorse/tuner/Strategy.h"

#include <charconv>
#include <chrono>
#include <fmt/chrono.h>
#include <fmt/format.h>

namespace zorse::tool {

static std::string strategyHelp() {
  std::string text = "which configurations to try, in which order";
  for (const std::string &strategy : strategyNames())
    text += fmt::format("\n{}: {}", strategy, describeStrategy(strategy));
  return text;
}

static void addSearchOptions(CLI::App &verb, TuneArguments &arguments) {
  const char *group = "Search";
  verb.add_option("--space", arguments.space,
                  "quick: what won before; full: without what wastes resources; exhaustive: all "
                  "legal configurations")
      ->check(CLI::IsMember({"quick", "full", "exhaustive"}))
      ->option_text("quick|full|exhaustive")
      ->group(group);
  verb.add_option("--strategy", arguments.strategy, strategyHelp())
      ->option_text("NAME")
      ->group(group);
  verb.add_option("--trials", arguments.trials, "try at most N configurations now")
      ->check(CLI::PositiveNumber)
      ->option_text("N")
      ->group(group);
  verb.add_option("--budget", arguments.budget, "start no trial later than this, such as 30s or 2h")
      ->option_text("TIME")
      ->group(group);
  verb.add_option("--seed", arguments.seed, "of the strategy and of the operands")
      ->option_text("N")
      ->group(group);
  verb.add_flag("--retune", arguments.retune, "try again what the database already has")
      ->group(group);
  verb.add_option("--retune-before", arguments.retuneBefore,
                  "try again what is older than this, such as 2026-01-31T12:00:00Z")
      ->option_text("TIME")
      ->group(group);
  verb.add_option("--retry", arguments.retry, "try again what ended so")
      ->delimiter(',')
      ->check(CLI::IsMember({"failed", "timed_out", "crashed", "wrong"}))
      ->option_text("failed,timed_out,crashed,wrong")
      ->group(group);
  verb.add_option(
          "--shard", arguments.shard,
          "only share I, from 0, of N: of the problems of a model, of the configurations of "
          "an op")
      ->option_text("I/N")
      ->group(group);
  verb.add_option("--simulate", arguments.simulate,
                  "replay the recorded sweep in this database instead of running anything")
      ->option_text("DB")
      ->group(group);
}

static void addMeasureOptions(CLI::App &verb, TuneArguments &arguments) {
  const char *group = "Measuring";
  verb.add_option("--device", arguments.device, "where to run (default: the host, for its target)")
      ->option_text("host|hip")
      ->group(group);
  verb.add_option("--threads", arguments.threads, "threads, 0 is one for each hardware thread")
      ->check(CLI::Range(0, 4096))
      ->option_text("N")
      ->group(group);
  verb.add_option("--cache", arguments.cache, "whether operands come from memory or from caches")
      ->check(CLI::IsMember({"cold", "hot"}))
      ->option_text("cold|hot")
      ->group(group);
  verb.add_option("--precision", arguments.precision,
                  "width of the interval of a finalist over its median that is enough (default: "
                  "0.02)")
      ->check(CLI::Range(1e-4, 1.0))
      ->option_text("SHARE")
      ->group(group);
  verb.add_option("--compile-limit", arguments.compileLimit, "time to compile one (default: 30s)")
      ->option_text("TIME")
      ->group(group);
  verb.add_option("--trial-limit", arguments.trialLimit,
                  "time to verify and measure one (default: 120s)")
      ->option_text("TIME")
      ->group(group);
  verb.add_option("--memory-limit", arguments.memoryLimit,
                  "memory of a child process besides the operands (default: 8G)")
      ->option_text("SIZE")
      ->group(group);
}

void addTuneOptions(CLI::App &verb, Tool &tool, TuneArguments &arguments) {
  CLI::Option *op =
      verb.add_option("op", arguments.opPath, "JSON description of the op; - is stdin")
          ->option_text("OP.json");
  addPlanOptions(verb, arguments.plan)->excludes(op);
  addTargetOption(verb, arguments.arch);
  addDatabaseOption(verb, tool);
  addSearchOptions(verb, arguments);
  addMeasureOptions(verb, arguments);
  const char *group = "Looking, without tuning";
  verb.add_flag("--dry-run", arguments.dryRun,
                "print the size of each space, what each rule removes, and how long it may take")
      ->group(group);
  verb.add_option("--explain-config", arguments.explainConfig,
                  "say of this configuration which rules it breaks and which spaces hold it")
      ->option_text("K=V,...")
      ->group(group);
  verb.add_flag("--status", arguments.status, "count what the database has, by state")
      ->group(group);
}

static std::string now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(
                                                  std::chrono::system_clock::now())));
}

/// Everything but --budget and --trials, which speak of one run.
static std::string resumeCommand(const Tool &tool, const TuneArguments &arguments) {
  std::string command = "zorse tune";
  auto add = [&](const char *option, const std::string &value) {
    if (!value.empty())
      command += fmt::format(" {} {}", option, shellWord(value));
  };
  if (arguments.plan.modelDir.empty())
    command += " " + shellWord(arguments.opPath);
  else
    command +=
        fmt::format(" --model {} {}", shellWord(arguments.plan.modelDir), arguments.plan.options());
  add("--target", arguments.arch);
  add("--device", arguments.device);
  add("--space", arguments.space);
  add("--strategy", arguments.strategy);
  add("--seed", fmt::format("{}", arguments.seed));
  add("--simulate", arguments.simulate);
  add("--shard", arguments.shard);
  if (arguments.retune || !arguments.retuneBefore.empty())
    add("--retune-before", arguments.retuneBefore.empty() ? now() : arguments.retuneBefore);
  if (arguments.cache != "cold")
    add("--cache", arguments.cache);
  if (arguments.precision > 0)
    add("--precision", fmt::format("{}", arguments.precision));
  add("--compile-limit", arguments.compileLimit);
  add("--trial-limit", arguments.trialLimit);
  add("--memory-limit", arguments.memoryLimit);
  if (arguments.threads > 0)
    add("--threads", fmt::format("{}", arguments.threads));
  add("--db", tool.databasePath);
  return command;
}

static Status readDuration(const std::string &text, const char *option, double &seconds) {
  if (text.empty())
    return Status();
  Result<double> value = parseDuration(text);
  if (!value)
    return Error{value.error().code, fmt::format("{}: {}", option, value.error().message)};
  seconds = *value;
  return Status();
}

static Status readMemory(const std::string &text, int64_t &bytes) {
  if (text.empty())
    return Status();
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string unit(end, text.data() + text.size());
  int shift = unit == "M" ? 20 : unit == "G" ? 30 : -1;
  double all = value * static_cast<double>(int64_t(1) << std::max(shift, 0));
  bool isGood = error == std::errc() && shift > 0 && all >= 64 << 20 && all <= 1e15;
  if (!isGood)
    return usageError(fmt::format("--memory-limit: a size is a number with M or G, from 64M on, "
                                  "such as 512M or 8G, found '{}'",
                                  text));
  bytes = static_cast<int64_t>(all);
  return Status();
}

static Status readShard(const std::string &text, int64_t &shard, int64_t &shards) {
  if (text.empty())
    return Status();
  const char *end = text.data() + text.size();
  auto first = std::from_chars(text.data(), end, shard);
  bool isGood = first.ec == std::errc() && first.ptr != end && *first.ptr == '/';
  if (isGood) {
    auto second = std::from_chars(first.ptr + 1, end, shards);
    isGood =
        second.ec == std::errc() && second.ptr == end && shards > 0 && shard >= 0 && shard < shards;
  }
  if (!isGood)
    return usageError(fmt::format("--shard: expected I/N with I from 0 to N - 1, such as 0/4, "
                                  "found '{}'",
                                  text));
  return Status();
}

static Status readRetuneBefore(const std::string &text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, length = 0;
  int count = std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2dZ%n", &year, &month, &day, &hour,
                          &minute, &second, &length);
  if (text.empty() || (count == 6 && text.size() == 20 && length == 20))
    return Status();
  return usageError(fmt::format("--retune-before: expected a time in UTC such as "
                                "2026-01-31T12:00:00Z, found '{}'",
                                text));
}

static Status checkTogether(const TuneArguments &arguments) {
  bool isModel = !arguments.plan.modelDir.empty();
  if (arguments.opPath.empty() && !isModel)
    return usageError("tune needs an op description (OP.json) or --model DIR, found neither");
  if (!arguments.explainConfig.empty() && isModel)
    return usageError("--explain-config is about one op: name its OP.json instead of --model");
  if (!arguments.simulate.empty() && isModel)
    return usageError("--simulate replays one op: name its OP.json instead of --model");
  if (!arguments.simulate.empty() && !arguments.device.empty())
    return usageError("--simulate runs nothing: leave out --device " + arguments.device);
  if (arguments.retune && !arguments.retuneBefore.empty())
    return usageError("--retune tries all again and --retune-before only older rows: give one");
  const std::vector<std::string> &names = strategyNames();
  if (std::find(names.begin(), names.end(), arguments.strategy) != names.end())
    return Status();
  std::string guess = closest(arguments.strategy, names);
  return usageError(fmt::format("--strategy: expected one of {}, found '{}'{}",
                                fmt::join(names, ", "), arguments.strategy,
                                guess.empty() ? "" : fmt::format(" (did you mean '{}'?)", guess)));
}

static TrialState parseState(const std::string &text) {
  for (TrialState state : {TrialState::Failed, TrialState::TimedOut, TrialState::Crashed})
    if (name(state) == text)
      return state;
  return TrialState::Wrong; // the parser lets no other word pass
}

Result<TuneRequest> makeTuneRequest(const Tool &tool, const TuneArguments &arguments) {
  if (Status status = checkTogether(arguments); !status)
    return status.takeError();
  TuneRequest request;
  TuneOptions &options = request.options;
  for (const Status &status :
       {readDuration(arguments.budget, "--budget", options.budgetSeconds),
        readDuration(arguments.compileLimit, "--compile-limit", request.limits.compileSeconds),
        readDuration(arguments.trialLimit, "--trial-limit", request.limits.trialSeconds),
        readMemory(arguments.memoryLimit, request.limits.memoryBytes),
        readShard(arguments.shard, request.shard, request.shards),
        readRetuneBefore(arguments.retuneBefore)})
    if (!status)
      return status.error();
  if (arguments.plan.modelDir.empty()) {
    Result<OpDesc> op = readOp(arguments.opPath);
    if (!op)
      return op.takeError();
    request.op = op.take();
    options.shard = request.shard;
    options.shards = request.shards;
  }
  request.threads = arguments.threads > 0 ? arguments.threads : tool.environment.threads;
  request.measure.cache = arguments.cache == "hot" ? CacheState::Hot : CacheState::Cold;
  if (arguments.precision > 0)
    request.measure.precision = arguments.precision;
  options.space = arguments.space == "quick"  ? SearchSpace::Quick
                  : arguments.space == "full" ? SearchSpace::Full
                                              : SearchSpace::Exhaustive;
  options.strategy = arguments.strategy;
  options.maxTrials = arguments.trials;
  options.seed = arguments.seed;
  options.retune = arguments.retune || !arguments.retuneBefore.empty();
  options.retuneBefore = arguments.retuneBefore;
  for (const std::string &state : arguments.retry)
    options.retry.insert(parseState(state));
  options.finalists = request.measure.finalists;
  request.resumeCommand = resumeCommand(tool, arguments);
  return request;
}

} // namespace zorse::tool
