//===- Arguments.h - operands of a launch by name ---------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/OpDesc.h"

#include <span>
#include <vector>

namespace zorse::reference {

/// A dense row-major operand; indices are flat.
struct Tensor {
  DType type = DType::F32;
  void *data = nullptr;
  std::vector<int64_t> shape;
  std::string_view name;

  int64_t elements() const;
  /// Elements of one index of the outermost dimension.
  int64_t stride() const { return shape[0] ? elements() / shape[0] : 0; }
  double at(int64_t index) const { return loadElement(type, data, size_t(index)); }
  int64_t index(int64_t i) const { return static_cast<const int32_t *>(data)[i]; }
  void set(int64_t index, double value) const { storeElement(type, data, size_t(index), value); }
  /// `count` elements from `first` on, as fp64.
  void read(int64_t first, int64_t count, double *to) const;
  std::vector<double> read(int64_t first, int64_t count) const;
};

/// The operands, sizes and fields of one launch.
class Arguments {
public:
  static Result<Arguments> bind(const OpDesc &op, std::span<void *const> operands,
                                const Sizes &sizes);

  /// The operand of this name, which must exist.
  const Tensor &operator[](std::string_view name) const;
  bool has(std::string_view name) const;
  int64_t size(std::string_view name) const { return sizes->find(name)->second; }
  int64_t field(std::string_view name) const { return op->get(name); }
  const OpDesc &desc() const { return *op; }
  /// `softmax_scale`, or width^-0.5 where that field is 0.
  double softmaxScale(int64_t width) const;

  /// Every element of the i32 operand in [0, limit).
  Status checkIndices(std::string_view name, int64_t limit, std::string_view limitName) const;
  /// The i32 operand starts at 0, never falls, and ends at `total`.
  Status checkOffsets(std::string_view name, int64_t total) const;

  /// The row of the caches that holds position `position` of `slot`, counted over all slots, or
  /// over all pages where there is a page table.
  int64_t cacheRow(int64_t slot, int64_t position) const;
  /// The page table names a page for each of the positions `from` to `to - 1` of `slot`; without
  /// pages there is nothing to check.
  Status checkPages(int64_t slot, int64_t from, int64_t to) const;

private:
  const OpDesc *op = nullptr;
  const Sizes *sizes = nullptr;
  std::vector<Tensor> tensors;
};

inline double dot(const double *a, const double *b, int64_t n) {
  // Four partial sums let the processor overlap the additions; fp64 hides the order.
  double s[4] = {0, 0, 0, 0};
  int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (int j = 0; j < 4; ++j)
      s[j] += a[i + j] * b[i + j];
  for (; i < n; ++i)
    s[0] += a[i] * b[i];
  return (s[0] + s[1]) + (s[2] + s[3]);
}

/// The value as the type stores it.
double roundTo(DType type, double value);
double silu(double v);
/// log(1 + exp(v)), the identity above 20.
double softplus(double v);
/// Replaces scores by their softmax; returns nothing to divide by afterwards.
void softmax(std::span<double> scores);

using Implementation = Status (*)(const Arguments &);
Status runLinear(const Arguments &);
Status runEmbed(const Arguments &);
Status runArgmax(const Arguments &);
Status runRmsnorm(const Arguments &);
Status runGatedRmsnorm(const Arguments &);
Status runSwiglu(const Arguments &);
Status runMamba2Step(const Arguments &);
Status runMlaRopeAppend(const Arguments &);
Status runGqaRopeAppend(const Arguments &);
Status runMlaAbsorb(const Arguments &);
Status runMlaExpand(const Arguments &);
Status runMlaDecode(const Arguments &);
Status runMlaPrefill(const Arguments &);
Status runGqaDecode(const Arguments &);
Status runGqaPrefill(const Arguments &);
Status runCausalConv1d(const Arguments &);
Status runCausalConv1dUpdate(const Arguments &);
Status runSsdScan(const Arguments &);
Status runSsmUpdate(const Arguments &);

} // namespace zorse::reference
