//===- LaneRun.h - an op through the lane interpreter -----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/KernelConfig.h"
#include "zorse/reference/Reference.h"

#include <stdexcept>

namespace zorse::test {

template <typename T> T must(Result<T> result) {
  if (!result)
    throw std::runtime_error(result.error().message);
  return result.take();
}
inline void must(Status status) {
  if (!status)
    throw std::runtime_error(status.error().message);
}

/// Runs the kernels of an op one after another, with workspaces full of NaN. Throws on a fault.
void runLanes(const OpDesc &op, const TargetDesc &target, const KernelConfig &config,
              const Sizes &sizes, const OperandSet &operands);

/// Fails the test unless the kernels, run on operands filled for these sizes, do what the reference
/// does within the derived tolerance.
void expectReference(const OpDesc &op, const TargetDesc &target, const KernelConfig &config,
                     const Sizes &given);

} // namespace zorse::test
