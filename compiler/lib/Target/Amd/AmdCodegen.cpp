//===- AmdCodegen.cpp - LLVM dialect to AMD code objects ------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AmdCodegen.h"

#include "Backend.h"
#include "zorse/compiler/Inspect.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/ROCDL/ROCDLToLLVMIRTranslation.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/TargetSelect.h"

#include <mutex>

using namespace mlir;

namespace zorse {

void registerAmdTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerROCDLDialectTranslation(registry);
}

static void initializeBackend() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeAMDGPUTargetInfo();
    LLVMInitializeAMDGPUTarget();
    LLVMInitializeAMDGPUTargetMC();
    LLVMInitializeAMDGPUAsmPrinter();
  });
}

/// The LDS of a kernel is one array in address space 3, named after it.
static Status checkLds(ModuleOp module, const TargetDesc &target) {
  for (auto global : module.getOps<LLVM::GlobalOp>()) {
    auto array = dyn_cast<LLVM::LLVMArrayType>(global.getGlobalType());
    if (global.getAddrSpace() != 3 || !array)
      continue;
    int64_t needed = int64_t(array.getNumElements());
    StringRef kernel = global.getSymName();
    kernel.consume_back("_lds");
    if (needed > target.ldsBytes)
      return usageError("expected " + kernel.str() + " to fit the " +
                        std::to_string(target.ldsBytes) + " bytes of LDS that a workgroup has on " +
                        target.arch + ", got " + std::to_string(needed) +
                        " bytes; take smaller blocks");
  }
  return Status::success();
}

Result<AmdCode> generateAmdCode(ModuleOp module, const TargetDesc &target, int optLevel,
                                bool keepText) {
  if (Status fits = checkLds(module, target); !fits)
    return fits.takeError();
  initializeBackend();
  BackendOptions options;
  options.optLevel = optLevel;
  options.selection = llvm::CodeGenOptLevel::Aggressive;
  options.keepText = keepText;
  options.prepare = [](llvm::Module &code) {
    code.addModuleFlag(llvm::Module::Error, "amdhsa_code_object_version", 500);
    // No kernel reads what the runtime hides behind the arguments.
    for (llvm::Function &function : code)
      if (!function.isDeclaration())
        function.addFnAttr("amdgpu-no-implicitarg-ptr");
  };
  Result<BackendCode> code = generateCode(module, target, options);
  if (!code)
    return code.takeError();
  Result<CodeObject> inspected = inspectCodeObject(code->bytes);
  if (!inspected)
    return inspected.takeError();
  AmdCode result;
  result.bytes = std::move(code->bytes);
  result.llvmText = std::move(code->llvmText);
  result.asmText = std::move(code->asmText);
  result.kernels = std::move(inspected->kernels);
  result.instructionMix = std::move(inspected->instructionMix);
  return result;
}

} // namespace zorse
