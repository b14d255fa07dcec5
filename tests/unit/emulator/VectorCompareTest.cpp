//===- VectorCompareTest.cpp - predicates, classes, masks -----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneKernel.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace zorse::emulator::test {

namespace {

constexpr size_t elements = 2048;
constexpr uint64_t seed = 5;

/// Moves the bit of each lane to v2.
constexpr const char *bitToResult = "\nv_cndmask_b32_e64 v2, 0, 1, s[10:11]";

/// Bits that say in which relation a predicate holds: less, equal, greater, unordered.
struct Predicate {
  const char *name;
  int relations;
};
constexpr Predicate floatPredicates[] = {{"f", 0},    {"lt", 1},   {"eq", 2},   {"le", 3},
                                         {"gt", 4},   {"lg", 5},   {"ge", 6},   {"o", 7},
                                         {"u", 8},    {"nge", 9},  {"nlg", 10}, {"ngt", 11},
                                         {"nle", 12}, {"neq", 13}, {"nlt", 14}, {"tru", 15}};
constexpr Predicate integerPredicates[] = {{"f", 0},  {"lt", 1}, {"eq", 2}, {"le", 3},
                                           {"gt", 4}, {"ne", 5}, {"ge", 6}, {"t", 7}};

template <class T> int relation(T a, T b) { return a < b ? 1 : a == b ? 2 : a > b ? 4 : 8; }

int relationOf(const std::string &type, const Columns &in, size_t i) {
  const uint32_t a = in[0][i], b = in[2][i];
  const uint64_t wideA = a | uint64_t(in[1][i]) << 32, wideB = b | uint64_t(in[3][i]) << 32;
  auto half = [](uint32_t bits) { return float(std::bit_cast<_Float16>(uint16_t(bits))); };
  if (type == "f16")
    return relation(half(a), half(b));
  if (type == "f32")
    return relation(asFloat(a), asFloat(b));
  if (type == "f64")
    return relation(std::bit_cast<double>(wideA), std::bit_cast<double>(wideB));
  if (type == "i16")
    return relation(int16_t(a), int16_t(b));
  if (type == "u16")
    return relation(uint16_t(a), uint16_t(b));
  if (type == "i32")
    return relation(int32_t(a), int32_t(b));
  if (type == "u32")
    return relation(a, b);
  return type == "i64" ? relation(int64_t(wideA), int64_t(wideB)) : relation(wideA, wideB);
}

TEST(VectorCompare, EveryPredicateOfEveryType) {
  Columns in(4);
  for (size_t c = 0; c < 4; ++c)
    in[c] = floatColumn(elements, seed + c);
  for (size_t i = 0; i < elements; i += 3) { // equal ones, some in one half only
    in[3][i] = in[1][i];
    if (i % 2)
      in[2][i] = in[0][i];
  }
  struct Trial {
    std::string type;
    Predicate predicate;
    std::string line;
  };
  std::vector<Trial> trials;
  for (const char *type : {"f16", "f32", "f64", "i16", "u16", "i32", "u32", "i64", "u64"}) {
    bool wide = std::string(type).substr(1) == "64", isFloat = type[0] == 'f';
    auto add = [&](const Predicate &p) {
      trials.push_back(
          {type, p,
           fmt::format("v_cmp_{}_{}_e64 s[10:11], {}, {}{}", p.name, type,
                       wide ? "v[10:11]" : "v10", wide ? "v[12:13]" : "v12", bitToResult)});
    };
    if (isFloat)
      for (const Predicate &p : floatPredicates)
        add(p);
    else
      for (const Predicate &p : integerPredicates)
        add(p);
  }
  std::vector<std::string> lines;
  for (const Trial &t : trials)
    lines.push_back(t.line);
  const LaneKernels kernels("gfx942", lines, 4);
  for (size_t k = 0; k < trials.size(); ++k) {
    const Columns out = kernels.run(k, in);
    for (size_t i = 0; i < elements; ++i) {
      bool want = trials[k].predicate.relations & relationOf(trials[k].type, in, i);
      ASSERT_EQ(out[0][i], uint32_t(want))
          << fmt::format("{}: {:#x}:{:#x} {:#x}:{:#x}, seed {}", trials[k].line, in[1][i], in[0][i],
                         in[3][i], in[2][i], seed);
    }
  }
}

TEST(VectorCompare, ModifiersOfFloats) {
  const Columns in = {std::vector<uint32_t>(64, asBits(2)), std::vector<uint32_t>(64, asBits(-3))};
  auto run = [&](const std::string &line) {
    return runLanes("gfx942", line + bitToResult, in)[0][0];
  };
  EXPECT_EQ(run("v_cmp_lt_f32_e64 s[10:11], v10, v11"), 0u);
  EXPECT_EQ(run("v_cmp_lt_f32_e64 s[10:11], v10, |v11|"), 1u);
  EXPECT_EQ(run("v_cmp_lt_f32_e64 s[10:11], v10, -v11"), 1u);
  EXPECT_EQ(run("v_cmp_lt_f32_e64 s[10:11], v10, -|v11|"), 0u);
}

TEST(VectorCompare, Classes) {
  // In the order of the bits of the mask.
  const uint32_t f32[] = {0x7f800001, 0xffc00000, 0xff800000, 0xbf800000, 0x80000001,
                          0x80000000, 0,          1,          0x00800000, 0x7f800000};
  const uint32_t f16[] = {0x7c01, 0xfe00, 0xfc00, 0xbc00, 0x8001, 0x8000, 0, 1, 0x0400, 0x7c00};
  const uint32_t f64High[] = {0x7ff00000, 0xfff80000, 0xfff00000, 0xbff00000, 0x80000000,
                              0x80000000, 0,          0,          0x00100000, 0x7ff00000};
  const uint32_t f64Low[] = {1, 0, 0, 0, 1, 0, 0, 1, 0, 0};
  Columns in(4, std::vector<uint32_t>(64));
  for (size_t i = 0; i < 64; ++i) {
    in[0][i] = f32[i % 10];
    in[1][i] = f16[i % 10];
    in[2][i] = f64Low[i % 10];
    in[3][i] = f64High[i % 10];
  }
  std::vector<std::string> lines;
  for (int bit = 0; bit < 10; ++bit)
    lines.push_back(fmt::format("s_movk_i32 s12, {0}\nv_cmp_class_f32_e64 s[10:11], v10, s12{1}\n"
                                "v_cmp_class_f16_e64 s[10:11], v11, s12\n"
                                "v_cndmask_b32_e64 v3, 0, 1, s[10:11]\n"
                                "v_cmp_class_f64_e64 s[10:11], v[12:13], s12\n"
                                "v_cndmask_b32_e64 v4, 0, 1, s[10:11]",
                                1 << bit, bitToResult));
  const LaneKernels kernels("gfx90a", lines, 4);
  for (size_t bit = 0; bit < 10; ++bit) {
    const Columns out = kernels.run(bit, in);
    for (size_t i = 0; i < 64; ++i)
      for (size_t c = 0; c < 3; ++c)
        EXPECT_EQ(out[c][i], uint32_t(i % 10 == bit)) << "class " << bit << ", type " << c;
  }
}

TEST(VectorCompare, MasksAndExec) {
  Columns in(1, std::vector<uint32_t>(64));
  for (uint32_t l = 0; l < 64; ++l)
    in[0][l] = l;
  const LaneKernels kernels(
      "gfx942",
      {// Inactive lanes get 0, whatever the mask held.
       "s_mov_b64 s[10:11], -1\ns_mov_b64 exec, 0xff00\nv_cmp_lt_u32_e64 s[10:11], 9, v10\n"
       "s_mov_b64 exec, -1\nv_mov_b32 v2, s10\nv_mov_b32 v3, s11",
       // v_cmpx writes its mask and EXEC.
       "s_mov_b64 exec, 0xffff\nv_cmpx_gt_u32_e64 s[10:11], 5, v10\nv_mov_b32 v2, 7\n"
       "s_mov_b64 s[12:13], exec\ns_mov_b64 exec, -1\nv_mov_b32 v3, s10\nv_mov_b32 v4, s12",
       "v_cmpx_eq_u32_e32 vcc, 40, v10\nv_mov_b32 v2, 7\ns_mov_b64 exec, -1\nv_mov_b32 v3, vcc_hi",
       // Carries: inactive lanes get 0 too.
       "s_mov_b64 vcc, -1\ns_mov_b64 exec, 0xf0\nv_add_co_u32_e32 v2, vcc, -6, v10\n"
       "s_mov_b64 exec, -1\nv_mov_b32 v3, vcc_lo\nv_mov_b32 v4, vcc_hi"},
      1);
  Columns out = kernels.run(0, in);
  EXPECT_EQ(out[0][0], 0xfc00u);
  EXPECT_EQ(out[1][0], 0u);
  out = kernels.run(1, in);
  for (int l = 0; l < 64; ++l)
    EXPECT_EQ(out[0][l], l < 5 ? 7u : 0x22222222u);
  EXPECT_EQ(out[1][0], 0x1fu);
  EXPECT_EQ(out[2][0], 0x1fu);
  out = kernels.run(2, in);
  for (int l = 0; l < 64; ++l)
    EXPECT_EQ(out[0][l], l == 40 ? 7u : 0x22222222u);
  EXPECT_EQ(out[1][0], 0x100u);
  out = kernels.run(3, in);
  EXPECT_EQ(out[1][0], 0xc0u);
  EXPECT_EQ(out[2][0], 0u);
  EXPECT_EQ(out[0][5], 0xffffffffu);
  EXPECT_EQ(out[0][3], 0x22222222u);
}

} // namespace

} // namespace zorse::emulator::test
