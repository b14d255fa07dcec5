//===- DType.cpp - element types of tensors -------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/desc/DType.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace zorse {

std::string_view name(DType type) {
  switch (type) {
  case DType::F32:
    return "f32";
  case DType::F16:
    return "f16";
  case DType::BF16:
    return "bf16";
  case DType::I32:
    return "i32";
  }
  return {};
}

std::optional<DType> parseDType(std::string_view text) {
  for (DType type : {DType::F32, DType::F16, DType::BF16, DType::I32})
    if (name(type) == text)
      return type;
  return std::nullopt;
}

double unitRoundoff(DType type) {
  switch (type) {
  case DType::F32:
    return 0x1p-24;
  case DType::F16:
    return 0x1p-11;
  case DType::BF16:
    return 0x1p-8;
  case DType::I32:
    return 0;
  }
  return 0;
}

uint16_t toBF16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value))
    return static_cast<uint16_t>(bits >> 16 | 0x40); // keep the sign, set the quiet bit
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float fromBF16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

uint16_t toF16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000)
    return static_cast<uint16_t>(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
  if (magnitude >= 0x477ff000) // 65520 and above round to infinity
    return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Below 2^-14 the spacing is constant, 2^-24: adding 0.5, whose own spacing is 2^-24, makes
    // the hardware round to it and leaves the result in the low bits.
    float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000));
  }
  uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
  return static_cast<uint16_t>(sign | (rounded - 0x38000000) >> 13);
}

float fromF16(uint16_t bits) {
  uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  uint32_t exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
  if (exponent == 0x1f)
    return std::bit_cast<float>(sign | 0x7f800000 | fraction << 13);
  if (exponent == 0) {
    float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

/// Rounds towards zero and sets the last bit if anything was lost. Rounding the result once more
/// to a shorter type then gives what one rounding of the double would have given.
static float roundToOdd(double value) {
  float nearest = static_cast<float>(value);
  if (std::isnan(value) || static_cast<double>(nearest) == value)
    return nearest;
  uint32_t bits = std::bit_cast<uint32_t>(nearest);
  if (std::abs(static_cast<double>(nearest)) > std::abs(value))
    --bits;
  return std::bit_cast<float>(bits | 1);
}

double loadElement(DType type, const void *buffer, size_t index) {
  const char *at = static_cast<const char *>(buffer) + index * byteWidth(type);
  auto read = [&]<typename T>(T value) {
    std::memcpy(&value, at, sizeof value);
    return value;
  };
  switch (type) {
  case DType::F32:
    return read(float());
  case DType::F16:
    return fromF16(read(uint16_t()));
  case DType::BF16:
    return fromBF16(read(uint16_t()));
  case DType::I32:
    return read(int32_t());
  }
  return 0;
}

void storeElement(DType type, void *buffer, size_t index, double value) {
  char *at = static_cast<char *>(buffer) + index * byteWidth(type);
  auto write = [&](auto stored) { std::memcpy(at, &stored, sizeof stored); };
  switch (type) {
  case DType::F32:
    return write(static_cast<float>(value));
  case DType::F16:
    return write(toF16(roundToOdd(value)));
  case DType::BF16:
    return write(toBF16(roundToOdd(value)));
  case DType::I32: {
    constexpr double low = std::numeric_limits<int32_t>::min();
    constexpr double high = std::numeric_limits<int32_t>::max();
    double rounded = std::isnan(value) ? 0 : std::nearbyint(value);
    return write(static_cast<int32_t>(std::fmin(std::fmax(rounded, low), high)));
  }
  }
}

} // namespace zorse
