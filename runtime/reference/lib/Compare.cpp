//===- Compare.cpp - is a result as exact as it must be -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "zorse/reference/Compare.h"

#include "zorse/reference/Fill.h"

#include "Arguments.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <limits>

namespace zorse {
using reference::Arguments;
using reference::Tensor;

namespace {
/// Intermediates that are rounded to the dtype of the op, see the header.
int roundedIntermediates(const OpDesc &op) {
  const std::string &kind = op.kind();
  if (kind == "mla_decode" || kind == "mla_prefill" || kind == "gqa_decode" ||
      kind == "gqa_prefill")
    return 2;
  if (kind == "ssd_scan")
    return 3;
  if (kind == "mamba2_step")
    return 2;
  if (kind == "rmsnorm" && op.getText("rounding") == "double")
    return 1;
  return 0;
}

/// Kinds whose products a matrix unit takes in the dtype of the op.
bool hasMatrixProducts(const OpDesc &op) {
  const std::string &kind = op.kind();
  return kind.ends_with("_decode") || kind.ends_with("_prefill") || kind == "ssd_scan" ||
         kind == "linear" || kind == "mla_absorb" || kind == "mla_expand";
}

/// sqrt(D) s of the header for attention, 0 for the others: the factors of queries and keys are of
/// unit size, absorbed ones too.
double scoreSpread(const OpDesc &op) {
  const std::string &kind = op.kind();
  bool grouped = kind == "gqa_decode" || kind == "gqa_prefill";
  if (!grouped && kind != "mla_decode" && kind != "mla_prefill")
    return 0;
  int64_t width =
      grouped ? op.get("head_dim") : op.get("qk_nope_head_dim") + op.get("qk_rope_head_dim");
  double scale = op.getFloat("softmax_scale");
  if (scale == 0)
    scale = 1 / std::sqrt(double(width));
  int64_t products =
      kind == "mla_decode" ? op.get("kv_lora_rank") + op.get("qk_rope_head_dim") : width;
  return scale * double(products);
}

double smallestSubnormal(DType type) {
  switch (type) {
  case DType::F32:
    return std::ldexp(1.0, -149);
  case DType::F16:
    return std::ldexp(1.0, -24);
  case DType::BF16:
    return std::ldexp(1.0, -133);
  case DType::I32:
    return 0;
  }
  return 0;
}

/// Elements that share one root mean square: innermost dimensions, at least 32 elements.
int64_t scaleGroup(const std::vector<int64_t> &shape) {
  int64_t group = 1;
  for (size_t i = shape.size(); i-- > 0 && group < 32;)
    group *= shape[i];
  return std::max<int64_t>(group, 1);
}

std::string position(const Tensor &tensor, int64_t flat) {
  std::vector<int64_t> index(tensor.shape.size());
  for (size_t i = index.size(); i-- > 0; flat /= tensor.shape[i])
    index[i] = flat % tensor.shape[i];
  return fmt::format("{}[{}]", tensor.name, fmt::join(index, ","));
}

bool isPoison(const Tensor &tensor, int64_t index) {
  uint8_t poison[4] = {poisonByte, poisonByte, poisonByte, poisonByte};
  size_t width = byteWidth(tensor.type);
  return !std::memcmp(static_cast<const uint8_t *>(tensor.data) + size_t(index) * width, poison,
                      width);
}

void compareTensor(const Tensor &got, const Tensor &want, const Tolerance &tolerance,
                   Comparison &result) {
  int64_t total = want.elements(), group = scaleGroup(want.shape);
  std::vector<double> g(static_cast<size_t>(group)), w(static_cast<size_t>(group));
  for (int64_t first = 0; first < total; first += group) {
    got.read(first, group, g.data());
    want.read(first, group, w.data());
    double squares = 0;
    for (double value : w)
      squares += std::isfinite(value) ? value * value : 0;
    double rms = std::sqrt(squares / double(group));
    for (int64_t i = 0; i < group; ++i) {
      bool bothNaN = std::isnan(g[i]) && std::isnan(w[i]);
      if (bothNaN || g[i] == w[i])
        continue;
      double allowed =
          tolerance.relative * std::abs(w[i]) + tolerance.scaled * rms + tolerance.absolute;
      double error = std::abs(g[i] - w[i]) / allowed;
      if (!std::isfinite(g[i]) || !std::isfinite(w[i]) || std::isnan(error))
        error = std::numeric_limits<double>::infinity();
      result.wrong += error > 1;
      // The first of the infinite errors is the one to look at.
      if (error > result.maxError) {
        result.maxError = error;
        result.detail =
            fmt::format("{}: got {:.7g}{}, want {:.7g}, allowed {:.3g}", position(want, first + i),
                        g[i], isPoison(got, first + i) ? " (never written)" : "", w[i], allowed);
      }
    }
  }
  result.elements += total;
}
} // namespace

Result<Tolerance> toleranceOf(const OpDesc &op, const OperandSpec &operand, const Sizes &sizes,
                              bool flushed) {
  DType out = op.operandDType(operand);
  if (out == DType::I32)
    return Tolerance{};
  Result<int64_t> length = op.spec().reductionLength.evaluate(op.scope(sizes));
  if (!length)
    return length.takeError();
  int n = roundedIntermediates(op);
  double mid = n ? unitRoundoff(op.getDType("dtype")) : 0;
  double accumulate = unitRoundoff(DType::F32);
  double other = 32;
  if (op.kind() == "ssm_update")
    other = 64;
  if (op.kind() == "mamba2_step")
    other = 64 + 4 * 32;
  if (op.kind() == "ssd_scan")
    other = 64 + 16 * 256;
  Tolerance tolerance;
  tolerance.relative = 2 * unitRoundoff(out) + 2 * mid;
  tolerance.scaled =
      6 / std::sqrt(3.0) * std::sqrt(double(n)) * mid +
      (6 / std::sqrt(6.0) * (std::sqrt(double(*length)) + scoreSpread(op)) + other) * accumulate;
  tolerance.absolute = smallestSubnormal(out);
  if (flushed && hasMatrixProducts(op) && op.getDType("dtype") == DType::F16) {
    double smallestNormal = std::ldexp(1.0, -14);
    double lost = 0.8 * smallestNormal * std::pow(double(*length), 1.5);
    tolerance.absolute += 6 / std::sqrt(3.0) * std::sqrt(lost + 4) * smallestNormal;
  }
  return tolerance;
}

Result<Comparison> compareOperands(const OpDesc &op, const Sizes &sizes, std::span<void *const> got,
                                   std::span<void *const> want, bool flushed) {
  Result<Arguments> gotArgs = Arguments::bind(op, got, sizes);
  if (!gotArgs)
    return gotArgs.takeError();
  Result<Arguments> wantArgs = Arguments::bind(op, want, sizes);
  if (!wantArgs)
    return wantArgs.takeError();
  Comparison result;
  for (const OperandSpec *operand : op.operands()) {
    if (operand->role == OperandSpec::Role::In)
      continue;
    Result<Tolerance> tolerance = toleranceOf(op, *operand, sizes, flushed);
    if (!tolerance)
      return tolerance.takeError();
    compareTensor((*gotArgs)[operand->name], (*wantArgs)[operand->name], *tolerance, result);
  }
  result.passed = result.wrong == 0;
  return result;
}

} // namespace zorse
