//===- Schedule.cpp - which function schedules which op -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Schedule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace zorse::schedule {

namespace {
struct Entry {
  std::string_view kind;
  void (*schedule)(const ScheduleInput &, TileProgram &);
};

constexpr Entry entries[] = {
    {"argmax", scheduleElementwise},
    {"causal_conv1d", scheduleConv},
    {"causal_conv1d_update", scheduleConv},
    {"embed", scheduleElementwise},
    {"gated_rmsnorm", scheduleNorm},
    {"gqa_decode", scheduleGqaDecode},
    {"gqa_prefill", schedulePrefill},
    {"gqa_rope_append", scheduleRopeAppend},
    {"linear", scheduleLinear},
    {"mamba2_step", scheduleMamba2Step},
    {"mla_absorb", scheduleLatentProjection},
    {"mla_decode", scheduleMlaDecode},
    {"mla_expand", scheduleLatentProjection},
    {"mla_prefill", schedulePrefill},
    {"mla_rope_append", scheduleRopeAppend},
    {"rmsnorm", scheduleNorm},
    {"ssd_scan", scheduleSsdScan},
    {"ssm_update", scheduleSsmUpdate},
    {"swiglu", scheduleElementwise},
};

} // namespace

Result<TileProgram> makeTileProgram(const ScheduleInput &input, MLIRContext &context) {
  const Entry *entry =
      llvm::find_if(entries, [&](const Entry &e) { return e.kind == input.op.kind(); });
  if (entry == std::end(entries))
    return runtimeError(input.op.kind() + " has no schedule");
  context
      .loadDialect<arith::ArithDialect, func::FuncDialect, math::MathDialect, memref::MemRefDialect,
                   scf::SCFDialect, tensor::TensorDialect, tile::TileDialect>();
  TileProgram program;
  program.module = ModuleOp::create(UnknownLoc::get(&context));
  entry->schedule(input, program);
  return program;
}

} // namespace zorse::schedule
