//===- SsdScan.cpp - the Mamba2 recurrence by chunks ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Schedule.h"

namespace zorse::schedule {

namespace {

/// A workgroup takes some rows of the state of one head of one sequence, and one split of its
/// tokens, chunk after chunk. With a_t = dt_t * A, and cs the sums of a from the start of the
/// chunk, a chunk is
///
///   y[i] = exp(cs[i]) C[i] . state + sum_{j<=i} (C[i] . B[j]) exp(cs[i] - cs[j]) dt[j] x[j] + D
///   x[i] state' = exp(cs[last]) state + sum_j exp(cs[last] - cs[j]) dt[j] x[j] (outer) B[j]
///
/// Tokens past the end have dt = 0: they change nothing and are not stored.
///
/// With more than one split, three kernels: the first carries a zero state through each split but
/// the last; the second passes the state from split to split, which needs only their results and
/// the sums of their steps; the third starts each split with its true state. A third more
/// arithmetic for as many times the workgroups.
class SsdScan {
public:
  SsdScan(const ScheduleInput &input, TileProgram &program);

  void addWorkspaces() const;
  void addStates() const;
  void addPassing() const;
  void addScan() const;

  int64_t splits;

private:
  /// What a workgroup works on.
  struct Place {
    Val b, h, p0, split;
    Operand cols; ///< rows of the state that are inside
    Val first;    ///< token of the sequence
    Val from, to; ///< tokens of the split, counted from `first`
    Val a, bias;
  };
  /// The steps of one chunk; tiles of f32.
  struct Steps {
    Val dt, past, ahead, all; ///< sums of dt * a up to each token, after each, of all (q, q, q, p)
  };

  KernelBuilder kernel(const char *suffix, int64_t splitsOfGrid) const;
  Place place(KernelBuilder &k, int64_t splitsOfGrid) const;
  Val load(KernelBuilder &k, const Place &at, Val t, Val column, Operand valid,
           int64_t extent) const;
  Steps steps(KernelBuilder &k, const Place &at, Val t) const;
  Val advance(KernelBuilder &k, Val state, Val x, Val bRows, const Steps &now) const;
  Val kvHead(const Place &at) const { return at.h / (heads / kvHeads); }
  Val wholeState(const Place &at) const;            ///< offset in the operand
  Val splitState(const Place &at, Val split) const; ///< offset in the workspace
  Val stepsOf(const Place &at, Val split) const;    ///< offset in the workspace of sums

