//===- Codegen.cpp - from a request to a code object, for tests -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Codegen.h"

#include "LowerToAmd.h"
#include "Schedule.h"

#include "mlir/IR/DialectRegistry.h"

#include <stdexcept>

namespace zorse::test {

template <typename T> static T must(Result<T> result) {
  if (!result)
    throw std::runtime_error(result.error().message);
  return result.take();
}

AmdCode compileFor(std::string_view arch, std::string_view request, std::string_view config,
                   bool keepText) {
  OpDesc op = must(OpDesc::parse(request));
  TargetDesc target = must(findTarget(arch));
  KernelConfig knobs = must(KernelConfig::parse(config, op, target));
  mlir::DialectRegistry registry;
  registerAmdDialects(registry);
  registerAmdTranslations(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  auto program = must(schedule::makeTileProgram({op, target, knobs}, context));
  if (failed(lowerTileToAmd(*program.module, target)) || failed(lowerAmdToLLVM(*program.module)))
    throw std::runtime_error("the lowering failed");
  return must(generateAmdCode(*program.module, target, 3, keepText));
}

} // namespace zorse::test
