//===- Garbage.cpp - removing what nobody needs ---------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "SqliteDatabase.h"

#include <filesystem>

namespace zorse::db {

/// Deletes and returns how many rows went.
static Result<int64_t> remove(const Connection &connection, std::string_view sql) {
  Result<int64_t> before = connection.integer("SELECT total_changes()");
  if (!before)
    return before;
  if (Status status = connection.run(sql); !status)
    return status.takeError();
  Result<int64_t> after = connection.integer("SELECT total_changes()");
  return after ? Result<int64_t>(*after - *before) : after;
}

static Result<int64_t> freeBytes(const Connection &connection) {
  Result<int64_t> pages = connection.integer("PRAGMA freelist_count");
  Result<int64_t> size = connection.integer("PRAGMA page_size");
  if (!pages || !size)
    return pages ? size : pages;
  return *pages * *size;
}

static Status removeTrials(const Connection &connection, const GarbageOptions &options,
                           GarbageReport &report) {
  for (auto [wanted, count, remover] :
       {std::tuple{options.dropStale, "SELECT count(*) FROM trial WHERE stale <> ''",
                   "DELETE FROM trial WHERE stale <> ''"},
        std::tuple{options.dropPredictions, "SELECT count(*) FROM trial WHERE source = 'model'",
                   "DELETE FROM trial WHERE source = 'model'"}}) {
    if (!wanted)
      continue;
    // Counted by itself: the changes of a DELETE include the measurements that go along.
    Result<int64_t> rows = connection.integer(count);
    if (!rows)
      return rows.takeError();
    if (Status status = connection.run(remover); !status)
      return status;
    report.trials += *rows;
  }
  return Status();
}

static Status removeCode(const Connection &connection, GarbageReport &report) {
  Result<int64_t> removed = remove(
      connection, "DELETE FROM code_object WHERE (code_hash, op_hash, arch, config_text) NOT IN "
                  "(SELECT trial.code_hash, op.hash, target.arch, config.text FROM best "
                  "JOIN trial ON trial.id = best.trial_id JOIN op ON op.id = trial.op_id "
                  "JOIN target ON target.id = trial.target_id "
                  "JOIN config ON config.id = trial.config_id)");
  if (!removed)
    return removed.takeError();
  report.codeObjects = *removed;
  return Status();
}

/// What nothing refers to any more.
static Status removeOrphans(const Connection &connection) {
  for (std::string_view sql :
       {"DELETE FROM code WHERE hash NOT IN (SELECT code_hash FROM code_object)",
        "DELETE FROM op WHERE id NOT IN (SELECT op_id FROM trial)",
        "DELETE FROM target WHERE id NOT IN (SELECT target_id FROM trial)",
        "DELETE FROM config WHERE id NOT IN (SELECT config_id FROM trial)"})
    if (Status status = connection.run(sql); !status)
      return status;
  return Status();
}

Result<GarbageReport> SqliteDatabase::collectGarbage(const GarbageOptions &options) {
  if (Status status = requireWritable("collect garbage"); !status)
    return status.takeError();
  GarbageReport report;
  std::error_code ignored;
  auto fileSize = [&] {
    return static_cast<int64_t>(std::filesystem::file_size(connection->path(), ignored));
  };
  int64_t sizeBefore = fileSize();
  {
    Result<Transaction> transaction = Transaction::begin(*connection);
    if (!transaction)
      return transaction.takeError();
    Status status = removeTrials(*connection, options, report);
    if (status && options.dropLosersCode)
      status = removeCode(*connection, report);
    if (status)
      status = removeOrphans(*connection);
    if (!status)
      return status.takeError();
    if (options.dryRun) { // whole pages that would be free; packing the others saves more
      Result<int64_t> bytes = freeBytes(*connection);
      if (!bytes)
        return bytes.takeError();
      report.bytes = *bytes;
      return report;
    }
    if (status = transaction->commit(); !status)
      return status.takeError();
  }
  if (Status status = connection->execute("VACUUM"); !status)
    return status.takeError();
  report.bytes = sizeBefore - fileSize();
  return report;
}

} // namespace zorse::db
