//===- CompiledKernels.h - a device with a compiler behind it ---*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "GoldenModel.h"

#include "zorse/dispatch/Dispatcher.h"

#include <memory>

namespace zorse {

/// One device and dispatcher for all models, so that an op that two of them share is compiled once.
/// Every kernel has its default configuration.
struct CompiledKernels {
  std::unique_ptr<Device> device;
  std::unique_ptr<Dispatcher> dispatcher;

  /// A device that could not be made is a failure of the test.
  explicit CompiledKernels(Result<std::unique_ptr<Device>> made);
  EngineSetup setup(DType dtype) { return {*device, *dispatcher, dtype}; }
};

} // namespace zorse
