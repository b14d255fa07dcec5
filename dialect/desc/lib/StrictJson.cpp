//===- StrictJson.cpp - JSON from untrusted sources -----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/desc/StrictJson.h"

#include <fmt/format.h>

namespace zorse {

namespace {

using Json = nlohmann::json;

/// Bytes that are not UTF-8 become the replacement character.
std::string dumpJson(const Json &value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Builds the value while it watches depth and keys. Returning false stops the parser.
class StrictBuilder {
public:
  StrictBuilder(std::string_view text, const JsonLimits &limits) : text(text), limits(limits) {}

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(int64_t value) { return add(value); }
  bool number_unsigned(uint64_t value) { return add(value); }
  bool number_float(double value, const std::string &) { return add(value); }
  bool string(std::string &value) { return add(std::move(value)); }
  bool binary(Json::binary_t &) { return fail("binary values are not JSON"); }

  bool start_object(size_t) { return open(Json::object()); }
  bool start_array(size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string &name) {
    if (opened.back()->contains(name))
      return fail(fmt::format("{}: duplicate key", path() + "." + name));
    keys.back() = std::move(name);
    return true;
  }

  bool parse_error(size_t position, const std::string &, const Json::exception &) {
    std::string found = "end of text";
    if (position >= 1 && position <= text.size())
      found = dumpJson(std::string(text.substr(position - 1, 1)));
    return fail(fmt::format("not valid JSON: unexpected {} at byte {}", found, position));
  }

  Json root;
  std::string error;

private:
  bool fail(std::string message) {
    error = std::move(message);
    return false;
  }

  /// Puts the value where the parser stands and returns its place.
  Json *place(Json value) {
    if (opened.empty()) {
      root = std::move(value);
      return &root;
    }
    if (opened.back()->is_array()) {
      opened.back()->push_back(std::move(value));
      return &opened.back()->back();
    }
    return &((*opened.back())[keys.back()] = std::move(value));
  }

  bool add(Json value) {
    place(std::move(value));
    return true;
  }

  bool open(Json value) {
    if (opened.size() >= static_cast<size_t>(limits.maxDepth))
      return fail(
          fmt::format("expected at most {} levels of nesting, found more", limits.maxDepth));
    opened.push_back(place(std::move(value)));
    keys.emplace_back();
    return true;
  }

  bool close() {
    opened.pop_back();
    keys.pop_back();
    return true;
  }

  /// The path of the innermost open value.
  std::string path() const {
    std::string result = "$";
    for (size_t i = 0; i + 1 < opened.size(); ++i)
      result += opened[i]->is_array() ? fmt::format("[{}]", opened[i]->size() - 1) : "." + keys[i];
    return result;
  }

  std::string_view text;
  JsonLimits limits;
  std::vector<Json *> opened;
  std::vector<std::string> keys; ///< the current key of each open object
};

} // namespace

Result<Json> parseStrictJson(std::string_view text, const JsonLimits &limits) {
  if (text.size() > limits.maxBytes)
    return usageError(
        fmt::format("expected at most {} bytes of JSON, found {}", limits.maxBytes, text.size()));
  StrictBuilder builder(text, limits);
  if (!Json::sax_parse(text.begin(), text.end(), &builder))
    return usageError(std::move(builder.error));
  return std::move(builder.root);
}

std::string describeJson(const Json &value) {
  switch (value.type()) {
  case Json::value_t::string: {
    const std::string &text = value.get_ref<const std::string &>();
    if (text.size() > 48)
      return dumpJson(text.substr(0, 45) + "...") + " (string)";
    return dumpJson(value) + " (string)";
  }
  case Json::value_t::boolean:
    return dumpJson(value) + " (boolean)";
  case Json::value_t::number_float:
    return dumpJson(value) + " (number)";
  case Json::value_t::array:
    return "an array";
  case Json::value_t::object:
    return "an object";
  default:
    return dumpJson(value);
  }
}

} // namespace zorse
