//===- MatrixMultiply.h - executes matrix instructions ----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Neither EXEC nor MODE matters; rounding is to nearest even. The ISA leaves
// open how the k products of one element are summed. Here each is added to C
// with one rounding (fused), in order of k: c = fma(a[k], b[k], c). A NaN that
// results is 0x7fc00000 (f64: 0x7ff8000000000000).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "execute/Lanes.h"
#include "execute/MatrixElements.h"

namespace zorse::emulator::matrix {

inline float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline double fused(double a, double b, double c) { return __builtin_fma(a, b, c); }

/// The lane whose B a lane takes, by pattern blgp, in groups of 16 lanes.
inline int laneGroupOfB(int pattern, int group) {
  switch (pattern) {
  case 1:
    return group & 1;
  case 2:
    return 2 | (group & 1);
  case 3:
    return (group + 1) & 3;
  case 4:
  case 5:
  case 6:
  case 7:
    return pattern - 4;
  default:
    return group;
  }
}

/// Elements of all lanes, and for which rows of [block][k][row] they stand. `Rows` is m or n.
template <Element E, bool Flush, int Rows, int K, int Blocks, class Value>
inline void loadFactor(const Wave &wave, const Operand &operand, int pattern,
                       Value (&to)[Blocks][K][Rows]) {
  constexpr int perLane = Rows * K * Blocks / 64;
  constexpr int bytes = bytesOf(E);
  alignas(64) Value lanes[waveSize];
  for (int j = 0; j < perLane; ++j) {
    if constexpr (E == Element::F64) {
      const uint32_t *low = wave.vgpr[operand.index + 2 * j].lane;
      const uint32_t *high = wave.vgpr[operand.index + 2 * j + 1].lane;
      for (int l = 0; l < waveSize; ++l)
        lanes[l] = std::bit_cast<double>(low[l] | uint64_t(high[l]) << 32);
    } else {
      const uint32_t *from = wave.vgpr[operand.index + j * bytes / 4].lane;
      const int shift = j * bytes % 4 * 8;
      for (int l = 0; l < waveSize; ++l)
        lanes[l] = elementValue<E, Flush>(from[l] >> shift);
    }
    if (pattern) {
      Value old[waveSize];
      std::memcpy(old, lanes, sizeof old);
      for (int group = 0; group < 4; ++group)
        std::memcpy(lanes + 16 * group, old + 16 * laneGroupOfB(pattern, group),
                    16 * sizeof(Value));
    }
    for (int first = 0; first < waveSize; first += Rows) {
      int block = first / Rows % Blocks, k = first / (Rows * Blocks) * perLane + j;
      std::memcpy(to[block][k], lanes + first, Rows * sizeof(Value));
    }
  }
}

/// A block of A in place of each of its group of 2^cbsz blocks: number abid of the group.
template <int Blocks, class Row> inline void broadcastBlocks(Row (&a)[Blocks], int cbsz, int abid) {
  Row old[Blocks];
  std::memcpy(old, a, sizeof old);
  for (int block = 0; block < Blocks; ++block)
    std::memcpy(a[block], old[(block >> cbsz << cbsz) + abid], sizeof(Row));
}

/// Where a run of n columns of C and D lies.
struct Place {
  int reg;  ///< of a pair: in pairs
  int lane; ///< of column 0
};
template <int M, int N, bool Wide> constexpr Place placeOf(int block, int row) {
  constexpr int height = Wide ? 1 : 4;                                       // rows of a stripe
  constexpr int stripes = 64 / N;                                            // in the 64 lanes
  constexpr int together = M * N / height >= 64 ? 1 : 64 / (M * N / height); // blocks in the lanes
  constexpr int stripesOfBlock = stripes / together;
  int stripe = row / height;
  return {block / together * (M * N / 64) + stripe / stripesOfBlock * height + row % height,
          block % together * N + stripe % stripesOfBlock * together * N};
}

/// Reads C into [block][row][column].
template <int M, int N, int Blocks, class Value>
inline void loadSum(const Wave &wave, const Operand &operand, Value (&to)[Blocks][M][N]) {
  constexpr bool wide = sizeof(Value) == 8;
  for (int block = 0; block < Blocks; ++block)
    for (int row = 0; row < M; ++row) {
      auto [reg, lane] = placeOf<M, N, wide>(block, row);
      Value *out = to[block][row];
      if (!operand.isVgpr()) {
        uint64_t bits = operand.constant;
        Value value;
        std::memcpy(&value, &bits, sizeof value);
        for (int column = 0; column < N; ++column)
          out[column] = value;
      } else if constexpr (wide) {
        const uint32_t *low = wave.vgpr[operand.index + 2 * reg].lane + lane;
        const uint32_t *high = wave.vgpr[operand.index + 2 * reg + 1].lane + lane;
        for (int column = 0; column < N; ++column)
          out[column] = std::bit_cast<Value>(low[column] | uint64_t(high[column]) << 32);
      } else {
        std::memcpy(out, wave.vgpr[operand.index + reg].lane + lane, N * sizeof(Value));
      }
    }
}

/// Gives every NaN the same bits.
template <int M, int N, int Blocks, class Value>
inline void unifyNans(Value (&values)[Blocks][M][N]) {
  if constexpr (std::is_floating_point_v<Value>) {
    auto *flat = &values[0][0][0];
    for (int i = 0; i < Blocks * M * N; ++i)
      flat[i] = flat[i] == flat[i] ? flat[i] : std::numeric_limits<Value>::quiet_NaN();
  }
}

template <int M, int N, int Blocks, class Value>
inline void storeSum(Wave &wave, const Operand &operand, Value (&from)[Blocks][M][N]) {
  unifyNans<M, N, Blocks>(from);
  constexpr bool wide = sizeof(Value) == 8;
  for (int block = 0; block < Blocks; ++block)
    for (int row = 0; row < M; ++row) {
      auto [reg, lane] = placeOf<M, N, wide>(block, row);
      const Value *in = from[block][row];
      if constexpr (wide) {
        uint32_t *low = wave.vgpr[operand.index + 2 * reg].lane + lane;
        uint32_t *high = wave.vgpr[operand.index + 2 * reg + 1].lane + lane;
        for (int column = 0; column < N; ++column) {
          auto bits = std::bit_cast<uint64_t>(in[column]);
          low[column] = static_cast<uint32_t>(bits);
          high[column] = static_cast<uint32_t>(bits >> 32);
        }
      } else {
        std::memcpy(wave.vgpr[operand.index + reg].lane + lane, in, N * sizeof(Value));
      }
    }
}

/// c[row][column] += a[k][row] * b[k][column]. A few rows at a time stay in registers.
template <int M, int N, int K, class Value>
inline void multiplyBlock(const Value (&a)[K][M], const Value (&b)[K][N], Value (&c)[M][N]) {
  constexpr int wanted = 256 / (N * static_cast<int>(sizeof(Value)));
  constexpr int rows = wanted < 1 ? 1 : wanted < M ? wanted : M;
  for (int first = 0; first < M; first += rows) {
    Value sum[rows][N];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; ++r)
      for (int column = 0; column < N; ++column)
        sum[r][column] = c[first + r][column];
    for (int k = 0; k < K; ++k)
#pragma clang loop unroll(full)
      for (int r = 0; r < rows; ++r)
        for (int column = 0; column < N; ++column)
          sum[r][column] = fused(a[k][first + r], b[k][column], sum[r][column]);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; ++r)
      for (int column = 0; column < N; ++column)
        c[first + r][column] = sum[r][column];
  }
}

