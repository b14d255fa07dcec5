//===- DbVerb.cpp - zorse db ls, show, verify -----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CodeJson.h"
#include "RecordJson.h"
#include "Verbs.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>
#include <spdlog/spdlog.h>

namespace zorse::tool {

namespace {

struct ListArguments {
  std::string kind, arch;
  bool winners = false;
  int64_t limit = 0;
};

} // namespace

static VerbResult runList(const Tool &tool, const ListArguments &arguments) {
  Result<std::unique_ptr<Database>> database =
      Database::open(tool.databasePath, Database::Mode::ReadOnly);
  if (!database)
    return database.takeError();
  RecordFilter filter;
  filter.opKind = arguments.kind;
  filter.arch = arguments.arch;
  Result<std::vector<KernelRecord>> records = (*database)->list(filter);
  if (!records)
    return records.takeError();
  filter.winnersOnly = true;
  Result<std::vector<KernelRecord>> winning = (*database)->list(filter);
  if (!winning)
    return winning.takeError();
  std::set<int64_t> winners;
  for (const KernelRecord &record : *winning)
    winners.insert(record.id);

  std::vector<KernelRecord> &shown = arguments.winners ? *winning : *records;
  size_t total = shown.size();
  if (arguments.limit > 0 && shown.size() > static_cast<size_t>(arguments.limit))
    shown.erase(shown.begin(), shown.end() - arguments.limit); // the latest ones stay
  if (tool.isJson()) {
    Json json = {{"schema_version", 1}, {"database", (*database)->path()}};
    json["records"] = Json::array();
    for (const KernelRecord &record : shown)
      json["records"].push_back(recordJson(record, winners.contains(record.id)));
    printJson(json);
    return 0;
  }
  fmt::print("{}", recordTable(shown, winners));
  spdlog::info("{} of {} shown, {} winners (*), in {}", shown.size(), total, winners.size(),
               (*database)->path());
  return 0;
}

static VerbResult runShow(const Tool &tool, int64_t id) {
  Result<std::unique_ptr<Database>> database =
      Database::open(tool.databasePath, Database::Mode::ReadOnly);
  if (!database)
    return database.takeError();
  Result<std::vector<KernelRecord>> records = (*database)->list({});
  if (!records)
    return records.takeError();
  auto found = std::find_if(records->begin(), records->end(),
                            [&](const KernelRecord &record) { return record.id == id; });
  if (found == records->end())
    return usageError(fmt::format("no trial {} in {}; `zorse db ls` lists the {} there are", id,
                                  (*database)->path(), records->size()));
  RecordFilter filter;
  filter.opJson = found->opJson;
  filter.winnersOnly = true;
  Result<std::vector<KernelRecord>> winning = (*database)->list(filter);
  if (!winning)
    return winning.takeError();
  bool isWinner = std::any_of(winning->begin(), winning->end(),
                              [&](const KernelRecord &record) { return record.id == id; });
  Result<std::optional<CodeObject>> code = (*database)->loadCode(*found);
  if (!code)
    return code.takeError();
  if (!tool.isJson()) {
    fmt::print("{}{}", describeRecord(*found, isWinner),
               *code ? describeCode(**code) : std::string("code       not stored\n"));
    return 0;
  }
  Json json = {{"schema_version", 1}, {"database", (*database)->path()}};
  json["record"] = recordJson(*found, isWinner);
  json["code"] = Json();
  if (*code) {
    Result<OpDesc> op = OpDesc::parse((*code)->opJson);
    json["code"] = Json::object();
    addCode(json["code"], **code, op ? &*op : nullptr);
  }
  printJson(json);
  return 0;
}

static VerbResult runVerify(const Tool &tool, bool repair) {
  Result<std::unique_ptr<Database>> database = Database::open(
      tool.databasePath, repair ? Database::Mode::ReadWrite : Database::Mode::ReadOnly);
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
  if (tool.isJson()) {
    printJson({{"schema_version", 1},
               {"database", (*database)->path()},
               {"sound", faults->empty()},
               {"faults", *faults}});
  } else {
    for (const std::string &fault : *faults)
      fmt::print("{}\n", fault);
    if (faults->empty())
      fmt::print("{} is sound\n", (*database)->path());
  }
  return faults->empty() ? 0 : static_cast<int>(ErrorCode::Database);
}

void addDb(CLI::App &app, Tool &tool) {
  CLI::App *db = app.add_subcommand("db", "Looks into the database of tuned kernels.");
  db->require_subcommand(1);
  db->footer("  zorse db ls --winners\n"
             "  zorse db show 17\n"
             "  zorse db verify --db kernels.db --format json");

  auto arguments = std::make_shared<ListArguments>();
  CLI::App *list = addVerb(*db, tool, "ls", "Lists trials; * marks winners.",
                           "  zorse db ls --winners --op mla_decode\n"
                           "  zorse db ls --target " +
                               exampleGpu() + " --limit 20 --format json");
  addDatabaseOption(*list, tool);
  list->add_option("--op", arguments->kind, "only this kind")->option_text("KIND");
  addTargetOption(*list, arguments->arch)->description("only this architecture");
  list->add_flag("--winners", arguments->winners, "only the winners");
  list->add_option("--limit", arguments->limit, "only the latest N")
      ->check(CLI::PositiveNumber)
      ->option_text("N");
  list->callback([&tool, arguments] {
    tool.action = [&tool, arguments] { return runList(tool, *arguments); };
  });

  auto id = std::make_shared<int64_t>(0);
  CLI::App *show = addVerb(*db, tool, "show", "Shows one trial and its code.",
                           "  zorse db show 17\n  zorse db show 17 --format json");
  addDatabaseOption(*show, tool);
  show->add_option("id", *id, "number of the trial")->required()->option_text("ID");
  show->callback([&tool, id] { tool.action = [&tool, id] { return runShow(tool, *id); }; });

  auto repair = std::make_shared<bool>(false);
  CLI::App *verify = addVerb(*db, tool, "verify", "Checks the file, its hashes and its winners.",
                             "  zorse db verify\n  zorse db verify --repair --db kernels.db");
  addDatabaseOption(*verify, tool);
  verify->add_flag("--repair", *repair,
                   "undo an interrupted write, bring the schema up to date, and mark trials whose "
                   "process died");
  verify->callback(
      [&tool, repair] { tool.action = [&tool, repair] { return runVerify(tool, *repair); }; });
}

} // namespace zorse::tool
