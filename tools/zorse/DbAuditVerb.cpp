//===- DbAuditVerb.cpp - zorse db audit -----------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A time speaks of machine code. Where today's compiler makes other code of the same
// op and configuration, the row is marked stale; where it makes the same again, the
// mark goes. No device is needed.
//
//===----------------------------------------------------------------------===//
#include "DbVerbs.h"
#include "Interrupt.h"

#include "zorse/compiler/Compile.h"
#include "zorse/desc/StrictJson.h"

#include <algorithm>
#include <atomic>
#include <fmt/format.h>
#include <set>
#include <spdlog/spdlog.h>
#include <thread>

namespace zorse::tool {

namespace {

struct AuditArguments {
  bool all = false, rebuild = false;
  int jobs = 0;
};

struct Finding {
  KernelRecord record;
  std::string reason; ///< why it is stale, or empty
  bool failed = false, rebuilt = false;
};

} // namespace

static Result<CodeObject> compileAgain(const KernelRecord &record) {
  Result<OpDesc> op = OpDesc::parse(record.opJson);
  if (!op)
    return op.takeError();
  Result<nlohmann::json> sizes = parseStrictJson(record.tuningPoint);
  if (!sizes)
    return sizes.takeError();
  Sizes tuning;
  for (const auto &[size, value] : sizes->items()) {
    if (!value.is_number_integer())
      return usageError(fmt::format("the tuning point {} is not of integers", record.tuningPoint));
    tuning[size] = value.get<int64_t>();
  }
  Result<TargetDesc> target = findTarget(record.arch);
  if (!target)
    return target.takeError();
  target->computeUnits = static_cast<int>(record.computeUnits);
  OpDesc tuned = op->withTuningPoint(tuning);
  Result<KernelConfig> config = KernelConfig::parse(record.configText, tuned, *target);
  if (!config)
    return config.takeError();
  Result<CompileOutput> output = compile(tuned, *target, *config);
  if (!output)
    return output.takeError();
  return std::move(output->object);
}

/// Compiles several at once; those that a signal cut off are nullopt.
static std::vector<std::optional<Result<CodeObject>>>
compileAll(const std::vector<KernelRecord> &records, int jobs) {
  std::vector<std::optional<Result<CodeObject>>> codes(records.size());
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i; !stopRequested && (i = next++) < records.size();)
      codes[i].emplace(compileAgain(records[i]));
  };
  size_t count = jobs > 0 ? static_cast<size_t>(jobs) : std::thread::hardware_concurrency();
  std::vector<std::thread> workers;
  for (size_t i = 0; i < std::clamp<size_t>(count, 1, std::max<size_t>(records.size(), 1)); ++i)
    workers.emplace_back(work);
  for (std::thread &worker : workers)
    worker.join();
  return codes;
}

/// The rows to look at next: winners, or all; stale ones, whose mark may go; none twice, since the
/// next in line becomes the winner where one is found stale.
static Result<std::vector<KernelRecord>> nextRecords(Database &database, bool all,
                                                     std::set<int64_t> &seen) {
  RecordFilter winners;
  winners.winnersOnly = true;
  Result<std::vector<KernelRecord>> records = database.list(winners), every = database.list({});
  if (!records || !every)
    return records ? every : records;
  for (KernelRecord &record : *every)
    if (all || !record.stale.empty())
      records->push_back(std::move(record));
  std::erase_if(*records, [&](const KernelRecord &record) {
    return record.state != TrialState::Ok || record.codeHash.empty() ||
           !seen.insert(record.id).second;
  });
  return records;
}

static Result<Finding> judge(Database &database, const KernelRecord &record,
                             const Result<CodeObject> &code, bool rebuild) {
  Finding finding;
  finding.record = record;
  if (!code) {
    finding.failed = true;
    finding.reason = "no longer compiles: " + code.error().message;
  } else if (std::string hash = code->codeHash().hex(); hash != record.codeHash) {
    finding.reason = "compiles to other code: " + hash;
  } else if (rebuild) {
    Result<std::optional<CodeObject>> stored = database.loadCode(record);
    // Code that is damaged is built anew like code that is missing or foreign.
    if (!stored || !*stored) {
      if (Status status = database.storeCode(*code); !status)
        return status.takeError();
      finding.rebuilt = true;
    }
  }
  if (finding.reason != record.stale)
    if (Status status = database.setStale(record.id, finding.reason); !status)
      return status.takeError();
  return finding;
}

