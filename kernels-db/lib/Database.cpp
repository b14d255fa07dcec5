//===- Database.cpp - every trial, and the winners ------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/db/Database.h"

#include "Owner.h"
#include "RecordRows.h"
#include "Schema.h"
#include "Verify.h"

#include <algorithm>
#include <fmt/format.h>

namespace zorse {

using db::Connection;
using db::Statement;
using db::Transaction;

namespace {

constexpr size_t maxCodeBytes = 64 << 20;

class SqliteDatabase final : public Database {
public:
  explicit SqliteDatabase(std::unique_ptr<Connection> connection)
      : connection(std::move(connection)) {}

  Result<int64_t> record(const KernelRecord &record) override;
  Status recordAll(const std::vector<KernelRecord> &records,
                   const std::vector<CodeObject> &objects) override;
  Status storeCode(const CodeObject &object) override;
  Result<std::optional<CodeObject>> loadCode(const KernelRecord &record) override;
  Result<std::optional<CodeObject>> loadCode(const std::string &codeHash) override;
  Result<std::optional<KernelRecord>> best(const OpDesc &op, const TargetDesc &target,
                                           const std::string &tuningPoint) override;
  Result<std::vector<KernelRecord>> winners(const OpDesc &op, const TargetDesc &target) override;
  Result<std::vector<KernelRecord>> list(const RecordFilter &filter) override;
  Result<int64_t> markStaleRunning() override;
  Result<std::vector<std::string>> verify() override { return db::findFaults(*connection); }
  std::string path() const override { return connection->path(); }

private:
  Status requireWritable(std::string_view action) const {
    if (connection->isWritable())
      return Status();
    return db::databaseError(
        fmt::format("cannot {} in {}: it was opened for reading only", action, connection->path()));
  }
  Result<int64_t> opId(const OpDesc &op) const;
  Status writeCode(const CodeObject &object) const; ///< inside the caller's transaction
  Result<std::optional<CodeObject>> firstCode(Result<Statement> rows) const;
  template <typename... Args>
  Result<std::vector<KernelRecord>> select(std::string_view rest, const Args &...args) const {
    std::string sql = std::string(db::selectRecords) + std::string(rest);
    Result<Statement> rows = connection->query(sql, args...);
    if (!rows)
      return rows.takeError();
    return db::readRecords(*connection, *rows);
  }

