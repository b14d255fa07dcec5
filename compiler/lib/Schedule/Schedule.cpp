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
  bool onAmdgpu; ///< whether the AMD lowering knows everything that the schedule says
};

constexpr Entry entries[] = {
    {"argmax", scheduleElementwise, false},
    {"causal_conv1d", scheduleConv, false},
    {"causal_conv1d_update", scheduleConv, false},
    {"embed", scheduleElementwise, false},
    {"gated_rmsnorm", scheduleNorm, false},
    {"gqa_decode", scheduleGqaDecode, false},
    {"gqa_prefill", schedulePrefill, false},
    {"gqa_rope_append", scheduleRopeAppend, false},
    {"linear", scheduleLinear, true},
    {"mla_absorb", scheduleLatentProjection, false},
    {"mla_decode", scheduleMlaDecode, true},
    {"mla_expand", scheduleLatentProjection, false},
    {"mla_prefill", schedulePrefill, false},
    {"mla_rope_append", scheduleRopeAppend, false},
    {"rmsnorm", scheduleNorm, true},
    {"ssd_scan", scheduleSsdScan, false},
    {"ssm_update", scheduleSsmUpdate, true},
    {"swiglu", scheduleElementwise, false},
};

const Entry *findEntry(std::string_view kind, const TargetDesc &target) {
  for (const Entry &entry : entries)
    if (entry.kind == kind && (target.isHost() || entry.onAmdgpu))
      return &entry;
  return nullptr;
}

std::string kindsOn(const TargetDesc &target) {
  std::string list;
  for (const Entry &entry : entries)
    if (target.isHost() || entry.onAmdgpu)
      list += (list.empty() ? "" : ", ") + std::string(entry.kind);
  return list;
}
} // namespace

bool hasSchedule(std::string_view kind, const TargetDesc &target) {
  return findEntry(kind, target) != nullptr;
}

Result<TileProgram> makeTileProgram(const ScheduleInput &input, MLIRContext &context) {
  const Entry *entry = findEntry(input.op.kind(), input.target);
  if (!entry)
    return Error{ErrorCode::Device, "expected an op that " + input.target.arch +
                                        " has kernels for, got " + input.op.kind() +
                                        "; supported: " + kindsOn(input.target) +
                                        "; on the host every op is"};
  context
      .loadDialect<arith::ArithDialect, func::FuncDialect, math::MathDialect, memref::MemRefDialect,
                   scf::SCFDialect, tensor::TensorDialect, tile::TileDialect>();
  TileProgram program;
  program.module = ModuleOp::create(UnknownLoc::get(&context));
  entry->schedule(input, program);
  return program;
}

} // namespace zorse::schedule
