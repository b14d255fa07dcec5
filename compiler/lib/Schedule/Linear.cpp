//===- Linear.cpp - rows of activations times a weight matrix -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Schedule.h"

namespace zorse::schedule {

/// One workgroup makes a block of y. Neighbours in the grid share the block of the weight, which is
/// the larger operand unless there are very many tokens.
void scheduleLinear(const ScheduleInput &input, TileProgram &program) {
  int64_t inner = input.field("in_features"), columns = input.field("out_features");
  int64_t rowStride = input.field("row_stride");
  // Mixed 16-bit types meet in f32, the only type that holds both.
  DType type = input.dtype("dtype");
  if (type != input.dtype("weight_dtype"))
    type = DType::F32;
  int64_t m = input.dotExtent(input.knob("block_m"));
  int64_t n = input.dotExtent(input.knob("block_n"), columns);
  int64_t depth = input.knob("block_k") == 0 ? inner : std::min(input.knob("block_k"), inner);
  bool stageB = input.knob("stage_b") != 0, stageA = stageB || !input.target.isHost();
  // A packed weight: panels of columns, each k after k, of bf16 two k at a time.
  int64_t panel = input.field("panel"), group = input.dtype("weight_dtype") == DType::BF16 ? 2 : 1;
  int64_t line = panel * group;
  if (panel)
    n = input.knob("block_n");

  KernelBuilder k(input, program, "zorse_linear",
                  {blocksOf("tokens", m), blocksOf("out_features", n), "1"});
  Val x = k.operand("x"), weight = k.operand("weight"), y = k.operand("y");
  Val m0 = k.programId(0) * m, n0 = k.programId(1) * n;
  Operand rows = m == 1 ? Operand(1) : k.size("tokens") - m0;
  Operand cols = k.inside(n0, n, columns);

  // acc + x[m0.., from..from+count] . weight[n0.., from..from+count]^T
  auto multiplyPacked = [&](Val from, int64_t count, Val acc) {
    Val a = k.forDot(k.loadRaw(x, m0 * rowStride + from, {rowStride, 1}, {rows, count}, {m, count}),
                     type);
    int64_t lines = (count + group - 1) / group;
    Val start = n0 / panel * (((inner + group - 1) / group) * line) + n0 % panel * group;
    Val stored = k.loadRaw(weight, start + from / group * line, {line, 1}, {}, {lines, n * group});
    if (int64_t prefetch = input.knob("prefetch"))
      stored.value.getDefiningOp<tile::LoadOp>().setPrefetch(prefetch);
    Val b = k.forDot(stored, type);
    return k.wrap(tile::DotOp::create(k.b, acc.type(), a.value, b.value, acc.value,
                                      /*transpose_b=*/false, /*paired=*/group == 2));
  };
  auto multiply = [&](Val from, int64_t count, Val acc) {
    if (panel)
      return multiplyPacked(from, count, acc);
    int64_t extent = input.dotDepth(count, count, type);
    Val a = k.forDot(
        k.loadRaw(x, m0 * rowStride + from, {rowStride, 1}, {rows, count}, {m, extent}), type);
    Val b = k.forDot(k.loadRaw(weight, n0 * inner + from, {inner, 1}, {cols, count}, {n, extent}),
                     type);
    return k.dot(stageA ? k.stage(a) : a, stageB ? k.stage(b) : b, acc, /*transposeB=*/true);
  };
  Val acc = k.sumInSteps(inner, depth, k.zeros({m, n}), multiply);

  if (k.hasOperand("bias")) {
    Val bias = k.load(k.operand("bias"), n0, {1}, {cols}, {n});
    acc = acc + k.broadcast(bias, {m, n}, 1);
  }
  Val offset = m0 * columns + n0;
  if (k.hasOperand("residual"))
    acc = acc + k.load(k.operand("residual"), offset, {columns, 1}, {rows, cols}, {m, n});
  k.store(acc, y, offset, {columns, 1}, {rows, cols});
}

} // namespace zorse::schedule
