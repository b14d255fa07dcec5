//===- VectorConvert.cpp - between numbers of 16, 32 and 64 bits ---------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// To an integer: towards zero unless the name says otherwise, numbers beyond
// the range become its end, NaN becomes 0.
//
//===----------------------------------------------------------------------===//
#include "execute/VectorNumbers.h"
#include "execute/VectorTables.h"

namespace zorse::emulator {

namespace {
using U = uint32_t;

template <class T> int32_t toSigned(T x) {
  return x >= T(2147483648.0)    ? INT32_MAX
         : x <= T(-2147483648.0) ? INT32_MIN
         : x != x                ? 0
                                 : int32_t(x);
}
template <class T> uint32_t toUnsigned(T x) {
  return x >= T(4294967296.0) ? UINT32_MAX : x > 0 ? uint32_t(x) : 0;
}
int32_t toSigned16(float x) {
  float kept = x < -32768 ? -32768.f : x > 32767 ? 32767.f : x;
  return x != x ? 0 : int32_t(kept);
}
uint32_t toUnsigned16(float x) {
  float kept = x > 65535 ? 65535.f : x;
  return kept > 0 ? uint32_t(int32_t(kept)) : 0;
}

/// f64 to f32 with the payload of a NaN; the cast does that.
constexpr auto narrow = [](double x) { return float(x); };

constexpr auto byte0 = [](U x) { return float(x & 0xff); };
constexpr auto byte1 = [](U x) { return float(x >> 8 & 0xff); };
constexpr auto byte2 = [](U x) { return float(x >> 16 & 0xff); };
constexpr auto byte3 = [](U x) { return float(x >> 24); };

constexpr HandlerEntry table[] = {
    {"v_cvt_f32_i32", run<[](int32_t x) { return float(x); }, F32, B32>},
    {"v_cvt_f32_u32", run<[](U x) { return float(x); }, F32, B32>},
    {"v_cvt_i32_f32", run<[](const Modes &, float x) { return toSigned(x); }, B32, F32>},
    {"v_cvt_u32_f32", run<[](const Modes &, float x) { return toUnsigned(x); }, B32, F32>},
    {"v_cvt_flr_i32_f32", run<[](float x) { return toSigned(std::floor(x)); }, B32, F32>},
    {"v_cvt_rpi_i32_f32",
     run<[](float x) { return toSigned(std::floor(double(x) + 0.5)); }, B32, F32>},
    {"v_cvt_f16_f32", run<[](float x) { return x; }, F16, F32>},
    {"v_cvt_f32_f16", run<[](float x) { return x; }, F32, F16>},
    {"v_cvt_f32_bf16", run<[](U x) { return bfloatToFloat(x); }, F32, B16>},
    {"v_cvt_f16_u16", run<[](U x) { return float(int(x)); }, F16, B16>},
    {"v_cvt_f16_i16", run<[](int16_t x) { return float(x); }, F16, B16>},
    {"v_cvt_u16_f16", run<[](const Modes &, float x) { return toUnsigned16(x); }, B16, F16>},
    {"v_cvt_i16_f16", run<[](const Modes &, float x) { return toSigned16(x); }, B16, F16>},
    {"v_cvt_f32_f64", run<narrow, F32, F64>},
    {"v_cvt_f64_f32", run<[](float x) { return double(x); }, F64, F32>},
    {"v_cvt_f64_i32", run<[](int32_t x) { return double(x); }, F64, B32>},
    {"v_cvt_f64_u32", run<[](U x) { return double(x); }, F64, B32>},
    {"v_cvt_i32_f64", run<[](const Modes &, double x) { return toSigned(x); }, B32, F64>},
    {"v_cvt_u32_f64", run<[](const Modes &, double x) { return toUnsigned(x); }, B32, F64>},
    {"v_cvt_f32_ubyte0", run<byte0, F32, B32>},
    {"v_cvt_f32_ubyte1", run<byte1, F32, B32>},
    {"v_cvt_f32_ubyte2", run<byte2, F32, B32>},
    {"v_cvt_f32_ubyte3", run<byte3, F32, B32>},
    // A signed 4-bit number, as sixteenths.
    {"v_cvt_off_f32_i4",
     run<[](U x) { return float(int32_t(x << 28) >> 28) * 0.0625f; }, F32, B32>},
};
} // namespace

HandlerTable vectorConvert() { return table; }

} // namespace zorse::emulator
