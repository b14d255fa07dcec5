//===- CompileWorker.cpp - a worker with the real compiler ----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/compiler/Compile.h"
#include "zorse/tuner/Laboratory.h"

using namespace zorse;

int main() {
  auto compileHere = [](const OpDesc &op, const TargetDesc &target,
                        const KernelConfig &config) -> Result<CodeObject> {
    Result<CompileOutput> output = compile(op, target, config);
    if (!output)
      return output.takeError();
    return std::move(output->object);
  };
  return runWorker(3, compileHere, compilerRevision(),
                   [](const TargetDesc &) { return createHostDevice(); });
}
