//===- VectorInteger.cpp - 32-bit integers and bits ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/VectorRun.h"
#include "execute/VectorTables.h"

namespace zorse::emulator {

namespace {
uint32_t saturate(int64_t x) {
  return uint32_t(x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : x);
}
uint32_t addUnsigned(const Modes &m, uint32_t a, uint32_t b) {
  uint32_t sum = a + b;
  return m.clamp && sum < a ? ~0u : sum;
}
uint32_t subUnsigned(const Modes &m, uint32_t a, uint32_t b) {
  return m.clamp && b > a ? 0 : a - b;
}
uint32_t addSigned(const Modes &m, int32_t a, int32_t b) {
  int64_t sum = int64_t(a) + b;
  return m.clamp ? saturate(sum) : uint32_t(sum);
}
uint32_t subSigned(const Modes &m, int32_t a, int32_t b) {
  int64_t difference = int64_t(a) - b;
  return m.clamp ? saturate(difference) : uint32_t(difference);
}

int32_t signed24(uint32_t x) { return int32_t(x << 8) >> 8; }
uint32_t unsigned24(uint32_t x) { return x & 0xffffff; }

uint32_t bfeUnsigned(uint32_t x, uint32_t offset, uint32_t width) {
  return x >> (offset & 31) & ((1u << (width & 31)) - 1);
}
/// A field that reaches over the top is filled with the sign.
uint32_t bfeSigned(int32_t x, uint32_t offset, uint32_t width) {
  uint32_t n = width & 31;
  uint32_t field = uint32_t(x >> (offset & 31)) & ((1u << n) - 1);
  uint32_t sign = n ? 1u << (n - 1) : 0;
  return (field ^ sign) - sign;
}

uint32_t leadingZeros(uint32_t x) { return x ? uint32_t(__builtin_clz(x)) : ~0u; }
/// The first bit from the top that differs from the sign; -1 when none does.
uint32_t leadingSigns(uint32_t x) { return leadingZeros(int32_t(x) < 0 ? ~x : x); }
uint32_t trailingZeros(uint32_t x) { return x ? uint32_t(__builtin_ctz(x)) : ~0u; }
uint32_t reversed(uint32_t x) {
  x = (x >> 1 & 0x55555555) | (x & 0x55555555) << 1;
  x = (x >> 2 & 0x33333333) | (x & 0x33333333) << 2;
  x = (x >> 4 & 0x0f0f0f0f) | (x & 0x0f0f0f0f) << 4;
  return __builtin_bswap32(x);
}

template <class T> T min3(T a, T b, T c) { return std::min(std::min(a, b), c); }
template <class T> T max3(T a, T b, T c) { return std::max(std::max(a, b), c); }
template <class T> T med3(T a, T b, T c) {
  return std::max(std::min(a, b), std::min(std::max(a, b), c));
}

using U = uint32_t;
using I = int32_t;

constexpr HandlerEntry table[] = {
    {"v_mov_b32", run<[](U a) { return a; }, B32, B32>},
    {"v_not_b32", run<[](U a) { return ~a; }, B32, B32>},
    {"v_bfrev_b32", run<[](U a) { return reversed(a); }, B32, B32>},
    {"v_ffbh_u32", run<[](U a) { return leadingZeros(a); }, B32, B32>},
    {"v_ffbh_i32", run<[](U a) { return leadingSigns(a); }, B32, B32>},
    {"v_ffbl_b32", run<[](U a) { return trailingZeros(a); }, B32, B32>},
    {"v_and_b32", run<[](U a, U b) { return a & b; }, B32, B32, B32>},
    {"v_or_b32", run<[](U a, U b) { return a | b; }, B32, B32, B32>},
    {"v_xor_b32", run<[](U a, U b) { return a ^ b; }, B32, B32, B32>},
    {"v_xnor_b32", run<[](U a, U b) { return ~(a ^ b); }, B32, B32, B32>},
    {"v_lshlrev_b32", run<[](U a, U b) { return b << (a & 31); }, B32, B32, B32>},
    {"v_lshrrev_b32", run<[](U a, U b) { return b >> (a & 31); }, B32, B32, B32>},
    {"v_ashrrev_i32", run<[](U a, I b) { return b >> (a & 31); }, B32, B32, B32>},
    {"v_add_u32",
     run<[](const Modes &m, U a, U b) { return addUnsigned(m, a, b); }, B32, B32, B32>},
    {"v_sub_u32",
     run<[](const Modes &m, U a, U b) { return subUnsigned(m, a, b); }, B32, B32, B32>},
    {"v_subrev_u32",
     run<[](const Modes &m, U a, U b) { return subUnsigned(m, b, a); }, B32, B32, B32>},
    {"v_add_i32", run<[](const Modes &m, U a, U b) { return addSigned(m, a, b); }, B32, B32, B32>},
    {"v_sub_i32", run<[](const Modes &m, U a, U b) { return subSigned(m, a, b); }, B32, B32, B32>},
    {"v_min_i32", run<[](I a, I b) { return std::min(a, b); }, B32, B32, B32>},
    {"v_max_i32", run<[](I a, I b) { return std::max(a, b); }, B32, B32, B32>},
    {"v_min_u32", run<[](U a, U b) { return std::min(a, b); }, B32, B32, B32>},
    {"v_max_u32", run<[](U a, U b) { return std::max(a, b); }, B32, B32, B32>},
    {"v_min3_i32", run<[](I a, I b, I c) { return min3(a, b, c); }, B32, B32, B32, B32>},
    {"v_max3_i32", run<[](I a, I b, I c) { return max3(a, b, c); }, B32, B32, B32, B32>},
    {"v_med3_i32", run<[](I a, I b, I c) { return med3(a, b, c); }, B32, B32, B32, B32>},
    {"v_min3_u32", run<[](U a, U b, U c) { return min3(a, b, c); }, B32, B32, B32, B32>},
    {"v_max3_u32", run<[](U a, U b, U c) { return max3(a, b, c); }, B32, B32, B32, B32>},
    {"v_med3_u32", run<[](U a, U b, U c) { return med3(a, b, c); }, B32, B32, B32, B32>},
    {"v_mul_lo_u32", run<[](U a, U b) { return a * b; }, B32, B32, B32>},
    {"v_mul_hi_u32", run<[](U a, U b) { return uint64_t(a) * b >> 32; }, B32, B32, B32>},
    {"v_mul_hi_i32", run<[](I a, I b) { return int64_t(a) * b >> 32; }, B32, B32, B32>},
    {"v_mul_u32_u24", run<[](U a, U b) { return unsigned24(a) * unsigned24(b); }, B32, B32, B32>},
    {"v_mul_i32_i24", run<[](U a, U b) { return U(signed24(a)) * U(signed24(b)); }, B32, B32, B32>},
    {"v_mul_hi_u32_u24",
     run<[](U a, U b) { return uint64_t(unsigned24(a)) * unsigned24(b) >> 32; }, B32, B32, B32>},
    {"v_mul_hi_i32_i24",
     run<[](U a, U b) { return int64_t(signed24(a)) * signed24(b) >> 32; }, B32, B32, B32>},
    {"v_mad_u32_u24", run<[](const Modes &m, U a, U b, U c) {
       uint64_t sum = uint64_t(unsigned24(a)) * unsigned24(b) + c;
       return m.clamp && sum > UINT32_MAX ? ~0u : U(sum);
     },
                          B32, B32, B32, B32>},
    {"v_mad_i32_i24", run<[](const Modes &m, U a, U b, I c) {
       int64_t sum = int64_t(signed24(a)) * signed24(b) + c;
       return m.clamp ? saturate(sum) : U(sum);
     },
                          B32, B32, B32, B32>},
    {"v_bfe_u32", run<[](U a, U b, U c) { return bfeUnsigned(a, b, c); }, B32, B32, B32, B32>},
    {"v_bfe_i32", run<[](U a, U b, U c) { return bfeSigned(a, b, c); }, B32, B32, B32, B32>},
    {"v_bfi_b32", run<[](U a, U b, U c) { return (a & b) | (~a & c); }, B32, B32, B32, B32>},
    {"v_bfm_b32", run<[](U a, U b) { return ((1u << (a & 31)) - 1) << (b & 31); }, B32, B32, B32>},
    {"v_alignbit_b32",
     run<[](U a, U b, U c) { return U((uint64_t(a) << 32 | b) >> (c & 31)); }, B32, B32, B32, B32>},
    {"v_add3_u32", run<[](U a, U b, U c) { return a + b + c; }, B32, B32, B32, B32>},
    {"v_lshl_add_u32", run<[](U a, U b, U c) { return (a << (b & 31)) + c; }, B32, B32, B32, B32>},
    {"v_add_lshl_u32", run<[](U a, U b, U c) { return (a + b) << (c & 31); }, B32, B32, B32, B32>},
    {"v_lshl_or_b32", run<[](U a, U b, U c) { return a << (b & 31) | c; }, B32, B32, B32, B32>},
    {"v_and_or_b32", run<[](U a, U b, U c) { return (a & b) | c; }, B32, B32, B32, B32>},
    {"v_or3_b32", run<[](U a, U b, U c) { return a | b | c; }, B32, B32, B32, B32>},
    {"v_xad_u32", run<[](U a, U b, U c) { return (a ^ b) + c; }, B32, B32, B32, B32>},
    {"v_bcnt_u32_b32", run<[](U a, U b) { return U(__builtin_popcount(a)) + b; }, B32, B32, B32>},
};
} // namespace

HandlerTable vectorInteger() { return table; }

} // namespace zorse::emulator
