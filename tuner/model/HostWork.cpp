//===- HostWork.cpp - what a configuration makes a host do ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "model/HostWork.h"

#include <algorithm>
#include <cmath>

namespace zorse::tuner {

namespace {

constexpr double firstCacheBytes = 48 << 10, secondCacheBytes = 512 << 10;

double ceilDiv(double a, double b) { return std::ceil(a / b); }

/// What is asked again and again of one op and configuration.
class Shape {
public:
  Shape(const OpDesc &op, const TargetDesc &target, const KernelConfig &config)
      : op(op), config(config), lanes(std::max(1, target.hostLanes())),
        pairs(target.hasBf16Dot && op.spec().field("dtype") && op.getDType("dtype") == DType::BF16
                  ? 2
                  : 1),
        depth(config.has("bf16_dot") && config.get("bf16_dot") ? 2 : 1) {}

  double field(std::string_view name) const { return double(op.get(name)); }
  double size(std::string_view name) const {
    auto found = op.tuningPoint().find(name);
    return found == op.tuningPoint().end() ? 1 : double(found->second);
  }
  double knob(std::string_view name, double otherwise) const {
    return config.has(name) ? double(config.get(name)) : otherwise;
  }
  double vectors(double elements) const { return ceilDiv(elements, lanes); }

  /// rows x columns results, each a sum of `inner` products, in `steps` parts.
  void innerKernel(HostWork &work, double rows, double columns, double inner, double steps) const {
    double down = std::min(rows, 4.0);
    double across = lanes >= 16 ? (down == 1 ? 8 : std::floor(16 / down) + 1) : (down == 1 ? 6 : 2);
    across = std::min(across, columns);
    double products = rows * columns * steps * ceilDiv(inner / steps, lanes * pairs);
    work.products += products;
    work.loads += products * (across + down) / (across * down);
    work.sums += rows * columns * steps;
  }

  /// The same from a packed right side.
  void columnKernel(HostWork &work, double rows, double columns, double inner) const {
    double across = vectors(columns);
    across = std::min<double>(across, lanes >= 16 ? (rows >= 6 ? 4 : 8) : (rows >= 6 ? 2 : 4));
    double down = std::clamp(std::floor((lanes >= 16 ? 26 : 12) / across), 1.0, rows);
    double products = rows * vectors(columns) * ceilDiv(inner, depth);
    work.columnProducts += products;
    work.columnLoads += products * (across + down) / (across * down);
  }

  /// Packing `count` elements in blocks of `columns`.
  double packing(double count, double columns) const {
    return count / depth * (columns < lanes ? 4 : 1);
  }

