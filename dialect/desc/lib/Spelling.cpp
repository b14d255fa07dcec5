//===- Spelling.cpp - suggestions for misspelt names ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Spelling.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace zorse {

static size_t commonSubsequence(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1, 0);
  for (char c : a) {
    size_t diagonal = 0;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      row[j] = c == b[j - 1] ? diagonal + 1 : std::max(row[j], row[j - 1]);
      diagonal = above;
    }
  }
  return row.back();
}

std::string closestName(std::string_view word, const std::vector<std::string> &candidates) {
  if (word.size() > 64)
    return {};
  std::string best;
  double bestScore = 0.6;
  for (const std::string &candidate : candidates) {
    double total = static_cast<double>(word.size() + candidate.size());
    double score = 2.0 * static_cast<double>(commonSubsequence(word, candidate)) / total;
    if (score > bestScore) {
      best = candidate;
      bestScore = score;
    }
  }
  return best;
}

std::string suggestion(std::string_view word, const std::vector<std::string> &candidates) {
  std::string close = closestName(word, candidates);
  return close.empty() ? close : fmt::format("; did you mean {}?", close);
}

std::string adviceOnNames(std::string_view word, std::string_view what,
                          const std::vector<std::string> &candidates) {
  std::string suggested = suggestion(word, candidates);
  return fmt::format("{}{} legal {}: {}", suggested, suggested.empty() ? ";" : "", what,
                     joined(candidates));
}

std::string joined(const std::vector<std::string> &words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string joined(const std::vector<int64_t> &numbers) {
  return fmt::format("{}", fmt::join(numbers, ", "));
}

} // namespace zorse
