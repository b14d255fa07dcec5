//===- RandomTensor.cpp - weights that keep activations finite ------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "RandomTensor.h"

#include "zorse/desc/DType.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace zorse {

namespace {

/// The quantile function of N(0,1), by bisection of the error function; used for tables only.
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
    std::vector<double> values(1 << 12);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] =
          normalQuantile((static_cast<double>(i) + 0.5) / static_cast<double>(values.size()));
    return values;
  }();
  return table;
}

double inverseSoftplus(double value) { return std::log(std::expm1(value)); }

} // namespace

uint64_t RandomTensor::next() {
  // SplitMix64.
  uint64_t z = state += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

void RandomTensor::draw(std::ostream &out, int64_t count,
                        const std::function<double(double)> &quantile) {
  // Five draws of twelve bits from each word, looked up: a billion elements take seconds.
  constexpr size_t entries = 1 << 12;
  std::vector<uint16_t> table(entries);
  for (size_t i = 0; i < entries; ++i)
    table[i] = toBF16(static_cast<float>(
        quantile((static_cast<double>(i) + 0.5) / static_cast<double>(entries))));
  std::vector<uint16_t> block(1 << 20);
  uint64_t word = 0;
  int left = 0;
  while (count > 0) {
    const size_t size = static_cast<size_t>(std::min<int64_t>(count, 1 << 20));
    for (size_t i = 0; i < size; ++i) {
      if (left == 0) {
        word = next();
        left = 5;
      }
      block[i] = table[word % entries];
      word /= entries;
      --left;
    }
    out.write(reinterpret_cast<const char *>(block.data()), static_cast<std::streamsize>(2 * size));
    count -= static_cast<int64_t>(size);
  }
}

void RandomTensor::write(std::ostream &out, const std::string &name,
                         const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  auto constant = [&](double value) { draw(out, count, [value](double) { return value; }); };
  if (name.ends_with(".A_log"))
    return draw(out, count, [](double p) { return std::log(1 + 15 * p); });
  if (name.ends_with(".dt_bias"))
    return draw(out, count, [](double p) {
      return inverseSoftplus(std::exp(std::log(1e-3) + p * std::log(1e2)));
    });
  if (name.ends_with(".D") || name.ends_with("norm.weight"))
    return constant(1);
  if (name.ends_with(".bias"))
    return constant(0);
  if (name.ends_with(".conv1d.weight"))
    return draw(out, count, [](double p) { return p - 0.5; });
  double deviation = 1 / std::sqrt(static_cast<double>(shape.back()));
  if (name.ends_with("out_proj.weight") || name.ends_with("o_proj.weight") ||
      name.ends_with("down_proj.weight"))
    deviation /= std::sqrt(2.0 * static_cast<double>(numLayers));
  draw(out, count, [deviation](double p) {
    return deviation *
           normalTable()[static_cast<size_t>(p * static_cast<double>(normalTable().size()))];
  });
}

} // namespace zorse
