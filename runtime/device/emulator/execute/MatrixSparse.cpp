//===- MatrixSparse.cpp - v_smfmac: A has two of four -----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// D += A B. Of every four consecutive k, A holds two, in order of storage; the
// third source says which: two bits for each element that a lane holds. There
// are four such sets in a register for 16-bit elements, two for 8-bit ones;
// abid chooses one, and cbsz other than 0 means the first.
//
//===----------------------------------------------------------------------===//
#include "execute/MatrixMultiply.h"

namespace zorse::emulator {
namespace {

template <MatrixOp Op> void multiplySparse(Wave &wave, const Instruction &in) {
  constexpr int M = Op.m, N = Op.n, K = Op.k, stored = Op.k / 2;
  constexpr int perLane = Op.perLane(), bitsOfSet = 2 * perLane;
  alignas(64) Factor<Op.a> a[1][stored][M];
  alignas(64) Factor<Op.b> b[1][K][N];
  alignas(64) Sum<Op.a> c[1][M][N];
  matrix::loadFactor<Op.a, false, M, stored, 1>(wave, in.src[0], 0, a);
  matrix::loadFactor<Op.b, false, N, K, 1>(wave, in.src[1], 0, b);
  matrix::loadSum<M, N, 1>(wave, in.dst, c);
  const int set = in.matrix[0] ? 0 : in.matrix[1];
  const uint32_t *indices = wave.vgpr[in.src[2].index].lane;
  uint64_t useful = 0;
  int nonZerosOfB[K];
  for (int k = 0; k < K; ++k)
    nonZerosOfB[k] = matrix::nonZeros(b[0][k]);
  matrix::accumulate(c, [&](auto &sums) {
    for (int s = 0; s < stored; ++s)
      for (int row = 0; row < M; ++row) {
        int lane = s / perLane * M + row, element = s % perLane;
        auto index = static_cast<int>(indices[lane] >> (set * bitsOfSet + 2 * element) & 3);
        int k = s / 2 * 4 + index;
        float factor = a[0][s][row];
        useful += factor != 0 ? static_cast<uint64_t>(nonZerosOfB[k]) : 0;
        for (int column = 0; column < N; ++column)
          sums[0][row][column] = matrix::fused(factor, b[0][k][column], sums[0][row][column]);
      }
  });
  matrix::storeSum<M, N, 1>(wave, in.dst, c);
  wave.counts->matrixFlopsIssued += uint64_t(2) * M * N * stored; // what it multiplies
  wave.counts->matrixFlopsUseful += 2 * useful;
}

template <Element A, Element B, int M, int N, int K> constexpr MatrixEntry entry() {
  constexpr MatrixOp op{.a = A, .b = B, .m = M, .n = N, .k = K, .sparse = true};
  return {op, multiplySparse<op>};
}

using enum Element;
constexpr MatrixEntry entries[] = {
    entry<F16, F16, 16, 16, 32>(),         entry<F16, F16, 32, 32, 16>(),
    entry<Bf16, Bf16, 16, 16, 32>(),       entry<Bf16, Bf16, 32, 32, 16>(),
    entry<I8, I8, 16, 16, 64>(),           entry<I8, I8, 32, 32, 32>(),
    entry<Bf8Fnuz, Bf8Fnuz, 16, 16, 64>(), entry<Bf8Fnuz, Fp8Fnuz, 16, 16, 64>(),
    entry<Fp8Fnuz, Bf8Fnuz, 16, 16, 64>(), entry<Fp8Fnuz, Fp8Fnuz, 16, 16, 64>(),
    entry<Bf8Fnuz, Bf8Fnuz, 32, 32, 32>(), entry<Bf8Fnuz, Fp8Fnuz, 32, 32, 32>(),
    entry<Fp8Fnuz, Bf8Fnuz, 32, 32, 32>(), entry<Fp8Fnuz, Fp8Fnuz, 32, 32, 32>(),
    entry<Bf8, Bf8, 16, 16, 64>(),         entry<Bf8, Fp8, 16, 16, 64>(),
    entry<Fp8, Bf8, 16, 16, 64>(),         entry<Fp8, Fp8, 16, 16, 64>(),
    entry<Bf8, Bf8, 32, 32, 32>(),         entry<Bf8, Fp8, 32, 32, 32>(),
    entry<Fp8, Bf8, 32, 32, 32>(),         entry<Fp8, Fp8, 32, 32, 32>(),
};

} // namespace

Handler findMatrixSparse(const MatrixOp &op) { return findEntry(entries, op); }

} // namespace zorse::emulator
