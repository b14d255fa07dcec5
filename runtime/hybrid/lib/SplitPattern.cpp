//===- SplitPattern.cpp - pieces of a text by regular expression ----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "TokenizerData.h"

#include <fmt/format.h>

#include <algorithm>

namespace zorse {

namespace {

/// A hostile pattern stops at these. The published ones go back over a run of white space once or
/// twice, so that the steps of one match grow with the text, however long it is.
constexpr uint32_t matchSteps = 1'000'000, stepsPerByte = 8, heapKibibytes = 64 * 1024;
constexpr size_t patternBytes = 4096;

std::string errorText(int code) {
  PCRE2_UCHAR text[128];
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char *>(text);
}

/// \s is White_Space in the engine that published patterns are written for; PCRE2 also takes
/// U+180E, which lost that property in Unicode 6.3.
std::string withWhiteSpace(const std::string &pattern) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char next = i + 1 < pattern.size() ? pattern[i + 1] : '\0';
    if (pattern[i] != '\\') {
      out += pattern[i];
      continue;
    }
    ++i;
    out += next == 's'   ? "\\p{White_Space}"
           : next == 'S' ? "\\P{White_Space}"
                         : pattern.substr(i - 1, 2);
  }
  return out;
}

} // namespace

Result<SplitPattern> SplitPattern::compile(const std::string &source) {
  const std::string pattern = withWhiteSpace(source);
  if (source.size() > patternBytes)
    return usageError(fmt::format("a split pattern of {} bytes exceeds the limit of {}",
                                  source.size(), patternBytes));
  int error = 0;
  PCRE2_SIZE at = 0;
  pcre2_code *raw =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &at, nullptr);
  if (!raw)
    return usageError(
        fmt::format("the split pattern does not compile: {} at byte {}", errorText(error), at));
  pcre2_jit_compile(raw, PCRE2_JIT_COMPLETE); // without it matching is slower, not different
  SplitPattern result;
  result.code = std::shared_ptr<pcre2_code>(raw, pcre2_code_free);
  return result;
}

Status SplitPattern::split(std::string_view text, std::vector<std::string_view> &pieces) const {
  std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> context(
      pcre2_match_context_create(nullptr), pcre2_match_context_free);
  const uint64_t steps = matchSteps + uint64_t(stepsPerByte) * text.size();
  pcre2_set_match_limit(context.get(),
                        static_cast<uint32_t>(std::min<uint64_t>(steps, UINT32_MAX)));
  pcre2_set_heap_limit(context.get(), heapKibibytes);
  std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create_from_pattern(code.get(), nullptr), pcre2_match_data_free);

  size_t done = 0; // everything before is in pieces
  for (size_t at = 0; at < text.size();) {
    int count = pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                            PCRE2_NO_UTF_CHECK, match.get(), context.get());
    if (count == PCRE2_ERROR_NOMATCH)
      break;
    if (count < 0)
      return usageError(
          fmt::format("splitting the text at byte {} failed: {}", at, errorText(count)));
    const PCRE2_SIZE *range = pcre2_get_ovector_pointer(match.get());
    const size_t begin = range[0], end = range[1];
    if (end <= begin) { // an empty match makes no piece
      at = begin < text.size() ? begin + characterLength(text, begin) : text.size();
      continue;
    }
    if (begin > done)
      pieces.push_back(text.substr(done, begin - done));
    pieces.push_back(text.substr(begin, end - begin));
    done = at = end;
  }
  if (done < text.size())
    pieces.push_back(text.substr(done));
  return Status::success();
}

} // namespace zorse
