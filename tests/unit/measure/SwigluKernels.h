//===- SwigluKernels.h - ready-made candidates for the tuner -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/CodeObject.h"
#include "zorse/desc/KernelConfig.h"

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace zorse::test {

template <typename T> T must(Result<T> result) {
  if (!result)
    throw std::runtime_error(result.error().message);
  return result.take();
}

inline OpDesc swigluOp(int64_t tokens = 5) {
  return must(OpDesc::create("swiglu",
                             {{"intermediate_size", int64_t(1000)}, {"dtype", std::string("f32")}},
                             {{"tokens", tokens}}));
}

/// The kernel of kernels/swiglu.c with this symbol. The salt makes other bytes of it, as another
/// configuration would.
inline CodeObject swigluObject(const std::string &symbol, int64_t salt = 0) {
  std::ifstream stream(ZORSE_TUNER_KERNELS, std::ios::binary);
  CodeObject object;
  object.arch = "x86_64-avx2";
  object.bytes.assign(std::istreambuf_iterator<char>(stream), {});
  if (object.bytes.empty())
    throw std::runtime_error("the build did not make the kernels");
  for (int i = 0; i < 8; ++i)
    object.bytes.push_back(uint8_t(salt >> (8 * i)));
  KernelInfo kernel;
  kernel.symbol = symbol;
  kernel.grid = {Expr::constant(8), must(Expr::parse("tokens")), Expr::constant(1)};
  object.kernels.push_back(kernel);
  object.arguments = {{KernelArgument::Kind::Operand, "gate_up", "f32"},
                      {KernelArgument::Kind::Operand, "out", "f32"},
                      {KernelArgument::Kind::Size, "tokens", "i64"}};
  object.opJson = swigluOp().canonicalJson();
  object.compilerRevision = "test";
  return object;
}

} // namespace zorse::test
