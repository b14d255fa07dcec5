//===- Spelling.h - suggestions for misspelt names --------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace zorse {

/// The candidate most like `word`, or empty if none is alike: at least 60 % of the letters of
/// both must stand in the same order (longest common subsequence).
std::string closestName(std::string_view word, const std::vector<std::string> &candidates);

/// "; did you mean NAME?" or empty.
std::string suggestion(std::string_view word, const std::vector<std::string> &candidates);

/// What to say after naming an unknown word: "; did you mean NAME? legal fields: a, b" or, if no
/// candidate is alike, "; legal fields: a, b".
std::string adviceOnNames(std::string_view word, std::string_view what,
                          const std::vector<std::string> &candidates);

/// "a, b, c".
std::string joined(const std::vector<std::string> &words);
std::string joined(const std::vector<int64_t> &numbers);

} // namespace zorse
