//===- Bucket.cpp - which sizes count as alike ----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Bucket.h"

#include "zorse/desc/StrictJson.h"
#include "zorse/dispatch/Dispatcher.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace zorse::dispatch {

int64_t bucketOf(const SizeSpec &spec, int64_t size) {
  constexpr int64_t largest = int64_t(1) << 62;
  if (size <= 1)
    return std::max<int64_t>(size, spec.minimum);
  int64_t rounded =
      size >= largest ? size : static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(size)));
  return std::max(size, std::min(rounded, spec.maximum));
}

double distance(const Sizes &a, const Sizes &b) {
  double sum = 0;
  size_t shared = 0;
  for (const auto &[name, size] : a) {
    auto other = b.find(name);
    if (other == b.end())
      continue;
    ++shared;
    // Sizes may be 0; the ratio is that of size + 1 then for both, so that equal ones agree.
    double left = static_cast<double>(size), right = static_cast<double>(other->second);
    if (left <= 0 || right <= 0)
      left += 1, right += 1;
    sum += std::abs(std::log2(left / right));
  }
  if (shared != a.size() || shared != b.size())
    return std::numeric_limits<double>::infinity();
  return sum;
}

} // namespace zorse::dispatch

namespace zorse {

Sizes bucketOf(const OpSpec &spec, const Sizes &sizes) {
  Sizes bucket;
  for (const SizeSpec &size : spec.sizes)
    if (auto found = sizes.find(size.name); found != sizes.end())
      bucket[size.name] = dispatch::bucketOf(size, found->second);
  return bucket;
}

double tuningDistance(const Sizes &a, const Sizes &b) { return dispatch::distance(a, b); }

std::optional<Sizes> parseTuningPoint(const std::string &json) {
  Result<nlohmann::json> parsed = parseStrictJson(json);
  if (!parsed || !parsed->is_object())
    return std::nullopt;
  Sizes sizes;
  for (const auto &[name, value] : parsed->items()) {
    if (!value.is_number_unsigned() ||
        value.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      return std::nullopt;
    sizes[name] = static_cast<int64_t>(value.get<uint64_t>());
  }
  return sizes;
}

} // namespace zorse
