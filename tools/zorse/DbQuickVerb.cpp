//===- DbQuickVerb.cpp - zorse db quick -----------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "DbVerbs.h"

#include "zorse/db/Trust.h"
#include "zorse/tuner/Sweeps.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <set>
#include <spdlog/spdlog.h>

namespace zorse::tool {

namespace {

struct QuickArguments {
  std::vector<std::string> paths;
  std::string family, output = "-";
  QuickListOptions options;
};

/// A folder for the databases that texts are read into; removed at the end.
class Scratch {
public:
  ~Scratch() {
    std::error_code ignored;
    if (!folder.empty())
      std::filesystem::remove_all(folder, ignored);
  }
  /// The path of a file that does not exist yet.
  Result<std::string> next() {
    if (folder.empty()) {
      folder = std::filesystem::temp_directory_path() / "zorse-quick-XXXXXX";
      if (!::mkdtemp(folder.data())) {
        std::string pattern = std::exchange(folder, {});
        return runtimeError(fmt::format("cannot make the folder {}", pattern));
      }
    }
    return fmt::format("{}/{}.db", folder, count++);
  }

private:
  std::string folder;
  int count = 0;
};

} // namespace

static bool isDatabase(const std::string &path) {
  constexpr std::string_view magic = "SQLite format 3";
  char begin[magic.size()] = {};
  std::ifstream(path, std::ios::binary).read(begin, sizeof(begin));
  return std::string_view(begin, sizeof(begin)) == magic;
}

/// The rows of a database, or of the text of `db export`.
static Result<std::vector<KernelRecord>> rowsOf(const std::string &path, Scratch &scratch) {
  if (isDatabase(path)) {
    Result<std::unique_ptr<Database>> database = Database::openForeign(path, TrustStore());
    return database ? (*database)->list({}) : database.takeError();
  }
  std::ifstream text(path);
  if (!text)
    return usageError(fmt::format("cannot read {}", path));
  Result<std::string> file = scratch.next();
  if (!file)
    return file.takeError();
  Result<std::unique_ptr<Database>> database = Database::open(*file, Database::Mode::ReadWrite);
  if (!database)
    return database.takeError();
  Result<MergeReport> report = (*database)->importText(text, path);
  if (!report)
    return report.takeError();
  if (!report->refused.empty())
    return Error{ErrorCode::Database, report->refused.front()};
  return (*database)->list({});
}

static VerbResult runQuick(const Tool &tool, const QuickArguments &arguments) {
  std::vector<std::string> paths = arguments.paths;
  if (paths.empty())
    paths.push_back(tool.databasePath);
  Scratch scratch;
  std::vector<KernelRecord> rows;
  for (const std::string &path : paths) {
    Result<std::vector<KernelRecord>> more = rowsOf(path, scratch);
    if (!more)
      return more.takeError();
    std::move(more->begin(), more->end(), std::back_inserter(rows));
  }
  Result<std::vector<Sweep>> sweeps = sweepsOf(rows);
  if (!sweeps)
    return sweeps.takeError();
  // Where nothing worked there is nothing to cover.
  std::erase_if(*sweeps, [](const Sweep &sweep) {
    return std::none_of(sweep.timesUs.begin(), sweep.timesUs.end(),
                        [](double us) { return std::isfinite(us); });
  });
  std::set<std::string> families;
  for (const Sweep &sweep : *sweeps)
    families.insert(sweep.family);
  if (families.empty())
    return usageError(fmt::format("no measured row in {}; tune something first, best with --space "
                                  "exhaustive --strategy exhaustive",
                                  fmt::join(paths, ", ")));
  if (arguments.family.empty() && families.size() > 1)
    return usageError(fmt::format("rows of several families ({}), and a list is for one; name it "
                                  "with --family",
                                  fmt::join(families, ", ")));
  std::string family = arguments.family.empty() ? *families.begin() : arguments.family;
  if (!families.contains(family))
    return usageError(fmt::format("no measured row of the family {} in {}; it has {}", family,
                                  fmt::join(paths, ", "), fmt::join(families, ", ")));
  std::string list = quickListFile(family, *sweeps, arguments.options);
  if (Status status = writeFile(
          arguments.output, std::span(reinterpret_cast<const uint8_t *>(list.data()), list.size()));
      !status)
    return status.takeError();
  auto used = std::count_if(sweeps->begin(), sweeps->end(),
                            [&](const Sweep &sweep) { return sweep.family == family; });
  spdlog::info("lists of {} from {} problems", family, used);
  return 0;
}

void addDbQuick(CLI::App &db, Tool &tool) {
  auto arguments = std::make_shared<QuickArguments>();
  CLI::App *quick = addVerb(db, tool, "quick",
                            "Makes lists of few configurations that serve all recorded problems.",
                            "  zorse db quick sweeps.db -o tuner/space/quick/host.json\n"
                            "  zorse db quick tests/data/sweeps/*.jsonl --depth 1");
  quick->remove_option(quick->get_option("--format")); // always JSON, as it is built in
  addDatabaseOption(*quick, tool);
  quick
      ->add_option("files", arguments->paths,
                   "databases, or texts of `db export` (default: the database)")
      ->option_text("DB|FILE...");
  quick->add_option("--family", arguments->family, "of targets, if the rows are of several")
      ->check(CLI::IsMember({"host", "amdgpu"}))
      ->option_text("host|amdgpu");
  quick
      ->add_option("--fraction", arguments->options.fraction,
                   "a configuration serves a problem if best / time is at least this (default: "
                   "0.95)")
      ->check(CLI::Range(0.01, 1.0))
      ->option_text("SHARE");
  quick
      ->add_option("--depth", arguments->options.depth,
                   "so many configurations serve each problem, where so many can (default: 2)")
      ->check(CLI::Range(1, 100))
      ->option_text("N");
  quick->add_option("-o,--output", arguments->output, "file to write, - for stdout")
      ->option_text("FILE");
  quick->callback([&tool, arguments] {
    tool.action = [&tool, arguments] { return runQuick(tool, *arguments); };
  });
}

} // namespace zorse::tool