  const OpDesc &op;
  const KernelConfig &config;
  double lanes, pairs;
  double depth; ///< products that one instruction of the column kernel sums up
};

HostWork linear(const Shape &s) {
  HostWork work;
  double inner = s.field("in_features");
  double m = s.knob("block_m", 1), n = std::min(s.knob("block_n", 16), s.field("out_features"));
  double step = std::min(s.knob("block_k", 0) == 0 ? inner : s.knob("block_k", 0), inner);
  double steps = ceilDiv(inner, step);
  double width = double(byteWidth(s.op.getDType("weight_dtype")));
  work.blocks = steps;
  if (s.field("panel") != 0) { // packed once, when the weights were loaded
    s.columnKernel(work, m, n, inner);
    work.accumulators = steps * m * s.vectors(n);
    work.rowsSpill = m * step * width > firstCacheBytes;
  } else if (s.knob("stage_b", 0) != 0) {
    s.columnKernel(work, m, n, inner);
    work.packed = s.packing(n * inner, n);
    work.accumulators = steps * m * s.vectors(n);
    work.packedSpills = n * step * 4 > firstCacheBytes;
  } else {
    s.innerKernel(work, m, n, inner, steps);
    work.weightSpills = m < s.size("tokens") && n * inner * width > secondCacheBytes;
    work.rowsSpill = m * step * width > firstCacheBytes;
  }
  // Many rows in short pieces: a cache line or two go unused at the end of each.
  if (steps > 1 && n > 16)
    work.memoryShare = step * width / (step * width + 128);
  return work;
}

HostWork latentProjection(const Shape &s, bool absorb) {
  HostWork work;
  double m = s.knob("block_m", 1);
  if (m == 1)
    m = s.field("num_heads") / s.field("num_kv_heads");
  double inner = s.field(absorb ? "qk_nope_head_dim" : "kv_lora_rank");
  double outer = s.field(absorb ? "kv_lora_rank" : "v_head_dim");
  if (m > 8)
    work.packed = s.packing(inner * outer, outer);
  if (m > 8 || absorb)
    s.columnKernel(work, m, outer, inner);
  else
    s.innerKernel(work, m, outer, inner, 1);
  work.packedSpills = inner * outer * 4 > firstCacheBytes;
  return work;
}

/// Blocks of `n` cached tokens against `rows` queries: keys of `keys` columns, values of `values`,
/// of which `packed` columns are packed.
void attention(const Shape &s, HostWork &work, double rows, double cached, double n, double keys,
               double values, double packed) {
  work.blocks = std::max(1.0, ceilDiv(cached, n));
  HostWork one;
  s.columnKernel(one, rows, n, keys);
  s.columnKernel(one, rows, values, n);
  work.columnProducts = work.blocks * one.columnProducts;
  work.columnLoads = work.blocks * one.columnLoads;
  work.packed = work.blocks * s.packing(n * packed, n);
  work.softmax = work.blocks * rows * (s.vectors(n) + s.vectors(values));
  work.packedSpills = n * packed * 4 > firstCacheBytes;
}

HostWork mlaDecode(const Shape &s) {
  HostWork work;
  double heads = s.field("num_heads"), rank = s.field("kv_lora_rank");
  double rope = s.field("qk_rope_head_dim"), splits = s.knob("kv_splits", 1);
  attention(s, work, std::min(s.knob("block_h", heads), heads), ceilDiv(s.size("context"), splits),
            s.knob("block_n", 64), rank + rope, rank, rank + rope);
  if (splits > 1) {
    work.kernels = 2;
    work.joined = s.size("tokens") * heads * rank * splits;
  }
  return work;
}

HostWork gqaDecode(const Shape &s) {
  HostWork work;
  double heads = s.field("num_heads"), width = s.field("head_dim");
  double splits = s.knob("kv_splits", 1);
  attention(s, work, heads / s.field("num_kv_heads"), ceilDiv(s.size("context"), splits),
            s.knob("block_n", 64), width, width, 2 * width);
  if (splits > 1) {
    work.kernels = 2;
    work.joined = s.size("tokens") * heads * width * splits;
  }
  return work;
}

HostWork prefill(const Shape &s, double keys, double values) {
  HostWork work;
  // Under the causal mask the mean query sees what was cached and half of what is new.
  double fresh = s.size("tokens") / std::max(1.0, s.size("batch"));
  double seen = std::max(1.0, s.size("context") - fresh / 2);
  attention(s, work, s.knob("block_m", 32), seen, s.knob("block_n", 64), keys, values,
            keys + values);
  // The grid has a block for each token and sequence; blocks past a sequence's end return at once.
  work.present = 1 / std::max(1.0, s.size("batch"));
  return work;
}

HostWork ssdScan(const Shape &s) {
  HostWork work;
  double tokens = s.size("tokens") / std::max(1.0, s.size("batch"));
  double splits = s.knob("seq_splits", 1), chunk = s.knob("chunk", 64);
  double state = s.field("d_state"), p = s.knob("block_p", s.field("head_dim"));
  work.blocks = std::max(1.0, ceilDiv(ceilDiv(tokens, splits), chunk));
  HostWork one;
  s.columnKernel(one, chunk, chunk, state); // C B^T
  s.columnKernel(one, chunk, p, chunk);     // its product with x
  s.columnKernel(one, chunk, p, state);     // what the state before gives
  s.columnKernel(one, p, state, chunk);     // the state after
  work.columnProducts = work.blocks * one.columnProducts;
  work.columnLoads = work.blocks * one.columnLoads;
  work.packed = work.blocks * s.packing(chunk * (2 * state + p), chunk);
  work.softmax = work.blocks * chunk * s.vectors(chunk);
  work.accumulators = work.blocks * p * s.vectors(state);
  work.packedSpills = chunk * state * 4 > firstCacheBytes;
  if (splits > 1) {
    work.kernels = 3;
    work.joined = s.size("batch") * s.field("num_heads") * s.field("head_dim") * state * splits;
  }
  return work;
}

/// Ops without products: every element once.
HostWork elementwise(const Shape &s, int64_t groups) {
  HostWork work;
  Result<int64_t> flops = s.op.spec().flops.evaluate(s.op.scope(s.op.tuningPoint()));
  double arithmetic = flops ? double(*flops) / s.lanes : 0;
  work.elements = arithmetic / double(std::max<int64_t>(1, groups));
  return work;
}

} // namespace

double HostWork::nanoseconds(const HostRates &r) const {
  double inner = (products * r.product + loads * r.load) * (rowsSpill ? r.spilledL1 : 1) *
                 (weightSpills ? r.spilledL2 : 1);
  double column =
      (columnProducts * r.column + columnLoads * r.columnLoad) * (packedSpills ? r.packedL1 : 1);
  double rest = sums * r.horizontalSum + packed * r.pack + accumulators * r.accumulator +
                softmax * r.softmax + elements * r.element + blocks * r.block;
  return (inner + column + rest) * (raggedBlocks ? r.ragged : 1) * present + r.group;
}

double tailOf(int64_t groups, int64_t threads) {
  double rounds = double(groups) / double(std::max<int64_t>(1, threads));
  return rounds > 0 ? std::ceil(rounds) / rounds : 1;
}

HostWork hostWorkOf(const OpDesc &op, const TargetDesc &target, const KernelConfig &config) {
  Shape s(op, target, config);
  std::vector<GridAxis> grid = gridOf(op, config);
  const std::string &kind = op.kind();
  HostWork work = kind == "linear"       ? linear(s)
                  : kind == "mla_absorb" ? latentProjection(s, true)
                  : kind == "mla_expand" ? latentProjection(s, false)
                  : kind == "mla_decode" ? mlaDecode(s)
                  : kind == "gqa_decode" ? gqaDecode(s)
                  : kind == "mla_prefill"
                      ? prefill(s, s.field("qk_nope_head_dim") + s.field("qk_rope_head_dim"),
                                s.field("v_head_dim"))
                  : kind == "gqa_prefill" ? prefill(s, s.field("head_dim"), s.field("head_dim"))
                  : kind == "ssd_scan"    ? ssdScan(s)
                                          : elementwise(s, groupsOf(grid));
  // Blocks of static extents that do not divide them are masked everywhere.
  work.raggedBlocks = std::any_of(grid.begin(), grid.end(), [](const GridAxis &axis) {
    return axis.isStatic && axis.blocks() > 1 && axis.extent % axis.block != 0;
  });
  return work;
}

} // namespace zorse::tuner
