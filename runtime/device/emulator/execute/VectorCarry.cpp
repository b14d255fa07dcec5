//===- VectorCarry.cpp - carries and conditions as lane masks ------------===//
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
using Sum = WithBit<U>;

Sum add(const Modes &m, U a, U b, U carry) {
  uint64_t sum = uint64_t(a) + b + carry;
  bool over = sum >> 32;
  return {m.clamp && over ? ~0u : U(sum), over};
}
Sum sub(const Modes &m, U a, U b, U borrow) {
  bool under = uint64_t(b) + borrow > a;
  return {m.clamp && under ? 0 : a - b - borrow, under};
}

constexpr auto addCarry = [](const Modes &m, U a, U b, U c) { return add(m, a, b, c); };
constexpr auto subCarry = [](const Modes &m, U a, U b, U c) { return sub(m, a, b, c); };
constexpr auto subrevCarry = [](const Modes &m, U a, U b, U c) { return sub(m, b, a, c); };

constexpr HandlerEntry table[] = {
    {"v_add_co_u32",
     runWithBit<[](const Modes &m, U a, U b) { return add(m, a, b, 0); }, false, B32, B32, B32>},
    {"v_sub_co_u32",
     runWithBit<[](const Modes &m, U a, U b) { return sub(m, a, b, 0); }, false, B32, B32, B32>},
    {"v_subrev_co_u32",
     runWithBit<[](const Modes &m, U a, U b) { return sub(m, b, a, 0); }, false, B32, B32, B32>},
    {"v_addc_co_u32", runWithBit<addCarry, true, B32, B32, B32>},
    {"v_subb_co_u32", runWithBit<subCarry, true, B32, B32, B32>},
    {"v_subbrev_co_u32", runWithBit<subrevCarry, true, B32, B32, B32>},
    {"v_cndmask_b32",
     runMasked<[](U a, U b, bool second) { return second ? b : a; }, B32, B32, B32>},
};
} // namespace

HandlerTable vectorCarry() { return table; }

} // namespace zorse::emulator
