//===- Mamba2Step.cpp - convolution, recurrence and gated norm of a token -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The heads of a key/value head share x and B, and the stored inputs of a channel
// may be shifted only once. So either one workgroup takes all of those heads, or a
// kernel of its own convolves first and leaves its results in a workspace; then a
// workgroup takes one head, which is more of them for the same work.
//
//===----------------------------------------------------------------------===//
#include "Pieces.h"
#include "Schedule.h"

namespace zorse::schedule {

namespace {
/// The sizes of the op, and where the convolved x, B and C of a head lie in a row.
struct Step {
  const ScheduleInput &input;
  int64_t heads = input.field("num_heads"), kvHeads = input.field("num_kv_heads");
  int64_t width = input.field("head_dim"), n = input.field("d_state");
  int64_t channels = kvHeads * (width + n) + heads * n;

  Val channelOfX(Val kvHead) const { return kvHead * width; }
  Val channelOfB(Val kvHead) const { return kvHead * n + kvHeads * width; }
  Val channelOfC(Val head) const { return head * n + kvHeads * (width + n); }
  /// Element of this row and column of `projected`.
  Val projectedAt(Val token, int64_t column) const {
    return token * input.field("row_stride") + column;
  }
};
} // namespace

/// `extent` channels of a token from c0 on.
static ConvWindow windowOf(KernelBuilder &k, const Step &step, Val token, Val slot, Val c0,
                           int64_t extent) {
  ConvSource source{k.operand("projected"),
                    k.operand("conv_weight"),
                    k.operand("conv_bias"),
                    k.operand("conv_state"),
                    k.input.field("row_stride"),
                    k.input.field("x_offset"),
                    step.channels};
  return ConvWindow(k, source, token, slot, c0, extent);
}

static Val convolved(ConvWindow &window) {
  return window.k.rounded(window.result(0), window.k.input.dtype("dtype"));
}

/// Recurrence, gate and norm of one head; x is [P], b and c are [N].
static void finishHead(KernelBuilder &k, const Step &step, Val token, Val slot, Val head, Val x,
                       Val b, Val c) {
  int64_t p = step.width;
  Val projected = k.operand("projected");
  Val raw = k.loadScalar(projected, step.projectedAt(token, k.input.field("dt_offset")) + head);
  Val place = (slot * step.heads + head) * (p * step.n);
  Val y = StateStep(k, raw, head).advance(k, place, p, x, b, c, k.loadScalar(k.operand("d"), head));
  y = k.rounded(y, k.input.dtype("dtype"));

  auto row = [&](Val buffer, Val offset) { return k.load(buffer, offset, {p, 1}, {}, {1, p}); };
  Val gate = row(projected, step.projectedAt(token, k.input.field("z_offset")) + head * p);
  Val unit = unitRows(k, k.broadcast(y, {1, p}, 1) * silu(gate), k.input.op.getFloat("eps"));
  k.store(unit * row(k.operand("norm_weight"), head * p), k.operand("out"),
          (token * step.heads + head) * p, {p, 1}, {});
}

/// A workgroup takes all heads of one key/value head of one token.
static void scheduleTogether(const ScheduleInput &input, TileProgram &program) {
  Step step{input};
  KernelBuilder k(input, program, "zorse_mamba2_step", {"num_kv_heads", "tokens", "1"});
  Val t = k.programId(1), kvHead = k.programId(0);
  Val slot = k.loadIndex(k.operand("slots"), t);
  auto convolve = [&](Val c0, int64_t extent) {
    ConvWindow window = windowOf(k, step, t, slot, c0, extent);
    Val result = convolved(window);
    window.remember(1);
    return result;
  };
  Val x = convolve(step.channelOfX(kvHead), step.width);
  Val b = convolve(step.channelOfB(kvHead), step.n);
  int64_t repeats = step.heads / step.kvHeads;
  Val first = kvHead * repeats;
  k.loop(first, first + repeats, 1, {}, [&](Val head, std::vector<Val>) {
    Val c = convolve(step.channelOfC(head), step.n);
    finishHead(k, step, t, slot, head, x, b, c);
    return std::vector<Val>();
  });
}

/// One kernel convolves all channels, the other takes a head of one token a workgroup.
static void scheduleApart(const ScheduleInput &input, TileProgram &program) {
  Step step{input};
  int64_t block = std::min<int64_t>(256, step.channels);
  program.workspaces.push_back(
      {"convolved", input.formula("tokens * " + std::to_string(step.channels))});
  {
    KernelBuilder k(input, program, "zorse_mamba2_step_conv",
                    {blocksOf(std::to_string(step.channels), block), "tokens", "1"});
    Val t = k.programId(1), c0 = k.programId(0) * block;
    ConvWindow window = windowOf(k, step, t, k.loadIndex(k.operand("slots"), t), c0, block);
    Val result = convolved(window);
    window.remember(1);
    k.store(result, k.workspace("convolved"), t * step.channels + c0, {1}, {window.cols});
  }
  KernelBuilder k(input, program, "zorse_mamba2_step", {"num_heads", "tokens", "1"});
  Val t = k.programId(1), head = k.programId(0), kvHead = head / (step.heads / step.kvHeads);
  auto loadConvolved = [&](Val channel, int64_t extent) {
    return k.load(k.workspace("convolved"), t * step.channels + channel, {1}, {}, {extent});
  };
  finishHead(k, step, t, k.loadIndex(k.operand("slots"), t), head,
             loadConvolved(step.channelOfX(kvHead), step.width),
             loadConvolved(step.channelOfB(kvHead), step.n),
             loadConvolved(step.channelOfC(head), step.n));
}

void scheduleMamba2Step(const ScheduleInput &input, TileProgram &program) {
  if (input.knob("conv_first"))
    scheduleApart(input, program);
  else
    scheduleTogether(input, program);
}

} // namespace zorse::schedule
