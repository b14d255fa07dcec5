//===- DbCareVerb.cpp - zorse db verify, gc -------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "DbVerbs.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace zorse::tool {

static VerbResult runVerify(const Tool &tool, bool repair) {
  Result<std::unique_ptr<Database>> database =
      openFile(tool, repair ? Database::Mode::ReadWrite : Database::Mode::ReadOnly);
  if (!database)
    return database.takeError();
  if (repair) {
    Result<int64_t> marked = (*database)->markStaleRunning();
    if (!marked)
      return marked.takeError();
    spdlog::info("{} trials of dead processes marked as crashed", *marked);
  }
  Result<std::vector<std::string>> faults = (*database)->verify();
  if (!faults)
    return faults.takeError();
  Result<std::vector<std::string>> remarks = std::vector<std::string>();
  if (faults->empty()) // else there are other worries, and it may not be readable
    remarks = (*database)->remarks();
  if (!remarks)
    return remarks.takeError();
  if (tool.isJson()) {
    printJson({{"schema_version", 1},
               {"database", (*database)->path()},
               {"sound", faults->empty()},
               {"faults", *faults},
               {"remarks", *remarks}});
  } else {
    for (const std::string &fault : *faults)
      fmt::print("{}\n", fault);
    if (faults->empty())
      fmt::print("{} is sound\n", (*database)->path());
    for (const std::string &remark : *remarks)
      fmt::print("remark: {}\n", remark);
  }
  return faults->empty() ? 0 : static_cast<int>(ErrorCode::Database);
}

static VerbResult runGarbage(const Tool &tool, const GarbageOptions &options) {
  // A file that is not there is not made for this.
  if (Result<std::unique_ptr<Database>> there = openFile(tool, Database::Mode::ReadOnly); !there)
    return there.takeError();
  Result<std::unique_ptr<Database>> database = openFile(tool, Database::Mode::ReadWrite);
  if (!database)
    return database.takeError();
  Result<GarbageReport> report = (*database)->collectGarbage(options);
  if (!report)
    return report.takeError();
  if (tool.isJson())
    printJson({{"schema_version", 1},
               {"database", (*database)->path()},
               {"dry_run", options.dryRun},
               {"trials", report->trials},
               {"code_objects", report->codeObjects},
               {"bytes", report->bytes}});
  else
    fmt::print("{} {} trials and {} code objects, {}{}\n",
               options.dryRun ? "would remove" : "removed", report->trials, report->codeObjects,
               options.dryRun ? "at least " : "", formatBytes(static_cast<double>(report->bytes)));
  return 0;
}

void addDbCare(CLI::App &db, Tool &tool) {
  auto repair = std::make_shared<bool>(false);
  CLI::App *verify = addVerb(db, tool, "verify", "Checks the file, its hashes and its winners.",
                             "  zorse db verify\n  zorse db verify --repair --db kernels.db");
  addDatabaseOption(*verify, tool);
  verify->add_flag("--repair", *repair,
                   "undo an interrupted write, bring the schema up to date, and mark trials whose "
                   "process died");
  verify->callback(
      [&tool, repair] { tool.action = [&tool, repair] { return runVerify(tool, *repair); }; });

  auto options = std::make_shared<GarbageOptions>();
  auto keepCode = std::make_shared<bool>(false);
  CLI::App *garbage =
      addVerb(db, tool, "gc", "Removes code of rows that win nowhere, and rows as asked.",
              "  zorse db gc --dry-run\n  zorse db gc --drop-stale --drop-predictions");
  addDatabaseOption(*garbage, tool);
  garbage->add_flag("--drop-stale", options->dropStale, "remove stale rows");
  garbage->add_flag("--drop-predictions", options->dropPredictions, "remove rows of the model");
  garbage->add_flag("--keep-code", *keepCode, "leave all code");
  garbage->add_flag("--dry-run", options->dryRun, "only say what would go");
  garbage->callback([&tool, options, keepCode] {
    tool.action = [&tool, options, keepCode] {
      options->dropLosersCode = !*keepCode;
      return runGarbage(tool, *options);
    };
  });
}

} // namespace zorse::tool
