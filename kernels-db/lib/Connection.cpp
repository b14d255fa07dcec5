//===- Connection.cpp - the SQLite C API behind values --------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Connection.h"

#include "PageChecks.h"

#include "zorse/db/Database.h"

#include <fmt/format.h>
#include <random>
#include <sqlite3.h>
#include <thread>

std::string zorse::sqliteVersion() { return sqlite3_libversion(); }

namespace zorse::db {

// A statement on a foreign file may run this many instructions of SQLite's machine between two
// rows: minutes, where ours take seconds even on millions of rows.
static constexpr int progressInterval = 100'000;
static constexpr int64_t mostProgress = 100'000;

Error databaseError(std::string message) { return {ErrorCode::Database, std::move(message)}; }

// Statement

Statement::Statement(const Connection &connection, sqlite3_stmt *handle)
    : connection(&connection), handle(handle, Returner{&connection}) {}

void Statement::Returner::operator()(sqlite3_stmt *handle) const { connection->giveBack(handle); }

Result<bool> Statement::step() {
  if (bindStatus != SQLITE_OK)
    return connection->failure(bindStatus);
  connection->progressLeft = mostProgress;
  int code = sqlite3_step(handle.get());
  if (code == SQLITE_ROW)
    return true;
  if (code == SQLITE_DONE)
    return false;
  return connection->failure(code);
}

Status Statement::run() {
  Result<bool> row = step();
  return row ? Status() : Status(row.takeError());
}

bool Statement::isNull(int column) const {
  return sqlite3_column_type(handle.get(), column) == SQLITE_NULL;
}

int64_t Statement::integer(int column) const { return sqlite3_column_int64(handle.get(), column); }

double Statement::real(int column) const { return sqlite3_column_double(handle.get(), column); }

std::string Statement::text(int column) const {
  const unsigned char *data = sqlite3_column_text(handle.get(), column);
  if (!data)
    return {};
  return {reinterpret_cast<const char *>(data),
          static_cast<size_t>(sqlite3_column_bytes(handle.get(), column))};
}

std::span<const uint8_t> Statement::blob(int column) const {
  const void *data = sqlite3_column_blob(handle.get(), column);
  if (!data)
    return {};
  return {static_cast<const uint8_t *>(data),
          static_cast<size_t>(sqlite3_column_bytes(handle.get(), column))};
}

// The first failed bind is reported by step(), so that callers bind without checking each one.
static void keepFirst(int &status, int code) {
  if (status == SQLITE_OK)
    status = code;
}

void Statement::bind(int index, int64_t value) {
  keepFirst(bindStatus, sqlite3_bind_int64(handle.get(), index, value));
}

void Statement::bind(int index, double value) {
  keepFirst(bindStatus, sqlite3_bind_double(handle.get(), index, value));
}

void Statement::bind(int index, std::string_view value) {
  // A null pointer would bind NULL instead of the empty text.
  const char *data = value.data() ? value.data() : "";
  keepFirst(bindStatus, sqlite3_bind_text64(handle.get(), index, data, value.size(),
                                            SQLITE_TRANSIENT, SQLITE_UTF8));
}

void Statement::bind(int index, std::span<const uint8_t> value) {
  const void *data = value.empty() ? static_cast<const void *>("") : value.data();
  keepFirst(bindStatus,
            sqlite3_bind_blob64(handle.get(), index, data, value.size(), SQLITE_STATIC));
}

// Connection

void Connection::Closer::operator()(sqlite3 *handle) const { sqlite3_close_v2(handle); }

Error Connection::failure(int code) const {
  int extended = handle ? sqlite3_extended_errcode(handle.get()) : code;
  std::string reason = handle ? sqlite3_errmsg(handle.get()) : sqlite3_errstr(code);
  switch (extended) {
  case SQLITE_READONLY_ROLLBACK:
  case SQLITE_READONLY_RECOVERY:
    return databaseError(fmt::format(
        "the last writer of {} was stopped in the middle of a write, and a reader may not undo it; "
        "open it once for writing, for example with `zorse db verify --repair`",
        file));
  case SQLITE_IOERR_DATA:
    return databaseError(fmt::format("database is corrupt: {}: a page differs from its checksum; "
                                     "restore a copy, or move the file away and tune again",
                                     file));
  default:
    break;
  }
  switch (code & 0xff) {
  case SQLITE_INTERRUPT:
    return databaseError(fmt::format("a query of {} did not end; the file was made to waste time, "
                                     "leave it alone",
                                     file));
  case SQLITE_TOOBIG:
    return databaseError(fmt::format("{} holds a value that is larger than any that zorse writes: "
                                     "{}; leave the file alone",
                                     file, reason));
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return databaseError(fmt::format("database is locked: another process held {} for more than "
                                     "{} ms; wait until it ends, or name another file with --db",
                                     file, lockWait.limit.count()));
  case SQLITE_NOTADB:
    return databaseError(fmt::format("not a database: {} does not begin as a SQLite file does; "
                                     "name a database written by zorse with --db",
                                     file));
  case SQLITE_CORRUPT:
    return databaseError(fmt::format("database is corrupt: {}: {}; restore a copy, or move the "
                                     "file away and tune again",
                                     file, reason));
  case SQLITE_FULL:
    return databaseError(
        fmt::format("no space left to write {}; free some, or name another file with --db", file));
  case SQLITE_READONLY:
  case SQLITE_PERM:
  case SQLITE_CANTOPEN:
    return databaseError(fmt::format("cannot open {}: {}; check the permissions of the file and of "
                                     "its folder",
                                     file, reason));
  default:
    return databaseError(fmt::format("{}: {} (SQLite code {})", file, reason, extended));
  }
}

static Result<std::monostate> checked(const Connection &connection, int code) {
  if (code != SQLITE_OK)
    return connection.failure(code);
  return std::monostate();
}

/// What a file made by somebody else may ask for. Our own statements stay far below.
static void limitForeign(sqlite3 *handle, int64_t &progressLeft) {
  for (auto [limit, value] :
       {std::pair{SQLITE_LIMIT_LENGTH, 80 << 20}, std::pair{SQLITE_LIMIT_SQL_LENGTH, 100'000},
        std::pair{SQLITE_LIMIT_COLUMN, 100}, std::pair{SQLITE_LIMIT_EXPR_DEPTH, 100},
        std::pair{SQLITE_LIMIT_COMPOUND_SELECT, 10}, std::pair{SQLITE_LIMIT_VDBE_OP, 50'000},
        std::pair{SQLITE_LIMIT_FUNCTION_ARG, 16}, std::pair{SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100},
        std::pair{SQLITE_LIMIT_VARIABLE_NUMBER, 100}, std::pair{SQLITE_LIMIT_TRIGGER_DEPTH, 1},
        std::pair{SQLITE_LIMIT_WORKER_THREADS, 0}})
    sqlite3_limit(handle, limit, value);
  sqlite3_progress_handler(
      handle, progressInterval,
      [](void *left) { return --*static_cast<int64_t *>(left) < 0 ? 1 : 0; }, &progressLeft);
}

Result<std::unique_ptr<Connection>> Connection::open(const std::string &path, Access access,
                                                     std::chrono::milliseconds busyTimeout) {
  std::unique_ptr<Connection> connection(new Connection());
  connection->file = path;
  connection->writable = access == Access::Write;
  connection->lockWait.limit = busyTimeout;
  connection->progressLeft = mostProgress;
  int flags = (connection->writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) |
              SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  sqlite3 *raw = nullptr;
  int code = sqlite3_open_v2(path.c_str(), &raw, flags, pageChecksLayer());
  connection->handle.reset(raw);
  if (auto opened = checked(*connection, code); !opened)
    return opened.takeError();

  sqlite3_busy_handler(
      raw,
      [](void *state, int attempt) {
        LockWait &wait = *static_cast<LockWait *>(state);
        auto now = std::chrono::steady_clock::now();
        if (attempt == 0)
          wait.since = now;
        if (now - wait.since >= wait.limit)
          return 0;
        // Between two commits of a busy writer the lock is free for some microseconds. SQLite's own
        // waiting, up to 100 ms at a time, starves beside many writers.
        static thread_local std::minstd_rand dice(std::random_device{}());
        std::this_thread::sleep_for(std::chrono::microseconds(200 + dice() % 2000));
        return 1;
      },
      &connection->lockWait);
  // Whoever made the file: its schema may not call functions with side effects, SQL may not write
  // the schema or shadow tables, and a damaged page is noticed when it is read.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_limit(raw, SQLITE_LIMIT_LENGTH, 256 << 20);
  // VACUUM attaches the file that it writes.
  sqlite3_limit(raw, SQLITE_LIMIT_ATTACHED, connection->writable ? 1 : 0);
  if (access == Access::Foreign)
    limitForeign(raw, connection->progressLeft);
  if (connection->writable)
    requestPageChecks(raw);
  Status pragmas = connection->execute("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; "
                                       "PRAGMA mmap_size = 0; PRAGMA foreign_keys = ON;");
  if (!pragmas)
    return pragmas.takeError();
  return connection;
}

Result<std::unique_ptr<Connection>> Connection::openMemory() {
  std::unique_ptr<Connection> connection(new Connection());
  connection->file = ":memory:";
  connection->writable = true;
  sqlite3 *raw = nullptr;
  int code = sqlite3_open_v2(":memory:", &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  connection->handle.reset(raw);
  if (auto opened = checked(*connection, code); !opened)
    return opened.takeError();
  return connection;
}

Result<std::unique_ptr<Connection>> Connection::copyToMemory() const {
  Result<std::unique_ptr<Connection>> memory = openMemory();
  if (!memory)
    return memory;
  (*memory)->file = file;
  sqlite3_backup *backup =
      sqlite3_backup_init((*memory)->handle.get(), "main", handle.get(), "main");
  if (!backup)
    return (*memory)->failure(sqlite3_errcode((*memory)->handle.get()));
  (void)sqlite3_backup_step(backup, -1);
  int code = sqlite3_backup_finish(backup);
  if (code != SQLITE_OK)
    return (*memory)->failure(code);
  sqlite3_db_config((*memory)->handle.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config((*memory)->handle.get(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return memory;
}

Status Connection::copyTo(const std::string &path) const { return run("VACUUM INTO ?1", path); }

Status Connection::forbidWrites() {
  writable = false;
  return execute("PRAGMA query_only = ON");
}

bool Connection::hasPageChecks() const { return db::hasPageChecks(handle.get()); }

bool Connection::hasMoved() const {
  int moved = 0;
  return sqlite3_file_control(handle.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
         moved;
}

Status Connection::execute(std::string_view sql) const {
  int code = sqlite3_exec(handle.get(), std::string(sql).c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? Status() : Status(failure(code));
}

void Connection::Finalizer::operator()(sqlite3_stmt *handle) const { sqlite3_finalize(handle); }

// Reset first: a statement half-way through its rows holds a lock, and bound bytes may be gone.
void Connection::giveBack(sqlite3_stmt *statement) const {
  constexpr size_t mostIdle = 64;
  std::unique_ptr<sqlite3_stmt, Finalizer> owned(statement);
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  if (idle.size() >= mostIdle)
    idle.erase(idle.begin());
  idle.try_emplace(sqlite3_sql(statement), std::move(owned));
}

Result<Statement> Connection::prepare(std::string_view sql) const {
  if (auto known = idle.find(sql); known != idle.end()) {
    sqlite3_stmt *statement = known->second.release();
    idle.erase(known);
    return Statement(*this, statement);
  }
  sqlite3_stmt *statement = nullptr;
  int code = sqlite3_prepare_v3(handle.get(), sql.data(), static_cast<int>(sql.size()),
                                SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK)
    return failure(code);
  return Statement(*this, statement);
}

Result<int64_t> Connection::integer(std::string_view sql) const {
  Result<Statement> statement = prepare(sql);
  if (!statement)
    return statement.takeError();
  Result<bool> row = statement->step();
  if (!row)
    return row.takeError();
  return *row ? statement->integer(0) : 0;
}

int64_t Connection::lastInsertId() const { return sqlite3_last_insert_rowid(handle.get()); }

// Transaction

Result<Transaction> Transaction::begin(const Connection &connection, bool writing) {
  Status status = connection.execute(writing ? "BEGIN IMMEDIATE" : "BEGIN");
  if (!status)
    return status.takeError();
  return Transaction(connection);
}

Transaction::~Transaction() {
  if (connection)
    (void)connection->execute("ROLLBACK");
}

Status Transaction::commit() {
  Status status = connection->execute("COMMIT");
  if (status)
    connection = nullptr;
  return status;
}

} // namespace zorse::db
