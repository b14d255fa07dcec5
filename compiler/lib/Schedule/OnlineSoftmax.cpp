//===- OnlineSoftmax.cpp - attention block by block -----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "OnlineSoftmax.h"

#include <cmath>

using llvm::ArrayRef;

namespace zorse::schedule {

OnlineSoftmax OnlineSoftmax::nothing(KernelBuilder &k, int64_t rows, ArrayRef<int64_t> widths) {
  OnlineSoftmax seen{k.full({rows}, hiddenScore), k.zeros({rows}), {}};
  for (int64_t width : widths)
    seen.sums.push_back(k.zeros({rows, width}));
  return seen;
}

std::vector<Val> OnlineSoftmax::vals() const {
  std::vector<Val> vals{largest, weight};
  vals.insert(vals.end(), sums.begin(), sums.end());
  return vals;
}

OnlineSoftmax OnlineSoftmax::add(KernelBuilder &k, Val scores, DType type, AddPart addPart) const {
  Val now = max(largest, k.maximum(scores, 1));
  Val fade = exp(largest - now);
  Val p = exp(scores - k.broadcast(now, scores.shape(), 0));
  OnlineSoftmax seen{now, weight * fade + k.sum(p, 1), {}};
  Val staged = k.stage(k.forDot(p, type));
  for (auto [i, sum] : llvm::enumerate(sums))
    seen.sums.push_back(addPart(staged, i, sum * k.broadcast(fade, sum.shape(), 0)));
  return seen;
}

OnlineSoftmax OnlineSoftmax::merge(KernelBuilder &k, const OnlineSoftmax &other) const {
  Val now = max(largest, other.largest);
  Val fade = exp(largest - now), otherFade = exp(other.largest - now);
  OnlineSoftmax seen{now, weight * fade + other.weight * otherFade, {}};
  for (auto [mine, others] : llvm::zip_equal(sums, other.sums))
    seen.sums.push_back(mine * k.broadcast(fade, mine.shape(), 0) +
                        others * k.broadcast(otherFade, mine.shape(), 0));
  return seen;
}

Val OnlineSoftmax::result(KernelBuilder &k, size_t i) const {
  return sums[i] * k.broadcast(1.0 / weight, sums[i].shape(), 0);
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
                           Operand rows, int64_t partWidth) const {
  auto storeParts = [&](Val buffer, Val row, llvm::function_ref<Val(size_t)> part) {
    for (size_t i = 0; i < seen.sums.size(); ++i) {
      int64_t from = int64_t(i) * partWidth;
      k.store(part(i), buffer, row * width + from, {width, 1},
              {rows, std::min(partWidth, width - from)});
    }
  };
  if (splits == 1)
    return storeParts(k.operand("out"), t * heads + h0,
                      [&](size_t i) { return seen.result(k, i); });
  Val row = (t * splits + split) * heads + h0;
  storeParts(k.workspace("partial"), row, [&](size_t i) { return seen.sums[i]; });
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
                           {k.load(k.workspace("partial"), row * width, {width, 1}, {rows, width},
                                   {headsPerBlock, width})}};
        return OnlineSoftmax::fromVals(carried).merge(k, part).vals();
      });
  k.store(OnlineSoftmax::fromVals(seen).result(k), k.operand("out"), (t * heads + h0) * width,
          {width, 1}, {rows, width});
}

} // namespace zorse::schedule
