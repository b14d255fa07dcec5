//===- Schema.cpp - identity and migrations of the file -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Schema.h"

#include "Foreign.h"
#include "PrivateFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace zorse::db {

static Status createFile(const std::string &path) {
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty())
    if (Status status = createFolders(folder.string()); !status)
      return status;
  int file = ::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (file >= 0)
    ::close(file);
  else if (errno != EEXIST) // another process may have been faster
    return databaseError(fmt::format("cannot create {}: {}", path, std::strerror(errno)));
  return Status();
}

static Status checkFile(const std::string &path, Database::Mode mode) {
  if (path.empty())
    return databaseError("the path of the database is empty; name a file with --db");
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) {
    if (errno != ENOENT)
      return databaseError(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
    if (mode == Database::Mode::ReadWrite)
      return createFile(path);
    return databaseError(fmt::format("no database at {}; `zorse tune` makes one, or name an "
                                     "existing one with --db",
                                     path));
  }
  if (!S_ISREG(info.st_mode))
    return databaseError(fmt::format("{} is not a file; name a database with --db", path));
  // Its code is launched with the rights of the user, so nobody else may have written it.
  if (info.st_mode & (S_IWGRP | S_IWOTH))
    return databaseError(fmt::format(
        "{0} has mode {1:04o}, so that others can write it, and its code would run with your "
        "rights; expected at most 0644: run `chmod go-w {0}`, or take over its rows with "
        "`zorse db merge`",
        path, info.st_mode & 07777));
  if (info.st_uid != ::geteuid() && info.st_uid != 0)
    return databaseError(fmt::format("{} belongs to user {}, and its code would run with your "
                                     "rights; copy it, or take over its rows with `zorse db "
                                     "merge`",
                                     path, info.st_uid));
  return Status();
}

static Result<Identity> readIdentityNow(const Connection &connection) {
  Identity identity;
  for (auto [sql, field] : {std::pair{"PRAGMA application_id", &Identity::application},
                            std::pair{"PRAGMA user_version", &Identity::version},
                            std::pair{"SELECT count(*) FROM sqlite_schema", &Identity::objects}}) {
    Result<int64_t> value = connection.integer(sql);
    if (!value)
      return value.takeError();
    identity.*field = *value;
  }
  return identity;
}

Result<Identity> readIdentity(const Connection &connection) {
  Result<Transaction> transaction = Transaction::begin(connection, /*writing=*/false);
  if (!transaction)
    return transaction.takeError();
  return readIdentityNow(connection);
}

Status checkIdentity(const Connection &connection, const Identity &identity) {
  const std::string &path = connection.path();
  int64_t latest = static_cast<int64_t>(migrations().size());
  if (identity.isFresh() && connection.isWritable())
    return Status();
  if (identity.isFresh())
    return databaseError(fmt::format("{} is an empty database; `zorse tune` fills it, or name "
                                     "another with --db",
                                     path));
  if (identity.application != applicationId)
    return databaseError(fmt::format(
        "not a Zorse database: {} has application id {:#010x}, expected {:#010x}; it belongs to "
        "another program and was left as it is, name another file with --db",
        path, static_cast<uint32_t>(identity.application), applicationId));
  if (identity.version > latest)
    return databaseError(fmt::format("{} has schema version {}, this zorse knows versions up to "
                                     "{}; use the zorse that wrote it, or name another file "
                                     "with --db",
                                     path, identity.version, latest));
  if (identity.version < 1)
    return databaseError(fmt::format("database is corrupt: {} has schema version {}, expected 1 "
                                     "to {}; restore a copy, or move the file away and tune again",
                                     path, identity.version, latest));
  // Version 1 came before the checksums of pages.
  if (identity.version > 1 && !connection.hasPageChecks())
    return databaseError(fmt::format("database is corrupt: the pages of {} carry no checksums, or "
                                     "its header is damaged; restore a copy, or move the file away "
                                     "and tune again",
                                     path));
  return Status();
}

Status migrate(const Connection &connection, int64_t from) {
  const std::vector<std::string_view> &texts = migrations();
  for (size_t i = static_cast<size_t>(from); i < texts.size(); ++i)
    if (Status status = connection.execute(texts[i]); !status)
      return status;
  return connection.execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}",
                                        applicationId, texts.size()));
}

/// An empty file, or one whose pages carry checksums.
static Status migrateInPlace(const Connection &connection) {
  Result<Transaction> transaction = Transaction::begin(connection);
  if (!transaction)
    return transaction.takeError();
  // Read again under the lock: another process may have migrated the file meanwhile.
  Result<Identity> identity = readIdentityNow(connection);
  if (!identity)
    return identity.takeError();
  if (Status status = checkIdentity(connection, *identity); !status)
    return status;
  if (Status status = migrate(connection, identity->version); !status)
    return status;
  return transaction->commit();
}

static Result<std::string> schemaText(const Connection &connection) {
  Result<Statement> rows =
      connection.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema "
                         "WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name");
  if (!rows)
    return rows.takeError();
  std::string text;
  while (true) {
    Result<bool> row = rows->step();
    if (!row)
      return row.takeError();
    if (!*row)
      return text;
    for (int column = 0; column < 4; ++column)
      text += rows->text(column) + '\n';
  }
}

