//===- VectorInteger16.cpp - 16-bit integers -----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/VectorRun.h"
#include "execute/VectorTables.h"

namespace zorse::emulator {

namespace {
using U = uint16_t;
using I = int16_t;

int32_t signedResult(const Modes &m, int32_t x) {
  return m.clamp ? std::min(std::max(x, -32768), 32767) : x;
}
int32_t unsignedResult(const Modes &m, int32_t x) {
  return m.clamp ? std::min(std::max(x, 0), 65535) : x;
}
/// Of a product of unsigned numbers, which may pass 2^31.
uint32_t productResult(const Modes &m, uint64_t x) {
  return uint32_t(m.clamp && x > 65535 ? 65535 : x);
}

constexpr auto madUnsigned = [](const Modes &m, U a, U b, U c) {
  return productResult(m, uint64_t(a) * b + c);
};
constexpr auto madSigned = [](const Modes &m, I a, I b, I c) {
  return signedResult(m, int32_t(int64_t(a) * b + c));
};

// What came with op_sel keeps the half that it does not write; the rest zeroes the high half.
constexpr HandlerEntry table[] = {
    {"v_add_u16",
     run<[](const Modes &m, U a, U b) { return unsignedResult(m, a + b); }, B16, B16, B16>},
    {"v_sub_u16",
     run<[](const Modes &m, U a, U b) { return unsignedResult(m, a - b); }, B16, B16, B16>},
    {"v_subrev_u16",
     run<[](const Modes &m, U a, U b) { return unsignedResult(m, b - a); }, B16, B16, B16>},
    {"v_add_i16",
     run<[](const Modes &m, I a, I b) { return signedResult(m, a + b); }, B16Kept, B16, B16>},
    {"v_sub_i16",
     run<[](const Modes &m, I a, I b) { return signedResult(m, a - b); }, B16Kept, B16, B16>},
    {"v_mul_lo_u16", run<[](U a, U b) { return uint32_t(a) * b; }, B16, B16, B16>},
    {"v_lshlrev_b16", run<[](U a, U b) { return b << (a & 15); }, B16, B16, B16>},
    {"v_lshrrev_b16", run<[](U a, U b) { return b >> (a & 15); }, B16, B16, B16>},
    {"v_ashrrev_i16", run<[](U a, I b) { return b >> (a & 15); }, B16, B16, B16>},
    {"v_min_u16", run<[](U a, U b) { return std::min(a, b); }, B16, B16, B16>},
    {"v_max_u16", run<[](U a, U b) { return std::max(a, b); }, B16, B16, B16>},
    {"v_min_i16", run<[](I a, I b) { return std::min(a, b); }, B16, B16, B16>},
    {"v_max_i16", run<[](I a, I b) { return std::max(a, b); }, B16, B16, B16>},
    {"v_min3_u16",
     run<[](U a, U b, U c) { return std::min(std::min(a, b), c); }, B16Kept, B16, B16, B16>},
    {"v_max3_u16",
     run<[](U a, U b, U c) { return std::max(std::max(a, b), c); }, B16Kept, B16, B16, B16>},
    {"v_med3_u16",
     run<[](U a, U b, U c) { return std::max(std::min(a, b), std::min(std::max(a, b), c)); },
         B16Kept, B16, B16, B16>},
    {"v_min3_i16",
     run<[](I a, I b, I c) { return std::min(std::min(a, b), c); }, B16Kept, B16, B16, B16>},
    {"v_max3_i16",
     run<[](I a, I b, I c) { return std::max(std::max(a, b), c); }, B16Kept, B16, B16, B16>},
    {"v_med3_i16",
     run<[](I a, I b, I c) { return std::max(std::min(a, b), std::min(std::max(a, b), c)); },
         B16Kept, B16, B16, B16>},
    {"v_mad_u16", run<madUnsigned, B16Kept, B16, B16, B16>},
    {"v_mad_legacy_u16", run<madUnsigned, B16, B16, B16, B16>},
    {"v_mad_i16", run<madSigned, B16Kept, B16, B16, B16>},
    {"v_mad_legacy_i16", run<madSigned, B16, B16, B16, B16>},
    {"v_mad_u32_u16", run<[](const Modes &m, U a, U b, uint32_t c) {
       uint64_t sum = uint64_t(a) * b + c;
       return m.clamp && sum > UINT32_MAX ? ~0u : uint32_t(sum);
     },
                          B32, B16, B16, B32>},
    {"v_mad_i32_i16", run<[](const Modes &m, I a, I b, int32_t c) {
       int64_t sum = int64_t(a) * b + c;
       int64_t kept = std::min<int64_t>(std::max<int64_t>(sum, INT32_MIN), INT32_MAX);
       return uint32_t(m.clamp ? kept : sum);
     },
                          B32, B16, B16, B32>},
};
} // namespace

HandlerTable vectorInteger16() { return table; }

} // namespace zorse::emulator
