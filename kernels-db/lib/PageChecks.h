//===- PageChecks.h - a checksum on every page of the file ------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// SQLite notices damage to its structure, but a flipped bit in a time would make
// another row win. So the last 8 bytes of every page, which SQLite leaves alone,
// hold a checksum of the rest: set when a page is written, compared when it is
// read. The format is that of SQLite's cksumvfs extension. Any SQLite reads such
// a file; one that writes it without that extension leaves pages that differ from
// their checksums, and they are refused here.
//
//===----------------------------------------------------------------------===//
#pragma once

struct sqlite3;

namespace zorse::db {

/// Bytes at the end of each page that belong to the checksum; byte 20 of the file says so.
inline constexpr int pageCheckBytes = 8;

/// The name of the layer under SQLite that sets and compares, registered on the first call.
const char *pageChecksLayer();

/// Makes the file checked, if it is still empty, when its first page is written; and what VACUUM
/// INTO writes.
void requestPageChecks(sqlite3 *handle);

/// Whether the pages of this file carry checksums, as its first page said when last read.
bool hasPageChecks(sqlite3 *handle);

} // namespace zorse::db
