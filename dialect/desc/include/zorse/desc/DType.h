//===- DType.h - element types of tensors -----------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace zorse {

enum class DType { F32, F16, BF16, I32 };

/// Bytes of one element.
constexpr size_t byteWidth(DType type) { return type == DType::F32 || type == DType::I32 ? 4 : 2; }

/// "f32", "f16", "bf16", "i32".
std::string_view name(DType type);
std::optional<DType> parseDType(std::string_view text);

/// Half the distance between 1 and the next value: 2^-24, 2^-11, 2^-8. Zero for i32.
double unitRoundoff(DType type);

/// Round to nearest even; NaN stays NaN. Storage in the low 16 bits.
uint16_t toBF16(float value);
float fromBF16(uint16_t bits);
uint16_t toF16(float value);
float fromF16(uint16_t bits);

/// Reads or writes element `index` of a buffer of `type` (i32 is converted by value).
double loadElement(DType type, const void *buffer, size_t index);
void storeElement(DType type, void *buffer, size_t index, double value);

} // namespace zorse
