//===- RotaryTable.h - cos and sin by position ------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/hybrid/ModelConfig.h"

#include <cstdint>
#include <vector>

namespace zorse {

/// Two tables [positions, dim / 2] in the run dtype.
struct RotaryTable {
  std::vector<uint8_t> cos, sin;
};

/// The inverse frequencies [dim / 2], scaled; f32 arithmetic as in the published code.
std::vector<float> inverseFrequencies(const RotaryConfig &rotary, int64_t dim);

/// The factor on both tables: 0.1 ln(factor) + 1 for YaRN with its usual settings, else 1.
float rotaryAmplitude(const RotaryConfig &rotary);

RotaryTable buildRotaryTable(const RotaryConfig &rotary, int64_t dim, int64_t positions,
                             DType dtype);

} // namespace zorse
