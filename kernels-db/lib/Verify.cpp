//===- Verify.cpp - is the database sound ---------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Verify.h"

#include <fmt/format.h>

namespace zorse::db {

Result<CodeObject> readCode(const Connection &connection, const Statement &row) {
  std::string hash = row.text(0);
  std::string metadata = row.text(1);
  std::span<const uint8_t> bytes = row.blob(3);
  std::string found = hashBytes(bytes.data(), bytes.size()).hex();
  if (found != hash)
    return databaseError(fmt::format("database is corrupt: {}: the code object {} has bytes that "
                                     "hash to {}; tune or compile it again",
                                     connection.path(), hash, found));
  found = hashText(metadata).hex();
  if (found != row.text(2))
    return databaseError(fmt::format("database is corrupt: {}: the description of the code object "
                                     "{} hashes to {}, expected {}; tune or compile it again",
                                     connection.path(), hash, found, row.text(2)));
  Result<CodeObject> object =
      codeObjectFromJson(metadata, std::vector<uint8_t>(bytes.begin(), bytes.end()));
  if (!object)
    return databaseError(fmt::format("database is corrupt: {}: the description of the code object "
                                     "{}: {}; tune or compile it again",
                                     connection.path(), hash, object.error().message));
  return object;
}

static Status findContentFaults(const Connection &connection, std::vector<std::string> &faults) {
  Status status =
      forEachRow(connection.query("PRAGMA foreign_key_check"), [&](const Statement &row) {
        faults.push_back(fmt::format("row {} of {} refers to a row of {} that is absent",
                                     row.integer(1), row.text(0), row.text(2)));
      });
  if (status)
    status =
        forEachRow(connection.query("SELECT hash, description FROM op"), [&](const Statement &row) {
          std::string found = hashText(row.text(1)).hex();
          if (found != row.text(0))
            faults.push_back(
                fmt::format("the op {} has a description that hashes to {}", row.text(0), found));
        });
  if (status)
    status = forEachRow(connection.query(std::string(selectCode) +
                                         "ORDER BY code_hash, op_hash, arch, config_text"),
                        [&](const Statement &row) {
                          if (Result<CodeObject> object = readCode(connection, row); !object)
                            faults.push_back(object.error().message);
                        });
  return status;
}

// No row tells whether code was ever stored for it: rows of text, of shards and of simulations come
// without. So a winner without a code object is complete as a row; a code object whose bytes are
// absent or changed is a fault, which findContentFaults() reports.
Result<std::vector<std::string>> findRemarks(const Connection &connection) {
  int64_t count = 0;
  std::string first;
  Status status = forEachRow(
      connection.query(
          "SELECT trial.id, op.kind, config.text, trial.code_hash FROM best "
          "JOIN trial ON trial.id = best.trial_id JOIN op ON op.id = trial.op_id "
          "JOIN target ON target.id = trial.target_id JOIN config ON config.id = trial.config_id "
          "LEFT JOIN code_object o ON o.code_hash = trial.code_hash AND o.op_hash = op.hash AND "
          "o.arch = target.arch AND o.config_text = config.text "
          "WHERE o.code_hash IS NULL ORDER BY trial.id"),
      [&](const Statement &row) {
        if (count++ == 0)
          first = fmt::format("trial {}, {} with {}", row.integer(0), row.text(1), row.text(2));
      });
  if (!status)
    return status.takeError();
  if (count == 0)
    return std::vector<std::string>();
  return std::vector<std::string>{fmt::format(
      "the code of {} winners is not stored ({}{}); `zorse run` and `zorse bundle` build it again, "
      "`zorse db audit --rebuild` does so ahead",
      count, count == 1 ? "" : "the first: ", first)};
}

Result<std::vector<std::string>> findFaults(const Connection &connection) {
  std::vector<std::string> faults;
  Status status =
      forEachRow(connection.query("PRAGMA integrity_check(20)"), [&](const Statement &row) {
        if (std::string line = row.text(0); line != "ok")
          faults.push_back("integrity check: " + line);
      });
  if (status)
    status = findContentFaults(connection, faults);
  // A file too damaged to be read to its end is a finding, not a failure to look; a lock is not.
  if (!status && status.error().message.starts_with("database is corrupt"))
    faults.push_back(status.error().message);
  else if (!status)
    return status.takeError();
  return faults;
}

} // namespace zorse::db
