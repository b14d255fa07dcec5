//===- Arguments.cpp - operands of a launch by name -----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <fmt/format.h>

namespace zorse::reference {

int64_t Tensor::elements() const {
  int64_t n = 1;
  for (int64_t extent : shape)
    n *= extent;
  return n;
}

void Tensor::read(int64_t first, int64_t count, double *to) const {
  switch (type) {
  case DType::F32:
    std::copy_n(static_cast<const float *>(data) + first, count, to);
    return;
  case DType::I32:
    std::copy_n(static_cast<const int32_t *>(data) + first, count, to);
    return;
  case DType::F16: {
    auto *from = static_cast<const uint16_t *>(data) + first;
    std::transform(from, from + count, to, [](uint16_t bits) { return double(fromF16(bits)); });
    return;
  }
  case DType::BF16: {
    auto *from = static_cast<const uint16_t *>(data) + first;
    std::transform(from, from + count, to, [](uint16_t bits) {
      uint32_t wide = uint32_t(bits) << 16;
      float value;
      std::memcpy(&value, &wide, 4);
      return double(value);
    });
    return;
  }
  }
}

std::vector<double> Tensor::read(int64_t first, int64_t count) const {
  std::vector<double> values(static_cast<size_t>(count));
  read(first, count, values.data());
  return values;
}

Result<Arguments> Arguments::bind(const OpDesc &op, std::span<void *const> operands,
                                  const Sizes &sizes) {
  for (const SizeSpec *size : op.sizes())
    if (!sizes.count(size->name))
      return usageError(fmt::format("{} needs the size '{}'", op.kind(), size->name));
  std::vector<const OperandSpec *> specs = op.operands();
  if (specs.size() != operands.size())
    return usageError(
        fmt::format("{} has {} operands, {} were given", op.kind(), specs.size(), operands.size()));
  Arguments args;
  args.op = &op;
  args.sizes = &sizes;
  for (size_t i = 0; i < specs.size(); ++i) {
    Result<std::vector<int64_t>> shape = op.operandShape(*specs[i], sizes);
    if (!shape)
      return shape.takeError();
    Tensor tensor{op.operandDType(*specs[i]), operands[i], shape.take(), specs[i]->name};
    if (!tensor.data && tensor.elements() > 0)
      return usageError(fmt::format("operand '{}' of {} is null", specs[i]->name, op.kind()));
    args.tensors.push_back(std::move(tensor));
  }
  return args;
}

const Tensor &Arguments::operator[](std::string_view name) const {
  auto found = std::find_if(tensors.begin(), tensors.end(),
                            [&](const Tensor &tensor) { return tensor.name == name; });
  assert(found != tensors.end() && "an operand that the spec has");
  return *found;
}

bool Arguments::has(std::string_view name) const {
  return std::any_of(tensors.begin(), tensors.end(),
                     [&](const Tensor &tensor) { return tensor.name == name; });
}

double Arguments::softmaxScale(int64_t width) const {
  double scale = op->getFloat("softmax_scale");
  return scale != 0 ? scale : 1 / std::sqrt(double(width));
}

Status Arguments::checkIndices(std::string_view name, int64_t limit,
                               std::string_view limitName) const {
  const Tensor &indices = (*this)[name];
  for (int64_t i = 0, e = indices.elements(); i < e; ++i)
    if (indices.index(i) < 0 || indices.index(i) >= limit)
      return usageError(fmt::format("{}[{}] of {} is {}, legal are 0 to {} ({} - 1)", name, i,
                                    op->kind(), indices.index(i), limit - 1, limitName));
  return Status::success();
}

Status Arguments::checkOffsets(std::string_view name, int64_t total) const {
  const Tensor &offsets = (*this)[name];
  int64_t last = offsets.elements() - 1;
  for (int64_t i = 0; i < last; ++i)
    if (offsets.index(i) > offsets.index(i + 1))
      return usageError(fmt::format("{} of {} must not fall, but {}[{}] is {} and {}[{}] is {}",
                                    name, op->kind(), name, i, offsets.index(i), name, i + 1,
                                    offsets.index(i + 1)));
  if (offsets.index(0) != 0 || offsets.index(last) != total)
    return usageError(fmt::format("{} of {} must go from 0 to {}, but goes from {} to {}", name,
                                  op->kind(), total, offsets.index(0), offsets.index(last)));
  return Status::success();
}

int64_t Arguments::cacheRow(int64_t slot, int64_t position) const {
  if (!has("page_table"))
    return slot * size("max_len") + position;
  const Tensor &pages = (*this)["page_table"];
  int64_t rows = field("page_size");
  return pages.index(slot * pages.shape[1] + position / rows) * rows + position % rows;
}

Status Arguments::checkPages(int64_t slot, int64_t from, int64_t to) const {
  if (!has("page_table"))
    return Status::success();
  const Tensor &pages = (*this)["page_table"];
  int64_t rows = field("page_size");
  for (int64_t i = from / rows; i * rows < to; ++i) {
    int64_t page = pages.index(slot * pages.shape[1] + i);
    if (page < 0 || page >= size("num_pages"))
      return usageError(fmt::format(
          "page_table[{}, {}] of {} is {}, legal are 0 to {} (num_pages - 1), because slot {} "
          "holds positions {} to {} in pages of {} rows",
          slot, i, op->kind(), page, size("num_pages") - 1, slot, from, to - 1, rows));
  }
  return Status::success();
}

double roundTo(DType type, double value) {
  uint32_t bits = 0;
  storeElement(type, &bits, 0, value);
  return loadElement(type, &bits, 0);
}

double silu(double v) { return v / (1 + std::exp(-v)); }

double softplus(double v) { return v > 20 ? v : std::log1p(std::exp(v)); }

void softmax(std::span<double> scores) {
  double highest = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double &score : scores)
    sum += score = std::exp(score - highest);
  for (double &score : scores)
    score /= sum;
}

} // namespace zorse::reference