  std::unique_ptr<Connection> connection;
};

} // namespace

Result<int64_t> SqliteDatabase::record(const KernelRecord &record) {
  if (Status status = requireWritable("record a trial"); !status)
    return status.takeError();
  if (Status status = db::checkRecord(record); !status)
    return status.takeError();
  Result<Transaction> transaction = Transaction::begin(*connection);
  if (!transaction)
    return transaction.takeError();
  Result<int64_t> id = db::writeRecord(*connection, record);
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
    if (Status status = db::checkRecord(record); !status)
      return status;
  Result<Transaction> transaction = Transaction::begin(*connection);
  if (!transaction)
    return transaction.takeError();
  for (const CodeObject &object : objects)
    if (Status status = writeCode(object); !status)
      return status;
  for (const KernelRecord &record : records)
    if (Result<int64_t> id = db::writeRecord(*connection, record); !id)
      return id.takeError();
  return transaction->commit();
}

Status SqliteDatabase::storeCode(const CodeObject &object) {
  if (Status status = requireWritable("store code"); !status)
    return status;
  Result<Transaction> transaction = Transaction::begin(*connection);
  if (!transaction)
    return transaction.takeError();
  Status status = writeCode(object);
  return status ? transaction->commit() : status;
}

Status SqliteDatabase::writeCode(const CodeObject &object) const {
  std::string hash = object.codeHash().hex();
  KernelResources most;
  for (const KernelInfo &kernel : object.kernels) {
    const KernelResources &own = kernel.resources;
    most.scratchBytes = std::max(most.scratchBytes, own.scratchBytes);
    most.ldsBytes = std::max(most.ldsBytes, own.ldsBytes);
    most.vgprs = std::max(most.vgprs, own.vgprs + own.agprs);
    most.sgprs = std::max(most.sgprs, own.sgprs);
  }
  std::string metadata = toJson(object);
  if (metadata.size() + object.bytes.size() > maxCodeBytes)
    return usageError(fmt::format("a code object may take {} bytes, found {}", maxCodeBytes,
                                  metadata.size() + object.bytes.size()));
  Status status = connection->run("INSERT INTO code (hash, bytes, created_at) VALUES (?1, ?2, "
                                  "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')) "
                                  "ON CONFLICT (hash) DO NOTHING",
                                  hash, std::span<const uint8_t>(object.bytes));
  if (!status)
    return status;
  return connection->run(
      "INSERT OR REPLACE INTO code_object (code_hash, op_hash, arch, config_text, metadata, "
      "metadata_hash, scratch_bytes, lds_bytes, vector_regs, scalar_regs) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
      hash, hashText(object.opJson).hex(), object.arch, object.configText, metadata,
      hashText(metadata).hex(), most.scratchBytes, most.ldsBytes, most.vgprs, most.sgprs);
}

/// The code object of the first row of a query made from selectCode.
Result<std::optional<CodeObject>> SqliteDatabase::firstCode(Result<Statement> rows) const {
  if (!rows)
    return rows.takeError();
  Result<bool> row = rows->step();
  if (!row)
    return row.takeError();
  if (!*row)
    return std::optional<CodeObject>();
  Result<CodeObject> object = db::readCode(*connection, *rows);
  if (!object)
    return object.takeError();
  return std::optional<CodeObject>(object.take());
}

Result<std::optional<CodeObject>> SqliteDatabase::loadCode(const KernelRecord &record) {
  return firstCode(connection->query(
      std::string(db::selectCode) +
          "WHERE code_hash = ?1 AND op_hash = ?2 AND arch = ?3 AND config_text = ?4",
      record.codeHash, hashText(record.opJson).hex(), record.arch, record.configText));
}

Result<std::optional<CodeObject>> SqliteDatabase::loadCode(const std::string &codeHash) {
  return firstCode(connection->query(std::string(db::selectCode) +
                                         "WHERE code_hash = ?1 ORDER BY op_hash, arch, config_text",
                                     codeHash));
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
                                                         const std::string &tuningPoint) {
  Result<int64_t> id = opId(op);
  if (!id)
    return id.takeError();
  Result<std::vector<KernelRecord>> rows =
      select("WHERE trial.id IN (SELECT trial_id FROM best WHERE op_id = ?1 AND tuning_point = ?2) "
             "AND target.arch = ?3 AND target.compute_units = ?4",
             *id, tuningPoint, target.arch, static_cast<int64_t>(target.computeUnits));
  if (!rows)
    return rows.takeError();
  if (rows->empty())
    return std::optional<KernelRecord>();
  return std::optional<KernelRecord>(std::move(rows->front()));
}

Result<std::vector<KernelRecord>> SqliteDatabase::winners(const OpDesc &op,
                                                          const TargetDesc &target) {
  Result<int64_t> id = opId(op);
  if (!id)
    return id.takeError();
  return select("WHERE trial.id IN (SELECT trial_id FROM best WHERE op_id = ?1) AND "
                "target.arch = ?2 ORDER BY trial.tuning_point, target.compute_units",
                *id, target.arch);
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
  {
    Result<Statement> rows =
        connection->query("SELECT id, owner FROM trial WHERE state = 'running'");
    if (!rows)
      return rows.takeError();
    while (true) {
      Result<bool> row = rows->step();
      if (!row)
        return row.takeError();
      if (!*row)
        break;
      if (db::isGone(rows->text(1)))
        stale.push_back(rows->integer(0));
    }
  }
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

Result<std::unique_ptr<Database>> Database::open(const std::string &path, Mode mode,
                                                 std::chrono::milliseconds busyTimeout) {
  Result<std::unique_ptr<Connection>> connection = db::openChecked(path, mode, busyTimeout);
  if (!connection)
    return connection.takeError();
  return std::unique_ptr<Database>(std::make_unique<SqliteDatabase>(connection.take()));
}

} // namespace zorse
