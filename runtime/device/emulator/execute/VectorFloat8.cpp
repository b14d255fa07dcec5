//===- VectorFloat8.cpp - 8-bit floats ----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// fp8 has 4 bits of exponent, bf8 has 5. In the FNUZ forms (bias 8 and 16) there
// is no infinity and no negative zero, whose code is the only NaN; in the OCP
// forms (bias 7 and 15) fp8 has no infinity, bf8 is a cut f16.
//
//===----------------------------------------------------------------------===//
#include "execute/VectorNumbers.h"
#include "execute/VectorTables.h"

namespace zorse::emulator {

namespace {
using U = uint32_t;

/// By number of bits of the fraction: 3 is fp8, 2 is bf8.
template <int fraction, bool fnuz> constexpr int bias = (fraction == 3 ? 7 : 15) + fnuz;
/// The largest finite magnitude, and what comes for larger ones and for NaN.
template <int fraction, bool fnuz> constexpr U largest = fnuz ? 0x7f : fraction == 3 ? 0x7e : 0x7b;
template <int fraction, bool fnuz> constexpr U overflow = fnuz ? 0x80 : fraction == 3 ? 0x7f : 0x7c;
template <bool fnuz> constexpr U nan8 = fnuz ? 0x80 : 0x7f;

template <int fraction, bool fnuz> float widen(U byte) {
  constexpr int maxExponent = (1 << (7 - fraction)) - 1;
  U magnitude = byte & 0x7f;
  int e = int(magnitude >> fraction) & maxExponent;
  U f = magnitude & ((1 << fraction) - 1);
  // Normal numbers move their bits into place; denormals count units.
  float normal =
      std::bit_cast<float>(U(e + 127 - bias<fraction, fnuz>) << 23 | f << (23 - fraction));
  float unit = std::bit_cast<float>(U(127 + 1 - bias<fraction, fnuz> - fraction) << 23);
  float value = e ? normal : float(int(f)) * unit;
  bool isNan =
      fnuz ? (byte & 0xff) == 0x80 : magnitude > overflow<fraction, fnuz> - (fraction == 3);
  value = !fnuz && fraction == 2 && magnitude == 0x7c ? INFINITY : value;
  value = byte & 0x80 ? -value : value;
  return isNan ? std::bit_cast<float>(0x7fc00000u) : value;
}

/// Adds `random` (bits below the last one kept, all 32 of them a fraction of it) or rounds to
/// nearest even, then cuts.
template <int fraction, bool fnuz, bool stochastic> U narrow(float x, U random) {
  U bits = std::bit_cast<U>(x);
  U sign = bits >> 31 << 7, magnitude = bits & 0x7fffffff;
  int e = int(magnitude >> 23);
  U significand = (magnitude & 0x7fffff) | (e ? 0x800000 : 0);
  e = e ? e : 1;
  // Bits to cut: those beyond the fraction, more for a denormal result.
  int target = e - 127 + bias<fraction, fnuz>; // its exponent field if normal
  int cut = 23 - fraction + (target < 1 ? 1 - target : 0);
  cut = cut > 31 ? 31 : cut;
  U half = U(1) << (cut - 1), odd = significand >> cut & 1;
  U add = stochastic ? random >> (32 - cut) : half - 1 + odd;
  U kept = (significand + add) >> cut; // may carry into the next power of two, which is right
  U field = target < 1 ? kept : U(target - 1) * (1u << fraction) + kept;
  bool over = field > largest<fraction, fnuz> || magnitude >= 0x7f800000;
  field = over ? overflow<fraction, fnuz> : field;
  field = magnitude > 0x7f800000 ? nan8<fnuz> : field;
  return fnuz && (field == 0 || field == 0x80) ? field : field | sign;
}

template <int fraction, bool fnuz>
constexpr auto widenOne = [](U x) { return widen<fraction, fnuz>(x); };

template <int fraction, bool fnuz> void widenPair(Wave &wave, const Instruction &inst) {
  run<[](U x) {
    U low = std::bit_cast<U>(widen<fraction, fnuz>(x)),
      high = std::bit_cast<U>(widen<fraction, fnuz>(x >> 8));
    return low | uint64_t(high) << 32;
  },
      B64, B32>(wave, inst);
}

/// Two results into one half of the destination.
template <int fraction, bool fnuz>
constexpr auto narrowPair = [](float a, float b) {
  return narrow<fraction, fnuz, false>(a, 0) | narrow<fraction, fnuz, false>(b, 0) << 8;
};

/// One result into a byte of the destination that op_sel picks: bit 0 of the byte's number comes
/// with the third source, bit 1 is the half.
template <int fraction, bool fnuz> void narrowStochastic(Wave &wave, const Instruction &inst) {
  const uint64_t mask = writeMask(wave, inst);
  const int shift = 8 * (inst.src[2].opSel + 2 * inst.opSelDst);
  uint32_t *to = wave.vgpr[inst.dst.index].lane;
  withSources<F32, B32>(wave, inst, [&](const Rows *rows) {
    LaneDwords result;
    for (int l = 0; l < waveSize; ++l) {
      U byte = narrow<fraction, fnuz, true>(laneValue<F32>(rows[0], l), rows[1].low[l]);
      result.lane[l] = (to[l] & ~(0xffu << shift)) | byte << shift;
    }
    blendLanes(to, result.lane, mask);
  });
}

template <bool fnuz>
constexpr HandlerEntry table[] = {
    {"v_cvt_f32_fp8", run<widenOne<3, fnuz>, F32, B32>},
    {"v_cvt_f32_bf8", run<widenOne<2, fnuz>, F32, B32>},
    {"v_cvt_pk_f32_fp8", widenPair<3, fnuz>},
    {"v_cvt_pk_f32_bf8", widenPair<2, fnuz>},
    {"v_cvt_pk_fp8_f32", run<narrowPair<3, fnuz>, B16Kept, F32, F32>},
    {"v_cvt_pk_bf8_f32", run<narrowPair<2, fnuz>, B16Kept, F32, F32>},
    {"v_cvt_sr_fp8_f32", narrowStochastic<3, fnuz>},
    {"v_cvt_sr_bf8_f32", narrowStochastic<2, fnuz>},
};
} // namespace

HandlerTable vectorFloat8() { return table<false>; }
HandlerTable vectorFloat8Fnuz() { return table<true>; }

} // namespace zorse::emulator
