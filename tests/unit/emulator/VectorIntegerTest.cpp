//===- VectorIntegerTest.cpp - what the instruction vectors leave out -----===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneKernel.h"

#include <fmt/format.h>
#include <functional>
#include <gtest/gtest.h>

namespace zorse::emulator::test {

namespace {

constexpr size_t elements = 2048;
constexpr uint64_t seed = 24;
using U = uint32_t;
using W = uint64_t;

/// Five random dwords and what the lines make of them.
struct Case {
  const char *line;
  std::function<W(U, U, U, U, U)> expected;
  bool wide = false; ///< v[2:3]
};

U byteOf(W x, int i) { return U(x >> (8 * i)) & 0xff; }
U distance(U a, U b) { return a > b ? a - b : b - a; }
U sad(U a, U b, bool masked) {
  U sum = 0;
  for (int i = 0; i < 4; ++i)
    sum += masked && byteOf(b, i) == 0 ? 0 : distance(byteOf(a, i), byteOf(b, i));
  return sum;
}
W quadSad(W a, U b, W c, bool masked) {
  W result = 0;
  for (int i = 0; i < 4; ++i)
    result |= W((sad(U(a >> (8 * i)), b, masked) + U(c >> (16 * i))) & 0xffff) << (16 * i);
  return result;
}
int32_t signed24(U x) { return int32_t(x << 8) >> 8; }
float half(U bits) { return float(std::bit_cast<_Float16>(uint16_t(bits))); }

template <int bits> U dot(U a, U b, U c) {
  for (int i = 0; i < 32 / bits; ++i) {
    auto element = [&](U x) { return int32_t(x << (32 - bits * (i + 1))) >> (32 - bits); };
    c += U(element(a)) * U(element(b));
  }
  return c;
}

TEST(VectorInteger, AgainstTheirDefinitions) {
  const std::vector<Case> cases = {
      {"v_mul_u32_u24 v2, v10, v11",
       [](U a, U b, U, U, U) { return U(a & 0xffffff) * (b & 0xffffff); }},
      {"v_mul_i32_i24 v2, v10, v11",
       [](U a, U b, U, U, U) { return U(signed24(a)) * U(signed24(b)); }},
      {"v_mul_hi_u32_u24 v2, v10, v11",
       [](U a, U b, U, U, U) { return W(a & 0xffffff) * (b & 0xffffff) >> 32; }},
      {"v_mul_hi_i32_i24 v2, v10, v11",
       [](U a, U b, U, U, U) { return U(int64_t(signed24(a)) * signed24(b) >> 32); }},
      {"v_mad_u32_u24 v2, v10, v11, v12",
       [](U a, U b, U c, U, U) { return U((a & 0xffffff) * (b & 0xffffff) + c); }},
      {"v_mad_i32_i24 v2, v10, v11, v12",
       [](U a, U b, U c, U, U) { return U(signed24(a)) * U(signed24(b)) + c; }},
      {"v_mad_u64_u32 v[2:3], s[10:11], v10, v11, v[12:13]",
       [](U a, U b, U c, U d, U) { return W(a) * b + (c | W(d) << 32); }, true},
      {"v_mad_i64_i32 v[2:3], s[10:11], v10, v11, v[12:13]",
       [](U a, U b, U c, U d, U) { return W(int64_t(int32_t(a)) * int32_t(b)) + (c | W(d) << 32); },
       true},
      {"v_mad_u64_u32 v[4:5], s[10:11], v10, v11, v[12:13]\nv_cndmask_b32_e64 v2, 0, 1, s[10:11]",
       [](U a, U b, U c, U d, U) {
         return (unsigned __int128)(W(a) * b) + (c | W(d) << 32) >> 64 != 0;
       }},
      {"v_sad_u8 v2, v10, v11, v12", [](U a, U b, U c, U, U) { return sad(a, b, false) + c; }},
      {"v_sad_hi_u8 v2, v10, v11, v12",
       [](U a, U b, U c, U, U) { return (sad(a, b, false) << 16) + c; }},
      {"v_sad_u16 v2, v10, v11, v12",
       [](U a, U b, U c, U, U) {
         return distance(a & 0xffff, b & 0xffff) + distance(a >> 16, b >> 16) + c;
       }},
      {"v_and_b32 v3, 0xff00ffff, v11\nv_msad_u8 v2, v10, v3, v12",
       [](U a, U b, U c, U, U) { return sad(a, b & 0xff00ffff, true) + c; }},
      {"v_lerp_u8 v2, v10, v11, v12",
       [](U a, U b, U c, U, U) {
         U result = 0;
         for (int i = 0; i < 4; ++i)
           result |= (byteOf(a, i) + byteOf(b, i) + (byteOf(c, i) & 1)) / 2 << (8 * i);
         return result;
       }},
      {"v_mov_b32 v20, v13\nv_mov_b32 v21, v14\nv_qsad_pk_u16_u8 v[2:3], v[10:11], v12, v[20:21]",
       [](U a, U b, U c, U d, U e) { return quadSad(a | W(b) << 32, c, d | W(e) << 32, false); },
       true},
      {"v_and_b32 v3, 0xffffff00, v12\nv_mov_b32 v20, v13\nv_mov_b32 v21, v14\n"
       "v_mqsad_pk_u16_u8 v[2:3], v[10:11], v3, v[20:21]",
       [](U a, U b, U c, U d, U e) {
         return quadSad(a | W(b) << 32, c & 0xffffff00, d | W(e) << 32, true);
       },
       true},
      {"v_mov_b32 v20, v13\nv_mov_b32 v21, v14\nv_mov_b32 v22, v13\nv_mov_b32 v23, v14\n"
       "v_mqsad_u32_u8 v[24:27], v[10:11], v12, v[20:23]\nv_mov_b32 v2, v25\nv_mov_b32 v3, v26",
       [](U a, U b, U c, U d, U e) {
         W both = a | W(b) << 32;
         return (sad(U(both >> 8), c, true) + e) | W(sad(U(both >> 16), c, true) + d) << 32;
       },
       true},
      {"v_mov_b32 v2, v12\nv_dot2c_i32_i16 v2, v10, v11",
       [](U a, U b, U c, U, U) { return dot<16>(a, b, c); }},
      {"v_mov_b32 v2, v12\nv_dot4c_i32_i8 v2, v10, v11",
       [](U a, U b, U c, U, U) { return dot<8>(a, b, c); }},
      {"v_mov_b32 v2, v12\nv_dot8c_i32_i4 v2, v10, v11",
       [](U a, U b, U c, U, U) { return dot<4>(a, b, c); }},
      {"v_mov_b32 v2, 0\nv_and_b32 v4, 0x3bff3bff, v10\nv_and_b32 v5, 0x3bff3bff, v11\n"
       "v_dot2c_f32_f16 v2, v4, v5",
       [](U a, U b, U, U, U) {
         a &= 0x3bff3bff, b &= 0x3bff3bff;
         return asBits(half(a) * half(b) + half(a >> 16) * half(b >> 16));
       }},
      {"v_sat_pk_u8_i16 v2, v10",
       [](U a, U, U, U, U) {
         auto clamped = [](int x) { return U(std::min(std::max(x, 0), 255)); };
         return clamped(int16_t(a)) | clamped(int16_t(a >> 16)) << 8;
       }},
      {"v_cvt_off_f32_i4 v2, v10",
       [](U a, U, U, U, U) { return asBits(float(int32_t(a << 28) >> 28) / 16); }},
  };
  std::mt19937_64 random(seed);
  Columns in(5, std::vector<U>(elements));
  for (auto &column : in)
    for (U &value : column)
      value = U(random());
  std::vector<std::string> lines;
  for (const Case &c : cases)
    lines.push_back(c.line);
  const LaneKernels kernels("gfx942", lines, in.size());
  for (size_t k = 0; k < cases.size(); ++k) {
    const Columns out = kernels.run(k, in);
    for (size_t i = 0; i < elements; ++i) {
      W got = out[0][i] | (cases[k].wide ? W(out[1][i]) << 32 : 0);
      ASSERT_EQ(got, cases[k].expected(in[0][i], in[1][i], in[2][i], in[3][i], in[4][i]))
          << fmt::format("{} of {:#x} {:#x} {:#x} {:#x} {:#x}, seed {}", lines[k], in[0][i],
                         in[1][i], in[2][i], in[3][i], in[4][i], seed);
    }
  }
}

// A direction, its face, and the point where its ray meets the face: (sc, tc) over ma.
TEST(VectorInteger, CubeFaces) {
  struct {
    float x, y, z, face, major, s, t;
  } cases[] = {{3, 1, 2, 0, 6, -2, -1},  {-3, 1, 2, 1, -6, 2, -1}, {1, 3, 2, 2, 6, 1, 2},
               {1, -3, 2, 3, -6, 1, -2}, {1, 2, 3, 4, 6, 1, -2},   {1, 2, -3, 5, -6, -1, -2}};
  Columns in(3, std::vector<U>(64, 0));
  for (size_t i = 0; i < std::size(cases); ++i) {
    in[0][i] = asBits(cases[i].x);
    in[1][i] = asBits(cases[i].y);
    in[2][i] = asBits(cases[i].z);
  }
  const Columns out = runLanes("gfx90a",
                               "v_cubeid_f32 v2, v10, v11, v12\nv_cubema_f32 v3, v10, v11, v12\n"
                               "v_cubesc_f32 v4, v10, v11, v12\nv_cubetc_f32 v5, v10, v11, v12",
                               in);
  for (size_t i = 0; i < std::size(cases); ++i) {
    EXPECT_EQ(asFloat(out[0][i]), cases[i].face) << i;
    EXPECT_EQ(asFloat(out[1][i]), cases[i].major) << i;
    EXPECT_EQ(asFloat(out[2][i]), cases[i].s) << i;
    EXPECT_EQ(asFloat(out[3][i]), cases[i].t) << i;
  }
}

} // namespace

} // namespace zorse::emulator::test