static int report(const Tool &tool, const std::string &path, const std::vector<Finding> &findings) {
  int64_t unchanged = 0, stale = 0, failed = 0, again = 0, rebuilt = 0;
  Json rows = Json::array();
  std::string text;
  for (const Finding &finding : findings) {
    const KernelRecord &record = finding.record;
    bool isStale = !finding.reason.empty();
    unchanged += !isStale;
    stale += isStale && !finding.failed;
    failed += finding.failed;
    again += !isStale && !record.stale.empty();
    rebuilt += finding.rebuilt;
    const char *verdict = finding.failed ? "failed" : isStale ? "stale" : "unchanged";
    rows.push_back({{"id", record.id},
                    {"verdict", verdict},
                    {"reason", finding.reason},
                    {"was_stale", !record.stale.empty()},
                    {"rebuilt", finding.rebuilt}});
    if (isStale)
      text += fmt::format("{} {} {} with {}: {}\n", verdict, record.id, record.opKind,
                          record.configText, finding.reason);
  }
  if (tool.isJson())
    printJson({{"schema_version", 1},
               {"database", path},
               {"compiler_revision", compilerRevision()},
               {"unchanged", unchanged},
               {"stale", stale},
               {"failed", failed},
               {"fit_again", again},
               {"rebuilt", rebuilt},
               {"rows", rows}});
  else
    fmt::print("{}{} rows compile to the same code ({} of them were stale), {} to other code, {} "
               "no longer; {} rebuilt\n",
               text, unchanged, again, stale, failed, rebuilt);
  return failed ? static_cast<int>(ErrorCode::PartlyFailed) : 0;
}

static VerbResult runAudit(const Tool &tool, const AuditArguments &arguments) {
  if (Result<std::unique_ptr<Database>> there = openFile(tool, Database::Mode::ReadOnly); !there)
    return there.takeError();
  Result<std::unique_ptr<Database>> database = openFile(tool, Database::Mode::ReadWrite);
  if (!database)
    return database.takeError();
  watchSignals();
  std::set<int64_t> seen;
  std::vector<Finding> findings;
  while (!stopRequested) {
    Result<std::vector<KernelRecord>> records = nextRecords(**database, arguments.all, seen);
    if (!records)
      return records.takeError();
    if (records->empty())
      break;
    std::vector<std::optional<Result<CodeObject>>> codes = compileAll(*records, arguments.jobs);
    for (size_t i = 0; i < records->size(); ++i) {
      if (!codes[i])
        continue;
      Result<Finding> finding = judge(**database, (*records)[i], *codes[i], arguments.rebuild);
      if (!finding)
        return finding.takeError();
      findings.push_back(finding.take());
    }
  }
  int code = report(tool, (*database)->path(), findings);
  return stopRequested ? interruptedExitCode() : code;
}

void addDbAudit(CLI::App &db, Tool &tool) {
  auto arguments = std::make_shared<AuditArguments>();
  CLI::App *audit =
      addVerb(db, tool, "audit", "Compiles winners again and marks those whose code changed.",
              "  zorse db audit\n  zorse db audit --all --jobs 8 --format json\n"
              "  zorse db audit --rebuild --db merged.db");
  addDatabaseOption(*audit, tool);
  audit->add_flag("--all", arguments->all, "all finished rows, not only winners and stale ones");
  audit->add_flag("--rebuild", arguments->rebuild,
                  "store code that is missing, damaged or foreign, freshly built");
  audit->add_option("--jobs", arguments->jobs, "threads that compile, 0 for all")
      ->check(CLI::Range(0, 4096))
      ->option_text("N");
  audit->callback([&tool, arguments] {
    tool.action = [&tool, arguments] { return runAudit(tool, *arguments); };
  });
}

} // namespace zorse::tool
