//===- Main.cpp - zorse: compile, tune, run, look -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Data goes to stdout, everything else to stderr. The exit code is 0, the code
// of an error (zorse/desc/Status.h), or 130 after SIGINT.
//
//===----------------------------------------------------------------------===//
#include "Verbs.h"

#include <cctype>
#include <cstdio>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace zorse::tool {

namespace {

/// The help page with the examples between usage and options; they are kept as the footer.
class ExamplesFirst final : public CLI::Formatter {
public:
  std::string make_usage(const CLI::App *app, std::string name) const override {
    std::string usage = CLI::Formatter::make_usage(app, std::move(name));
    return app->get_footer().empty() ? usage : usage + "\nExamples:\n" + app->get_footer() + "\n";
  }
  std::string make_footer(const CLI::App *app) const override {
    bool isVerb = app->get_parent() != nullptr;
    return isVerb ? "" : "Environment:\n" + describeEnvironment();
  }
};

} // namespace

CLI::App *addVerb(CLI::App &app, Tool &tool, const std::string &name, const std::string &summary,
                  const std::string &examples) {
  CLI::App *verb = app.add_subcommand(name, summary);
  verb->footer(examples);
  static const std::map<std::string, Format> formats = {{"human", Format::Human},
                                                        {"json", Format::Json}};
  verb->add_option("--format", tool.format, "human or json")
      ->transform(CLI::CheckedTransformer(formats))
      ->option_text("human|json");
  verb->add_option("--color", tool.color, "colour of messages")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->option_text("auto|always|never");
  return verb;
}

void addDatabaseOption(CLI::App &verb, Tool &tool) {
  verb.add_option("--db", tool.databasePath,
                  "database of tuned kernels (default: " + tool.environment.databasePath + ")")
      ->option_text("PATH");
}

CLI::Option *addTargetOption(CLI::App &verb, std::string &arch) {
  return verb.add_option("--target", arch, "architecture, or host for this CPU")
      ->option_text("ARCH");
}

const std::string &exampleGpu() {
  auto isGpu = [](const TargetDesc &target) { return !target.isHost(); };
  return std::find_if(allTargets().begin(), allTargets().end(), isGpu)->arch;
}

static void configureLogging(const Tool &tool) {
  auto mode = tool.usesColor() ? spdlog::color_mode::always : spdlog::color_mode::never;
  auto logger = spdlog::stderr_color_st("zorse", mode);
  logger->set_pattern("zorse: %^%l%$: %v");
  logger->set_level(spdlog::level::from_str(tool.environment.logLevel));
  spdlog::set_default_logger(logger);
}

static int fail(const Error &error) {
  fmt::print(stderr, "zorse: error: {}\n", error.message);
  return static_cast<int>(error.code);
}

/// Of all verbs, or of those for people only.
static std::vector<std::string> verbNames(const CLI::App &app, bool hiddenToo) {
  std::vector<std::string> names;
  for (const CLI::App *verb : app.get_subcommands([](const CLI::App *) { return true; }))
    if (hiddenToo || !verb->get_group().empty())
      names.push_back(verb->get_name());
  return names;
}

/// The first argument must be a verb or an option; the parser's own words about it are of no help.
static Status checkVerb(const CLI::App &app, std::span<char *> arguments) {
  std::vector<std::string> names = verbNames(app, /*hiddenToo=*/false);
  if (names.empty())
    return Status();
  std::string verbs = fmt::format("{}", fmt::join(names, ", "));
  if (arguments.empty())
    return usageError(
        fmt::format("{} needs a verb: {}; `--help` explains them", app.get_name(), verbs));
  std::string word = arguments[0];
  if (word.starts_with("-"))
    return Status();
  std::vector<std::string> all = verbNames(app, /*hiddenToo=*/true);
  if (std::find(all.begin(), all.end(), word) != all.end())
    return checkVerb(*app.get_subcommand(word), arguments.subspan(1));
  std::string guess = closest(word, names);
  return usageError(fmt::format("unknown verb '{}'{}; the verbs of {} are {}", word,
                                guess.empty() ? "" : fmt::format(" (did you mean '{}'?)", guess),
                                app.get_name(), verbs));
}

static Error parseFailure(const CLI::ParseError &error) {
  std::string message = error.what();
  // Sentences of the parser; names of options and arguments stay as they are.
  bool isSentence = message.size() > 1 && !std::isupper(static_cast<unsigned char>(message[1]));
  if (isSentence)
    message[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(message[0])));
  while (!message.empty() && (message.back() == '.' || message.back() == '\n'))
    message.pop_back();
  return usageError(message + "; `--help` after the verb lists its options");
}

static int runTool(int argc, char **argv) {
  Tool tool;
  Result<Environment> environment = readEnvironment();
  if (!environment)
    return fail(environment.error());
  tool.environment = environment.take();
  tool.databasePath = tool.environment.databasePath;

  CLI::App app("Kernel compiler, autotuner and runtime for MLA + Mamba2 hybrid models.", "zorse");
  app.formatter(std::make_shared<ExamplesFirst>());
  app.set_version_flag("--version", "zorse " ZORSE_VERSION);
  app.require_subcommand(1);
  app.footer("  zorse run MODEL_DIR --prompt \"Once upon a time\"\n"
             "  zorse tune --model MODEL_DIR --budget 60s\n"
             "  echo '{\"op\":\"rmsnorm\",\"hidden_size\":2048}' | zorse compile - --emit tile");
#ifdef ZORSE_HAS_COMPILER
  addCompile(app, tool);
  addTune(app, tool);
  addSlurm(app, tool);
  addWorker(app, tool);
#endif
  addRun(app, tool);
  addBench(app, tool);
  addBundle(app, tool);
  addDb(app, tool);
  addEval(app, tool);
  addReport(app, tool);
  addInspect(app, tool);
  addCheckpoint(app, tool);
  addEmulate(app, tool);
  addKey(app, tool);
  addDoctor(app, tool);

  if (Status status = checkVerb(app, std::span(argv, argc).subspan(argc > 0 ? 1 : 0)); !status)
    return fail(status.error());
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success &success) { // --help and --version
    return app.exit(success);
  } catch (const CLI::ParseError &error) {
    return fail(parseFailure(error));
  }
  configureLogging(tool);
  for (const std::string &warning : tool.environment.warnings)
    spdlog::warn(warning);
  VerbResult result = tool.action();
  return result.ok() ? *result : fail(result.error());
}

} // namespace zorse::tool

int main(int argc, char **argv) {
  // Line by line also into a pipe, so that messages on stderr do not cut into lines of data.
  std::setvbuf(stdout, nullptr, _IOLBF, 1 << 16);
  return zorse::tool::runTool(argc, argv);
}
