//===- RecordRows.h - trials as rows ----------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Connection.h"

#include "zorse/db/Database.h"

namespace zorse::db {

/// SELECT … FROM trial with everything that a KernelRecord holds; append WHERE and ORDER BY. The
/// tables have the names trial, op, target, config, measurement.
extern const std::string_view selectRecords;

/// The record of the current row. An unknown state or source is an error (corrupt).
Result<KernelRecord> readRecord(const Connection &connection, const Statement &row);

/// All rows of a query made from selectRecords.
Result<std::vector<KernelRecord>> readRecords(const Connection &connection, Statement &rows);

/// What record() would refuse: empty keys, a time that is not a positive number, and the like.
Status checkRecord(const KernelRecord &record);

bool isUnfinished(TrialState state); ///< Queued, Running, Interrupted
/// Says that it compiled, and nothing more.
bool isBareCompilation(const KernelRecord &record);

std::optional<TrialState> stateOf(std::string_view text);
std::optional<Source> sourceOf(std::string_view text);
std::optional<Trust> trustOf(std::string_view text);

/// The rows of the tables that a trial refers to.
struct TrialKeys {
  int64_t op = 0, target = 0, config = 0;
};

/// The ids for a record, inserted where they are missing. Like all that follow it runs inside the
/// caller's transaction.
Result<TrialKeys> keysOf(const Connection &connection, const KernelRecord &record);

/// Inserts one row as it is and returns its id: `id`, or a new one. `createdAt` empty: now.
Result<int64_t> insertTrial(const Connection &connection, std::optional<int64_t> id,
                            const TrialKeys &keys, const KernelRecord &record,
                            std::string_view createdAt = {});
Status deleteTrial(const Connection &connection, int64_t id);

/// Inserts the record, or replaces the row with the same key, and returns the id.
Result<int64_t> writeRecord(const Connection &connection, const KernelRecord &record);

} // namespace zorse::db
