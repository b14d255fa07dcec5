//===- Tool.cpp - what all verbs share ------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Tool.h"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <numeric>
#include <sys/stat.h>
#include <unistd.h>

namespace zorse::tool {

bool Tool::showsProgress() const { return ::isatty(STDERR_FILENO) && environment.mayColor; }

bool Tool::usesColor() const {
  if (color != "auto")
    return color == "always";
  return ::isatty(STDERR_FILENO) && environment.mayColor;
}

void printJson(const Json &value) {
  // Text of a model may be any bytes; what is not UTF-8 becomes U+FFFD.
  std::string text = value.dump(2, ' ', false, Json::error_handler_t::replace);
  fmt::print(stdout, "{}\n", text);
}

void printJsonLine(const Json &value) {
  fmt::print(stdout, "{}\n", value.dump(-1, ' ', false, Json::error_handler_t::replace));
  std::fflush(stdout);
}

Result<std::string> readText(const std::string &path, size_t maxBytes) {
  std::string shown = path == "-" ? "stdin" : path;
  int file = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return usageError(fmt::format("cannot read {}: {}", shown, std::strerror(errno)));
  std::string text;
  char block[65536];
  ssize_t count;
  while ((count = ::read(file, block, sizeof(block))) > 0 && text.size() <= maxBytes)
    text.append(block, static_cast<size_t>(count));
  int reason = errno;
  if (file != STDIN_FILENO)
    ::close(file);
  if (count < 0)
    return usageError(fmt::format("cannot read {}: {}", shown, std::strerror(reason)));
  if (text.size() > maxBytes)
    return usageError(
        fmt::format("{} is larger than {}", shown, formatBytes(static_cast<double>(maxBytes))));
  return text;
}

Result<OpDesc> readOp(const std::string &path) {
  Result<std::string> text = readText(path);
  if (!text)
    return text.takeError();
  Result<OpDesc> op = OpDesc::parse(*text);
  if (!op)
    return Error{op.error().code,
                 fmt::format("{}: {}", path == "-" ? "stdin" : path, op.error().message)};
  return op;
}

static bool writeAll(int file, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    ssize_t count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return false;
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return true;
}

Status writeFile(const std::string &path, std::span<const uint8_t> bytes) {
  auto failure = [&](const char *what) {
    return runtimeError(fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
  };
  if (path == "-")
    return writeAll(STDOUT_FILENO, bytes) ? Status() : Status(failure("write"));
  std::string temporary = path + ".XXXXXX";
  int file = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (file < 0)
    return failure("create");
  mode_t mask = ::umask(0);
  ::umask(mask);
  bool written = ::fchmod(file, 0666 & ~mask) == 0 && writeAll(file, bytes) && ::fsync(file) == 0;
  written = ::close(file) == 0 && written;
  if (written && ::rename(temporary.c_str(), path.c_str()) == 0)
    return Status();
  Status status = failure("write");
  ::unlink(temporary.c_str());
  return status;
}

static size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t(0));
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      size_t replaced = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

std::string shellWord(const std::string &word) {
  bool isPlain =
      !word.empty() && word.find_first_not_of("abcdefghijklmnopqrstuvwxyz"
                                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                              "0123456789_-./,=:+@%") == std::string::npos;
  if (isPlain)
    return word;
  std::string text = "'";
  for (char letter : word)
    text += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return text + "'";
}

std::string closest(std::string_view word, const std::vector<std::string> &candidates) {
  std::string best;
  size_t bestDistance = 3; // two slips, such as letters that changed places
  for (const std::string &candidate : candidates)
    if (size_t distance = editDistance(word, candidate);
        distance < bestDistance && distance < candidate.size()) {
      best = candidate;
      bestDistance = distance;
    }
  return best;
}

std::string formatSeconds(double seconds) {
  if (seconds < 1e-3)
    return fmt::format("{:.3g} us", seconds * 1e6);
  if (seconds < 1)
    return fmt::format("{:.3g} ms", seconds * 1e3);
  if (seconds < 60)
    return fmt::format("{:.1f} s", seconds);
  auto whole = static_cast<int64_t>(seconds);
  if (whole < 3600)
    return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

std::string formatBytes(double bytes) {
  if (bytes < 1024)
    return fmt::format("{} B", bytes);
  const char *units[] = {"KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  for (bytes /= 1024; bytes >= 1024 && unit < 3; ++unit)
    bytes /= 1024;
  return fmt::format("{:.1f} {}", bytes, units[unit]);
}

Result<double> parseDuration(const std::string &text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  double factor = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (error != std::errc() || factor == 0 || !std::isfinite(value) || value <= 0)
    return usageError(fmt::format(
        "a duration is a number above 0 with s, m or h, such as 90s or 1.5h, found '{}'", text));
  return value * factor;
}

} // namespace zorse::tool
