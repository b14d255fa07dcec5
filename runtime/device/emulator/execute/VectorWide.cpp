//===- VectorWide.cpp - 64-bit integers ----------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/VectorRun.h"
#include "execute/VectorTables.h"

namespace zorse::emulator {

namespace {
using U = uint32_t;
using W = uint64_t;

// No entry for clamp: its carry and its saturation are not documented together.
WithBit<W> mad(uint32_t a, uint32_t b, uint64_t c) {
  W product = W(a) * b, sum = product + c;
  return {sum, sum < product};
}
/// The bit is the overflow of the signed sum.
WithBit<W> madSigned(uint32_t a, uint32_t b, uint64_t c) {
  W product = W(int64_t(int32_t(a)) * int32_t(b)), sum = product + c;
  return {sum, ((sum ^ product) & (sum ^ c)) >> 63 != 0};
}

template <auto op> void runMad(Wave &wave, const Instruction &inst) {
  if (inst.clamp)
    return wave.stop("clamp of a 64-bit multiply-add is not supported");
  runWithBit<op, false, B64, B32, B32, B64>(wave, inst);
}

constexpr HandlerEntry table[] = {
    {"v_mov_b64", run<[](W a) { return a; }, B64, B64>},
    {"v_lshlrev_b64", run<[](U a, W b) { return b << (a & 63); }, B64, B32, B64>},
    {"v_lshrrev_b64", run<[](U a, W b) { return b >> (a & 63); }, B64, B32, B64>},
    {"v_ashrrev_i64", run<[](U a, W b) { return int64_t(b) >> (a & 63); }, B64, B32, B64>},
    // Shifts beyond 4 are not defined; the three bits of the amount are what hardware reads.
    {"v_lshl_add_u64", run<[](W a, U b, W c) { return (a << (b & 7)) + c; }, B64, B64, B32, B64>},
    {"v_mad_u64_u32", runMad<[](U a, U b, W c) { return mad(a, b, c); }>},
    {"v_mad_i64_i32", runMad<[](U a, U b, W c) { return madSigned(a, b, c); }>},
};
} // namespace

HandlerTable vectorWide() { return table; }

} // namespace zorse::emulator
