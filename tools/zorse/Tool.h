//===- Tool.h - what all verbs share ----------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Environment.h"

#include "zorse/db/Database.h"
#include "zorse/desc/OpDesc.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace zorse::tool {

/// Keys in the order in which they were put.
using Json = nlohmann::ordered_json;

enum class Format { Human, Json, JsonLines };

/// The answer of a verb: an exit code, or an error that becomes a message and its exit code.
using VerbResult = Result<int>;

/// Options and environment of one run of the tool.
struct Tool {
  Environment environment;
  Format format = Format::Human;
  std::string color = "auto";
  std::string databasePath; ///< --db, else ZORSE_DB, else the default

  /// What to run once the command line is parsed; set by the verb that was named.
  std::function<VerbResult()> action;

  bool isJson() const { return format == Format::Json; }
  /// One value a line, as things happen. Only verbs that take long have it.
  bool isJsonLines() const { return format == Format::JsonLines; }
  /// Whether stderr shows progress lines that overwrite themselves.
  bool showsProgress() const;
  /// Whether messages are coloured.
  bool usesColor() const;
};

/// The machine-readable answer: one JSON value and a newline on stdout.
void printJson(const Json &value);
/// The same on one line.
void printJsonLine(const Json &value);

/// Text from a file, or from stdin for "-". Errors (Usage): unreadable, larger than `maxBytes`.
Result<std::string> readText(const std::string &path, size_t maxBytes = size_t(1) << 20);

/// The op request in a file or on stdin; errors name the file.
Result<OpDesc> readOp(const std::string &path);

/// Writes a file completely or not at all: to a temporary one beside it, synced, then renamed.
/// "-" writes to stdout.
Status writeFile(const std::string &path, std::span<const uint8_t> bytes);

/// A word that a POSIX shell reads back as it is.
std::string shellWord(const std::string &word);

/// The closest of the candidates if it is close enough to be a slip of the hand, else empty.
std::string closest(std::string_view word, const std::vector<std::string> &candidates);

/// "12.3 us", "4.56 ms", "1 min 20 s".
std::string formatSeconds(double seconds);
/// "512 B", "1.3 MiB".
std::string formatBytes(double bytes);
/// Seconds from "90", "90s", "1.5m", "2h".
Result<double> parseDuration(const std::string &text);

} // namespace zorse::tool
