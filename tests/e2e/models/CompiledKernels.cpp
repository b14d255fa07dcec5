//===- CompiledKernels.cpp - a device with a compiler behind it -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CompiledKernels.h"

#include "zorse/compiler/Compile.h"

#include <gtest/gtest.h>

namespace zorse {

CompiledKernels::CompiledKernels(Result<std::unique_ptr<Device>> made) {
  if (!made) {
    ADD_FAILURE() << made.error().message;
    return;
  }
  device = made.take();
  dispatcher = std::make_unique<Dispatcher>(
      *device, nullptr, [this](const OpDesc &op, const Sizes &sizes) -> Result<CodeObject> {
        const OpDesc tuned = op.withTuningPoint(sizes);
        Result<KernelConfig> config = KernelConfig::defaults(tuned, device->target());
        if (!config)
          return config.takeError();
        Result<CompileOutput> output = compile(tuned, device->target(), *config);
        if (!output)
          return output.takeError();
        return std::move(output->object);
      });
}

} // namespace zorse
