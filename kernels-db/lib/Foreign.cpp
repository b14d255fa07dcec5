//===- Foreign.cpp - opening a file that somebody else made ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Foreign.h"

#include "Schema.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace zorse::db {

namespace {

constexpr int64_t mostBytes = int64_t(4) << 30;
constexpr std::chrono::seconds busyTimeout{10}; ///< somebody may be writing it just now

/// A row that no zorse writes, and how it is named.
struct RangeCheck {
  std::string_view what, sql;
};

// STRICT and NOT NULL of the schema are part of quick_check; these are its CHECKs, which are not,
// and bounds that the schema leaves open. Negations, so that a value that compares with nothing is
// found as well.
constexpr std::array<RangeCheck, 8> rangeChecks = {{
    {"trial {} has a state, a source, a verdict or a code hash that zorse does not know",
     "SELECT id FROM trial WHERE state NOT IN ('queued', 'running', 'ok', 'failed', 'timed_out', "
     "'crashed', 'wrong', 'interrupted') OR source NOT IN ('', 'measured', 'simulated', 'model') "
     "OR "
     "coalesce(verified, 0) NOT IN (0, 1) OR length(code_hash) NOT IN (0, 32)"},
    {"trial {} has a time that is not between 0 and a year",
     "SELECT trial_id FROM measurement WHERE NOT (median_us > 0 AND median_us < 3.2e13 AND "
     "low_us >= 0 AND low_us <= median_us AND high_us >= median_us AND high_us < 3.2e13)"},
    {"trial {} has a count of operations or bytes that is negative or not finite",
     "SELECT trial_id FROM measurement WHERE NOT (flops >= 0 AND flops < 1e30 AND bytes >= 0 AND "
     "bytes < 1e30)"},
    {"trial {} has a text longer than any that zorse writes",
     "SELECT id FROM trial WHERE length(tuning_point) > 4096 OR length(compiler_revision) > 4096 "
     "OR "
     "length(device) > 4096 OR length(error) > 1000000 OR length(owner) > 4096 OR length(stale) > "
     "1000000 OR "
     "coalesce(length(verified_detail), 0) > 1000000 OR length(created_at) > 64"},
    {"trial {} has a measurement with a text longer than any that zorse writes",
     "SELECT trial_id FROM measurement WHERE length(method) > 4096 OR "
     "length(environment) > 100000"},
    {"op {} has a description longer than any that zorse writes",
     "SELECT id FROM op WHERE length(description) > 100000 OR length(kind) > 256"},
    {"target {} has a name or a number of compute units that no device has",
     "SELECT id FROM target WHERE length(arch) > 256 OR NOT (compute_units BETWEEN 0 AND 1000000)"},
    {"configuration {} is longer than any that zorse writes",
     "SELECT id FROM config WHERE length(text) > 16384"},
}};

Error notUsable(const std::string &path, std::string_view reason) {
  return databaseError(
      fmt::format("{} is not taken: {}; ask whoever made it for a sound copy", path, reason));
}

} // namespace

Status refuseWriteAheadLog(const std::string &path) {
  struct stat info;
  if (::stat((path + "-wal").c_str(), &info) != 0 || info.st_size == 0)
    return Status();
  return databaseError(fmt::format("{0}-wal holds pages that would replace those of {0}; zorse "
                                   "writes no such file: remove it, or let its writer finish with "
                                   "PRAGMA journal_mode=DELETE",
                                   path));
}

/// What the first 100 bytes say, before SQLite acts on them.
static Status checkHeader(const std::string &path) {
  // Without blocking: the path may be a pipe that nobody writes to.
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0)
    return databaseError(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  struct stat info = {};
  std::array<uint8_t, 100> header = {};
  bool isFile = ::fstat(file, &info) == 0 && S_ISREG(info.st_mode);
  ssize_t count = isFile ? ::pread(file, header.data(), header.size(), 0) : 0;
  ::close(file);
  if (!isFile)
    return notUsable(path, "it is not a file");
  if (info.st_size > mostBytes)
    return notUsable(path,
                     fmt::format("it has {} bytes, at most {} are read", info.st_size, mostBytes));
  if (count != static_cast<ssize_t>(header.size()) || info.st_size < 512 ||
      std::memcmp(header.data(), "SQLite format 3", 16) != 0)
    return databaseError(fmt::format("not a database: {} does not begin as a SQLite file does; "
                                     "name a database written by zorse",
                                     path));
  if (header[18] != 1 || header[19] != 1)
    return notUsable(path, "it uses a write-ahead log, expected a rollback journal (PRAGMA "
                           "journal_mode=DELETE)");
  return Status();
}

/// The first row of a query with one column, or nothing.
static Result<std::optional<std::string>> firstText(const Connection &connection,
                                                    std::string_view sql) {
  Result<Statement> rows = connection.prepare(sql);
  if (!rows)
    return rows.takeError();
  Result<bool> row = rows->step();
  if (!row)
    return row.takeError();
  return *row ? std::optional(rows->text(0)) : std::nullopt;
}

static Status checkContent(const Connection &connection) {
  Result<std::optional<std::string>> sound = firstText(connection, "PRAGMA quick_check(1)");
  if (!sound)
    return sound.takeError();
  if (sound->value_or("") != "ok")
    return notUsable(connection.path(), "database is corrupt: " + sound->value_or("no answer"));
  for (const RangeCheck &check : rangeChecks) {
    Result<std::optional<std::string>> row = firstText(connection, check.sql);
    if (!row)
      return row.takeError();
    if (*row)
      return notUsable(connection.path(), fmt::format(fmt::runtime(check.what), **row));
  }
  return Status();
}

/// The file, or its migrated copy in memory.
static Result<std::unique_ptr<Connection>> bringUpToDate(std::unique_ptr<Connection> connection,
                                                         int64_t version) {
  auto latest = static_cast<int64_t>(migrations().size());
  if (Status status = checkSchema(*connection, version); !status)
    return status.takeError();
  if (version == latest)
    return connection;
  Result<std::unique_ptr<Connection>> copy = connection->copyToMemory();
  if (!copy)
    return copy;
  if (Status status = migrate(**copy, version); !status)
    return status.takeError();
  if (Status status = checkSchema(**copy, latest); !status)
    return status.takeError();
  if (Status status = (*copy)->forbidWrites(); !status)
    return status.takeError();
  return copy;
}

Result<std::unique_ptr<Connection>> openForeignFile(const std::string &path) {
  if (Status status = checkHeader(path); !status)
    return status.takeError();
  if (Status status = refuseWriteAheadLog(path); !status)
    return status.takeError();
  Result<std::unique_ptr<Connection>> connection =
      Connection::open(path, Connection::Access::Foreign, busyTimeout);
  if (!connection)
    return connection;
  Result<Identity> identity = readIdentity(**connection);
  if (!identity)
    return identity.takeError();
  if (Status status = checkIdentity(**connection, *identity); !status)
    return status.takeError();
  connection = bringUpToDate(connection.take(), identity->version);
  if (!connection)
    return connection;
  if (Status status = checkContent(**connection); !status)
    return status.takeError();
  return connection;
}

} // namespace zorse::db