template <class Value, int Size> inline int nonZeros(const Value (&values)[Size]) {
  int count = 0;
  for (Value value : values)
    count += value != 0;
  return count;
}

template <class Value, int Rows, int Columns>
inline bool anyZero(const Value (&values)[Rows][Columns]) {
  bool zero = false;
  const Value *flat = &values[0][0];
  for (int i = 0; i < Rows * Columns; ++i)
    zero |= flat[i] == 0;
  return zero;
}

/// Products of which no factor is 0.
template <int M, int N, int K, class Value>
inline uint64_t usefulProducts(const Value (&a)[K][M], const Value (&b)[K][N]) {
  if (!anyZero(a) && !anyZero(b))
    return uint64_t(M) * N * K;
  uint64_t products = 0;
  for (int k = 0; k < K; ++k)
    products += static_cast<uint64_t>(nonZeros(a[k])) * static_cast<uint64_t>(nonZeros(b[k]));
  return products;
}

/// Calls `body` with what is to take the products: the sums, or for integers zeros that are added
/// to them in the end, modulo 2^32.
template <class Value, int Blocks, int M, int N, class Body>
inline void accumulate(Value (&sums)[Blocks][M][N], Body body) {
  if constexpr (std::is_same_v<Value, int32_t>) {
    alignas(64) float products[Blocks][M][N] = {};
    body(products);
    const float *from = &products[0][0][0];
    int32_t *to = &sums[0][0][0];
    for (int i = 0; i < Blocks * M * N; ++i)
      to[i] = static_cast<int32_t>(static_cast<uint32_t>(to[i]) +
                                   static_cast<uint32_t>(static_cast<int32_t>(from[i])));
  } else {
    body(sums);
  }
}

