//===- Grid.cpp - the workgroups of a configuration ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "model/Grid.h"

#include <algorithm>

namespace zorse::tuner {

namespace {

/// One axis of one kind: blocks of `knob` elements of a field or size; without a knob an axis of
/// single elements, without an extent as many workgroups as the knob says.
struct AxisRow {
  std::string_view kind, extent, knob;
};

constexpr AxisRow axisRows[] = {
    {"argmax", "tokens", ""},
    {"causal_conv1d", "batch", ""},
    {"causal_conv1d", "conv_dim", "block_c"},
    {"causal_conv1d_update", "conv_dim", "block_c"},
    {"causal_conv1d_update", "tokens", ""},
    {"embed", "hidden_size", "block_n"},
    {"embed", "tokens", ""},
    {"gated_rmsnorm", "num_groups", "block_g"},
    {"gated_rmsnorm", "tokens", ""},
    {"gqa_decode", "", "kv_splits"},
    {"gqa_decode", "num_kv_heads", ""},
    {"gqa_decode", "tokens", ""},
    {"gqa_prefill", "batch", ""},
    {"gqa_prefill", "num_heads", ""},
    {"gqa_prefill", "tokens", "block_m"},
    {"gqa_rope_append", "num_heads", "block_h"},
    {"gqa_rope_append", "tokens", ""},
    {"linear", "out_features", "block_n"},
    {"linear", "tokens", "block_m"},
    {"mamba2_step", "num_kv_heads", ""},
    {"mamba2_step", "tokens", ""},
    {"mla_absorb", "kv_lora_rank", "block_n"},
    {"mla_absorb", "num_heads", ""},
    {"mla_absorb", "tokens", "block_m"},
    {"mla_decode", "", "kv_splits"},
    {"mla_decode", "num_heads", "block_h"},
    {"mla_decode", "tokens", ""},
    {"mla_expand", "num_heads", ""},
    {"mla_expand", "tokens", "block_m"},
    {"mla_expand", "v_head_dim", "block_n"},
    {"mla_prefill", "batch", ""},
    {"mla_prefill", "num_heads", ""},
    {"mla_prefill", "tokens", "block_m"},
    {"mla_rope_append", "num_heads", "block_h"},
    {"mla_rope_append", "tokens", ""},
    {"rmsnorm", "tokens", "block_m"},
    {"ssd_scan", "", "seq_splits"},
    {"ssd_scan", "batch", ""},
    {"ssd_scan", "head_dim", "block_p"},
    {"ssd_scan", "num_heads", ""},
    {"ssm_update", "head_dim", "block_p"},
    {"ssm_update", "num_heads", ""},
    {"ssm_update", "tokens", ""},
    {"swiglu", "intermediate_size", "block_n"},
    {"swiglu", "tokens", ""},
};

int64_t extentOf(const OpDesc &op, std::string_view name) {
  if (op.spec().field(name))
    return op.get(name);
  auto size = op.tuningPoint().find(name);
  if (size != op.tuningPoint().end())
    return size->second;
  const SizeSpec *spec = op.spec().size(name);
  return spec ? spec->tuningDefault : 1;
}

} // namespace

std::vector<GridAxis> gridOf(const OpDesc &op, const KernelConfig &config) {
  std::vector<GridAxis> grid;
  // In both projections a block of one token takes all heads that share a weight together.
  bool projection = op.kind() == "mla_absorb" || op.kind() == "mla_expand";
  bool sharesHeads = projection && config.has("block_m") && config.get("block_m") == 1;
  for (const AxisRow &row : axisRows) {
    if (row.kind != op.kind())
      continue;
    GridAxis axis;
    if (row.extent.empty()) {
      axis.extent = config.has(row.knob) ? config.get(row.knob) : 1;
    } else {
      std::string_view extent =
          sharesHeads && row.extent == "num_heads" ? "num_kv_heads" : row.extent;
      axis.extent = std::max<int64_t>(1, extentOf(op, extent));
      axis.isStatic = op.spec().field(extent) != nullptr;
      // Where the target has no such knob one workgroup takes the whole axis.
      if (!row.knob.empty())
        axis.block =
            std::max<int64_t>(1, config.has(row.knob) ? config.get(row.knob) : axis.extent);
    }
    grid.push_back(axis);
  }
  return grid;
}

int64_t groupsOf(const std::vector<GridAxis> &grid) {
  int64_t groups = 1;
  for (const GridAxis &axis : grid)
    groups *= axis.blocks();
  return groups;
}

} // namespace zorse::tuner
