//===- Verify.h - is the database sound -------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Connection.h"

#include "zorse/desc/CodeObject.h"

#include <vector>

namespace zorse::db {

/// SELECT … FROM code_object joined with its bytes; append WHERE and ORDER BY.
inline constexpr std::string_view selectCode =
    "SELECT code_hash, metadata, metadata_hash, bytes, trust, signer, signature, op_hash, "
    "arch, config_text FROM code_object "
    "JOIN code ON code.hash = code_object.code_hash ";

/// The code object of the current row of selectCode, checked against its hashes.
Result<CodeObject> readCode(const Connection &connection, const Statement &row);

/// Every fault of the file, in words; empty if it is sound.
Result<std::vector<std::string>> findFaults(const Connection &connection);

/// What is no fault but worth telling, in words: winners without code.
Result<std::vector<std::string>> findRemarks(const Connection &connection);

} // namespace zorse::db
