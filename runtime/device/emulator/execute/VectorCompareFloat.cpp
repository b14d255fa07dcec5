//===- VectorCompareFloat.cpp - v_cmp and v_cmpx of floats, classes ------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/VectorRun.h"
#include "execute/VectorTables.h"

namespace zorse::emulator {

namespace {
/// The sixteen predicates, by number: bit 0 less, 1 equal, 2 greater, 3 unordered.
template <int predicate, class T> bool holds(T a, T b) {
  return ((predicate & 1) && a < b) || ((predicate & 2) && a == b) || ((predicate & 4) && a > b) ||
         ((predicate & 8) && (a != a || b != b));
}

template <int predicate, bool setsExec, Format format, class T>
constexpr Handler handler =
    compare<[](T a, T b) { return holds<predicate, T>(a, b); }, setsExec, format, format>;

/// Whether a number, as bits with its sign on top of `exponentField`, is of a class in the mask:
/// signalling NaN, quiet NaN, then -inf, -normal, -denormal, -0, +0, +denormal, +normal, +inf.
template <class Bits> bool isOfClass(Bits x, Bits sign, Bits exponentField, uint32_t mask) {
  const bool negative = (x & sign) != 0;
  const Bits e = x & exponentField, f = x & (sign - 1) & ~exponentField;
  // The top bit of the fraction lies below the lowest bit of the exponent.
  const bool isQuiet = (x & ((exponentField & -exponentField) >> 1)) != 0;
  const uint32_t classOf = e == exponentField ? (f          ? (isQuiet ? 1u : 0u)
                                                 : negative ? 2u
                                                            : 9u)
                           : e                ? (negative ? 3u : 8u)
                           : f                ? (negative ? 4u : 7u)
                                              : (negative ? 5u : 6u);
  return mask >> classOf & 1;
}

constexpr auto class16 = [](uint32_t x, uint32_t mask) {
  return isOfClass<uint32_t>(x & 0xffff, 0x8000, 0x7c00, mask);
};
constexpr auto class32 = [](uint32_t x, uint32_t mask) {
  return isOfClass<uint32_t>(x, 0x80000000, 0x7f800000, mask);
};
constexpr auto class64 = [](uint64_t x, uint32_t mask) {
  return isOfClass<uint64_t>(x, uint64_t(1) << 63, uint64_t(0x7ff) << 52, mask);
};

#define ZORSE_COMPARE_BOTH(PREDICATE, NAME, TYPE, FORMAT, T)                                       \
  {"v_cmp_" NAME "_" TYPE, handler<PREDICATE, false, FORMAT, T>}, {                                \
    "v_cmpx_" NAME "_" TYPE, handler<PREDICATE, true, FORMAT, T>                                   \
  }
#define ZORSE_COMPARE_ALL(TYPE, FORMAT, T)                                                         \
  ZORSE_COMPARE_BOTH(0, "f", TYPE, FORMAT, T), ZORSE_COMPARE_BOTH(1, "lt", TYPE, FORMAT, T),       \
      ZORSE_COMPARE_BOTH(2, "eq", TYPE, FORMAT, T), ZORSE_COMPARE_BOTH(3, "le", TYPE, FORMAT, T),  \
      ZORSE_COMPARE_BOTH(4, "gt", TYPE, FORMAT, T), ZORSE_COMPARE_BOTH(5, "lg", TYPE, FORMAT, T),  \
      ZORSE_COMPARE_BOTH(6, "ge", TYPE, FORMAT, T), ZORSE_COMPARE_BOTH(7, "o", TYPE, FORMAT, T),   \
      ZORSE_COMPARE_BOTH(8, "u", TYPE, FORMAT, T), ZORSE_COMPARE_BOTH(9, "nge", TYPE, FORMAT, T),  \
      ZORSE_COMPARE_BOTH(10, "nlg", TYPE, FORMAT, T),                                              \
      ZORSE_COMPARE_BOTH(11, "ngt", TYPE, FORMAT, T),                                              \
      ZORSE_COMPARE_BOTH(12, "nle", TYPE, FORMAT, T),                                              \
      ZORSE_COMPARE_BOTH(13, "neq", TYPE, FORMAT, T),                                              \
      ZORSE_COMPARE_BOTH(14, "nlt", TYPE, FORMAT, T),                                              \
      ZORSE_COMPARE_BOTH(15, "tru", TYPE, FORMAT, T)

// Classes look at the bits, so denormals stay what they are in every mode.
constexpr HandlerEntry table[] = {
    ZORSE_COMPARE_ALL("f16", F16, float),
    ZORSE_COMPARE_ALL("f32", F32, float),
    ZORSE_COMPARE_ALL("f64", F64, double),
    {"v_cmp_class_f16", compare<class16, false, B16, B32>},
    {"v_cmp_class_f32", compare<class32, false, B32, B32>},
    {"v_cmp_class_f64", compare<class64, false, B64, B32>},
    {"v_cmpx_class_f16", compare<class16, true, B16, B32>},
    {"v_cmpx_class_f32", compare<class32, true, B32, B32>},
    {"v_cmpx_class_f64", compare<class64, true, B64, B32>},
};
#undef ZORSE_COMPARE_ALL
#undef ZORSE_COMPARE_BOTH
} // namespace

HandlerTable vectorCompareFloat() { return table; }

} // namespace zorse::emulator
