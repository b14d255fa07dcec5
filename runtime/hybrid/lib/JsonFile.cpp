//===- JsonFile.cpp - JSON of strangers, read strictly --------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "JsonFile.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using nlohmann::json;

namespace zorse {

namespace {

std::string lastPart(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

} // namespace

Result<std::string> readTextFile(const std::string &path, size_t limit) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return usageError(fmt::format("{}: cannot open: {}", path, std::strerror(errno)));
  struct stat info{};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return usageError(fmt::format("{}: expected a regular file", path));
  }
  if (static_cast<uint64_t>(info.st_size) > limit) {
    ::close(fd);
    return usageError(
        fmt::format("{}: {} bytes exceed the limit of {}", path, info.st_size, limit));
  }
  std::string text(static_cast<size_t>(info.st_size), '\0');
  size_t done = 0;
  while (done < text.size()) {
    ssize_t got = ::read(fd, text.data() + done, text.size() - done);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      break;
    done += static_cast<size_t>(got);
  }
  ::close(fd);
  if (done != text.size())
    return runtimeError(fmt::format("{}: read {} of {} bytes", path, done, text.size()));
  return text;
}

Result<json> readJsonObject(const std::string &path, size_t limit) {
  Result<std::string> text = readTextFile(path, limit);
  if (!text)
    return text.takeError();
  Result<json> parsed = parseStrictJson(*text, {.maxBytes = limit});
  if (!parsed)
    return usageError(fmt::format("{}: {}", lastPart(path), parsed.error().message));
  if (!parsed->is_object())
    return usageError(
        fmt::format("{}: $: expected an object, found {}", lastPart(path), describeJson(*parsed)));
  return parsed;
}

FieldReader::FieldReader(const json &object, std::string file)
    : FieldReader(&object, std::move(file), "$", std::make_shared<std::optional<Error>>()) {}

FieldReader::FieldReader(const json *object, std::string file, std::string path,
                         std::shared_ptr<std::optional<Error>> fault)
    : node(object), file(std::move(file)), path(std::move(path)), fault(std::move(fault)) {}

const json *FieldReader::value(const std::string &key) const {
  if (!node)
    return nullptr;
  auto found = node->find(key);
  return found == node->end() || found->is_null() ? nullptr : &*found;
}

bool FieldReader::has(const char *key) const { return value(key) != nullptr; }

std::vector<std::string> FieldReader::keys() const {
  std::vector<std::string> names;
  if (node)
    for (const auto &[name, unused] : node->items())
      names.push_back(name);
  return names;
}

void FieldReader::fail(const std::string &key, const std::string &expected) {
  if (*fault)
    return;
  const json *found = value(key);
  *fault = usageError(fmt::format("{}: {}.{}: expected {}, found {}", file, path, key, expected,
                                  found ? describeJson(*found) : "nothing"));
}

Status FieldReader::status() const { return *fault ? Status(**fault) : Status::success(); }

int64_t FieldReader::integer(const char *key, int64_t minimum, int64_t maximum,
                             std::optional<int64_t> fallback) {
  const json *found = value(key);
  if (!found && fallback)
    return *fallback;
  // Integers beyond 64 bits arrive as doubles and fail here; the unsigned half above 2^63 would
  // turn negative.
  bool fits =
      found && found->is_number_integer() &&
      !(found->is_number_unsigned() && found->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX));
  int64_t number = fits ? found->get<int64_t>() : 0;
  if (fits && number >= minimum && number <= maximum)
    return number;
  fail(key, fmt::format("an integer in [{}, {}]", minimum, maximum));
  return fallback.value_or(minimum);
}

double FieldReader::number(const char *key, double minimum, double maximum, double fallback) {
  const json *found = value(key);
  if (!found)
    return fallback;
  if (found->is_number() && found->get<double>() >= minimum && found->get<double>() <= maximum)
    return found->get<double>();
  fail(key, fmt::format("a number in [{}, {}]", minimum, maximum));
  return fallback;
}

bool FieldReader::boolean(const char *key, bool fallback) {
  const json *found = value(key);
  if (!found)
    return fallback;
  if (found->is_boolean())
    return found->get<bool>();
  fail(key, "true or false");
  return fallback;
}

std::string FieldReader::text(const char *key, std::string fallback) {
  const json *found = value(key);
  if (!found)
    return fallback;
  if (found->is_string())
    return found->get<std::string>();
  fail(key, "a string");
  return fallback;
}

std::vector<int64_t> FieldReader::integers(const char *key, int64_t minimum, int64_t maximum) {
  std::vector<int64_t> numbers;
  const json *found = value(key);
  if (!found)
    return numbers;
  if (found->is_array()) {
    bool fits = true;
    for (const json &entry : *found) {
      fits = fits && entry.is_number_integer() && entry >= minimum && entry <= maximum;
      if (fits)
        numbers.push_back(entry.get<int64_t>());
    }
    if (fits)
      return numbers;
  }
  fail(key, fmt::format("a list of integers in [{}, {}]", minimum, maximum));
  return {};
}

FieldReader FieldReader::object(const char *key) {
  const json *found = value(key);
  if (found && !found->is_object()) {
    fail(key, "an object");
    found = nullptr;
  }
  return FieldReader(found, file, path + "." + key, fault);
}

} // namespace zorse
