//===- PanelPack.cpp - weights in panels ----------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "PanelPack.h"

#include <algorithm>
#include <cstring>

namespace zorse {

namespace {

/// to[k * panel + n] = from[n][k] in units of `Unit`: a pair of bf16, an f32 or an f16.
template <typename Unit>
void interleave(const uint8_t *rows, size_t rowBytes, int64_t units, int64_t panel, uint8_t *to) {
  // So many units of every row that both sides stay in the first-level cache.
  constexpr int64_t strip = 64 / sizeof(Unit);
  for (int64_t begin = 0; begin < units; begin += strip) {
    const int64_t end = std::min(units, begin + strip);
    for (int64_t n = 0; n < panel; ++n)
      for (int64_t k = begin; k < end; ++k)
        std::memcpy(to + (k * panel + n) * static_cast<int64_t>(sizeof(Unit)),
                    rows + static_cast<size_t>(n) * rowBytes +
                        static_cast<size_t>(k) * sizeof(Unit),
                    sizeof(Unit));
  }
}

int64_t groupOf(DType dtype) { return dtype == DType::BF16 ? 2 : 1; }

} // namespace

size_t panelBytes(int64_t panel, int64_t columns, DType dtype) {
  const int64_t group = groupOf(dtype);
  return static_cast<size_t>(panel * ((columns + group - 1) / group * group)) * byteWidth(dtype);
}

StackedRows::StackedRows(std::vector<const TensorView *> given) : parts(std::move(given)) {
  for (const TensorView *part : parts) {
    total += part->shape[0];
    width = part->shape[0] ? part->elements() / part->shape[0] : width;
  }
}

const TensorView &StackedRows::find(int64_t &index) const {
  size_t part = 0;
  for (; index >= parts[part]->shape[0]; ++part)
    index -= parts[part]->shape[0];
  return *parts[part];
}

std::span<const uint8_t> StackedRows::row(int64_t index) const {
  const TensorView &part = find(index);
  const size_t bytes = static_cast<size_t>(width) * byteWidth(part.dtype);
  return part.bytes.subspan(static_cast<size_t>(index) * bytes, bytes);
}

std::vector<std::span<const uint8_t>> StackedRows::bytesOf(int64_t first, int64_t last) const {
  std::vector<std::span<const uint8_t>> spans;
  for (last = std::min(last, total); first < last;) {
    int64_t index = first;
    const TensorView &part = find(index);
    const int64_t count = std::min(last - first, part.shape[0] - index);
    const size_t bytes = static_cast<size_t>(width) * byteWidth(part.dtype);
    spans.push_back(
        part.bytes.subspan(static_cast<size_t>(index) * bytes, static_cast<size_t>(count) * bytes));
    first += count;
  }
  return spans;
}

void StackedRows::convertRow(int64_t index, DType dtype, uint8_t *to) const {
  const std::span<const uint8_t> from = row(index);
  const TensorView &part = find(index);
  if (part.dtype == dtype) {
    std::memcpy(to, from.data(), from.size());
    return;
  }
  TensorView one = part;
  one.bytes = from;
  const std::vector<float> values = one.toFloats();
  for (size_t i = 0; i < values.size(); ++i)
    storeElement(dtype, to, i, static_cast<double>(values[i]));
}

void packPanels(const StackedRows &rows, int64_t first, int64_t last, int64_t panel, DType dtype,
                uint8_t *to) {
  const size_t each = panelBytes(panel, rows.columns(), dtype);
  const size_t rowBytes = each / static_cast<size_t>(panel);
  std::vector<uint8_t> lines(each);
  for (int64_t p = first; p < last; ++p, to += each) {
    for (int64_t n = 0; n < panel; ++n) {
      uint8_t *line = lines.data() + static_cast<size_t>(n) * rowBytes;
      if (p * panel + n < rows.rows())
        rows.convertRow(p * panel + n, dtype, line);
      else
        std::memset(line, 0, rowBytes);
    }
    const int64_t units =
        static_cast<int64_t>(rowBytes / (byteWidth(dtype) * static_cast<size_t>(groupOf(dtype))));
    if (dtype == DType::F16)
      interleave<uint16_t>(lines.data(), rowBytes, units, panel, to);
    else
      interleave<uint32_t>(lines.data(), rowBytes, units, panel, to);
  }
}

} // namespace zorse
