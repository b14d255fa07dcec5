//===- RandomTensor.cpp - weights that keep activations finite ------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "RandomTensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numbers>

namespace zorse::tool {

namespace {

/// Twelve bits choose one of these: a billion elements take seconds.
constexpr size_t entries = 1 << 12;

double positionOf(size_t entry) { return (static_cast<double>(entry) + 0.5) / double(entries); }

/// The quantile function of N(0,1), by bisection of the error function.
double normalQuantile(double p) {
  double low = -6, high = 6;
  for (int i = 0; i < 48; ++i) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::numbers::sqrt2) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

const std::vector<double> &normalTable() {
  static const std::vector<double> table = [] {
    std::vector<double> values(entries);
    for (size_t i = 0; i < entries; ++i)
      values[i] = normalQuantile(positionOf(i));
    return values;
  }();
  return table;
}

double inverseSoftplus(double value) { return std::log(std::expm1(value)); }

/// The distribution of a tensor, as its quantile function of p = positionOf(entry).
double quantile(std::string_view name, const std::vector<int64_t> &shape, int64_t numLayers,
                size_t entry) {
  const double p = positionOf(entry);
  if (name.ends_with(".A_log"))
    return std::log(1 + 15 * p);
  if (name.ends_with(".dt_bias"))
    return inverseSoftplus(std::exp(std::log(1e-3) + p * std::log(1e2)));
  if (name.ends_with(".D") || name.ends_with("norm.weight"))
    return 1;
  if (name.ends_with(".bias"))
    return 0;
  if (name.ends_with(".conv1d.weight"))
    return p - 0.5;
  double deviation = 1 / std::sqrt(static_cast<double>(shape.back()));
  if (name.ends_with("out_proj.weight") || name.ends_with("o_proj.weight") ||
      name.ends_with("down_proj.weight"))
    deviation /= std::sqrt(2.0 * static_cast<double>(numLayers));
  return deviation * normalTable()[entry];
}

/// One step of SplitMix64.
uint64_t next(uint64_t &state) {
  uint64_t z = state += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

template <typename Element>
void fill(const std::vector<uint8_t> &table, uint64_t state, int64_t count, uint8_t *out) {
  Element values[entries];
  std::memcpy(values, table.data(), sizeof values);
  Element *elements = reinterpret_cast<Element *>(out);
  int64_t i = 0;
  // Five draws of twelve bits from each word.
  for (; i + 5 <= count; i += 5) {
    uint64_t word = next(state);
    for (int j = 0; j < 5; ++j, word >>= 12)
      elements[i + j] = values[word % entries];
  }
  for (uint64_t word = next(state); i < count; ++i, word >>= 12)
    elements[i] = values[word % entries];
}

} // namespace

RandomTensor::RandomTensor(std::string_view name, const std::vector<int64_t> &shape,
                           int64_t numLayers, DType dtype, uint64_t seed)
    : dtype(dtype), start(seed), table(entries * byteWidth(dtype)) {
  for (int64_t size : shape)
    count *= size;
  for (char c : name)
    start = next(start) ^ static_cast<uint8_t>(c);
  for (size_t i = 0; i < entries; ++i)
    storeElement(dtype, table.data(), i, static_cast<float>(quantile(name, shape, numLayers, i)));
}

int64_t RandomTensor::elementsOf(int64_t block) const {
  return std::min(blockElements, count - block * blockElements);
}

void RandomTensor::draw(int64_t block, uint8_t *out) const {
  uint64_t state = start + static_cast<uint64_t>(block);
  state = next(state);
  if (byteWidth(dtype) == 2)
    fill<uint16_t>(table, state, elementsOf(block), out);
  else
    fill<uint32_t>(table, state, elementsOf(block), out);
}

} // namespace zorse::tool
