//===- RunVerb.cpp - zorse run --------------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Interrupt.h"
#include "ModelRunner.h"
#include "RunArguments.h"
#include "RunReport.h"
#include "Sequence.h"
#include "Verbs.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <unistd.h>

namespace zorse::tool {

namespace {

using Clock = std::chrono::steady_clock;

/// One run of the verb: the model, the sequence, and what is told of them.
struct Run {
  Run(const Tool &tool, const RunArguments &arguments) : tool(tool), arguments(arguments) {}

  const Tool &tool;
  const RunArguments &arguments;
  Clock::time_point begin = Clock::now();
  Runner runner;
  std::optional<ChatTemplate> format; ///< in a conversation
  std::optional<Sequence> sequence;
  Rates rates;
  Simulated simulated;

  Status open();
  Status makeEngine(int64_t promptTokens);
  Result<std::vector<int32_t>> promptIds() const;
  /// Finds or compiles what so many new tokens and their answer need.
  Status prepare(size_t newTokens);
  Result<Answer> answer(std::span<const int32_t> ids);
  void report();
};

} // namespace

/// Everything that can be wrong without an engine is found here, before anything is compiled.
Status Run::open() {
  if (Status status = checkArguments(arguments); !status)
    return status;
  if (arguments.isChat) {
    Result<ChatTemplate> chosen = chooseTemplate(arguments.dir, arguments.chat);
    if (!chosen)
      return chosen.takeError();
    format = chosen.take();
  }
  return openModel(tool, arguments, runner);
}

Result<std::vector<int32_t>> Run::promptIds() const {
  const Tokenizer &tokenizer = runner.model->tokenizer();
  Result<std::vector<int32_t>> ids =
      format ? encodeFirst(*format, tokenizer, arguments.chat.system, *arguments.prompt)
             : tokenizer.encode(*arguments.prompt);
  if (ids && ids->empty())
    return usageError("the prompt has no tokens; give some text with --prompt");
  return ids;
}

Status Run::makeEngine(int64_t promptTokens) {
  Result<EngineOptions> options = engineOptions(arguments, runner.model->config(), promptTokens);
  if (!options)
    return options.takeError();
  if (Status status = makeDispatcher(arguments, arguments.prefillChunk, runner); !status)
    return status;
  runner.dispatcher->timeLaunches(arguments.times);
  Result<std::unique_ptr<Engine>> engine =
      Engine::create(*runner.model, *runner.dispatcher, *options);
  if (!engine)
    return engine.takeError();
  runner.engine = engine.take();
  sequence.emplace(*runner.engine, arguments.generate,
                   format ? format->stopIds(runner.model->tokenizer()) : std::vector<int32_t>());
  return Status();
}

Status Run::prepare(size_t newTokens) {
  Result<std::vector<OpDesc>> ops =
      opsToCome(runner, static_cast<int64_t>(newTokens), arguments.generate.maxNewTokens, 1,
                sequence->length());
  if (!ops)
    return ops.takeError();
  return prepareKernels(tool, arguments, *ops, runner);
}

/// Streams the answer to stdout as text or as events; nothing of it with --format json.
Result<Answer> Run::answer(std::span<const int32_t> ids) {
  const double compiledBefore = runner.compileSeconds();
  std::optional<double> compiledAtFirst;
  const auto prefillTokens = static_cast<int64_t>(ids.size());
  auto onToken = [&](int32_t id, std::string_view text) {
    if (!compiledAtFirst) {
      compiledAtFirst = runner.compileSeconds();
      if (!rates.firstTokenSeconds)
        rates.firstTokenSeconds = std::chrono::duration<double>(Clock::now() - begin).count();
      simulated.prefill = countsJson(runner.opened, prefillTokens);
      simulated.text = describeCounts(runner.opened, "prefill", prefillTokens);
      clearCounts(runner.opened);
    }
    if (tool.isJsonLines()) {
      printJsonLine({{"event", "token"}, {"id", id}, {"text", text}});
    } else if (!tool.isJson()) {
      fmt::print("{}", text);
      std::fflush(stdout);
    }
    return !stopRequested;
  };
  Result<Answer> result = sequence->go(ids, onToken, [] { return stopRequested.load(); });
  if (tool.format == Format::Human) {
    fmt::print("\n");
    // What follows on stderr must not overtake the end of the text.
    std::fflush(stdout);
  }
  if (!result)
    return result;
  const double compiledInPrefill =
      compiledAtFirst.value_or(runner.compileSeconds()) - compiledBefore;
  rates.add(*result, compiledInPrefill,
            runner.compileSeconds() - compiledBefore - compiledInPrefill);
  simulated.decode = countsJson(runner.opened, rates.decodeTokens);
  simulated.text += describeCounts(runner.opened, "decode", rates.decodeTokens);
  return result;
}

void Run::report() {
  reportKernels(runner);
  fmt::print(stderr, "{}", simulated.text);
  reportRates(runner, rates);
  if (arguments.times)
    printKernelTimes(runner);
}

static VerbResult runConversation(Run &run) {
  if (run.tool.format != Format::Human)
    return usageError("a conversation in a terminal has no --format; give a --prompt");
  if (Status status = run.makeEngine(0); !status)
    return status.takeError();
  const ChatTurns turns = {
      .say = [&](std::span<const int32_t> ids) -> Status {
        if (Status status = run.prepare(ids.size()); !status)
          return status;
        Result<Answer> answer = run.answer(ids);
        if (!answer)
          return answer.takeError();
        if (answer->stop == StopReason::CacheFull)
          return usageError("the caches are full; /reset begins anew, --max-len makes them larger");
        if (answer->stop == StopReason::Cancelled && run.sequence->length() == 0)
          return usageError("stopped while it read; the conversation begins anew");
        return Status();
      },
      .isNew = [&] { return run.sequence->length() == 0; },
      .forget = [&] { run.sequence->reset(); },
  };
  VerbResult result = chat(*run.format, run.runner.model->tokenizer(), run.arguments.chat, turns);
  if (result)
    run.report();
  return result;
}

static VerbResult runPrompt(Run &run) {
  Result<std::vector<int32_t>> ids = run.promptIds();
  if (!ids)
    return ids.takeError();
  if (Status status = run.makeEngine(static_cast<int64_t>(ids->size())); !status)
    return status.takeError();
  if (Status status = run.prepare(ids->size()); !status)
    return status.takeError();
  if (stopRequested)
    return interruptedExitCode();
  if (run.tool.isJsonLines()) {
    printJsonLine({{"event", "prompt"}, {"schema_version", 1}, {"ids", *ids}});
  } else if (!run.tool.isJson() && !run.format) { // what continues a text stands behind it
    fmt::print("{}", *run.arguments.prompt);
    std::fflush(stdout);
  }
  Result<Answer> answer = run.answer(*ids);
  if (!answer)
    return answer.takeError();
  if (run.tool.format != Format::Human) {
    Json json = runJson(run.runner, run.simulated, *answer, run.rates, run.arguments.logits);
    if (run.tool.isJsonLines()) {
      Json event = {{"event", "end"}};
      event.update(json);
      printJsonLine(event);
    } else {
      printJson(json);
    }
  }
  run.report();
  return answer->stop == StopReason::Cancelled ? interruptedExitCode() : 0;
}

static VerbResult runModel(const Tool &tool, RunArguments arguments) {
  const bool isTerminal = ::isatty(STDIN_FILENO) != 0;
  const bool isConversation = !arguments.prompt && isTerminal;
  if (isConversation)
    arguments.isChat = true;
  if (!isConversation && arguments.prompt.value_or("-") == "-") {
    Result<std::string> text = readText("-", size_t(16) << 20);
    if (!text)
      return text.takeError();
    arguments.prompt = text.take();
  }
  arguments.generate.keepPromptLogits = arguments.logits;
  if (arguments.greedy)
    arguments.generate.sampling.temperature = 0;
  watchSignals();
  Run run(tool, arguments);
  if (Status status = run.open(); !status)
    return status.takeError();
  return isConversation ? runConversation(run) : runPrompt(run);
}

void addRun(CLI::App &app, Tool &tool) {
  auto arguments = std::make_shared<RunArguments>();
  CLI::App *verb =
      addVerb(app, tool, "run", "Continues a prompt with a model, or talks with it.",
              "  zorse run MODEL_DIR\n"
              "  zorse run MODEL_DIR --prompt \"Once upon a time\"\n"
              "  zorse run MODEL_DIR --chat --prompt \"What is a zorse?\" --system \"Be brief.\"\n"
              "  zorse run MODEL_DIR --prompt \"Once\" --max-new-tokens 64 --greedy --format json\n"
              "  zorse run MODEL_DIR --temperature 0.8 --top-p 0.95 --seed 7 < text");
  verb->remove_option(verb->get_option("--format"));
  static const std::map<std::string, Format> formats = {
      {"human", Format::Human}, {"json", Format::Json}, {"jsonl", Format::JsonLines}};
  verb->add_option("--format", tool.format, "human, json, or jsonl: one event a line")
      ->transform(CLI::CheckedTransformer(formats))
      ->option_text("human|json|jsonl");
  addRunOptions(*verb, *arguments);
  addDatabaseOption(*verb, tool);
  verb->callback([&tool, arguments] {
    tool.action = [&tool, arguments] { return runModel(tool, *arguments); };
  });
}

} // namespace zorse::tool
