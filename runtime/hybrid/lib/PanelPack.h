//===- PanelPack.h - weights in panels --------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The layout that `linear` and `embed` call `panel`: so many rows of the weight side
// by side, k after k, of bf16 two k at a time, zero padded. A kernel then reads one
// stream of whole vectors for any number of tokens.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/DType.h"
#include "zorse/hybrid/Safetensors.h"

#include <cstdint>
#include <span>
#include <vector>

namespace zorse {

/// Bytes of one panel: `panel` rows of `columns` elements.
size_t panelBytes(int64_t panel, int64_t columns, DType dtype);

/// Matrices [rows_i, columns] one below the other, as a checkpoint holds them: of one width, any
/// types.
class StackedRows {
public:
  explicit StackedRows(std::vector<const TensorView *> parts);

  int64_t rows() const { return total; }
  int64_t columns() const { return width; }
  /// Where a row lies in the mapped file.
  std::span<const uint8_t> row(int64_t index) const;
  /// The mapped bytes of rows [first, last), a span for each matrix that they touch.
  std::vector<std::span<const uint8_t>> bytesOf(int64_t first, int64_t last) const;
  /// Writes row `index` as `dtype`, rounding to nearest even.
  void convertRow(int64_t index, DType dtype, uint8_t *to) const;

private:
  /// The matrix of a row; `index` becomes the row inside it.
  const TensorView &find(int64_t &index) const;
  std::vector<const TensorView *> parts;
  int64_t total = 0, width = 0;
};

/// Packs panels [first, last) of the rows into `to`, which begins with panel `first`. What the
/// panels have beyond the rows and, in pairs, beyond an odd width becomes zero.
void packPanels(const StackedRows &rows, int64_t first, int64_t last, int64_t panel, DType dtype,
                uint8_t *to);

} // namespace zorse
