//===- Work.cpp - sizes of a benchmark and the work behind a row ----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Work.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <optional>

namespace zorse::tool {

namespace {

constexpr int64_t largestSize = int64_t(1) << 31;

/// Reads a number from the front of `text`.
std::optional<int64_t> takeNumber(std::string_view &text) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0)
    return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  int64_t factor = 1;
  if (!text.empty() && (text[0] == 'k' || text[0] == 'K')) {
    factor = 1024;
    text.remove_prefix(1);
  }
  if (value > largestSize / factor)
    return std::nullopt;
  return value * factor;
}

bool takeWord(std::string_view &text, std::string_view word) {
  if (!text.starts_with(word))
    return false;
  text.remove_prefix(word.size());
  return true;
}

/// One item: a number or a range.
std::optional<std::vector<int64_t>> readItem(std::string_view text) {
  std::optional<int64_t> first = takeNumber(text);
  if (!first)
    return std::nullopt;
  if (text.empty())
    return std::vector{*first};
  const bool doubles = takeWord(text, "..");
  if (!doubles && !takeWord(text, "-"))
    return std::nullopt;
  std::optional<int64_t> last = takeNumber(text);
  if (!last || *last < *first)
    return std::nullopt;
  int64_t factor = doubles ? 2 : 1, step = 0;
  if (!doubles) {
    const bool times = takeWord(text, "*");
    if (!times && !takeWord(text, "+"))
      return std::nullopt;
    std::optional<int64_t> by = takeNumber(text);
    if (!by || *by < (times ? 2 : 1))
      return std::nullopt;
    (times ? factor : step) = *by;
  }
  if (!text.empty() || (factor > 1 && *first == 0))
    return std::nullopt;
  std::vector<int64_t> sizes;
  for (int64_t size = *first; size <= *last && sizes.size() < 1000; size = size * factor + step)
    sizes.push_back(size);
  if (doubles && sizes.back() != *last)
    sizes.push_back(*last);
  return sizes;
}

} // namespace

Result<std::vector<int64_t>> parseBenchSizes(const std::string &text, std::string_view option) {
  std::vector<int64_t> sizes;
  for (std::string_view rest = text;;) {
    const std::string_view item = rest.substr(0, rest.find(','));
    std::optional<std::vector<int64_t>> read = readItem(item);
    if (!read)
      return usageError(fmt::format("{}: expected sizes from 0 to 2^31 such as 512 or 0,4K or "
                                    "16-512*2 or 1-9+4 or 1..64, found '{}'",
                                    option, text));
    for (int64_t size : *read)
      if (std::find(sizes.begin(), sizes.end(), size) == sizes.end())
        sizes.push_back(size);
    if (item.size() == rest.size())
      return sizes;
    rest.remove_prefix(item.size() + 1);
  }
}

StepCosts decodeBytes(const ModelConfig &config, const CostTypes &types, int64_t batch,
                      int64_t depth, int64_t steps) {
  StepCosts sum;
  for (int64_t step = 1; step <= steps; ++step) {
    const StepCosts one = stepCosts(config, types, batch, depth + step);
    sum.weights += one.weights;
    sum.caches += one.caches;
    sum.states += one.states;
  }
  return sum;
}

/// Of one prompt from its beginning.
static Result<double> promptFlops(const ModelConfig &config, const OpTypes &types, int64_t tokens,
                                  int64_t passTokens) {
  if (tokens == 0)
    return 0.0;
  OpListOptions options;
  options.maxLen = tokens;
  options.passTokens = passTokens;
  Result<std::vector<OpUse>> uses = listUses(config, types, {false, 1, tokens}, options);
  if (!uses)
    return uses.takeError();
  double sum = 0;
  for (const OpUse &use : *uses) {
    Result<int64_t> flops = use.op.spec().flops.evaluate(use.op.scope(use.op.tuningPoint()));
    if (!flops)
      return flops.takeError();
    sum += static_cast<double>(*flops) * static_cast<double>(use.launches);
  }
  return sum;
}

Result<double> prefillFlops(const ModelConfig &config, const OpTypes &types, int64_t batch,
                            int64_t depth, int64_t tokens, int64_t passTokens) {
  Result<double> all = promptFlops(config, types, depth + tokens, passTokens);
  if (!all)
    return all;
  Result<double> before = promptFlops(config, types, depth, passTokens);
  if (!before)
    return before;
  return static_cast<double>(batch) * (*all - *before);
}

} // namespace zorse::tool
