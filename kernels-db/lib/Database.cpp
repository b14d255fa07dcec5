//===- Database.cpp - every trial, and the winners ------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/db/Database.h"

#include "CodeRows.h"
#include "Owner.h"
#include "Schema.h"
#include "SqliteDatabase.h"
#include "Verify.h"

#include <algorithm>
#include <fmt/format.h>

namespace zorse {

namespace db {

Status SqliteDatabase::requireWritable(std::string_view action) const {
  if (connection->isWritable())
    return Status();
  return databaseError(
      fmt::format("cannot {} in {}: it was opened for reading only", action, connection->path()));
}

template <typename... Args>
Result<std::vector<KernelRecord>> SqliteDatabase::select(std::string_view rest,
                                                         const Args &...args) const {
  Result<Statement> rows =
      connection->query(std::string(selectRecords) + std::string(rest), args...);
  if (!rows)
    return rows.takeError();
  return readRecords(*connection, *rows);
}

Result<int64_t> SqliteDatabase::record(const KernelRecord &record) {
  if (Status status = requireWritable("record a trial"); !status)
    return status.takeError();
  if (Status status = checkRecord(record); !status)
    return status.takeError();
  Result<Transaction> transaction = Transaction::begin(*connection);
  if (!transaction)
    return transaction.takeError();
  Result<int64_t> id = writeRecord(*connection, record);
  if (!id)
    return id;
  if (Status status = transaction->commit(); !status)
    return status.takeError();
  return id;
}

Status SqliteDatabase::recordAll(const std::vector<KernelRecord> &records,
                                 const std::vector<CodeObject> &objects) {
  if (Status status = requireWritable("record trials"); !status)
    return status;
  for (const KernelRecord &record : records)
    if (Status status = checkRecord(record); !status)
      return status;
  Result<Transaction> transaction = Transaction::begin(*connection);
  if (!transaction)
    return transaction.takeError();
  for (const CodeObject &object : objects)
    if (Status status = writeCode(*connection, object, Trust::Built); !status)
      return status;
  for (const KernelRecord &record : records)
    if (Result<int64_t> id = writeRecord(*connection, record); !id)
      return id.takeError();
  return transaction->commit();
}

Status SqliteDatabase::storeCode(const CodeObject &object) {
  if (Status status = requireWritable("store code"); !status)
    return status;
  Result<Transaction> transaction = Transaction::begin(*connection);
  if (!transaction)
    return transaction.takeError();
  Status status = writeCode(*connection, object, Trust::Built);
  return status ? transaction->commit() : status;
}

Result<std::optional<StoredCode>> SqliteDatabase::inspectCode(const KernelRecord &record) {
  Result<std::optional<CodeRow>> found = findCode(*connection, record);
  if (!found)
    return found.takeError();
  if (!*found)
    return std::optional<StoredCode>();
  StoredCode code = std::move((*found)->code);
  // What another user's file says of the origin of its code counts for nothing.
  if (accepts)
    code.trust =
        accepts(code.object, code.signer, (*found)->signature) ? Trust::Signed : Trust::Foreign;
  return std::optional<StoredCode>(std::move(code));
}

Result<std::optional<CodeObject>> SqliteDatabase::loadCode(const KernelRecord &record) {
  Result<std::optional<StoredCode>> code = inspectCode(record);
  if (!code)
    return code.takeError();
  if (!*code || (*code)->trust == Trust::Foreign)
    return std::optional<CodeObject>();
  return std::optional<CodeObject>(std::move((*code)->object));
}

Result<std::optional<CodeObject>> SqliteDatabase::loadCode(const std::string &codeHash) {
  Result<Statement> rows = connection->query(
      std::string(selectCode) + "WHERE code_hash = ?1 ORDER BY op_hash, arch, config_text",
      codeHash);
  if (!rows)
    return rows.takeError();
  Result<bool> row = rows->step();
  if (!row)
    return row.takeError();
  if (!*row)
    return std::optional<CodeObject>();
  Result<CodeObject> object = readCode(*connection, *rows);
  if (!object)
    return object.takeError();
  return std::optional<CodeObject>(object.take());
}

// The op is looked up first: SQLite evaluates the view for one op only if its id is a constant, and
// for all of them if it comes from a subquery.
Result<int64_t> SqliteDatabase::opId(const OpDesc &op) const {
  Result<Statement> rows = connection->query("SELECT id FROM op WHERE hash = ?1", op.hash().hex());
  if (!rows)
    return rows.takeError();
  Result<bool> row = rows->step();
  if (!row)
    return row.takeError();
  return *row ? rows->integer(0) : -1;
}

Result<std::optional<KernelRecord>> SqliteDatabase::best(const OpDesc &op, const TargetDesc &target,
                                                         const std::string &tuningPoint,
                                                         std::string_view device) {
  Result<int64_t> id = opId(op);
  if (!id)
    return id.takeError();
  Result<std::vector<KernelRecord>> rows =
      select("JOIN best ON best.trial_id = trial.id WHERE best.op_id = ?1 AND "
             "best.tuning_point = ?2 AND target.arch = ?3 AND target.compute_units = ?4 "
             "ORDER BY best.device = ?5 DESC, best.rivals DESC, best.device LIMIT 1",
             *id, tuningPoint, target.arch, static_cast<int64_t>(target.computeUnits), device);
  if (!rows)
    return rows.takeError();
  if (rows->empty())
    return std::optional<KernelRecord>();
  return std::optional<KernelRecord>(std::move(rows->front()));
}

Result<std::vector<KernelRecord>>
SqliteDatabase::winners(const OpDesc &op, const TargetDesc &target, std::string_view device) {
  Result<int64_t> id = opId(op);
  if (!id)
    return id.takeError();
  Result<std::vector<KernelRecord>> rows =
      select("JOIN best ON best.trial_id = trial.id WHERE best.op_id = ?1 AND target.arch = ?2 "
             "ORDER BY trial.tuning_point, target.compute_units, best.device = ?3 DESC, "
             "best.rivals DESC, best.device",
             *id, target.arch, device);
  if (!rows)
    return rows.takeError();
  // The first device of each place is the one that counts.
  auto samePlace = [](const KernelRecord &a, const KernelRecord &b) {
    return a.tuningPoint == b.tuningPoint && a.computeUnits == b.computeUnits;
  };
  rows->erase(std::unique(rows->begin(), rows->end(), samePlace), rows->end());
  return rows;
}

Result<std::vector<KernelRecord>> SqliteDatabase::list(const RecordFilter &filter) {
  return select("WHERE (?1 = '' OR op.kind = ?1) AND (?2 = '' OR op.description = ?2) AND "
                "(?3 = '' OR target.arch = ?3) AND (?4 = '' OR trial.tuning_point = ?4) AND "
                "(?5 = '' OR config.text = ?5) AND "
                "(?6 = 0 OR trial.id IN (SELECT trial_id FROM best)) ORDER BY trial.id",
                filter.opKind, filter.opJson, filter.arch, filter.tuningPoint, filter.configText,
                static_cast<int64_t>(filter.winnersOnly));
}

Result<int64_t> SqliteDatabase::markStaleRunning() {
  if (Status status = requireWritable("mark stale trials"); !status)
    return status.takeError();
  Result<Transaction> transaction = Transaction::begin(*connection);
  if (!transaction)
    return transaction.takeError();
  std::vector<int64_t> stale;
  Status read = forEachRow(connection->query("SELECT id, owner FROM trial WHERE state = 'running'"),
                           [&](Statement &row) {
                             if (isGone(row.text(1)))
                               stale.push_back(row.integer(0));
                           });
  if (!read)
    return read.takeError();
  for (int64_t id : stale) {
    Status status = connection->run("UPDATE trial SET state = 'crashed', owner = '', error = "
                                    "'the process that ran it ended without a result' "
                                    "WHERE id = ?1",
                                    id);
    if (!status)
      return status.takeError();
  }
  if (Status status = transaction->commit(); !status)
    return status.takeError();
  return static_cast<int64_t>(stale.size());
}

Result<std::vector<std::string>> SqliteDatabase::verify() { return findFaults(*connection); }

Result<std::vector<std::string>> SqliteDatabase::remarks() { return findRemarks(*connection); }

Status SqliteDatabase::setStale(int64_t id, std::string_view reason) {
  if (Status status = requireWritable("mark a trial stale"); !status)
    return status;
  Result<Statement> rows =
      connection->query("UPDATE trial SET stale = ?2 WHERE id = ?1 RETURNING id", id, reason);
  if (!rows)
    return rows.takeError();
  Result<bool> row = rows->step();
  if (!row)
    return row.takeError();
  if (!*row)
    return usageError(fmt::format("no trial {} in {}", id, connection->path()));
  row = rows->step(); // to its end, which commits
  return row ? Status() : Status(row.takeError());
}

Result<std::map<std::string, std::string>> SqliteDatabase::manifest() {
  Result<Statement> rows = connection->query("SELECT name, value FROM manifest");
  if (!rows)
    return rows.takeError();
  std::map<std::string, std::string> facts;
  while (true) {
    Result<bool> row = rows->step();
    if (!row)
      return row.takeError();
    if (!*row)
      return facts;
    facts.emplace(rows->text(0), rows->text(1));
  }
}

Status SqliteDatabase::setManifest(const std::map<std::string, std::string> &facts) {
  if (Status status = requireWritable("write a manifest"); !status)
    return status;
  Result<Transaction> transaction = Transaction::begin(*connection);
  if (!transaction)
    return transaction.takeError();
  if (Status status = connection->run("DELETE FROM manifest"); !status)
    return status;
  for (const auto &[fact, value] : facts)
    if (Status status = connection->run("INSERT INTO manifest VALUES (?1, ?2)", fact, value);
        !status)
      return status;
  return transaction->commit();
}

} // namespace db

Result<std::unique_ptr<Database>> Database::open(const std::string &path, Mode mode,
                                                 std::chrono::milliseconds busyTimeout) {
  Result<std::unique_ptr<db::Connection>> connection = db::openChecked(path, mode, busyTimeout);
  if (!connection)
    return connection.takeError();
  return std::unique_ptr<Database>(std::make_unique<db::SqliteDatabase>(connection.take()));
}

} // namespace zorse
