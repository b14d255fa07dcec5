//===- Norm.cpp - root mean square norms ----------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Pieces.h"
#include "Schedule.h"

namespace zorse::schedule {

Val unitRows(KernelBuilder &k, Val x, double eps) {
  Val squares = k.sum(x * x, 1);
  Val factor = rsqrt(squares / double(x.shape()[1]) + eps);
  return x * k.broadcast(factor, x.shape(), 0);
}

static void scheduleRmsnorm(const ScheduleInput &input, TileProgram &program) {
  int64_t m = input.knob("block_m"), width = input.field("hidden_size");
  KernelBuilder k(input, program, "zorse_rmsnorm", {blocksOf("tokens", m), "1", "1"});
  Val m0 = k.programId(0) * m;
  Operand rows = m == 1 ? Operand(1) : k.size("tokens") - m0;

  Val x = k.load(k.operand("x"), m0 * width, {width, 1}, {rows, width}, {m, width});
  Val unit = unitRows(k, x, input.op.getFloat("eps"));
  if (input.op.getText("rounding") == "double")
    unit = k.rounded(unit, input.dtype("dtype"));
  Val weight = k.load(k.operand("weight"), k.index(0), {1}, {}, {width});
  k.store(unit * k.broadcast(weight, {m, width}, 1), k.operand("out"), m0 * width, {width, 1},
          {rows, width});
}

static void scheduleGatedRmsnorm(const ScheduleInput &input, TileProgram &program) {
  int64_t groups = input.field("num_groups"), width = input.field("group_size");
  int64_t g = std::min(input.knob("block_g"), groups);
  KernelBuilder k(input, program, "zorse_gated_rmsnorm",
                  {"tokens * " + blocksOf("num_groups", g), "1", "1"});
  int64_t blocks = llvm::divideCeil(groups, g);
  Val t = k.programId(0) / blocks, g0 = k.programId(0) % blocks * g;
  Operand rows = k.inside(g0, g, groups);
  auto load = [&](const char *name, Val offset) {
    return k.load(k.operand(name), offset, {width, 1}, {rows, width}, {g, width});
  };

  Val offset = (t * groups + g0) * width;
  Val gate = load("z", t * input.field("z_stride") + input.field("z_offset") + g0 * width);
  Val unit = unitRows(k, load("y", offset) * silu(gate), input.op.getFloat("eps"));
  k.store(unit * load("weight", g0 * width), k.operand("out"), offset, {width, 1}, {rows, width});
}

void scheduleNorm(const ScheduleInput &input, TileProgram &program) {
  if (input.op.kind() == "rmsnorm")
    scheduleRmsnorm(input, program);
  else
    scheduleGatedRmsnorm(input, program);
}

} // namespace zorse::schedule