// What the migrations give in an empty database. A file that differs has been tampered with, or
// damaged; nothing in it can then be trusted to mean what our statements assume.
static Result<std::vector<std::string>> schemaTexts() {
  Result<std::unique_ptr<Connection>> memory = Connection::openMemory();
  if (!memory)
    return memory.takeError();
  std::vector<std::string> texts;
  for (std::string_view migration : migrations()) {
    if (Status status = (*memory)->execute(migration); !status)
      return status.takeError();
    Result<std::string> text = schemaText(**memory);
    if (!text)
      return text.takeError();
    texts.push_back(text.take());
  }
  return texts;
}

Status checkSchema(const Connection &connection, int64_t version) {
  static const Result<std::vector<std::string>> expected = schemaTexts();
  if (!expected)
    return expected.error();
  Result<std::string> found = schemaText(connection);
  if (!found)
    return found.takeError();
  if (*found == (*expected)[static_cast<size_t>(version - 1)])
    return Status();
  return databaseError(fmt::format("database is corrupt: the tables of {} differ from those of "
                                   "schema version {}; restore a copy, or move the file away and "
                                   "tune again",
                                   connection.path(), version));
}

static Status syncFolder(const std::string &path) {
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  int handle = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0)
    return databaseError(
        fmt::format("cannot open the folder of {}: {}", path, std::strerror(errno)));
  ::fsync(handle);
  ::close(handle);
  return Status();
}

static Status writeUpgraded(const Connection &old, int64_t version, const std::string &path) {
  if (Status status = old.copyTo(path); !status)
    return status;
  Result<std::unique_ptr<Connection>> copy =
      Connection::open(path, Connection::Access::Write, std::chrono::seconds(0));
  if (!copy)
    return copy.takeError();
  if (Status status = (*copy)->execute("PRAGMA synchronous = FULL"); !status)
    return status;
  Result<Transaction> transaction = Transaction::begin(**copy);
  if (!transaction)
    return transaction.takeError();
  if (Status status = migrate(**copy, version); !status)
    return status;
  return transaction->commit();
}

// A file without checksums cannot be given them in place: undoing a half-written change would put
// back pages that have no room for them. So a migrated copy takes its place; until then the old
// file stays as it was. It is locked meanwhile, and whoever waits for it finds that it has moved.
static Status migrateByCopy(const Connection &old) {
  Status status = old.execute("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT");
  if (!status || old.hasMoved())
    return status;
  Result<Identity> identity = readIdentity(old);
  if (!identity)
    return identity.takeError();
  if (Status same = checkSchema(old, identity->version); !same)
    return same;
  std::string path = fmt::format("{}.upgrade-{}", old.path(), ::getpid());
  int file = ::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0)
    return databaseError(fmt::format("cannot create {}: {}", path, std::strerror(errno)));
  ::close(file);
  status = writeUpgraded(old, identity->version, path);
  if (status && ::rename(path.c_str(), old.path().c_str()) != 0)
    status = databaseError(
        fmt::format("cannot move {} to {}: {}", path, old.path(), std::strerror(errno)));
  if (!status) {
    ::unlink(path.c_str());
    return status;
  }
  return syncFolder(old.path());
}

Result<std::unique_ptr<Connection>> openChecked(const std::string &path, Database::Mode mode,
                                                std::chrono::milliseconds busyTimeout) {
  if (Status status = checkFile(path, mode); !status)
    return status.takeError();
  if (Status status = refuseWriteAheadLog(path); !status)
    return status.takeError();
  bool writable = mode == Database::Mode::ReadWrite;
  Result<std::unique_ptr<Connection>> connection = Connection::open(
      path, writable ? Connection::Access::Write : Connection::Access::Read, busyTimeout);
  if (!connection)
    return connection;
  Result<Identity> identity = readIdentity(**connection);
  if (!identity)
    return identity.takeError();
  if (Status status = checkIdentity(**connection, *identity); !status)
    return status.takeError();
  auto latest = static_cast<int64_t>(migrations().size());
  if (identity->version < latest && !writable)
    return databaseError(fmt::format("{} has schema version {}, this zorse reads version {}; open "
                                     "it once for writing to bring it up to date, for example "
                                     "with `zorse db verify --repair`",
                                     path, identity->version, latest));
  if (writable) {
    // The rollback journal: this SQLite may predate the repair of the write-ahead log's reset,
    // and a write-ahead log does not work over a network file system.
    Status status =
        (*connection)->execute("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL");
    if (!status)
      return status.takeError();
  }
  if (identity->version < latest) {
    if (!identity->isFresh() && !(*connection)->hasPageChecks()) {
      if (Status migrated = migrateByCopy(**connection); !migrated)
        return migrated.takeError();
      connection->reset(); // gives up the lock
      return openChecked(path, mode, busyTimeout);
    }
    if (Status migrated = migrateInPlace(**connection); !migrated)
      return migrated.takeError();
  }
  if (Status status = checkSchema(**connection, latest); !status)
    return status.takeError();
  return connection;
}

} // namespace zorse::db
