//===- Hash.h - 128-bit content hashes --------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace zorse {

/// XXH3, 128 bits. Against accidents, not against attackers.
struct Hash128 {
  uint64_t high = 0, low = 0;
  bool operator==(const Hash128 &) const = default;
  auto operator<=>(const Hash128 &) const = default;
  /// 32 lower-case hexadecimal digits.
  std::string hex() const;
  static std::optional<Hash128> fromHex(std::string_view text);
};

Hash128 hashBytes(const void *data, size_t size);
inline Hash128 hashText(std::string_view text) { return hashBytes(text.data(), text.size()); }

} // namespace zorse
