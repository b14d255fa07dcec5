//===- Backend.cpp - LLVM dialect to a linked shared object ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Backend.h"
#include "Link.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/DiagnosticHandler.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/Cloning.h"

namespace zorse {

namespace {
/// Collects errors, which LLVM would otherwise print before it ends the process.
struct ErrorCollector : llvm::DiagnosticHandler {
  explicit ErrorCollector(std::string &errors) : errors(errors) {}
  bool handleDiagnostics(const llvm::DiagnosticInfo &info) override {
    if (info.getSeverity() == llvm::DS_Error) {
      llvm::raw_string_ostream stream(errors);
      llvm::DiagnosticPrinterRawOStream printer(stream);
      if (!errors.empty())
        stream << "; ";
      info.print(printer);
    }
    return true;
  }
  std::string &errors;
};
} // namespace

static void optimise(llvm::Module &module, llvm::TargetMachine &machine, int optLevel) {
  llvm::PipelineTuningOptions tuning;
  // Tiles are unrolled and vectorised as they are written; loops over blocks stay loops.
  tuning.LoopUnrolling = false;
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  llvm::PassBuilder builder(&machine, tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  auto level = optLevel >= 3   ? llvm::OptimizationLevel::O3
               : optLevel == 2 ? llvm::OptimizationLevel::O2
                               : llvm::OptimizationLevel::O1;
  builder.buildPerModuleDefaultPipeline(level).run(module, modules);
}

static Result<std::string> emit(llvm::TargetMachine &machine, llvm::Module &module,
                                llvm::CodeGenFileType kind) {
  llvm::SmallVector<char, 0> buffer;
  llvm::raw_svector_ostream stream(buffer);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, kind))
    return runtimeError("the backend for " + machine.getTargetTriple().str() +
                        " cannot write this kind of file");
  passes.run(module);
  return std::string(buffer.begin(), buffer.end());
}

Result<BackendCode> generateCode(mlir::ModuleOp module, const TargetDesc &target,
                                 const BackendOptions &given) {
  std::string errors;
  llvm::LLVMContext context;
  context.setDiagnosticHandler(std::make_unique<ErrorCollector>(errors));
  std::unique_ptr<llvm::Module> code = mlir::translateModuleToLLVMIR(module, context, "zorse");
  if (!code)
    return runtimeError("translation to LLVM IR failed");
  std::string reason;
  llvm::Triple triple(target.llvmTriple);
  const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(triple, reason);
  if (!backend)
    return runtimeError("no backend for " + target.llvmTriple + ": " + reason);
  llvm::TargetOptions options;
  // The AMD lowering marks what may be fused, because its 16-bit arithmetic must not always be.
  options.AllowFPOpFusion = target.isHost() ? llvm::FPOpFusion::Fast : llvm::FPOpFusion::Standard;
  std::unique_ptr<llvm::TargetMachine> machine(
      backend->createTargetMachine(triple, target.llvmCpu, target.llvmFeatures, options,
                                   llvm::Reloc::PIC_, std::nullopt, given.selection));
  code->setTargetTriple(triple);
  code->setDataLayout(machine->createDataLayout());
  for (llvm::Function &function : *code)
    if (!function.isDeclaration()) {
      function.addFnAttr("target-cpu", target.llvmCpu);
      if (!target.llvmFeatures.empty())
        function.addFnAttr("target-features", target.llvmFeatures);
    }
  given.prepare(*code);
  optimise(*code, *machine, given.optLevel);

  BackendCode result;
  if (given.keepText) {
    llvm::raw_string_ostream stream(result.llvmText);
    code->print(stream, nullptr);
    auto copy = llvm::CloneModule(*code);
    Result<std::string> text = emit(*machine, *copy, llvm::CodeGenFileType::AssemblyFile);
    if (!text)
      return text.takeError();
    result.asmText = text.take();
  }
  Result<std::string> object = emit(*machine, *code, llvm::CodeGenFileType::ObjectFile);
  if (!object)
    return object.takeError();
  if (!errors.empty())
    return runtimeError("code generation for " + target.arch + " failed: " + errors);
  Result<std::vector<uint8_t>> linked = linkSharedObject(*object);
  if (!linked)
    return linked.takeError();
  result.bytes = linked.take();
  return result;
}

} // namespace zorse
