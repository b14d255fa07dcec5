//===- OnlineSoftmax.cpp - attention block by block -----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "OnlineSoftmax.h"

#include <cmath>

namespace zorse::schedule {

OnlineSoftmax OnlineSoftmax::nothing(KernelBuilder &k, int64_t rows, int64_t width) {
  return {k.full({rows}, hiddenScore), k.zeros({rows}), k.zeros({rows, width})};
}

OnlineSoftmax OnlineSoftmax::add(KernelBuilder &k, Val scores, Val values, DType type) const {
  Val now = max(largest, k.maximum(scores, 1));
  Val fade = exp(largest - now);
  Val p = exp(scores - k.broadcast(now, scores.shape(), 0));
  Val faded = sum * k.broadcast(fade, sum.shape(), 0);
  return {now, weight * fade + k.sum(p, 1), k.dot(k.stage(k.forDot(p, type)), values, faded)};
}

OnlineSoftmax OnlineSoftmax::merge(KernelBuilder &k, const OnlineSoftmax &other) const {
  Val now = max(largest, other.largest);
  Val fade = exp(largest - now), otherFade = exp(other.largest - now);
  return {now, weight * fade + other.weight * otherFade,
          sum * k.broadcast(fade, sum.shape(), 0) +
              other.sum * k.broadcast(otherFade, sum.shape(), 0)};
}

Val OnlineSoftmax::result(KernelBuilder &k) const {
  return sum * k.broadcast(1.0 / weight, sum.shape(), 0);
}

double softmaxScale(const ScheduleInput &input, int64_t headWidth) {
  double scale = input.op.getFloat("softmax_scale");
  return scale != 0 ? scale : 1 / std::sqrt(double(headWidth));
}

OnlineSoftmax sweep(KernelBuilder &k, Val from, Val visible, Val to, int64_t step,
                    const OnlineSoftmax &nothing, const AddBlock &block) {
  auto run = [&](Val first, Val last, const OnlineSoftmax &seen, bool masked) {
    return OnlineSoftmax::fromVals(
        k.loop(first, last, step, seen.vals(), [&](Val j, std::vector<Val> carried) {
          return block(j, OnlineSoftmax::fromVals(carried), masked).vals();
        }));
  };
  // On AMD a second copy of the loop would cost LDS and code more than the mask costs.
  if (!k.input.target.isHost())
    return run(from, to, nothing, true);
  return run(visible, to, run(from, visible, nothing, false), true);
}

void SplitAttention::addWorkspaces() const {
  if (splits == 1)
    return;
  std::string rows = "tokens * kv_splits * num_heads";
  program.workspaces.push_back({"partial", input.formula(rows + " * " + std::to_string(width))});
  program.workspaces.push_back({"partial_max", input.formula(rows)});
  program.workspaces.push_back({"partial_weight", input.formula(rows)});
}

SplitAttention::Range SplitAttention::range(Val length, Val split, int64_t block) const {
  Val from = split.builder->index(0), to = length;
  if (splits > 1) {
    Val count = ceilDiv(ceilDiv(length, block), splits) * block;
    from = min(split * count, length);
    to = min(from + count, length);
  }
  return {from, from + (to - from) / block * block, to};
}

void SplitAttention::store(KernelBuilder &k, const OnlineSoftmax &seen, Val t, Val split, Val h0,
                           Operand rows) const {
  if (splits == 1) {
    k.store(seen.result(k), k.operand("out"), (t * heads + h0) * width, {width, 1}, {rows, width});
    return;
  }
  Val row = (t * splits + split) * heads + h0;
  k.store(seen.sum, k.workspace("partial"), row * width, {width, 1}, {rows, width});
  k.store(seen.largest, k.workspace("partial_max"), row, {1}, {rows});
  k.store(seen.weight, k.workspace("partial_weight"), row, {1}, {rows});
}

void SplitAttention::combine() const {
  if (splits == 1)
    return;
  // On AMD the rows of a workgroup lie in its registers, about eight elements a lane.
  int64_t headsPerBlock = this->headsPerBlock;
  if (!input.target.isHost())
    headsPerBlock = std::clamp<int64_t>(
        8 * input.target.waveSize * input.knobOr("waves", 1) / width, 1, headsPerBlock);
  int64_t blocks = (heads + headsPerBlock - 1) / headsPerBlock;
  KernelBuilder k(input, program, symbol + "_combine", {"tokens", std::to_string(blocks), "1"});
  Val t = k.programId(0), h0 = k.programId(1) * headsPerBlock;
  Operand rows = k.inside(h0, headsPerBlock, heads);
  auto seen = k.loop(
      k.index(0), k.index(splits), 1, OnlineSoftmax::nothing(k, headsPerBlock, width).vals(),
      [&](Val split, std::vector<Val> carried) {
        Val row = (t * splits + split) * heads + h0;
        OnlineSoftmax part{k.load(k.workspace("partial_max"), row, {1}, {rows}, {headsPerBlock}),
                           k.load(k.workspace("partial_weight"), row, {1}, {rows}, {headsPerBlock}),
                           k.load(k.workspace("partial"), row * width, {width, 1}, {rows, width},
                                  {headsPerBlock, width})};
        return OnlineSoftmax::fromVals(carried).merge(k, part).vals();
      });
  k.store(OnlineSoftmax::fromVals(seen).result(k), k.operand("out"), (t * heads + h0) * width,
          {width, 1}, {rows, width});
}

} // namespace zorse::schedule
