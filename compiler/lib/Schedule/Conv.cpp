//===- Conv.cpp - causal depthwise convolution ----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Pieces.h"
#include "Schedule.h"

namespace zorse::schedule {

ConvWindow::ConvWindow(KernelBuilder &k, const ConvSource &source, Val firstToken, Val slot, Val c0,
                       int64_t extent)
    : k(k), source(source), taps(k.input.field("d_conv")), extent(extent), c0(c0),
      cols(k.inside(c0, extent, source.channels)),
      x(firstToken * source.stride + source.offset + c0),
      stateRow(slot * (taps * source.channels) + c0) {}

Val ConvWindow::storedAt(int64_t token) {
  if (token < 0)
    return k.loadRaw(source.state, stateAt(taps + token), {1}, {cols}, {extent});
  return k.loadRaw(source.x, x + token * source.stride, {1}, {cols}, {extent});
}

Val ConvWindow::weight(int64_t tap) {
  return k.load(source.weight, c0 + tap * source.channels, {1}, {cols}, {extent});
}

Val ConvWindow::bias() { return k.load(source.bias, c0, {1}, {cols}, {extent}); }

Val ConvWindow::result(int64_t token) {
  Val sum = bias();
  for (int64_t j = 0; j < taps; ++j)
    sum = sum + weight(j) * at(token - taps + 1 + j);
  return silu(sum);
}

void ConvWindow::remember(int64_t tokens) {
  for (int64_t row = 0; row < taps; ++row)
    k.store(storedAt(tokens - taps + row), source.state, stateAt(row), {1}, {cols});
}

/// The convolution as an op of its own.
static ConvSource sourceOf(KernelBuilder &k) {
  return {k.operand("x"),           k.operand("weight"),       k.operand("bias"),
          k.operand("conv_state"),  k.input.field("x_stride"), k.input.field("x_offset"),
          k.input.field("conv_dim")};
}

/// A workgroup takes a block of channels of one sequence from its first token to its last, because
/// it reads the state before the first and writes it after the last.
static void scheduleRuns(const ScheduleInput &input, TileProgram &program) {
  int64_t channels = input.field("conv_dim"), taps = input.field("d_conv");
  int64_t stride = input.field("x_stride");
  int64_t c = std::min(input.knob("block_c"), channels), bt = input.knob("block_t");
  KernelBuilder k(input, program, "zorse_causal_conv1d", {blocksOf("conv_dim", c), "batch", "1"});
  Val b = k.programId(1), c0 = k.programId(0) * c, out = k.operand("out");
  Val first = k.loadIndex(k.operand("cu_seqlens"), b);
  Val count = k.loadIndex(k.operand("cu_seqlens"), b + 1) - first;
  ConvWindow inputs(k, sourceOf(k), first, k.loadIndex(k.operand("slots"), b), c0, c);

  // The first tokens reach back into the state.
  for (int64_t t = 0; t < taps - 1; ++t)
    k.ifThen(k.index(t) < count, [&] {
      k.store(inputs.result(t), out, (first + t) * channels + c0, {1}, {inputs.cols});
    });

  k.loop(k.index(taps - 1), count, bt, {}, [&](Val t, std::vector<Val>) {
    Operand rows = bt == 1 ? Operand(1) : count - t;
    Val sum = k.broadcast(inputs.bias(), {bt, c}, 1);
    for (int64_t j = 0; j < taps; ++j) {
      Val tap = k.load(k.operand("x"), inputs.x + (t + (j - taps + 1)) * stride, {stride, 1},
                       {rows, inputs.cols}, {bt, c});
      sum = sum + k.broadcast(inputs.weight(j), {bt, c}, 1) * tap;
    }
    k.store(silu(sum), out, (first + t) * channels + c0, {channels, 1}, {rows, inputs.cols});
    return std::vector<Val>();
  });

  for (int64_t tokens = 1; tokens < taps; ++tokens)
    k.ifThen(equal(count, tokens), [&] { inputs.remember(tokens); });
  k.ifThen(k.index(taps) <= count, [&] {
    Val last = k.load(k.operand("x"), inputs.x + (count - taps) * stride, {stride, 1},
                      {taps, inputs.cols}, {taps, c});
    k.store(last, k.operand("conv_state"), inputs.stateRow, {channels, 1}, {taps, inputs.cols});
  });
}

static void scheduleStep(const ScheduleInput &input, TileProgram &program) {
  int64_t channels = input.field("conv_dim"), c = std::min(input.knob("block_c"), channels);
  KernelBuilder k(input, program, "zorse_causal_conv1d_update",
                  {blocksOf("conv_dim", c), "tokens", "1"});
  Val t = k.programId(1), c0 = k.programId(0) * c;
  ConvWindow inputs(k, sourceOf(k), t, k.loadIndex(k.operand("slots"), t), c0, c);
  // Shifting comes first: it is what waits for memory, in loops that do nothing else.
  Val result = inputs.result(0);
  inputs.remember(1);
  k.store(result, k.operand("out"), t * channels + c0, {1}, {inputs.cols});
}

void scheduleConv(const ScheduleInput &input, TileProgram &program) {
  if (input.op.kind() == "causal_conv1d")
    scheduleRuns(input, program);
  else
    scheduleStep(input, program);
}

} // namespace zorse::schedule
