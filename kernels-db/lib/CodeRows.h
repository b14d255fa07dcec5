//===- CodeRows.h - machine code as rows ------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Connection.h"

#include "zorse/db/Database.h"

namespace zorse::db {

/// Writes code and whose word it rests on; what is there under the same key gives way. A signature
/// over the very same code stays when it is built again. Runs inside the caller's transaction.
Status writeCode(const Connection &connection, const CodeObject &object, Trust trust,
                 std::string_view signer = {}, std::string_view signature = {});

/// One row of selectCode (Verify.h), checked against its hashes.
struct CodeRow {
  StoredCode code;
  std::string signature;
};
Result<CodeRow> readCodeRow(const Connection &connection, const Statement &row);

/// The code of a trial, whoever made it.
Result<std::optional<CodeRow>> findCode(const Connection &connection, const KernelRecord &record);

} // namespace zorse::db
