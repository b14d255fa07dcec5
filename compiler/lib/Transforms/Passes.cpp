//===- Passes.cpp - the lowering, pass by pass ----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Passes.h"

#include "LowerToAmd.h"
#include "LowerToHost.h"
#include "Schedule.h"
#include "zorse/Dialect/Zorse/Zorse.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace zorse {

#define GEN_PASS_DEF_TILETOAMD
#define GEN_PASS_DEF_TILETOHOST
#define GEN_PASS_DEF_ZORSESCHEDULEOPS
#include "Passes.h.inc"

namespace {

/// The target that a pass was asked for, or a diagnostic.
std::optional<TargetDesc> targetNamed(ModuleOp module, const std::string &arch) {
  Result<TargetDesc> target = findTarget(arch);
  if (target)
    return target.take();
  module.emitError() << target.error().message;
  return std::nullopt;
}

struct ScheduleOps : impl::ZorseScheduleOpsBase<ScheduleOps> {
  using ZorseScheduleOpsBase::ZorseScheduleOpsBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<ir::DescribedOpInterface> ops;
    module.walk([&](ir::DescribedOpInterface op) { ops.push_back(op); });
    std::optional<TargetDesc> target = targetNamed(module, arch);
    if (!target)
      return signalPassFailure();
    if (ops.size() != 1) {
      module.emitError("expected one zorse op to schedule, found ") << ops.size();
      return signalPassFailure();
    }
    ir::DescribedOpInterface op = ops.front();
    auto fail = [&](const Error &error) {
      op->emitError() << error.message;
      signalPassFailure();
    };
    Result<OpDesc> desc = op.describe();
    if (!desc)
      return fail(desc.error());
    ir::ConfigAttr chosen = op.getConfigAttr();
    Result<KernelConfig> config =
        chosen ? KernelConfig::parse(std::string_view(chosen.getText()), *desc, *target)
               : KernelConfig::defaults(*desc, *target);
    if (!config)
      return fail(config.error());
    Result<schedule::TileProgram> program =
        schedule::makeTileProgram({*desc, *target, *config}, getContext());
    if (!program)
      return fail(program.error());
    module.getBodyRegion().takeBody(program->module->getBodyRegion());
  }
};

struct ToHost : impl::TileToHostBase<ToHost> {
  using TileToHostBase::TileToHostBase;

  void runOnOperation() override {
    std::optional<TargetDesc> target = targetNamed(getOperation(), arch);
    if (!target || failed(lowerTileToHost(getOperation(), *target)))
      signalPassFailure();
  }
};

struct ToAmd : impl::TileToAmdBase<ToAmd> {
  using TileToAmdBase::TileToAmdBase;

  void runOnOperation() override {
    std::optional<TargetDesc> target = targetNamed(getOperation(), arch);
    if (target && target->isHost()) {
      getOperation().emitError("expected an AMD target, got ") << target->arch;
      return signalPassFailure();
    }
    if (!target || failed(lowerTileToAmd(getOperation(), *target)))
      signalPassFailure();
  }
};

} // namespace
} // namespace zorse
