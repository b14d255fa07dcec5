//===- Linear.cpp - rows of activations times a weight matrix -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Schedule.h"

namespace zorse::schedule {

/// y = x . weight^T with a packed weight: panels of columns, each k after k, of bf16 two k at a
/// time. A workgroup takes a part of a panel, or several panels, which then share a copy of x.
static std::vector<Val> multiplyPanels(const ScheduleInput &input, KernelBuilder &k, Val m0, Val n0,
                                       int64_t m, int64_t n, Operand rows, int64_t depth,
                                       DType type) {
  int64_t inner = input.field("in_features"), rowStride = input.field("row_stride");
  int64_t panel = input.field("panel"), group = input.dtype("weight_dtype") == DType::BF16 ? 2 : 1;
  int64_t line = panel * group, lines = (inner + group - 1) / group;
  Val x = k.operand("x"), weight = k.operand("weight");
  int64_t each = std::min(n, panel), parts = n / each;

  auto add = [&](Val from, int64_t count, std::vector<Val> sums) {
    Val a = k.forDot(k.loadRaw(x, m0 * rowStride + from, {rowStride, 1}, {rows, count}, {m, count}),
                     type);
    if (input.knob("stage_a"))
      a = k.stage(a);
    int64_t taken = (count + group - 1) / group;
    for (int64_t part = 0; part < parts; ++part) {
      // Beyond the last panel there is nothing to read: it is multiplied again, for columns that
      // are not stored.
      Val column =
          part == 0 ? n0 : min(n0 + part * each, (input.field("out_features") - 1) / panel * panel);
      Val start = column / panel * (lines * line) + column % panel * group;
      Val stored =
          k.loadRaw(weight, start + from / group * line, {line, 1}, {}, {taken, each * group});
      if (int64_t prefetch = input.knob("prefetch"))
        stored.value.getDefiningOp<tile::LoadOp>().setPrefetch(prefetch);
      Val b = k.forDot(stored, type);
      sums[part] = k.wrap(tile::DotOp::create(k.b, sums[part].type(), a.value, b.value,
                                              sums[part].value, /*transpose_b=*/false,
                                              /*paired=*/group == 2));
    }
    return sums;
  };
  std::vector<Val> sums(parts, k.zeros({m, each}));
  int64_t whole = inner / depth * depth;
  if (whole > depth)
    sums = k.loop(k.index(0), k.index(whole), depth, sums,
                  [&](Val from, std::vector<Val> carried) { return add(from, depth, carried); });
  else
    sums = add(k.index(0), depth, sums);
  return whole < inner ? add(k.index(whole), inner - whole, sums) : sums;
}

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
  int64_t panel = input.field("panel");
  if (panel)
    n = input.knob("block_n");

  KernelBuilder k(input, program, "zorse_linear",
                  {blocksOf("tokens", m), blocksOf("out_features", n), "1"});
  Val x = k.operand("x"), weight = k.operand("weight"), y = k.operand("y");
  Val m0 = k.programId(0) * m, n0 = k.programId(1) * n;
  Operand rows = m == 1 ? Operand(1) : k.size("tokens") - m0;

  // Bias and residual of the columns from `from` on, then y.
  auto finish = [&](Val acc, Val from, int64_t width) {
    Operand cols = k.inside(from, width, columns);
    if (k.hasOperand("bias")) {
      Val bias = k.load(k.operand("bias"), from, {1}, {cols}, {width});
      acc = acc + k.broadcast(bias, {m, width}, 1);
    }
    Val offset = m0 * columns + from;
    if (k.hasOperand("residual"))
      acc = acc + k.load(k.operand("residual"), offset, {columns, 1}, {rows, cols}, {m, width});
    k.store(acc, y, offset, {columns, 1}, {rows, cols});
  };
  if (panel) {
    std::vector<Val> sums = multiplyPanels(input, k, m0, n0, m, n, rows, depth, type);
    int64_t each = n / int64_t(sums.size());
    for (auto [part, acc] : llvm::enumerate(sums)) {
      Val from = n0 + int64_t(part) * each;
      if (part == 0)
        finish(acc, from, each);
      else
        k.ifThen(from < columns, [&] { finish(acc, from, each); });
    }
    return;
  }

  // acc + x[m0.., from..from+count] . weight[n0.., from..from+count]^T
  Operand cols = k.inside(n0, n, columns);
  auto multiply = [&](Val from, int64_t count, Val acc) {
    int64_t extent = input.dotDepth(count, count, type);
    Val a = k.forDot(
        k.loadRaw(x, m0 * rowStride + from, {rowStride, 1}, {rows, count}, {m, extent}), type);
    Val b = k.forDot(k.loadRaw(weight, n0 * inner + from, {inner, 1}, {cols, count}, {n, extent}),
                     type);
    return k.dot(stageA ? k.stage(a) : a, stageB ? k.stage(b) : b, acc, /*transposeB=*/true);
  };
  Val acc = k.sumInSteps(inner, depth, k.zeros({m, n}), multiply);
  finish(acc, n0, n);
}

} // namespace zorse::schedule