  const ScheduleInput &input;
  TileProgram &program;
  int64_t heads, kvHeads, width, d, step, q, p, n, rowWidth;
  DType type;
};

SsdScan::SsdScan(const ScheduleInput &input, TileProgram &program)
    : splits(input.knob("seq_splits")), input(input), program(program),
      heads(input.field("num_heads")), kvHeads(input.field("num_kv_heads")),
      width(input.field("head_dim")), d(input.field("d_state")),
      step(std::min(input.knob("block_p"), width)), q(input.dotExtent(input.knob("chunk"))),
      p(input.dotExtent(step)), type(input.dtype("dtype")) {
  n = input.dotDepth(d, d, type);
  rowWidth = kvHeads * (width + d) + heads * d;
}

void SsdScan::addWorkspaces() const {
  if (splits == 1)
    return;
  std::string rows = "batch * seq_splits * num_heads * head_dim";
  program.workspaces.push_back({"split_state", input.formula(rows + " * d_state")});
  program.workspaces.push_back({"split_steps", input.formula(rows)});
}

KernelBuilder SsdScan::kernel(const char *suffix, int64_t splitsOfGrid) const {
  std::string sequences = splitsOfGrid == 1 ? "batch" : "batch * " + std::to_string(splitsOfGrid);
  return KernelBuilder(input, program, std::string("zorse_ssd_scan") + suffix,
                       {sequences, "num_heads", blocksOf("head_dim", step)});
}

SsdScan::Place SsdScan::place(KernelBuilder &k, int64_t splitsOfGrid) const {
  Val id = k.programId(0), h = k.programId(1), p0 = k.programId(2) * step;
  Val b = splitsOfGrid == 1 ? id : id / splitsOfGrid;
  Val split = splitsOfGrid == 1 ? k.index(0) : id % splitsOfGrid;
  Val first = k.loadIndex(k.operand("cu_seqlens"), b);
  Val from = k.index(0), to = k.loadIndex(k.operand("cu_seqlens"), b + 1) - first;
  if (splits > 1) {
    Val count = to, each = ceilDiv(ceilDiv(count, q), splits) * q;
    from = min(split * each, count);
    to = min(from + each, count);
  }
  Val a = -exp(k.loadScalar(k.operand("a_log"), h));
  Val bias = k.loadScalar(k.operand("dt_bias"), h);
  return {b, h, p0, split, k.inside(p0, step, width), first, from, to, a, bias};
}

Val SsdScan::wholeState(const Place &at) const {
  KernelBuilder &k = *at.b.builder;
  return ((k.loadIndex(k.operand("slots"), at.b) * heads + at.h) * width + at.p0) * d;
}

Val SsdScan::stepsOf(const Place &at, Val split) const {
  return ((at.b * splits + split) * heads + at.h) * width + at.p0;
}

Val SsdScan::splitState(const Place &at, Val split) const { return stepsOf(at, split) * d; }

Val SsdScan::load(KernelBuilder &k, const Place &at, Val t, Val column, Operand valid,
                  int64_t extent) const {
  return k.loadRaw(k.operand("xbc"), (at.first + t) * rowWidth + column, {rowWidth, 1},
                   {at.to - t, valid}, {q, extent});
}

SsdScan::Steps SsdScan::steps(KernelBuilder &k, const Place &at, Val t) const {
  Val left = at.to - t;
  Val offset = (at.first + t) * input.field("dt_stride") + input.field("dt_offset") + at.h;
  Val dt = k.load(k.operand("dt"), offset, {input.field("dt_stride")}, {left}, {q});
  dt = select(k.iota({q}, 0) < left, softplus(dt + at.bias), 0);
  Val taken = dt * at.a;
  Val i = k.iota({q, q}, 0), j = k.iota({q, q}, 1);
  Val across = k.broadcast(taken, {q, q}, 1);
  return {dt, k.sum(select(j <= i, across, 0), 1), k.sum(select(j <= i, 0, across), 1),
          k.sum(k.broadcast(taken, {p, q}, 1), 1)};
}

/// The state after a chunk; `bRows` is staged.
Val SsdScan::advance(KernelBuilder &k, Val state, Val x, Val bRows, const Steps &now) const {
  Val added = k.convert(x, DType::F32) * k.broadcast(exp(now.ahead) * now.dt, {q, p}, 0);
  state = state * k.broadcast(exp(now.all), {p, n}, 0);
  return k.dot(k.stage(k.forDot(added, type), /*transpose=*/true), bRows, state);
}

void SsdScan::addStates() const {
  KernelBuilder k = kernel("_states", splits - 1);
  Place at = place(k, splits - 1);
  auto last = k.loop(
      at.from, at.to, q, {k.zeros({p, n}), k.zeros({p})}, [&](Val t, std::vector<Val> carried) {
        Val x = load(k, at, t, kvHead(at) * width + at.p0, at.cols, p);
        Val b = load(k, at, t, kvHead(at) * d + kvHeads * width, d, n);
        Steps now = steps(k, at, t);
        return std::vector<Val>{advance(k, carried[0], x, k.stage(k.forDot(b, type)), now),
                                carried[1] + now.all};
      });
  // The place of a split holds the state that it begins with.
  Val next = at.split + 1;
  k.store(last[0], k.workspace("split_state"), splitState(at, next), {d, 1}, {at.cols, d});
  k.store(last[1], k.workspace("split_steps"), stepsOf(at, next), {1}, {at.cols});
}

void SsdScan::addPassing() const {
  KernelBuilder k = kernel("_passing", 1);
  Place at = place(k, 1);
  Val state = k.load(k.operand("state"), wholeState(at), {d, 1}, {at.cols, d}, {p, n});
  Val states = k.workspace("split_state");
  k.store(state, states, splitState(at, k.index(0)), {d, 1}, {at.cols, d});
  k.loop(k.index(1), k.index(splits), 1, {state}, [&](Val split, std::vector<Val> carried) {
    Val sum = k.load(k.workspace("split_steps"), stepsOf(at, split), {1}, {at.cols}, {p});
    Val own = k.load(states, splitState(at, split), {d, 1}, {at.cols, d}, {p, n});
    Val next = carried[0] * k.broadcast(exp(sum), {p, n}, 0) + own;
    k.store(next, states, splitState(at, split), {d, 1}, {at.cols, d});
    return std::vector<Val>{next};
  });
}

void SsdScan::addScan() const {
  KernelBuilder k = kernel("", splits);
  Place at = place(k, splits);
  Val skip = k.loadScalar(k.operand("d"), at.h), whole = wholeState(at);
  Val initial = splits == 1 ? k.load(k.operand("state"), whole, {d, 1}, {at.cols, d}, {p, n})
                            : k.load(k.workspace("split_state"), splitState(at, at.split), {d, 1},
                                     {at.cols, d}, {p, n});
  Val last = k.loop(at.from, at.to, q, {initial}, [&](Val t, std::vector<Val> carried) {
    Val state = carried[0];
    Val x = load(k, at, t, kvHead(at) * width + at.p0, at.cols, p);
    Val bRows = k.stage(k.forDot(load(k, at, t, kvHead(at) * d + kvHeads * width, d, n), type));
    Val cRows = k.stage(k.forDot(load(k, at, t, at.h * d + kvHeads * (width + d), d, n), type));
    Steps now = steps(k, at, t);

    Val i = k.iota({q, q}, 0), j = k.iota({q, q}, 1);
    Val decay = exp(min(k.broadcast(now.past, {q, q}, 0) - k.broadcast(now.past, {q, q}, 1), 0));
    Val scores = k.dot(cRows, bRows, k.zeros({q, q}), /*transposeB=*/true);
    Val mix = select(j <= i, scores * decay * k.broadcast(now.dt, {q, q}, 1), 0);

    Val y = k.dot(cRows, k.stage(k.forDot(state, type)), k.zeros({q, p}), /*transposeB=*/true);
    y = y * k.broadcast(exp(now.past), {q, p}, 0);
    y = k.dot(k.stage(k.forDot(mix, type)), k.stage(k.forDot(x, type)), y) +
        k.convert(x, DType::F32) * skip;
    k.store(y, k.operand("y"), (at.first + t) * (heads * width) + at.h * width + at.p0,
            {heads * width, 1}, {at.to - t, at.cols});
    return std::vector<Val>{advance(k, state, x, bRows, now)};
  })[0];
  auto keep = [&] { k.store(last, k.operand("state"), whole, {d, 1}, {at.cols, d}); };
  if (splits == 1)
    keep();
  else
    k.ifThen(k.index(splits - 2) < at.split, keep);
}

} // namespace

void scheduleSsdScan(const ScheduleInput &input, TileProgram &program) {
  SsdScan scan(input, program);
  scan.addWorkspaces();
  if (scan.splits > 1) {
    scan.addStates();
    scan.addPassing();
  }
  scan.addScan();
}

} // namespace zorse::schedule
