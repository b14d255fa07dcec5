//===- PlanCase.h - small ops for plans ---------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/tuner/Plan.h"

#include <algorithm>
#include <cmath>

namespace zorse {

/// A different op for each `variant`, at one token count.
inline OpDesc sample(const std::string &kind, int64_t variant, int64_t tokens = 1) {
  const int64_t width = 64 * (variant + 1);
  std::map<std::string, OpDesc::FieldValue> fields;
  if (kind == "linear")
    fields = {{"in_features", width}, {"out_features", int64_t(64)}};
  else
    fields = {{kind == "rmsnorm" ? "hidden_size" : "intermediate_size", width}};
  return OpDesc::create(kind, fields, {{"tokens", tokens}}).take();
}

/// As the runtime: sum of the doublings between the sizes.
inline double doublings(const Sizes &a, const Sizes &b) {
  double sum = 0;
  for (const auto &[name, size] : a)
    sum += std::abs(std::log2(static_cast<double>(size) / static_cast<double>(b.at(name))));
  return sum;
}

} // namespace zorse
