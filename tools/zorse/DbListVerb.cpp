//===- DbListVerb.cpp - zorse db ls, show ---------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CodeJson.h"
#include "DbVerbs.h"
#include "RecordJson.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>
#include <spdlog/spdlog.h>

namespace zorse::tool {

namespace {

struct ListArguments {
  std::string kind, arch, state;
  bool winners = false, blocked = false, stale = false;
  int64_t limit = 0;
};

} // namespace

/// States that a search does not try again.
static bool isBlocked(TrialState state) {
  return state == TrialState::Failed || state == TrialState::TimedOut ||
         state == TrialState::Crashed || state == TrialState::Wrong;
}

static bool isWanted(const KernelRecord &record, const ListArguments &arguments) {
  return (!arguments.blocked || isBlocked(record.state)) &&
         (!arguments.stale || !record.stale.empty()) &&
         (arguments.state.empty() || name(record.state) == arguments.state);
}

/// What keeps each row back, a line each.
static std::string reasons(const std::vector<KernelRecord> &records, const ListArguments &wanted) {
  std::string text;
  for (const KernelRecord &record : records) {
    if (wanted.blocked && !record.error.empty())
      text += fmt::format("{}: {}\n", record.id, record.error);
    if (wanted.stale && !record.stale.empty())
      text += fmt::format("{}: stale: {}\n", record.id, record.stale);
  }
  return text;
}

static VerbResult runList(const Tool &tool, const ListArguments &arguments) {
  Result<std::unique_ptr<Database>> database = openFile(tool, Database::Mode::ReadOnly);
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
  std::erase_if(shown, [&](const KernelRecord &record) { return !isWanted(record, arguments); });
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
  fmt::print("{}{}", recordTable(shown, winners), reasons(shown, arguments));
  spdlog::info("{} of {} shown, {} winners (*), in {}", shown.size(), total, winners.size(),
               (*database)->path());
  return 0;
}

static std::string describeTrust(const StoredCode &code) {
  if (code.trust == Trust::Built)
    return {};
  if (code.trust == Trust::Signed)
    return fmt::format("trust      signed by {}\n", code.signer);
  return "trust      foreign: never launched; `zorse db audit --rebuild` builds it here\n";
}

static VerbResult runShow(const Tool &tool, int64_t id) {
  Result<std::unique_ptr<Database>> database = openFile(tool, Database::Mode::ReadOnly);
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
  Result<std::optional<StoredCode>> code = (*database)->inspectCode(*found);
  if (!code)
    return code.takeError();
  if (!tool.isJson()) {
    fmt::print("{}{}", describeRecord(*found, isWinner),
               *code ? describeCode((*code)->object) + describeTrust(**code)
                     : std::string("code       not stored\n"));
    return 0;
  }
  Json json = {{"schema_version", 1}, {"database", (*database)->path()}};
  json["record"] = recordJson(*found, isWinner);
  json["code"] = Json();
  if (*code) {
    Result<OpDesc> op = OpDesc::parse((*code)->object.opJson);
    json["code"] = Json::object();
    addCode(json["code"], (*code)->object, op ? &*op : nullptr);
    json["code"]["trust"] = name((*code)->trust);
    json["code"]["signer"] = (*code)->signer;
  }
  printJson(json);
  return 0;
}

void addDbList(CLI::App &db, Tool &tool) {
  auto arguments = std::make_shared<ListArguments>();
  CLI::App *list = addVerb(db, tool, "ls", "Lists trials; * marks winners.",
                           "  zorse db ls --winners --op mla_decode\n"
                           "  zorse db ls --target " +
                               exampleGpu() + " --limit 20 --format json");
  addDatabaseOption(*list, tool);
  list->add_option("--op", arguments->kind, "only this kind")->option_text("KIND");
  addTargetOption(*list, arguments->arch)->description("only this architecture");
  list->add_flag("--winners", arguments->winners, "only the winners");
  list->add_flag("--blocked", arguments->blocked,
                 "only what failed, timed out, crashed or was wrong, with the reason");
  list->add_flag("--stale", arguments->stale, "only stale rows, with the reason");
  list->add_option("--state", arguments->state, "only this state")
      ->check(CLI::IsMember(
          {"queued", "running", "ok", "failed", "timed_out", "crashed", "wrong", "interrupted"}))
      ->option_text("STATE");
  list->add_option("--limit", arguments->limit, "only the latest N")
      ->check(CLI::PositiveNumber)
      ->option_text("N");
  list->callback([&tool, arguments] {
    tool.action = [&tool, arguments] { return runList(tool, *arguments); };
  });

  auto id = std::make_shared<int64_t>(0);
  CLI::App *show = addVerb(db, tool, "show", "Shows one trial and its code.",
                           "  zorse db show 17\n  zorse db show 17 --format json");
  addDatabaseOption(*show, tool);
  show->add_option("id", *id, "number of the trial")->required()->option_text("ID");
  show->callback([&tool, id] { tool.action = [&tool, id] { return runShow(tool, *id); }; });
}

} // namespace zorse::tool
