//===- Foreign.h - opening a file that somebody else made -------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Connection.h"

namespace zorse::db {

/// Opens a file that somebody else made, for reading. The file, its journal and its folder are
/// never written. Looked at before any of it is used: the header, the size, the state of its
/// journal, the structure (PRAGMA quick_check), the schema, the range of every value. A file of an
/// older version is migrated in memory. Errors (code Database) name the file and the row.
Result<std::unique_ptr<Connection>> openForeignFile(const std::string &path);

/// An error if a write-ahead log lies beside the file, which would replace its pages.
Status refuseWriteAheadLog(const std::string &path);

} // namespace zorse::db
