//===- RandomOps.cpp - ops and sizes drawn at random ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "RandomOps.h"

#include "zorse/reference/Fill.h"

#include <algorithm>
#include <stdexcept>

namespace zorse {

namespace {

using Fields = std::map<std::string, OpDesc::FieldValue>;

class Drawer {
public:
  explicit Drawer(std::mt19937_64 &random) : random(random) {}

  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
  }
  int64_t oneOf(std::initializer_list<int64_t> values) {
    return values.begin()[between(0, static_cast<int64_t>(values.size()) - 1)];
  }
  bool chance(int64_t oneIn) { return between(1, oneIn) == 1; }
  /// Small lengths are as likely as large ones.
  int64_t length(int64_t high) {
    int64_t bits = 1;
    while ((int64_t(1) << bits) <= high)
      ++bits;
    return std::min(between(1, int64_t(1) << between(1, bits)), high);
  }

  void heads(Fields &fields) {
    constexpr int64_t pairs[][2] = {{24, 8}, {32, 8}, {8, 8}, {8, 4}, {5, 1}, {12, 3}, {6, 2}};
    const auto &pair = pairs[between(0, 6)];
    fields["num_heads"] = pair[0];
    fields["num_kv_heads"] = pair[1];
  }
  int64_t rank() { return chance(2) ? oneOf({128, 160, 16, 48, 96}) : 8 * between(2, 102); }
  int64_t ropeDim() { return oneOf({32, 64, 4, 16}); }
  int64_t nopeDim() { return oneOf({32, 64, 4, 128, 20}); }

private:
  std::mt19937_64 &random;
};

/// The kind must exist.
Fields drawFields(const std::string &kind, Drawer &draw) {
  Fields fields;
  if (kind == "argmax") {
    fields["vocab_size"] = draw.oneOf({128256, 512, 515, 2048, draw.between(1, 5000)});
  } else if (kind == "embed") {
    fields["vocab_size"] = draw.oneOf({512, 1000});
    fields["hidden_size"] = draw.oneOf({2048, 3072, 64, 100, draw.between(1, 600)});
  } else if (kind == "swiglu") {
    fields["intermediate_size"] = draw.oneOf({8192, 172, 64, draw.between(1, 3000)});
  } else if (kind == "rmsnorm") {
    fields["hidden_size"] = draw.oneOf({2048, 3072, 64, 1344, draw.between(1, 3000)});
    fields["rounding"] = std::string(draw.chance(2) ? "single" : "double");
  } else if (kind == "gated_rmsnorm") {
    int64_t groups = draw.oneOf({24, 32, 8, 3}), size = draw.oneOf({128, 64, 8, 20});
    fields["num_groups"] = groups;
    fields["group_size"] = size;
    int64_t offset = draw.oneOf({0, 8, 3});
    fields["z_offset"] = offset;
    fields["z_stride"] = offset + groups * size + draw.oneOf({0, 2056, 5});
  } else if (kind == "linear") {
    int64_t in = draw.oneOf({64, 172, 128, 512, 1344, draw.between(1, 700)});
    fields["in_features"] = in;
    fields["out_features"] = draw.oneOf({64, 160, 36, 192, 1000, draw.between(1, 500)});
    fields["bias"] = draw.chance(3);
    fields["residual"] = draw.chance(3);
    fields["row_stride"] = in + (draw.chance(3) ? draw.oneOf({8, 64, 3}) : 0);
  } else if (kind.starts_with("causal_conv1d")) {
    int64_t channels = draw.oneOf({3072, 128, 64, draw.between(1, 300)});
    int64_t offset = draw.oneOf({0, 64, 7});
    fields["conv_dim"] = channels;
    fields["x_offset"] = offset;
    fields["x_stride"] = channels + offset + draw.oneOf({0, 8, 37});
  } else if (kind == "mamba2_step") {
    draw.heads(fields);
    int64_t heads = std::get<int64_t>(fields["num_heads"]);
    int64_t kvHeads = std::get<int64_t>(fields["num_kv_heads"]);
    int64_t dim = draw.oneOf({8, 64, 128, 16, 40});
    int64_t state = draw.chance(2) ? dim : draw.oneOf({8, 64, 128, 24});
    fields["head_dim"] = dim;
    fields["d_state"] = state;
    fields["d_conv"] = draw.oneOf({4, 4, 2, 3});
    int64_t gate = draw.oneOf({0, 8, 3}), x = gate + heads * dim + draw.oneOf({0, 16, 5});
    int64_t dt = x + kvHeads * (dim + state) + heads * state + draw.oneOf({0, 1, 8});
    fields["z_offset"] = gate;
    fields["x_offset"] = x;
    fields["dt_offset"] = dt;
    fields["row_stride"] = dt + heads + draw.oneOf({0, 8, 21});
  } else if (kind.starts_with("ss")) { // ssd_scan, ssm_update
    draw.heads(fields);
    int64_t heads = std::get<int64_t>(fields["num_heads"]);
    int64_t dim = draw.oneOf({8, 64, 128, 16, 40});
    fields["head_dim"] = dim;
    fields["d_state"] = draw.chance(2) ? dim : draw.oneOf({8, 64, 128, 24});
    int64_t offset = draw.oneOf({0, 16, 5});
    fields["dt_offset"] = offset;
    fields["dt_stride"] = offset + heads + draw.oneOf({0, 192, 21});
  } else if (kind.starts_with("gqa")) {
    draw.heads(fields);
    fields["head_dim"] = draw.oneOf({64, 128, 8, 48});
  } else { // the latent kinds
    draw.heads(fields);
    fields["qk_nope_head_dim"] = draw.nopeDim();
    fields["qk_rope_head_dim"] = draw.ropeDim();
    fields["v_head_dim"] = draw.oneOf({64, 128, 8, 40});
    fields["kv_lora_rank"] = draw.rank();
  }
  if (findOpSpec(kind)->field("page_size") && draw.chance(2))
    fields["page_size"] = draw.oneOf({16, 64, 256});
  return fields;
}

/// Only what the kind has.
Fields known(const OpSpec &spec, const Fields &fields) {
  Fields kept;
  for (const auto &[name, value] : fields)
    if (std::any_of(spec.fields.begin(), spec.fields.end(),
                    [&](const FieldSpec &field) { return field.name == name; }))
      kept[name] = value;
  return kept;
}

Sizes drawSizes(const OpDesc &op, Drawer &draw) {
  auto has = [&](std::string_view name) { return op.tuningPoint().contains(name); };
  Sizes sizes;
  sizes["tokens"] = draw.length(has("context") && !has("batch") ? 8 : 4097);
  if (has("batch")) {
    sizes["batch"] = draw.length(std::min<int64_t>(6, sizes["tokens"]));
    sizes["num_slots"] = sizes["batch"] + draw.between(0, 3);
  } else if (has("num_slots")) {
    sizes["num_slots"] = sizes["tokens"] + draw.between(0, 3);
  }
  if (has("context"))
    sizes["context"] = draw.length(4097);
  if (has("max_len"))
    sizes["max_len"] =
        std::max<int64_t>(sizes.contains("context") ? sizes["context"] : 1, draw.length(4097));
  if (has("num_pages"))
    sizes["num_pages"] = draw.between(1, 8); // beyond what the sequences need, if that is few
  return consistentSizes(op, sizes);
}

double flopsOf(const OpDesc &op, const Sizes &sizes) {
  Result<int64_t> flops = op.spec().flops.evaluate(op.scope(sizes));
  Result<int64_t> bytes = op.operandBytes(sizes);
  return flops && bytes ? std::max(static_cast<double>(*flops), 2 * static_cast<double>(*bytes))
                        : 0;
}

} // namespace

RandomOp drawOp(const std::string &kind, DType dtype, std::mt19937_64 &random, double maxFlops) {
  Drawer draw(random);
  for (int attempt = 0; attempt < 10'000; ++attempt) {
    const OpSpec *spec = findOpSpec(kind);
    if (!spec)
      throw std::runtime_error("no op kind " + kind);
    Fields fields = known(*spec, drawFields(kind, draw));
    fields["dtype"] = std::string(name(dtype));
    Result<OpDesc> op = OpDesc::create(kind, fields);
    if (!op)
      throw std::runtime_error(op.error().message);
    Sizes sizes = drawSizes(*op, draw);
    if (flopsOf(*op, sizes) <= maxFlops)
      return {op->withTuningPoint(sizes), sizes};
  }
  throw std::runtime_error("no random sizes of " + kind + " are small enough");
}

} // namespace zorse
