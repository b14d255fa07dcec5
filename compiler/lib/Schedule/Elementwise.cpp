//===- Elementwise.cpp - embedding, SwiGLU, argmax ------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Schedule.h"

#include <limits>

namespace zorse::schedule {

static void scheduleEmbed(const ScheduleInput &input, TileProgram &program) {
  int64_t width = input.field("hidden_size"), n = std::min(input.knob("block_n"), width);
  KernelBuilder k(input, program, "zorse_embed", {"tokens", blocksOf("hidden_size", n), "1"});
  Val t = k.programId(0), n0 = k.programId(1) * n;
  Val id = k.loadIndex(k.operand("ids"), t), out = k.operand("out");
  if (int64_t panel = input.field("panel")) {
    // The row lies in a panel beside others: one element, of bf16 a pair, in each of its lines.
    int64_t group = input.dtype("weight_dtype") == DType::BF16 ? 2 : 1;
    int64_t lines = (width + group - 1) / group;
    Val start = id / panel * (lines * panel * group) + id % panel * group;
    auto copy = [&](Val from, int64_t lines, Operand inside, int64_t each) {
      Val tile = k.load(k.operand("table"), start + from * panel, {panel * group, 1},
                        {inside, each}, {lines, each});
      k.store(tile, out, t * width + from, {group, 1}, {inside, each});
    };
    copy(n0, n / group, k.inside(n0 / group, n / group, width / group), group);
    if (width % group != 0)
      k.ifThen(equal(k.programId(1), (width - 1) / n), [&] { copy(k.index(width - 1), 1, 1, 1); });
    return;
  }
  Operand cols = k.inside(n0, n, width);
  k.store(k.load(k.operand("table"), id * width + n0, {1}, {cols}, {n}), out, t * width + n0, {1},
          {cols});
}

static void scheduleSwiglu(const ScheduleInput &input, TileProgram &program) {
  int64_t width = input.field("intermediate_size"), n = std::min(input.knob("block_n"), width);
  KernelBuilder k(input, program, "zorse_swiglu",
                  {"tokens * " + blocksOf("intermediate_size", n), "1", "1"});
  int64_t blocks = llvm::divideCeil(width, n);
  Val t = k.programId(0) / blocks, n0 = k.programId(0) % blocks * n, in = k.operand("gate_up");
  Operand cols = k.inside(n0, n, width);
  Val first = t * (2 * width) + n0;
  Val gate = k.load(in, first, {1}, {cols}, {n}), up = k.load(in, first + width, {1}, {cols}, {n});
  k.store(silu(gate) * up, k.operand("out"), t * width + n0, {1}, {cols});
}

/// Each place of a block of logits keeps the best value that it has seen and where; the places are
/// compared at the end. Only a greater value replaces, so the first of equals stays and NaN, which
/// compares with nothing, never wins.
static void scheduleArgmax(const ScheduleInput &input, TileProgram &program) {
  int64_t width = input.field("vocab_size"), n = std::min(input.knob("block_n"), width);
  int64_t whole = width / n * n;
  KernelBuilder k(input, program, "zorse_argmax", {"tokens", "1", "1"});
  Val t = k.programId(0), place = k.iota({1, n}, 1);

  auto look = [&](Val from, int64_t count, std::vector<Val> best) {
    Val value = k.load(k.operand("logits"), t * width + from, {width, 1}, {1, count}, {1, n});
    Val wins = best[0] < value;
    if (count < n)
      wins = wins & (place < count);
    return std::vector<Val>{select(wins, value, best[0]), select(wins, place + from, best[1])};
  };
  std::vector<Val> best{k.full({1, n}, -std::numeric_limits<double>::infinity()), place};
  best = k.loop(k.index(0), k.index(whole), n, best,
                [&](Val from, std::vector<Val> carried) { return look(from, n, carried); });
  if (whole < width)
    best = look(k.index(whole), width - whole, best);

  Val largest = k.broadcast(k.maximum(best[0], 1), {1, n}, 0);
  Val candidate =
      select(best[0] >= largest, best[1], k.fullIndex({1, n}, std::numeric_limits<int32_t>::max()));
  k.store(k.reduce(tile::ReduceKind::Min, candidate, 1), k.operand("ids"), t, {1}, {});
}

void scheduleElementwise(const ScheduleInput &input, TileProgram &program) {
  if (input.op.kind() == "embed")
    scheduleEmbed(input, program);
  else if (input.op.kind() == "swiglu")
    scheduleSwiglu(input, program);
  else
    scheduleArgmax(input, program);
}

} // namespace zorse::schedule
