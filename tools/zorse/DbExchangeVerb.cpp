//===- DbExchangeVerb.cpp - zorse db diff, merge, export, import ----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "DbVerbs.h"
#include "RecordJson.h"

#include "zorse/db/Trust.h"

#include <fmt/format.h>
#include <fstream>
#include <iostream>
#include <spdlog/spdlog.h>
#include <sstream>
#include <tuple>

namespace zorse::tool {

// diff

/// What a winner is for: op, arch, compute units, tuning point, device.
using Place = std::tuple<std::string, std::string, int64_t, std::string, std::string>;

static Result<std::map<Place, KernelRecord>> winnersOf(const std::string &path) {
  // It may be a shard of somebody else, so it is opened like one.
  Result<std::unique_ptr<Database>> database = Database::openForeign(path, TrustStore());
  if (!database)
    return database.takeError();
  RecordFilter filter;
  filter.winnersOnly = true;
  Result<std::vector<KernelRecord>> records = (*database)->list(filter);
  if (!records)
    return records.takeError();
  std::map<Place, KernelRecord> winners;
  for (KernelRecord &record : *records) {
    Place place(record.opJson, record.arch, record.computeUnits, record.tuningPoint,
                record.measurement ? record.measurement->device : "");
    winners.insert_or_assign(std::move(place), std::move(record));
  }
  return winners;
}

static Json winnerJson(const KernelRecord *record) {
  if (!record)
    return nullptr;
  return {{"config", record->configText},
          {"code_hash", record->codeHash},
          {"median_us", record->measurement ? Json(record->measurement->medianUs) : Json()}};
}

static std::string winnerText(const KernelRecord *record) {
  if (!record)
    return "none";
  return fmt::format("{} ({})", record->configText,
                     record->measurement ? formatSeconds(record->measurement->medianUs * 1e-6)
                                         : "no time");
}

static VerbResult runDiff(const Tool &tool, const std::string &a, const std::string &b) {
  Result<std::map<Place, KernelRecord>> before = winnersOf(a), after = winnersOf(b);
  if (!before)
    return before.takeError();
  if (!after)
    return after.takeError();
  std::map<Place, std::pair<const KernelRecord *, const KernelRecord *>> places;
  for (const auto &[place, record] : *before)
    places[place].first = &record;
  for (const auto &[place, record] : *after)
    places[place].second = &record;
  Json differences = Json::array();
  std::string text;
  std::map<std::string, int64_t> counts = {{"changed", 0}, {"gained", 0}, {"lost", 0}};
  for (const auto &[place, pair] : places) {
    auto [old, now] = pair;
    if (old && now && old->configText == now->configText && old->codeHash == now->codeHash)
      continue;
    const char *kind = !old ? "gained" : !now ? "lost" : "changed";
    ++counts[kind];
    const KernelRecord &any = old ? *old : *now;
    differences.push_back({{"kind", kind},
                           {"op", any.opJson},
                           {"target", any.arch},
                           {"compute_units", any.computeUnits},
                           {"tuning_point", any.tuningPoint},
                           {"device", std::get<4>(place)},
                           {"a", winnerJson(old)},
                           {"b", winnerJson(now)}});
    text +=
        fmt::format("{} {} on {} with {} compute units at {}: {} -> {}\n", kind, any.opKind,
                    any.arch, any.computeUnits, any.tuningPoint, winnerText(old), winnerText(now));
  }
  if (tool.isJson()) {
    printJson({{"schema_version", 1},
               {"a", a},
               {"b", b},
               {"changed", counts["changed"]},
               {"gained", counts["gained"]},
               {"lost", counts["lost"]},
               {"differences", differences}});
    return 0;
  }
  fmt::print("{}", text);
  spdlog::info("winners: {} changed, {} gained, {} lost, of {} in {} and {} in {}",
               counts["changed"], counts["gained"], counts["lost"], before->size(), a,
               after->size(), b);
  return 0;
}

// merge and import

static int reportMerge(const Tool &tool, const std::string &into, const MergeReport &report,
                       const Hash128 &content) {
  if (tool.isJson()) {
    printJson({{"schema_version", 1},
               {"database", into},
               {"read", report.read},
               {"added", report.added},
               {"improved", report.improved},
               {"unchanged", report.unchanged},
               {"code_added", report.codeAdded},
               {"content_hash", content.hex()},
               {"refused", report.refused}});
  } else {
    fmt::print("{}: {} rows read, {} added, {} improved, {} unchanged, {} code objects added, "
               "content {}\n",
               into, report.read, report.added, report.improved, report.unchanged, report.codeAdded,
               content.hex());
  }
  for (const std::string &sentence : report.refused)
    spdlog::error("{}", sentence);
  return report.refused.empty() ? 0 : static_cast<int>(ErrorCode::Database);
}

static VerbResult runMerge(const Tool &tool, const std::string &out,
                           const std::vector<std::string> &in) {
  Result<TrustStore> trust = TrustStore::read(tool.environment.trustFile);
  if (!trust)
    return trust.takeError();
  Result<std::unique_ptr<Database>> database = Database::open(out, Database::Mode::ReadWrite);
  if (!database)
    return database.takeError();
  Result<MergeReport> report = (*database)->merge(in, &*trust);
  if (!report)
    return report.takeError();
  Result<Hash128> content = (*database)->contentHash();
  if (!content)
    return content.takeError();
  return reportMerge(tool, out, *report, *content);
}

static VerbResult runImport(const Tool &tool, const std::string &path) {
  std::ifstream file;
  if (path != "-") {
    file.open(path);
    if (!file)
      return usageError(fmt::format("cannot read {}", path));
  }
  Result<std::unique_ptr<Database>> database = openFile(tool, Database::Mode::ReadWrite);
  if (!database)
    return database.takeError();
  Result<MergeReport> report = path == "-" ? (*database)->importText(std::cin, "stdin")
                                           : (*database)->importText(file, path);
  if (!report)
    return report.takeError();
  Result<Hash128> content = (*database)->contentHash();
  if (!content)
    return content.takeError();
  return reportMerge(tool, (*database)->path(), *report, *content);
}

static VerbResult runExport(const Tool &tool, const RecordFilter &filter, const std::string &path) {
  Result<std::unique_ptr<Database>> database = openFile(tool, Database::Mode::ReadOnly);
  if (!database)
    return database.takeError();
  std::ostringstream text;
  if (Status status = (*database)->exportText(filter, text); !status)
    return status.takeError();
  std::string bytes = std::move(text).str();
  Status status =
      writeFile(path, std::span(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()));
  return status ? VerbResult(0) : VerbResult(status.takeError());
}

void addDbExchange(CLI::App &db, Tool &tool) {
  auto paths = std::make_shared<std::vector<std::string>>();
  auto into = std::make_shared<std::string>();
  CLI::App *merge = addVerb(
      db, tool, "merge", "Takes the rows of other databases into one; the order does not matter.",
      "  zorse db merge all.db shard-*.db\n  zorse db merge kernels.db colleague.db --format json");
  merge->add_option("into", *into, "database to write, made if it is not there")
      ->required()
      ->option_text("OUT");
  merge->add_option("from", *paths, "databases to read")->required()->option_text("IN...");
  merge->callback([&tool, into, paths] {
    tool.action = [&tool, into, paths] { return runMerge(tool, *into, *paths); };
  });

  auto a = std::make_shared<std::string>(), b = std::make_shared<std::string>();
  CLI::App *diff = addVerb(db, tool, "diff", "Compares the winners of two databases.",
                           "  zorse db diff old.db new.db\n"
                           "  zorse db diff old.db new.db --format json");
  diff->add_option("a", *a, "the earlier one")->required()->option_text("A");
  diff->add_option("b", *b, "the later one")->required()->option_text("B");
  diff->callback([&tool, a, b] { tool.action = [&tool, a, b] { return runDiff(tool, *a, *b); }; });

  auto filter = std::make_shared<RecordFilter>();
  auto out = std::make_shared<std::string>("-");
  CLI::App *exporter =
      addVerb(db, tool, "export", "Writes rows as text for review and version control, no code.",
              "  zorse db export --winners -o winners.jsonl\n  zorse db export --op rmsnorm");
  addDatabaseOption(*exporter, tool);
  exporter->add_option("--op", filter->opKind, "only this kind")->option_text("KIND");
  addTargetOption(*exporter, filter->arch)->description("only this architecture");
  exporter->add_flag("--winners", filter->winnersOnly, "only the winners");
  exporter->add_option("-o,--output", *out, "file to write, - for stdout")->option_text("FILE");
  exporter->callback([&tool, filter, out] {
    tool.action = [&tool, filter, out] { return runExport(tool, *filter, *out); };
  });

  auto path = std::make_shared<std::string>();
  CLI::App *importer = addVerb(db, tool, "import", "Takes over rows that were exported as text.",
                               "  zorse db import winners.jsonl --db kernels.db");
  addDatabaseOption(*importer, tool);
  importer->add_option("file", *path, "text to read, - for stdin")->required()->option_text("FILE");
  importer->callback(
      [&tool, path] { tool.action = [&tool, path] { return runImport(tool, *path); }; });
}

} // namespace zorse::tool
