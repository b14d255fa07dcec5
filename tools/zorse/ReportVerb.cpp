//===- ReportVerb.cpp - zorse report ------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Verbs.h"

#include "report/Report.h"

#include "zorse/db/Trust.h"

#include <ctime>
#include <filesystem>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fstream>
#include <spdlog/spdlog.h>

namespace zorse::tool {

namespace {

struct ReportArguments {
  std::vector<std::string> files;
  std::string output = "report.html";
  bool wantsCsv = false, wantsSvg = false;
};

/// A folder that goes with its owner.
class Scratch {
public:
  static Result<std::unique_ptr<Scratch>> make() {
    auto scratch = std::make_unique<Scratch>();
    scratch->path = (std::filesystem::temp_directory_path() / "zorse-report-XXXXXX").string();
    if (!mkdtemp(scratch->path.data())) {
      std::string pattern = std::exchange(scratch->path, "");
      return runtimeError(fmt::format("cannot create a folder like {}", pattern));
    }
    return scratch;
  }
  ~Scratch() {
    std::error_code ignored; // what stays behind lies among temporary files
    if (!path.empty())
      std::filesystem::remove_all(path, ignored);
  }
  std::string path;
};

} // namespace

static bool isText(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  char first = 0;
  return file.get(first) && first == '{';
}

/// Whether there is nothing to join.
static bool isOne(const std::vector<std::string> &files) {
  return files.size() == 1 && !isText(files.front());
}

static Status takeText(Database &into, const std::string &path) {
  std::ifstream stream(path);
  Result<MergeReport> taken = into.importText(stream, path);
  if (!taken)
    return taken.takeError();
  for (const std::string &refused : taken->refused)
    spdlog::warn("{}", refused);
  return Status::success();
}

static Status takeDatabase(Database &into, const std::string &path) {
  Result<MergeReport> taken = into.merge({path});
  if (!taken)
    return taken.takeError();
  // A report that silently lacks one of its files would say something else than was asked.
  if (!taken->refused.empty())
    return Error{ErrorCode::Database, taken->refused.front()};
  return Status::success();
}

/// One database is read as it is; several, or exported trials in text, are joined in a new one.
static Result<std::unique_ptr<Database>> openAll(const std::vector<std::string> &files,
                                                 const Scratch &scratch) {
  for (const std::string &file : files)
    if (!std::ifstream(file))
      return usageError(fmt::format("cannot read {}; expected a database or exported trials in "
                                    "text",
                                    file));
  if (isOne(files))
    return Database::openForeign(files.front(), TrustStore());
  Result<std::unique_ptr<Database>> joined =
      Database::open(scratch.path + "/joined.db", Database::Mode::ReadWrite);
  if (!joined)
    return joined;
  for (const std::string &file : files)
    if (Status taken = isText(file) ? takeText(**joined, file) : takeDatabase(**joined, file);
        !taken)
      return taken.takeError();
  return joined;
}

static Result<report::Input> readInput(const std::vector<std::string> &files) {
  Result<std::unique_ptr<Scratch>> scratch = Scratch::make();
  if (!scratch)
    return scratch.takeError();
  Result<std::unique_ptr<Database>> database = openAll(files, **scratch);
  if (!database)
    return database.takeError();
  report::Input input;
  input.files = files;
  input.isJoined = !isOne(files);
  input.date = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  Result<Hash128> hash = (*database)->contentHash();
  if (!hash)
    return hash.takeError();
  input.contentHash = hash->hex();
  Result<std::vector<KernelRecord>> records = (*database)->list({});
  if (!records)
    return records.takeError();
  input.records = records.take();
  RecordFilter winnersOnly;
  winnersOnly.winnersOnly = true;
  Result<std::vector<KernelRecord>> winning = (*database)->list(winnersOnly);
  if (!winning)
    return winning.takeError();
  for (const KernelRecord &record : *winning)
    input.winners.insert(record.id);
  return input;
}

/// Name and content of all that is asked for; the page comes first.
static std::vector<std::pair<std::string, std::string>>
filesOf(const report::Report &made, const std::string &page, const ReportArguments &arguments) {
  std::vector<std::pair<std::string, std::string>> files = {{page, report::pageOf(made)}};
  std::string stem = std::filesystem::path(page).replace_extension().string();
  if (arguments.wantsCsv) {
    for (const report::Chart &chart : made.charts)
      files.emplace_back(fmt::format("{}-{}.csv", stem, chart.id), chart.csv);
    for (const report::Table &table : made.tables)
      files.emplace_back(fmt::format("{}-{}.csv", stem, table.id), report::csvOf(table));
  }
  if (arguments.wantsSvg)
    for (const report::Chart &chart : made.charts)
      for (size_t i = 0; i < chart.panels.size(); ++i)
        files.emplace_back(fmt::format("{}-{}-{:02}.svg", stem, chart.id, i + 1),
                           report::svgOf(chart, chart.panels[i]));
  return files;
}

static VerbResult runReport(const Tool &tool, ReportArguments arguments) {
  if (arguments.files.empty())
    arguments.files = {tool.databasePath};
  std::string page = arguments.output;
  bool isFolder = page.ends_with("/") || std::filesystem::is_directory(page);
  if (isFolder) {
    std::error_code failure;
    std::filesystem::create_directories(page, failure);
    if (failure)
      return runtimeError(fmt::format("cannot create {}: {}", page, failure.message()));
    page = (std::filesystem::path(page) / "report.html").string();
    arguments.wantsCsv = arguments.wantsSvg = true;
  }
  if (page == "-" && (arguments.wantsCsv || arguments.wantsSvg || tool.isJson()))
    return usageError("the page goes to stdout and nothing lies beside it; expected a path after "
                      "-o for --csv, --svg or --format json");
  Result<report::Input> input = readInput(arguments.files);
  if (!input)
    return input.takeError();
  report::Report made = report::makeReport(*input);
  Json written = Json::array();
  for (const auto &[path, text] : filesOf(made, page, arguments)) {
    auto bytes = std::span(reinterpret_cast<const uint8_t *>(text.data()), text.size());
    if (Status status = writeFile(path, bytes); !status)
      return status.takeError();
    written.push_back(path);
  }
  if (tool.isJson())
    printJson({{"schema_version", 1},
               {"files", written},
               {"content_hash", input->contentHash},
               {"trials", input->records.size()},
               {"winners", input->winners.size()}});
  spdlog::info("{} trials, {} winners; {} files written, open {}", input->records.size(),
               input->winners.size(), written.size(), page);
  return 0;
}

void addReport(CLI::App &app, Tool &tool) {
  auto arguments = std::make_shared<ReportArguments>();
  CLI::App *verb =
      addVerb(app, tool, "report", "Writes a page about what was tuned, with charts.",
              "  zorse report kernels.db -o report.html\n"
              "  zorse report shard-*.db -o report/     # with CSV and SVG of each chart\n"
              "  zorse report sweep.jsonl -o sweep.html --csv");
  verb->add_option("databases", arguments->files,
                   "databases, or exported trials in text; several are joined (default: " +
                       tool.environment.databasePath + ")")
      ->option_text("DB...");
  verb->add_option("-o,--output", arguments->output,
                   "the page, or a folder for the page with CSV and SVG; - for stdout")
      ->option_text("PATH");
  verb->add_flag("--csv", arguments->wantsCsv, "write the data of each chart beside the page");
  verb->add_flag("--svg", arguments->wantsSvg, "write a picture of each chart beside the page");
  verb->callback([&tool, arguments] {
    tool.action = [&tool, arguments] { return runReport(tool, *arguments); };
  });
}

} // namespace zorse::tool
