//===- VectorBytes.cpp - operations on the bytes of a dword --------------===//
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

U byteOf(W x, U i) { return U(x >> (8 * i)) & 0xff; }
U distance(U a, U b) { return a > b ? a - b : b - a; }

/// One byte of v_perm: 0-7 pick bytes of a:b, 8-11 copies of the sign of a half of b or a,
/// 12 is 0 and everything above is 0xff.
U permByte(W both, U selector) {
  U word = selector - 8; // which 16-bit half gives its sign
  U sign = U(both >> (16 * (word & 3) + 15)) & 1 ? 0xff : 0;
  U picked = byteOf(both, selector & 7);
  return selector <= 7 ? picked : selector <= 11 ? sign : selector == 12 ? 0 : 0xff;
}
U perm(U a, U b, U selectors) {
  W both = W(a) << 32 | b;
  U result = 0;
  for (U i = 0; i < 4; ++i)
    result |= permByte(both, byteOf(selectors, i)) << (8 * i);
  return result;
}

/// Mostly the selectors are the same for all lanes, and pick bytes.
void permBytes(Wave &wave, const Instruction &inst) {
  const bool uniform = !inst.src[2].isVgpr();
  const auto selectors = uniform ? U(wave.scalar(inst.src[2])) : 0;
  if (!uniform || selectors & 0xf8f8f8f8)
    return run<[](U a, U b, U c) { return perm(a, b, c); }, B32, B32, B32, B32>(wave, inst);
  const uint64_t mask = writeMask(wave, inst);
  withSources<B32, B32>(wave, inst, [&](const Rows *rows) {
    RowSpace result = {};
    for (U i = 0; i < 4; ++i) {
      const U selector = byteOf(selectors, i), shift = 8 * (selector & 3);
      const uint32_t *from = selector & 4 ? rows[0].low : rows[1].low;
      for (int l = 0; l < waveSize; ++l)
        result.low.lane[l] |= (from[l] >> shift & 0xff) << (8 * i);
    }
    writeResult<B32>(wave, inst, result, mask);
  });
}

U sadBytes(U a, U b) {
  U sum = 0;
  for (U i = 0; i < 4; ++i)
    sum += distance(byteOf(a, i), byteOf(b, i));
  return sum;
}
/// Bytes whose reference is 0 do not count.
U maskedSad(U a, U reference) {
  U sum = 0;
  for (U i = 0; i < 4; ++i)
    sum += byteOf(reference, i) ? distance(byteOf(a, i), byteOf(reference, i)) : 0;
  return sum;
}
/// The average of each byte, rounded up where the lowest bit of the third says so.
U lerp(U a, U b, U round) {
  U result = 0;
  for (U i = 0; i < 4; ++i)
    result |= ((byteOf(a, i) + byteOf(b, i) + (byteOf(round, i) & 1)) >> 1) << (8 * i);
  return result;
}

U accumulate(const Modes &m, U sum, U c) {
  U total = sum + c;
  return m.clamp && total < c ? ~0u : total;
}

constexpr auto sad8 = [](const Modes &m, U a, U b, U c) {
  return accumulate(m, sadBytes(a, b), c);
};

/// Four sums of 16 bits, each over the bytes from its own on.
template <auto sad> W quad(const Modes &m, W a, U b, W c) {
  W result = 0;
  for (U i = 0; i < 4; ++i) {
    U sum = sad(U(a >> (8 * i)), b) + (U(c >> (16 * i)) & 0xffff);
    result |= W(m.clamp && sum > 0xffff ? 0xffff : sum & 0xffff) << (16 * i);
  }
  return result;
}

/// v_mqsad_u32_u8: four dwords of results, so it writes its registers itself.
void maskedQuadSad32(Wave &wave, const Instruction &inst) {
  const uint64_t mask = writeMask(wave, inst);
  const Modes modes = modesOf(wave, inst);
  withSources<B64, B32>(wave, inst, [&](const Rows *rows) {
    LaneDwords result[4];
    for (int i = 0; i < 4; ++i) {
      LaneDwords space;
      const uint32_t *sum = lanesOf(wave, inst.src[2], space, i);
      for (int l = 0; l < waveSize; ++l) {
        auto bytes = U(laneValue<B64>(rows[0], l) >> (8 * i));
        result[i].lane[l] = accumulate(modes, maskedSad(bytes, rows[1].low[l]), sum[l]);
      }
    }
    for (int i = 0; i < 4; ++i)
      blendLanes(wave.vgpr[inst.dst.index + i].lane, result[i].lane, mask);
  });
}

constexpr HandlerEntry table[] = {
    {"v_perm_b32", permBytes},
    {"v_alignbyte_b32",
     run<[](U a, U b, U c) { return U((W(a) << 32 | b) >> (8 * (c & 3))); }, B32, B32, B32, B32>},
    {"v_lerp_u8", run<[](U a, U b, U c) { return lerp(a, b, c); }, B32, B32, B32, B32>},
    {"v_sad_u8", run<sad8, B32, B32, B32, B32>},
    {"v_sad_hi_u8",
     run<[](const Modes &m, U a, U b, U c) { return accumulate(m, sadBytes(a, b) << 16, c); }, B32,
         B32, B32, B32>},
    {"v_sad_u16", run<[](const Modes &m, U a, U b, U c) {
       U sum = distance(a & 0xffff, b & 0xffff) + distance(a >> 16, b >> 16);
       return accumulate(m, sum, c);
     },
                      B32, B32, B32, B32>},
    {"v_sad_u32",
     run<[](const Modes &m, U a, U b, U c) { return accumulate(m, distance(a, b), c); }, B32, B32,
         B32, B32>},
    {"v_msad_u8",
     run<[](const Modes &m, U a, U b, U c) { return accumulate(m, maskedSad(a, b), c); }, B32, B32,
         B32, B32>},
    {"v_qsad_pk_u16_u8",
     run<[](const Modes &m, W a, U b, W c) { return quad<sadBytes>(m, a, b, c); }, B64, B64, B32,
         B64>},
    {"v_mqsad_pk_u16_u8",
     run<[](const Modes &m, W a, U b, W c) { return quad<maskedSad>(m, a, b, c); }, B64, B64, B32,
         B64>},
    {"v_mqsad_u32_u8", maskedQuadSad32},
};
} // namespace

HandlerTable vectorBytes() { return table; }

} // namespace zorse::emulator
