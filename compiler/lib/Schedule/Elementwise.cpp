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
  Operand cols = k.inside(n0, n, width);
  Val row = k.loadIndex(k.operand("ids"), t) * width;
  k.store(k.load(k.operand("table"), row + n0, {1}, {cols}, {n}), k.operand("out"), t * width + n0,
          {1}, {cols});
}

static void scheduleSwiglu(const ScheduleInput &input, TileProgram &program) {
  int64_t width = input.field("intermediate_size"), n = std::min(input.knob("block_n"), width);
  KernelBuilder k(input, program, "zorse_swiglu",
                  {"tokens", blocksOf("intermediate_size", n), "1"});
  Val t = k.programId(0), n0 = k.programId(1) * n, in = k.operand("gate_up");
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
