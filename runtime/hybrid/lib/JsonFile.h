//===- JsonFile.h - JSON of strangers, read strictly ------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/StrictJson.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zorse {

/// The content of a regular file of at most `limit` bytes.
Result<std::string> readTextFile(const std::string &path, size_t limit);

/// Reads and parses a file whose root must be an object. Errors name only the last part of the
/// path.
Result<nlohmann::json> readJsonObject(const std::string &path, size_t limit);

/// Typed access to the fields of an object. The first fault of a reader and of all its children is
/// kept; after it every access gives the fallback, so that a caller reads all and asks once.
class FieldReader {
public:
  FieldReader(const nlohmann::json &object, std::string file);

  bool has(const char *key) const; ///< present and not null
  int64_t integer(const char *key, int64_t minimum, int64_t maximum,
                  std::optional<int64_t> fallback = std::nullopt);
  double number(const char *key, double minimum, double maximum, double fallback);
  bool boolean(const char *key, bool fallback);
  std::string text(const char *key, std::string fallback);
  std::vector<int64_t> integers(const char *key, int64_t minimum, int64_t maximum);
  /// The object under `key`; absent or null gives an empty one.
  FieldReader object(const char *key);
  /// The keys of this object.
  std::vector<std::string> keys() const;

  /// Records a fault at `key`: expected …, found the value there.
  void fail(const std::string &key, const std::string &expected);
  Status status() const;

private:
  FieldReader(const nlohmann::json *object, std::string file, std::string path,
              std::shared_ptr<std::optional<Error>> fault);
  const nlohmann::json *value(const std::string &key) const;

  const nlohmann::json *node;
  std::string file, path;
  std::shared_ptr<std::optional<Error>> fault;
};

} // namespace zorse
