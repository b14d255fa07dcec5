//===- Text.cpp - numbers and texts in pages and files --------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <fmt/format.h>

namespace zorse::tool::report {

const std::vector<std::string> &palette() {
  static const std::vector<std::string> colours = {"#4c8bd0", "#e8871e", "#3fa66b", "#d8504d",
                                                   "#a676c2", "#b08a5e", "#d470a8", "#8a8f98",
                                                   "#3aaebb", "#a8a032"};
  return colours;
}

std::string cellColour(double share) {
  // Viridis, whose lightness falls evenly; best is brightest.
  static constexpr std::array<std::array<double, 3>, 5> stops = {
      {{253, 231, 37}, {94, 201, 98}, {33, 145, 140}, {59, 82, 139}, {68, 1, 84}}};
  double place = std::clamp(share, 0.0, 1.0) * (stops.size() - 1);
  size_t at = std::min(size_t(place), stops.size() - 2);
  double part = place - double(at);
  auto mixed = [&](size_t i) {
    return int(std::lround(stops[at][i] * (1 - part) + stops[at + 1][i] * part));
  };
  return fmt::format("#{:02x}{:02x}{:02x}", mixed(0), mixed(1), mixed(2));
}

double cellShare(double value) {
  return value > 1 && std::isfinite(value) ? std::min(std::log10(value), 1.0) : 0;
}

/// Length of the character at the front, or 0 if it is none that XML may hold.
static size_t characterLength(std::string_view text) {
  auto byte = [&](size_t i) { return uint8_t(text[i]); };
  if (byte(0) < 0x80)
    return byte(0) >= 0x20 || byte(0) == '\t' || byte(0) == '\n' ? (byte(0) == 0x7f ? 0 : 1) : 0;
  size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < length)
    return 0;
  uint32_t code = byte(0) & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80)
      return 0;
    code = code << 6 | (byte(i) & 0x3fu);
  }
  constexpr uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  bool isSurrogate = code >= 0xd800 && code <= 0xdfff;
  bool isControl = code >= 0x80 && code < 0xa0;
  bool turnsText = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  bool isNone = (code & 0xfffe) == 0xfffe || code > 0x10ffff || code < smallest[length];
  return isSurrogate || isControl || turnsText || isNone ? 0 : length;
}

std::string escapeMarkup(std::string_view text) {
  std::string escaped;
  while (!text.empty()) {
    size_t length = characterLength(text);
    switch (length ? text[0] : 0) {
    case 0:
      escaped += "\xef\xbf\xbd";
      break;
    case '<':
      escaped += "&lt;";
      break;
    case '>':
      escaped += "&gt;";
      break;
    case '&':
      escaped += "&amp;";
      break;
    case '"':
      escaped += "&quot;";
      break;
    case '\'':
      escaped += "&#39;";
      break;
    default:
      escaped += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return escaped;
}

std::string escapeScript(std::string_view json) {
  std::string escaped;
  for (char c : json) {
    if (c == '<' || c == '>' || c == '&')
      escaped += fmt::format("\\u{:04x}", int(c));
    else
      escaped += c;
  }
  return escaped;
}

std::string csvLine(const std::vector<std::string> &fields) {
  std::string line;
  for (const std::string &field : fields) {
    if (&field != &fields.front())
      line += ',';
    char *end = nullptr;
    bool isNumber = !field.empty() && (std::strtod(field.c_str(), &end), *end == 0);
    std::string text = field;
    if (!isNumber && !field.empty() &&
        std::string_view("=+-@\t\r").find(field[0]) != std::string_view::npos)
      text = "'" + field;
    if (text.find_first_of(",\"\r\n") == std::string::npos) {
      line += text;
      continue;
    }
    line += '"';
    for (char c : text)
      line += c == '"' ? std::string("\"\"") : std::string(1, c);
    line += '"';
  }
  return line + "\r\n";
}

std::string csvOf(const Table &table) {
  std::string csv = csvLine(table.columns);
  for (const std::vector<std::string> &row : table.rows)
    csv += csvLine(row);
  return csv;
}

std::string formatNumber(double value) {
  double size = std::abs(value);
  if (size >= 1e7 || (size > 0 && size < 1e-4))
    return fmt::format("{:.3g}", value);
  if (size >= 1000)
    return fmt::format("{:.0f}", value);
  return fmt::format("{:.4g}", value);
}

} // namespace zorse::tool::report
