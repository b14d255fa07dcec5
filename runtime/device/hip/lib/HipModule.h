//===- HipModule.h - a code object on a GPU ---------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "HipLibrary.h"

#include "zorse/device/LaunchChecks.h"

namespace zorse::hip {

class HipModule final : public Module {
public:
  /// The device of the calling thread must be set.
  static Result<std::unique_ptr<HipModule>> load(const Library &library, StreamHandle stream,
                                                 const CodeObject &object);
  /// Waits for what still runs of it.
  ~HipModule() override;

  const CodeObject &object() const override { return code; }

  /// Puts all kernels on the stream and returns how many; empty grids are left out.
  Result<size_t> enqueue(std::span<const uint64_t> slots, const Sizes &sizes);

private:
  HipModule(const Library &library, StreamHandle stream, const CodeObject &object)
      : library(library), stream(stream), code(object) {}

  const Library &library;
  StreamHandle stream;
  CodeObject code; ///< its bytes stay where the library was told to read them
  ModuleHandle module = nullptr;
  std::vector<FunctionHandle> functions;
  Grids grids;
};

} // namespace zorse::hip
