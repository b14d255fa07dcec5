//===- Connection.h - the SQLite C API behind values ------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A connection, a prepared statement with bound parameters, a transaction. The
// only file that knows sqlite3.h, and the only one that words its errors.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Status.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

struct sqlite3;
struct sqlite3_stmt;

namespace zorse::db {

class Connection;

/// One run of one SQL text. Columns are numbered from 0 and valid until the next step(). Ends
/// before its connection.
class Statement {
public:
  Statement(const Connection &connection, sqlite3_stmt *handle);

  /// True: a row is there. False: done.
  Result<bool> step();
  /// Runs a statement that gives no rows.
  Status run();

  bool isNull(int column) const;
  int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  std::span<const uint8_t> blob(int column) const;

  void bind(int index, int64_t value);
  void bind(int index, double value);
  void bind(int index, std::string_view value);
  void bind(int index, std::span<const uint8_t> value);
  template <typename T> void bind(int index, const std::optional<T> &value) {
    if (value)
      bind(index, *value);
  }

private:
  /// Hands the compiled text back to the connection, for its next run.
  struct Returner {
    const Connection *connection;
    void operator()(sqlite3_stmt *handle) const;
  };
  const Connection *connection;
  std::unique_ptr<sqlite3_stmt, Returner> handle;
  int bindStatus = 0;
};

class Connection {
public:
  /// Foreign: made by somebody else. Never written, with bounds on what its statements may take.
  enum class Access { Read, Write, Foreign };
  /// Opens an existing file. Sets the busy timeout and everything that protects against a file
  /// made by somebody else; runs no SQL that reads the file.
  static Result<std::unique_ptr<Connection>> open(const std::string &path, Access access,
                                                  std::chrono::milliseconds busyTimeout);
  /// A database in memory, for comparing schemas.
  static Result<std::unique_ptr<Connection>> openMemory();
  /// The whole database in memory, under the name of this file; changes stay there.
  Result<std::unique_ptr<Connection>> copyToMemory() const;
  /// Writes a sound copy with page checksums to a path where no file is.
  Status copyTo(const std::string &path) const;
  /// No statement writes from now on.
  Status forbidWrites();

  /// Runs SQL texts without parameters, separated by semicolons.
  Status execute(std::string_view sql) const;
  /// Compiles the text, or takes up a compiled one that no Statement is running.
  Result<Statement> prepare(std::string_view sql) const;
  /// prepare() with the arguments bound to ?1, ?2, … An empty optional binds NULL. Bytes must
  /// outlive the statement, text is copied.
  template <typename... Args>
  Result<Statement> query(std::string_view sql, const Args &...args) const {
    Result<Statement> statement = prepare(sql);
    if (statement) {
      int index = 0;
      (statement->bind(++index, args), ...);
    }
    return statement;
  }
  /// query() and run().
  template <typename... Args> Status run(std::string_view sql, const Args &...args) const {
    Result<Statement> statement = query(sql, args...);
    return statement ? statement->run() : Status(statement.takeError());
  }
  /// The first column of the one row of a query.
  Result<int64_t> integer(std::string_view sql) const;

  int64_t lastInsertId() const;
  const std::string &path() const { return file; }
  bool isWritable() const { return writable; }
  /// Whether every page carries a checksum (see PageChecks.h).
  bool hasPageChecks() const;
  /// Whether the path names another file by now.
  bool hasMoved() const;
  /// Words a SQLite result code of this connection.
  Error failure(int code) const;

private:
  struct Closer {
    void operator()(sqlite3 *handle) const;
  };
  struct Finalizer {
    void operator()(sqlite3_stmt *handle) const;
  };
  friend class Statement;
  Connection() = default;
  void giveBack(sqlite3_stmt *statement) const;
  std::unique_ptr<sqlite3, Closer> handle;
  /// Compiled texts that are not running: compiling takes several times as long as running one.
  mutable std::map<std::string, std::unique_ptr<sqlite3_stmt, Finalizer>, std::less<>> idle;
  std::string file;
  bool writable = false;
  struct LockWait {
    std::chrono::milliseconds limit{0};
    std::chrono::steady_clock::time_point since;
  } lockWait;
  /// Calls of the progress handler that the current step may still take, of a foreign file.
  mutable int64_t progressLeft = 0;
};

/// Rolled back unless committed. A writing one takes the write lock at once, so that two writers
/// wait for each other here and cannot meet half-way.
class Transaction {
public:
  static Result<Transaction> begin(const Connection &connection, bool writing = true);
  Transaction(Transaction &&other) noexcept : connection(other.connection) {
    other.connection = nullptr;
  }
  Transaction &operator=(Transaction &&) = delete;
  ~Transaction();
  Status commit();

private:
  explicit Transaction(const Connection &connection) : connection(&connection) {}
  const Connection *connection;
};

/// An error of code Database.
Error databaseError(std::string message);

/// Calls `visit` for every row of a query. It returns nothing, or a Status, which ends the walk if
/// it failed.
template <typename Visit> Status forEachRow(Result<Statement> rows, Visit visit) {
  if (!rows)
    return rows.takeError();
  while (true) {
    Result<bool> row = rows->step();
    if (!row)
      return row.takeError();
    if (!*row)
      return Status();
    if constexpr (std::is_void_v<decltype(visit(*rows))>)
      visit(*rows);
    else if (Status status = visit(*rows); !status)
      return status;
  }
}

} // namespace zorse::db
