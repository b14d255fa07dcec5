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

/// Inserts the record, or replaces the row with the same key, and returns the id. Runs inside the
/// caller's transaction.
Result<int64_t> writeRecord(const Connection &connection, const KernelRecord &record);

} // namespace zorse::db
