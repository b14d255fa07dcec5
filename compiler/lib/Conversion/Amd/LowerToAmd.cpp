//===- LowerToAmd.cpp - tile kernels to LLVM for AMD GPUs -----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LowerToAmd.h"

#include "KernelEmitter.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/DialectConversion.h"

using namespace mlir;
using namespace zorse;
using namespace zorse::amd;

void zorse::registerAmdDialects(DialectRegistry &registry) {
  registry.insert<arith::ArithDialect, cf::ControlFlowDialect, LLVM::LLVMDialect,
                  ROCDL::ROCDLDialect, scf::SCFDialect>();
}

LogicalResult zorse::lowerAmdToLLVM(ModuleOp module) {
  MLIRContext *context = module.getContext();
  {
    RewritePatternSet patterns(context);
    populateSCFToControlFlowConversionPatterns(patterns);
    ConversionTarget legal(*context);
    legal.addIllegalDialect<scf::SCFDialect>();
    legal.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    if (failed(applyPartialConversion(module, legal, std::move(patterns))))
      return failure();
  }
  LLVMTypeConverter converter(context);
  RewritePatternSet patterns(context);
  arith::populateArithToLLVMConversionPatterns(converter, patterns);
  cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
  LLVMConversionTarget legal(*context);
  legal.addLegalDialect<ROCDL::ROCDLDialect>();
  legal.addLegalOp<ModuleOp>();
  return applyFullConversion(module, legal, std::move(patterns));
}

/// The plan recognises places in memory by the values that name them.
static void shareEqualOps(func::FuncOp kernel) {
  IRRewriter rewriter(kernel.getContext());
  DominanceInfo dominance(kernel);
  eliminateCommonSubExpressions(rewriter, dominance, kernel);
}

LogicalResult zorse::lowerTileToAmd(ModuleOp tileModule, const TargetDesc &target) {
  MLIRContext *context = tileModule.getContext();
  context->loadDialect<arith::ArithDialect, cf::ControlFlowDialect, LLVM::LLVMDialect,
                       ROCDL::ROCDLDialect, scf::SCFDialect>();
  for (auto kernel : llvm::make_early_inc_range(tileModule.getOps<func::FuncOp>())) {
    shareEqualOps(kernel);
    FailureOr<KernelPlan> plan = KernelPlan::make(kernel, target);
    if (failed(plan) || failed(KernelEmitter(kernel, *plan, target).emit()))
      return failure();
    kernel.erase();
  }
  return success();
}

LogicalResult zorse::annotateAmdLayouts(ModuleOp tileModule, const TargetDesc &target) {
  for (auto kernel : tileModule.getOps<func::FuncOp>()) {
    shareEqualOps(kernel);
    FailureOr<KernelPlan> plan = KernelPlan::make(kernel, target);
    if (failed(plan))
      return failure();
    kernel->setAttr("tile.lds_bytes",
                    IntegerAttr::get(IntegerType::get(kernel.getContext(), 64), plan->ldsBytes));
    kernel.walk([&](Operation *op) {
      if (op->getNumResults() != 1 || !isa<RankedTensorType>(op->getResult(0).getType()) ||
          isa<tile::StageOp>(op))
        return;
      op->setAttr("tile.layout",
                  StringAttr::get(kernel.getContext(), plan->layoutOf(op->getResult(0)).text()));
    });
  }
  return success();
}
