//===- RotaryTable.cpp - cos and sin by position --------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "RotaryTable.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace zorse {

namespace {

float roundTo(float value, DType dtype) {
  return dtype == DType::F32    ? value
         : dtype == DType::BF16 ? fromBF16(toBF16(value))
                                : fromF16(toF16(value));
}

/// YaRN's ramp: how many rotations a frequency makes within the original length decides whether it
/// is kept (fast ones), divided by the factor (slow ones), or mixed.
void scaleYarn(const RotaryConfig &rotary, int64_t dim, std::vector<float> &inverse) {
  const double d = static_cast<double>(dim);
  auto correction = [&](double rotations) {
    return d * std::log(double(rotary.originalMaxPositions) / (rotations * 2 * std::numbers::pi)) /
           (2 * std::log(rotary.theta));
  };
  const double low = std::max(std::floor(correction(rotary.betaFast)), 0.0);
  double high = std::min(std::ceil(correction(rotary.betaSlow)), d - 1);
  if (low == high)
    high += 0.001;
  for (size_t i = 0; i < inverse.size(); ++i) {
    const float ramp =
        static_cast<float>(std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0));
    const float keep = 1.0f - ramp;
    const float scaled = inverse[i] / static_cast<float>(rotary.factor);
    inverse[i] = scaled * (1.0f - keep) + inverse[i] * keep;
  }
}

/// Llama 3.1: by wavelength, with a linear blend between the two bounds.
void scaleLlama3(const RotaryConfig &rotary, std::vector<float> &inverse) {
  const double length = static_cast<double>(rotary.originalMaxPositions);
  const double slow = length / rotary.lowFreqFactor, fast = length / rotary.highFreqFactor;
  for (float &frequency : inverse) {
    const double wavelength = 2 * std::numbers::pi / frequency;
    const float scaled = frequency / static_cast<float>(rotary.factor);
    if (wavelength > slow) {
      frequency = scaled;
    } else if (wavelength >= fast) {
      const float smooth = static_cast<float>((length / wavelength - rotary.lowFreqFactor) /
                                              (rotary.highFreqFactor - rotary.lowFreqFactor));
      frequency = (1.0f - smooth) * scaled + smooth * frequency;
    }
  }
}

} // namespace

std::vector<float> inverseFrequencies(const RotaryConfig &rotary, int64_t dim) {
  std::vector<float> inverse(static_cast<size_t>(dim / 2));
  for (size_t i = 0; i < inverse.size(); ++i)
    inverse[i] = 1.0f / std::pow(static_cast<float>(rotary.theta),
                                 static_cast<float>(2 * i) / static_cast<float>(dim));
  switch (rotary.scaling) {
  case RotaryConfig::Scaling::None:
    break;
  case RotaryConfig::Scaling::Linear:
    for (float &frequency : inverse)
      frequency /= static_cast<float>(rotary.factor);
    break;
  case RotaryConfig::Scaling::Yarn:
    scaleYarn(rotary, dim, inverse);
    break;
  case RotaryConfig::Scaling::Llama3:
    scaleLlama3(rotary, inverse);
    break;
  }
  return inverse;
}

float rotaryAmplitude(const RotaryConfig &rotary) {
  if (rotary.scaling != RotaryConfig::Scaling::Yarn)
    return 1.0f;
  auto scale = [&](double k) {
    return rotary.factor <= 1 ? 1.0 : 0.1 * k * std::log(rotary.factor) + 1.0;
  };
  return static_cast<float>(scale(rotary.mscale) / scale(rotary.mscaleAllDim));
}

RotaryTable buildRotaryTable(const RotaryConfig &rotary, int64_t dim, int64_t positions,
                             DType dtype) {
  const DType angleType = rotary.roundAngles ? dtype : DType::F32;
  const float amplitude = rotaryAmplitude(rotary);
  std::vector<float> inverse = inverseFrequencies(rotary, dim);
  for (float &frequency : inverse)
    frequency = roundTo(frequency, angleType);

  RotaryTable table;
  const size_t width = inverse.size(), elements = static_cast<size_t>(positions) * width;
  table.cos.resize(elements * byteWidth(dtype));
  table.sin.resize(elements * byteWidth(dtype));
  for (size_t position = 0; position < static_cast<size_t>(positions); ++position) {
    const float at = roundTo(static_cast<float>(position), angleType);
    for (size_t i = 0; i < width; ++i) {
      const float angle = roundTo(at * inverse[i], angleType);
      const size_t index = position * width + i;
      // The product with the amplitude is rounded to f32 before the cast.
      const float cosine = amplitude * std::cos(angle), sine = amplitude * std::sin(angle);
      storeElement(dtype, table.cos.data(), index, cosine);
      storeElement(dtype, table.sin.data(), index, sine);
    }
  }
  return table;
}

} // namespace zorse
