//===- Compile.cpp - the whole lowering on one page -----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   OpDesc + KernelConfig
//     │ importOp              one zorse op in a function               stage "zorse"
//     │ makeTileProgram       the program of a workgroup               stage "tile"
//     ├── host: lowerTileToHost, lowerHostToLLVM                       stage "mlir"
//     │         generateHostCode                                       stages "llvm", "asm"
//     └── AMD:  lowerTileToAmd, lowerAmdToLLVM                         stage "mlir"
//               generateAmdCode                                        stages "llvm", "asm"
//   CodeObject
//
//===----------------------------------------------------------------------===//

#include "zorse/compiler/Compile.h"

#include "AmdCodegen.h"
#include "Dialects.h"
#include "Import.h"
#include "LowerToAmd.h"
#include "LowerToHost.h"
#include "Schedule.h"
#include "SourceRevision.h"
#include "X86Codegen.h"

#include "zorse/compiler/Inspect.h"

#include "mlir/IR/Verifier.h"
#include "llvm/Config/llvm-config.h"

using namespace mlir;

namespace zorse {

std::string compilerRevision() { return "llvm-" LLVM_VERSION_STRING "+" ZORSE_SOURCE_REVISION; }

static std::string printed(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return text;
}

/// The argument row and the grids, which the runtime needs to launch the code.
static Status describeLaunch(const OpDesc &op, const KernelConfig &config,
                             const schedule::TileProgram &program, CodeObject &object) {
  for (const OperandSpec *operand : op.operands())
    object.arguments.push_back({KernelArgument::Kind::Operand, operand->name,
                                std::string(name(op.operandDType(*operand)))});
  for (const auto &workspace : program.workspaces)
    object.arguments.push_back({KernelArgument::Kind::Workspace, workspace.name, "f32"});
  for (const SizeSpec *size : op.sizes())
    object.arguments.push_back({KernelArgument::Kind::Size, size->name, "i64"});

  ExprScope scope = op.scope();
  for (const auto &[knob, value] : config.values())
    scope[knob] = value;
  auto formula = [&](const std::string &text) -> Result<Expr> {
    Result<Expr> parsed = Expr::parse(text);
    return parsed ? parsed->substitute(scope) : parsed;
  };
  for (const auto &workspace : program.workspaces) {
    Result<Expr> bytes = formula("4 * (" + workspace.elements + ")");
    if (!bytes)
      return bytes.takeError();
    object.workspaces.push_back({workspace.name, bytes.take()});
  }
  for (const auto &kernel : program.kernels) {
    KernelInfo info;
    info.symbol = kernel.symbol;
    for (int dim = 0; dim < 3; ++dim) {
      Result<Expr> workgroups = formula(kernel.grid[dim]);
      if (!workgroups)
        return workgroups.takeError();
      info.grid[dim] = workgroups.take();
    }
    object.kernels.push_back(std::move(info));
  }
  return Status::success();
}

Result<CompileOutput> compile(const OpDesc &op, const TargetDesc &target,
                              const KernelConfig &config, const CompileOptions &options) {
  if (Status legal = config.check(op, target); !legal)
    return legal.takeError();

  MLIRContext context(dialectRegistry(), MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  CompileOutput output;
  auto keep = [&](const char *stage, std::string text) {
    if (options.keepStages)
      output.stages.emplace_back(stage, std::move(text));
  };
  std::string diagnostics;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      diagnostics += (diagnostics.empty() ? "" : "; ") + diagnostic.str();
    return success();
  });
  auto failed = [&](const char *what) {
    return runtimeError(std::string(what) + " of " + op.kind() + " failed: " + diagnostics);
  };

  if (options.keepStages) {
    OwningOpRef<ModuleOp> imported = importOp(context, op, config);
    if (!imported)
      return failed("import");
    keep("zorse", printed(*imported));
  }

  Result<schedule::TileProgram> program = schedule::makeTileProgram({op, target, config}, context);
  if (!program)
    return program.takeError();
  ModuleOp module = *program->module;
  if (mlir::failed(verify(module)))
    return failed("the schedule");
  keep("tile", printed(module));

  CodeObject &object = output.object;
  object.arch = target.arch;
  object.opJson = op.canonicalJson();
  object.configText = config.text();
  object.compilerRevision = compilerRevision();
  if (Status described = describeLaunch(op, config, *program, object); !described)
    return described.takeError();

  if (target.isHost()) {
    if (mlir::failed(lowerTileToHost(module, target)))
      return failed("lowering to the host");
    if (Status lowered = lowerHostToLLVM(module, target); !lowered)
      return lowered.takeError();
    keep("mlir", printed(module));
    Result<BackendCode> code =
        generateHostCode(module, target, options.optLevel, options.keepStages);
    if (!code)
      return code.takeError();
    keep("llvm", std::move(code->llvmText));
    keep("asm", std::move(code->asmText));
    Result<CodeObject> inspected = inspectCodeObject(code->bytes);
    if (!inspected)
      return inspected.takeError();
    object.instructionMix = std::move(inspected->instructionMix);
    object.bytes = std::move(code->bytes);
    return output;
  }
  if (mlir::failed(lowerTileToAmd(module, target)) || mlir::failed(lowerAmdToLLVM(module)))
    return failed("lowering to AMD");
  keep("mlir", printed(module));
  Result<AmdCode> code = generateAmdCode(module, target, options.optLevel, options.keepStages);
  if (!code)
    return code.takeError();
  keep("llvm", std::move(code->llvmText));
  keep("asm", std::move(code->asmText));
  for (KernelInfo &kernel : object.kernels)
    for (const KernelInfo &linked : code->kernels)
      if (linked.symbol == kernel.symbol) {
        kernel.block = linked.block;
        kernel.resources = linked.resources;
      }
  object.bytes = std::move(code->bytes);
  object.instructionMix = std::move(code->instructionMix);
  return output;
}

} // namespace zorse