template <MatrixOp Op> void multiply(Wave &wave, const Instruction &in) {
  constexpr int M = Op.m, N = Op.n, K = Op.k, Blocks = Op.blocks;
  const auto [cbsz, abid, blgp] = in.matrix;
  constexpr bool isF64 = Op.a == Element::F64;
  alignas(64) Factor<Op.a> a[Blocks][K][M];
  alignas(64) Factor<Op.b> b[Blocks][K][N];
  alignas(64) Sum<Op.a> c[Blocks][M][N];
  loadFactor<Op.a, Op.flushes, M, K, Blocks>(wave, in.src[0], 0, a);
  loadFactor<Op.b, Op.flushes, N, K, Blocks>(wave, in.src[1], isF64 ? 0 : blgp, b);
  loadSum<M, N, Blocks>(wave, in.src[2], c);
  if (cbsz)
    broadcastBlocks(a, cbsz, abid);
  if constexpr (isF64)
    if (blgp) {
      auto negate = [](auto &values) {
        auto *value = reinterpret_cast<double *>(&values);
        for (size_t i = 0; i < sizeof values / sizeof *value; ++i)
          value[i] = -value[i];
      };
      if (blgp & 1)
        negate(a);
      if (blgp & 2)
        negate(b);
      if (blgp & 4)
        negate(c);
    }
  if constexpr (Op.flushes)
    for (auto &block : c)
      for (auto &row : block)
        for (float &value : row)
          value = flushFloat(value);
  uint64_t useful = 0;
  accumulate(c, [&](auto &sums) {
    for (int block = 0; block < Blocks; ++block)
      multiplyBlock(a[block], b[block], sums[block]);
  });
  for (int block = 0; block < Blocks; ++block)
    useful += usefulProducts(a[block], b[block]);
  if constexpr (Op.flushes)
    for (auto &block : c)
      for (auto &row : block)
        for (float &value : row)
          value = flushFloat(value);
  storeSum<M, N, Blocks>(wave, in.dst, c);
  wave.counts->matrixFlopsIssued += uint64_t(2) * M * N * K * Blocks;
  wave.counts->matrixFlopsUseful += 2 * useful;
}

/// The product of two factors of one type.
template <Element E, int M, int N, int K, int Blocks, bool Flushes = false>
constexpr MatrixEntry sameElements() {
  constexpr MatrixOp op{
      .a = E, .b = E, .m = M, .n = N, .k = K, .blocks = Blocks, .flushes = Flushes};
  return {op, multiply<op>};
}

} // namespace zorse::emulator::matrix
