//===- Launch.h - an op with its operands, for tests -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/reference/Reference.h"

#include <gtest/gtest.h>
#include <stdexcept>

namespace zorse::test {

/// One op, its sizes and its operands by name. Throws where a test could not go on.
struct Launch {
  OpDesc op;
  Sizes sizes;
  OperandSet set;

  Launch(std::string_view request, Sizes s, uint64_t seed = 7, Lengths lengths = Lengths::Ragged)
      : op(must(OpDesc::parse(request))), sizes(std::move(s)),
        set(must(OperandSet::create(op, sizes))) {
    Status filled = fillOperands(op, sizes, seed, set.pointers(), lengths);
    if (!filled)
      throw std::runtime_error(filled.error().message);
  }

  template <typename T> static T must(Result<T> result) {
    if (!result)
      throw std::runtime_error(result.error().message);
    return result.take();
  }

  size_t indexOf(std::string_view name) const {
    auto operands = op.operands();
    for (size_t i = 0; i < operands.size(); ++i)
      if (operands[i]->name == name)
        return i;
    throw std::runtime_error("no operand " + std::string(name));
  }
  DType type(std::string_view name) const { return op.operandDType(*op.operands()[indexOf(name)]); }
  size_t count(std::string_view name) const {
    return set.bytes(indexOf(name)) / byteWidth(type(name));
  }

  std::vector<double> get(std::string_view name) const {
    std::vector<double> values(count(name));
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = loadElement(type(name), set.pointers()[indexOf(name)], i);
    return values;
  }
  void put(std::string_view name, const std::vector<double> &values) {
    if (values.size() != count(name))
      throw std::runtime_error("operand " + std::string(name) + " has " +
                               std::to_string(count(name)) + " elements");
    for (size_t i = 0; i < values.size(); ++i)
      storeElement(type(name), set.pointers()[indexOf(name)], i, values[i]);
  }
  void run() {
    Status status = runReference(op, set.pointers(), sizes);
    if (!status)
      throw std::runtime_error(status.error().message);
  }
};

inline void expectNear(const std::vector<double> &got, const std::vector<double> &want,
                       double tolerance = 1e-6) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], want[i], tolerance) << "at " << i;
}

} // namespace zorse::test
