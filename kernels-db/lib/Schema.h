//===- Schema.h - identity and migrations of the file -----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Connection.h"

#include "zorse/db/Database.h"

#include <vector>

namespace zorse::db {

/// "ZORS" in the application_id field of the file header.
inline constexpr int64_t applicationId = 0x5A4F5253;

/// The texts of schema/*.sql in order; entry i brings user_version from i to i + 1.
const std::vector<std::string_view> &migrations();

/// Opens a file as a Zorse database: creates it (ReadWrite, mode 0600, missing folders 0700),
/// checks that it is one, that only its owner can write it, migrates it (ReadWrite) and compares
/// its schema with the expected one.
Result<std::unique_ptr<Connection>> openChecked(const std::string &path, Database::Mode mode,
                                                std::chrono::milliseconds busyTimeout);

// The steps, for other ways of opening.

struct Identity {
  int64_t application = 0, version = 0, objects = 0;
  bool isFresh() const { return application == 0 && version == 0 && objects == 0; }
};

/// The identity from one state of the file, which another process may be creating just now.
Result<Identity> readIdentity(const Connection &connection);
/// Whether it is a Zorse database of a version that this program knows; an older one passes.
Status checkIdentity(const Connection &connection, const Identity &identity);
/// Compares tables, indices, views and triggers, letter for letter, with those of this version.
Status checkSchema(const Connection &connection, int64_t version);
/// Runs the migrations from this version on; inside the caller's transaction, if any.
Status migrate(const Connection &connection, int64_t from);

} // namespace zorse::db
