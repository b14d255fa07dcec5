//===- PrivateFile.h - files that only their owner writes -------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Status.h"

#include <optional>
#include <string>

namespace zorse::db {

/// Makes the folders of a path that are missing, with mode 0700.
Status createFolders(const std::string &folder);

/// A file that nobody but its owner may read. Errors: Usage if others may, or if it is larger.
Result<std::string> readPrivateFile(const std::string &path, size_t mostBytes);
/// A file that nobody but its owner may write; nullopt if there is none.
Result<std::optional<std::string>> readOwnFile(const std::string &path, size_t mostBytes);

/// Creates a file of mode 0600; refuses to replace one.
Status writePrivateFile(const std::string &path, const std::string &content);
/// Puts a file of mode 0600 in its place in one step: whoever reads sees the old or the new one.
Status replaceFile(const std::string &path, const std::string &content);

} // namespace zorse::db
