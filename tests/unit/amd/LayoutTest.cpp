//===- LayoutTest.cpp - every element has one place -----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Layout.h"

#include <gtest/gtest.h>

#include <map>

using namespace zorse::amd;

namespace {

using Place = std::array<int64_t, 4>; ///< wave, lane, register, element

/// Calls function(row, column, place) for each element that some register holds.
template <typename Function> void forEach(const Layout &layout, int64_t waves, Function function) {
  for (int64_t wave = 0; wave < waves; ++wave)
    for (int64_t lane = 0; lane < waveSize; ++lane)
      for (int64_t reg = 0; reg < layout.registers(); ++reg)
        for (int64_t element = 0; element < layout.vec(); ++element) {
          auto reps = layout.repsOf(reg);
          EXPECT_EQ(layout.registerOf(reps), reg);
          std::array<int64_t, 2> at = {0, 0};
          for (unsigned dim = 0; dim < layout.rank(); ++dim)
            at[dim] = layout.dims[dim].coordinate(wave, lane, reps[dim],
                                                  layout.vecDim() == dim ? element : 0);
          function(at[0], at[1], Place{wave, lane, reg, element});
        }
}

/// Every element of the tile in exactly one place, nothing beyond what `padded` admits.
void expectOnePlaceEach(const Layout &layout, int64_t waves) {
  int64_t rows = layout.dims[0].extent, columns = layout.dims[1].extent;
  std::map<std::pair<int64_t, int64_t>, int> count;
  forEach(layout, waves, [&](int64_t row, int64_t column, Place) {
    if (row < rows && column < columns)
      ++count[{row, column}];
    else
      EXPECT_TRUE(layout.padded());
  });
  EXPECT_EQ(int64_t(count.size()), rows * columns) << layout.text();
  for (const auto &[at, places] : count)
    ASSERT_EQ(places, 1) << at.first << "," << at.second << " of " << layout.text();
}

TEST(Layout, AccumulatorsHaveOnePlaceEach) {
  for (int64_t waves : {1, 2, 4, 8})
    for (auto [m, n] : {std::pair{16, 16}, {16, 128}, {32, 64}, {48, 80}, {64, 48}, {128, 16}})
      expectOnePlaceEach(accumulatorLayout(m, n, waves), waves);
}

TEST(Layout, BlockedTilesHaveOnePlaceEach) {
  LayoutDemand wide{{{2, 1, 8}}, {1}, {}};
  LayoutDemand transposed{{{2, 1, 8}}, {}, {1, 0}};
  for (int64_t waves : {1, 2, 4, 8})
    for (auto [m, n] : {std::pair{1, 3072}, {24, 128}, {64, 160}, {16, 816}, {7, 13}, {256, 1}})
      for (const LayoutDemand &demand : {LayoutDemand{}, wide, transposed})
        expectOnePlaceEach(blockedLayout({m, n}, waves, demand), waves);
}

// The instruction takes B as its first operand: of its 16 x 16 result, lane l holds column l % 16
// and rows 4 * (l / 16) + r. Its rows are our columns, its columns our rows.
TEST(Layout, AnAccumulatorIsTheTransposedResultOfTheInstruction) {
  Layout layout = accumulatorLayout(16, 16, 1);
  ASSERT_EQ(layout.registers(), 1);
  ASSERT_EQ(layout.vec(), 4);
  forEach(layout, 1, [](int64_t row, int64_t column, Place place) {
    auto [wave, lane, reg, r] = place;
    EXPECT_EQ(row, lane % 16);
    EXPECT_EQ(column, 4 * (lane / 16) + r);
  });
}

// One register of chunk 4 is what a 16 x 16 x 16 instruction takes: row l % 16, k = 4 * (l / 16) +
// j.
TEST(Layout, AnOperandIsWhatTheInstructionTakes) {
  for (bool isB : {false, true}) {
    Layout layout = operandLayout(16, 16, 4, isB, 1, {1, 1});
    ASSERT_EQ(layout.registers(), 1);
    forEach(layout, 1, [](int64_t row, int64_t k, Place place) {
      auto [wave, lane, reg, j] = place;
      EXPECT_EQ(row, lane % 16);
      EXPECT_EQ(k, 4 * (lane / 16) + j);
    });
  }
}

// Wider chunks only reorder k, and alike for A and B: register by register, half by half, both
// sides meet at the same k.
TEST(Layout, WideChunksOfBothOperandsMeetAtTheSameK) {
  Layout a = operandLayout(32, 64, 8, false, 1, {2, 2});
  Layout b = operandLayout(64, 64, 8, true, 0, {2, 2});
  for (int64_t lane = 0; lane < waveSize; ++lane)
    for (int64_t rep = 0; rep < 2; ++rep)
      for (int64_t j = 0; j < 8; ++j)
        for (int64_t other = lane / 16 * 16; other < lane / 16 * 16 + 16; ++other)
          EXPECT_EQ(a.dims[1].coordinate(0, lane, rep, j), b.dims[0].coordinate(3, other, rep, j));
}

TEST(Layout, TheResultOfOneProductIsAnOperandOfTheNext) {
  EXPECT_EQ(accumulatorLayout(32, 64, 2), operandLayout(32, 64, 4, false, 1, WaveGrid::of(32, 2)));
  // Not if waves share the columns: then each holds only a part of k.
  EXPECT_NE(accumulatorLayout(16, 64, 2), operandLayout(16, 64, 4, false, 1, WaveGrid::of(16, 2)));
}

TEST(Layout, WavesGoAlongRowsAsFarAsBlocksDivide) {
  auto grid = [](int64_t rows, int64_t waves) {
    WaveGrid g = WaveGrid::of(rows, waves);
    return std::pair(g.m, g.n);
  };
  EXPECT_EQ(grid(64, 4), std::pair(int64_t(4), int64_t(1)));
  EXPECT_EQ(grid(16, 4), std::pair(int64_t(1), int64_t(4)));
  EXPECT_EQ(grid(48, 4), std::pair(int64_t(1), int64_t(4)));
  EXPECT_EQ(grid(32, 8), std::pair(int64_t(2), int64_t(4)));
}

TEST(Layout, LoadsAreAsWideAsMemoryAllows) {
  // 160 bf16 are 20 lanes of 16 bytes: no lane count that is a power of two fits without waste, and
  // none is wanted beyond a quarter.
  Layout layout = blockedLayout({64, 160}, 4, {{{2, 1, 8}}, {}, {}});
  EXPECT_EQ(layout.vecDim(), 1u);
  EXPECT_EQ(layout.vec(), 8);
  EXPECT_LE(layout.registers() * layout.vec() * waveSize * 4, 64 * 160 * 5 / 4);
  // A column of a transposed matrix is what lies together there.
  EXPECT_EQ(blockedLayout({64, 64}, 1, {{{2, 0, 8}}, {}, {}}).vecDim(), 0u);
}

TEST(Layout, SlicesOfOneRowGridAgree) {
  Layout scores = accumulatorLayout(32, 64, 2), sums = accumulatorLayout(32, 160, 2);
  EXPECT_EQ(scores.slice(0), sums.slice(0));
  EXPECT_EQ(scores.slice(0).freeLaneBits(), 48);
  EXPECT_EQ(scores.slice(1).freeLaneBits(), 15);
  EXPECT_EQ(scores.slice(1).freeWaveBits(2), 1);
}

} // namespace
