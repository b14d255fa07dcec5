//===- Compile.h - op description to code object ----------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one header of the compiler that others see. compile() is a pure function:
// it reads no file, environment, clock or database, so the same arguments give
// the same bytes, and its arguments are the database key. It may be called from
// several threads at once.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/CodeObject.h"
#include "zorse/desc/KernelConfig.h"
#include "zorse/desc/OpDesc.h"
#include "zorse/desc/TargetDesc.h"

#include <string>
#include <utility>
#include <vector>

namespace zorse {

/// What to keep of the intermediate stages, in the order of the pipeline:
/// "zorse" (semantic op), "tile" (workgroup program), "mlir" (LLVM dialect), "llvm" (optimised
/// LLVM IR), "asm" (assembly).
struct CompileOptions {
  bool keepStages = false;
  int optLevel = 3;
};

struct CompileOutput {
  CodeObject object;
  std::vector<std::pair<std::string, std::string>> stages; ///< name and text, if kept
};

/// Compiles the kernels of one op. Errors: Usage for a configuration that breaks a constraint or
/// does not fit the target's LDS; Runtime for a failure inside codegen, with the diagnostic.
Result<CompileOutput> compile(const OpDesc &op, const TargetDesc &target,
                              const KernelConfig &config, const CompileOptions &options = {});

/// Names the code generator: LLVM version, hash of the compiler's own sources.
std::string compilerRevision();

} // namespace zorse
