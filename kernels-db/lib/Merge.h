//===- Merge.h - rows and code of others into this database -----*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Of two rows with one key the one with the stronger evidence stays (Evidence.h).
// Of two code objects with one key: what was built here, then what is signed, then
// the greater hash of the description. Built is only what this file's own processes
// compiled; what another file calls so is foreign here.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "CodeRows.h"
#include "Evidence.h"
#include "SqliteDatabase.h"

namespace zorse::db {

/// Takes rows into a database. All of it runs inside the caller's transaction.
class Merger {
public:
  explicit Merger(const Connection &to) : to(to) {}

  /// Reads what is there. Rows that others there outdo are removed.
  Status load();
  /// Takes one row of another database, if it says more than what is there. A row that cannot be
  /// a trial is an error of code Usage.
  Status take(KernelRecord record, MergeReport &report);
  /// Takes all rows and code of another database. Errors of `from` are added to report.refused,
  /// with nothing of it taken; errors of this database are returned.
  Status takeAll(const Connection &from, const Acceptance &accepts, MergeReport &report);
  /// Removes marks of work to be done that finished rows have answered.
  Status dropAnsweredMarks();

private:
  struct Refusal;
  struct KnownCode {
    Trust trust = Trust::Foreign;
    std::string metadataHash, signer, signature;
    bool operator==(const KnownCode &) const = default;
  };
  Status checkForeign(const KernelRecord &record);
  Result<TrialKeys> keys(const KernelRecord &record);
  Status takeRows(const Connection &from, MergeReport &report, std::optional<Error> &refused);
  Status takeCode(const Connection &from, const Acceptance &accepts, MergeReport &report,
                  std::optional<Error> &refused);

  const Connection &to;
  EvidenceIndex index;
  int64_t lastId = 0;
  std::unordered_map<std::string, int64_t> ops, targets, configs;
  std::unordered_map<Hash128, KnownCode, HashOfHash> codes;
  std::unordered_set<std::string> checkedTexts; ///< JSON texts that were found to be sound
};

} // namespace zorse::db
