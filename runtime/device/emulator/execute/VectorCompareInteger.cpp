//===- VectorCompareInteger.cpp - v_cmp and v_cmpx of integers -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/VectorRun.h"
#include "execute/VectorTables.h"

namespace zorse::emulator {

namespace {
/// The eight predicates, by number: f lt eq le gt ne ge t.
template <int predicate, class T> bool holds(T a, T b) {
  return ((predicate & 1) && a < b) || ((predicate & 2) && a == b) || ((predicate & 4) && a > b);
}

template <int predicate, bool setsExec, Format format, class T>
constexpr Handler handler =
    compare<[](T a, T b) { return holds<predicate, T>(a, b); }, setsExec, format, format>;

// One row a type: v_cmp and v_cmpx of each predicate.
#define ZORSE_COMPARE_BOTH(PREDICATE, NAME, TYPE, FORMAT, T)                                       \
  {"v_cmp_" NAME "_" TYPE, handler<PREDICATE, false, FORMAT, T>}, {                                \
    "v_cmpx_" NAME "_" TYPE, handler<PREDICATE, true, FORMAT, T>                                   \
  }
#define ZORSE_COMPARE_ALL(TYPE, FORMAT, T)                                                         \
  ZORSE_COMPARE_BOTH(0, "f", TYPE, FORMAT, T), ZORSE_COMPARE_BOTH(1, "lt", TYPE, FORMAT, T),       \
      ZORSE_COMPARE_BOTH(2, "eq", TYPE, FORMAT, T), ZORSE_COMPARE_BOTH(3, "le", TYPE, FORMAT, T),  \
      ZORSE_COMPARE_BOTH(4, "gt", TYPE, FORMAT, T), ZORSE_COMPARE_BOTH(5, "ne", TYPE, FORMAT, T),  \
      ZORSE_COMPARE_BOTH(6, "ge", TYPE, FORMAT, T), ZORSE_COMPARE_BOTH(7, "t", TYPE, FORMAT, T)

constexpr HandlerEntry table[] = {
    ZORSE_COMPARE_ALL("i16", B16, int16_t), ZORSE_COMPARE_ALL("u16", B16, uint16_t),
    ZORSE_COMPARE_ALL("i32", B32, int32_t), ZORSE_COMPARE_ALL("u32", B32, uint32_t),
    ZORSE_COMPARE_ALL("i64", B64, int64_t), ZORSE_COMPARE_ALL("u64", B64, uint64_t),
};
#undef ZORSE_COMPARE_ALL
#undef ZORSE_COMPARE_BOTH
} // namespace

HandlerTable vectorCompareInteger() { return table; }

} // namespace zorse::emulator
