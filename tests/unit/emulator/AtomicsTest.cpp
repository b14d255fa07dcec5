//===- AtomicsTest.cpp - every atomic, alone and contended ----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MemoryKernels.h"

#include <algorithm>
#include <bit>
#include <cmath>

using namespace zorse::emulator;
using namespace zorse::emulator::test;

namespace {

/// Memory afterwards; `a` and `b` in the order in which they are given to the instruction.
using Change = uint64_t (*)(uint64_t memory, uint64_t a, uint64_t b);

struct Atomic {
  const char *global; ///< without space and width; null: LDS alone
  const char *local;  ///< without ds_, _rtn and width; null: memory alone
  Change change32, change64;
  bool two = false; ///< has a second operand
};

int32_t low(uint64_t value) { return int32_t(uint32_t(value)); }

const Atomic integers[] = {
    {"swap", "wrxchg", [](uint64_t, uint64_t a, uint64_t) { return a; },
     [](uint64_t, uint64_t a, uint64_t) { return a; }},
    {"add", "add", [](uint64_t m, uint64_t a, uint64_t) { return m + a; },
     [](uint64_t m, uint64_t a, uint64_t) { return m + a; }},
    {"sub", "sub", [](uint64_t m, uint64_t a, uint64_t) { return m - a; },
     [](uint64_t m, uint64_t a, uint64_t) { return m - a; }},
    {nullptr, "rsub", [](uint64_t m, uint64_t a, uint64_t) { return a - m; },
     [](uint64_t m, uint64_t a, uint64_t) { return a - m; }},
    {"umin", "min_u", [](uint64_t m, uint64_t a, uint64_t) { return std::min(m, a); },
     [](uint64_t m, uint64_t a, uint64_t) { return std::min(m, a); }},
    {"umax", "max_u", [](uint64_t m, uint64_t a, uint64_t) { return std::max(m, a); },
     [](uint64_t m, uint64_t a, uint64_t) { return std::max(m, a); }},
    {"smin", "min_i",
     [](uint64_t m, uint64_t a, uint64_t) { return uint64_t(std::min(low(m), low(a))); },
     [](uint64_t m, uint64_t a, uint64_t) { return uint64_t(std::min(int64_t(m), int64_t(a))); }},
    {"smax", "max_i",
     [](uint64_t m, uint64_t a, uint64_t) { return uint64_t(std::max(low(m), low(a))); },
     [](uint64_t m, uint64_t a, uint64_t) { return uint64_t(std::max(int64_t(m), int64_t(a))); }},
    {"and", "and", [](uint64_t m, uint64_t a, uint64_t) { return m & a; },
     [](uint64_t m, uint64_t a, uint64_t) { return m & a; }},
    {"or", "or", [](uint64_t m, uint64_t a, uint64_t) { return m | a; },
     [](uint64_t m, uint64_t a, uint64_t) { return m | a; }},
    {"xor", "xor", [](uint64_t m, uint64_t a, uint64_t) { return m ^ a; },
     [](uint64_t m, uint64_t a, uint64_t) { return m ^ a; }},
    {"inc", "inc", [](uint64_t m, uint64_t a, uint64_t) { return m >= a ? 0 : m + 1; },
     [](uint64_t m, uint64_t a, uint64_t) { return m >= a ? 0 : m + 1; }},
    {"dec", "dec", [](uint64_t m, uint64_t a, uint64_t) { return m == 0 || m > a ? a : m - 1; },
     [](uint64_t m, uint64_t a, uint64_t) { return m == 0 || m > a ? a : m - 1; }},
    {"cmpswap", nullptr, [](uint64_t m, uint64_t a, uint64_t b) { return m == b ? a : m; },
     [](uint64_t m, uint64_t a, uint64_t b) { return m == b ? a : m; }, true},
    {nullptr, "cmpst", [](uint64_t m, uint64_t a, uint64_t b) { return m == a ? b : m; },
     [](uint64_t m, uint64_t a, uint64_t b) { return m == a ? b : m; }, true},
    {nullptr, "mskor", [](uint64_t m, uint64_t a, uint64_t b) { return (m & ~a) | b; },
     [](uint64_t m, uint64_t a, uint64_t b) { return (m & ~a) | b; }, true},
};

/// Memory and operands of 64 lanes: corner cases against each other, then any bits.
struct Operands {
  std::vector<uint64_t> memory, a, b;
  /// As the kernels read them: {memory, a, b, unused} a lane.
  std::vector<uint32_t> dwords() const {
    std::vector<uint32_t> all;
    for (size_t l = 0; l < 64; ++l)
      for (uint64_t value : {memory[l], a[l], b[l], uint64_t(0)}) {
        all.push_back(uint32_t(value));
        all.push_back(uint32_t(value >> 32));
      }
    return all;
  }
};

Operands operandsFrom(const std::vector<uint64_t> &corners, uint64_t keep) {
  Operands o;
  std::vector<uint32_t> bits = randomDwords(384, 41);
  for (size_t l = 0; l < 64; ++l) {
    size_t n = corners.size();
    uint64_t any[3];
    for (size_t i = 0; i < 3; ++i)
      any[i] = bits[6 * l + 2 * i] | uint64_t(bits[6 * l + 2 * i + 1]) << 32;
    o.memory.push_back((l < 48 ? corners[l % n] : any[0]) & keep);
    o.a.push_back((l < 48 ? corners[l / n % n] : any[1]) & keep);
    o.b.push_back((l % 3 ? o.a[l] + 1 : l % 2 ? o.memory[l] : any[2]) & keep);
    if (l % 8 == 5)
      o.a[l] = o.memory[l];
  }
  return o;
}

enum class Place { Global, Flat, Buffer, Local };

/// One instruction on memory of `dwords` a lane, with and without the value before. An empty
/// `name`: it has no form without.
struct Trial {
  Place place;
  std::string name, nameReturning;
  int dwords;
  bool two;
  Change change;
  bool (*same)(uint64_t, uint64_t) = nullptr;
};

std::string bodyOf(const Trial &trial, const std::string &arch) {
  const auto &[place, name, nameReturning, dwords, two, change, same] = trial;
  auto range = [](int first, int count) {
    return count == 1 ? fmt::format("v{}", first)
                      : fmt::format("v[{}:{}]", first, first + count - 1);
  };
  // v[8:9] memory, then the operands side by side from v10, with LDS's second one apart.
  int width = dwords * (two && place != Place::Local ? 2 : 1);
  std::string body = fmt::format("v_lshlrev_b32 v2, 5, v0\nv_lshlrev_b32 v3, {}, v0\n"
                                 "global_load_dwordx2 v[8:9], v2, s[8:9]\n"
                                 "global_load_dwordx2 v[10:11], v2, s[8:9] offset:8\n"
                                 "global_load_dwordx2 v[12:13], v2, s[8:9] offset:16\n"
                                 "s_waitcnt vmcnt(0)\n",
                                 dwords + 1);
  body += "v_mov_b32 v14, v12\nv_mov_b32 v15, v13\n"; // the second operand of LDS
  if (two && dwords == 1)
    body += "v_mov_b32 v11, v12\n";
  std::string write = dwords == 1 ? "dword" : "dwordx2";
  for (int pass = name.empty(); pass < 2; ++pass) { // without, then with the value before
    const std::string &mnemonic = pass ? nameReturning : name;
    std::string result = pass ? range(20, dwords) + ", " : "";
    std::string glc = pass ? arch == "gfx90a" ? " glc" : " sc0" : "";
    std::string memory = range(8, dwords), data = range(10, width);
    body += "v_mov_b32 v20, 0x77\nv_mov_b32 v21, 0x77\n";
    if (place == Place::Local)
      body += fmt::format("ds_write_b{0} v3, {1}\ns_waitcnt lgkmcnt(0)\n{2} {3}v3, {4}{5}\n"
                          "s_waitcnt lgkmcnt(0)\nds_read_b{0} {6}, v3\ns_waitcnt lgkmcnt(0)\n",
                          32 * dwords, memory, mnemonic, result, data,
                          two ? ", " + range(14, dwords) : "", range(22, dwords));
    else
      body += fmt::format("global_store_{} v3, {}, s[10:11]\ns_waitcnt vmcnt(0)\n", write, memory);
    if (place == Place::Global)
      body += fmt::format("{} {}v3, {}, s[10:11]{}\n", mnemonic, result, data, glc);
    if (place == Place::Flat)
      body += fmt::format("v_mov_b32 v5, s11\nv_add_co_u32 v4, vcc, s10, v3\n"
                          "v_addc_co_u32 v5, vcc, 0, v5, vcc\n{} {}v[4:5], {}{}\n",
                          mnemonic, result, data, glc);
    if (place == Place::Buffer) { // the result takes the place of the data
      body += fmt::format("s_mov_b64 s[12:13], s[10:11]\ns_movk_i32 s14, 0x1000\n"
                          "s_mov_b32 s15, 0x20000\nv_mov_b32 v24, v10\nv_mov_b32 v25, v11\n"
                          "v_mov_b32 v26, v12\nv_mov_b32 v27, v13\n{} {}, v3, s[12:15], 0 offen{}\n"
                          "s_waitcnt vmcnt(0)\n",
                          mnemonic, range(24, width), glc);
      if (pass)
        body += "v_mov_b32 v20, v24\nv_mov_b32 v21, v25\n";
    }
    if (place != Place::Local)
      body += fmt::format("s_waitcnt vmcnt(0) lgkmcnt(0)\nglobal_load_{} {}, v3, s[10:11]\n", write,
                          range(22, dwords));
    body += fmt::format("s_waitcnt vmcnt(0) lgkmcnt(0)\nv_lshlrev_b32 v6, 4, v0\n"
                        "v_mov_b32 v28, v20\nv_mov_b32 v29, v21\n"
                        "v_mov_b32 v30, v22\nv_mov_b32 v31, v23\n"
                        "global_store_dwordx4 v6, v[28:31], s[10:11] offset:{}\n"
                        "s_waitcnt vmcnt(0)\n",
                        512 + 1024 * pass);
  }
  return "v_mov_b32 v23, 0\n" + body;
}

void expectOutcome(const Trial &trial, const Operands &o, const WaveResult &r) {
  const auto &[place, name, nameReturning, dwords, two, change, same] = trial;
  ASSERT_EQ(r.error, "") << nameReturning;
  uint64_t keep = dwords == 1 ? 0xffffffff : ~uint64_t(0);
  for (size_t pass = name.empty(); pass < 2; ++pass)
    for (size_t l = 0; l < 64; ++l) {
      size_t at = 128 + 256 * pass + 4 * l;
      uint64_t before = r.out[at] | uint64_t(r.out[at + 1]) << 32;
      uint64_t after = (r.out[at + 2] | uint64_t(r.out[at + 3]) << 32) & keep;
      uint64_t expected = change(o.memory[l], o.a[l], o.b[l]) & keep;
      EXPECT_TRUE(same ? same(after, expected) : after == expected)
          << nameReturning << ", lane " << l << ": memory " << std::hex << o.memory[l] << ", "
          << o.a[l] << ", " << o.b[l] << " gave " << after << " instead of " << expected;
      EXPECT_EQ(before & keep, pass ? o.memory[l] & keep : 0x7700000077u & keep)
          << nameReturning << " " << l;
      if (testing::Test::HasFailure())
        return;
    }
}

void expectAtomics(const std::vector<Trial> &trials, const Operands &o,
                   const std::string &arch = "gfx942") {
  WaveRun run;
  run.arch = arch;
  run.options.ldsBytes = 1024;
  std::vector<std::string> bodies;
  for (const Trial &trial : trials)
    bodies.push_back(bodyOf(trial, arch));
  std::vector<WaveResult> results = runWaves(bodies, o.dwords(), 128 + 512, run);
  for (size_t i = 0; i < trials.size(); ++i)
    expectOutcome(trials[i], o, results[i]);
}

TEST(Atomics, Integers) {
  for (int dwords = 1; dwords <= 2; ++dwords) {
    uint64_t top = dwords == 1 ? 0x80000000 : uint64_t(1) << 63;
    Operands o = operandsFrom({0, 1, 2, top - 1, top, top + 1, 2 * top - 1},
                              dwords == 1 ? 0xffffffff : ~uint64_t(0));
    std::vector<Trial> trials;
    for (const Atomic &atomic : integers) {
      Change change = dwords == 1 ? atomic.change32 : atomic.change64;
      if (atomic.global)
        for (auto [place, space] : {std::pair(Place::Global, "global"),
                                    {Place::Flat, "flat"},
                                    {Place::Buffer, "buffer"}}) {
          std::string name =
              fmt::format("{}_atomic_{}{}", space, atomic.global, dwords == 2 ? "_x2" : "");
          trials.push_back({place, name, name, dwords, atomic.two, change});
        }
      if (!atomic.local)
        continue;
      std::string stem = atomic.local, bits = dwords == 1 ? "32" : "64", kind = "_b";
      for (const char *counted : {"add", "sub", "rsub", "inc", "dec"})
        if (stem == counted)
          kind = "_u";
      std::string type = kind + bits;
      if (stem.ends_with("_u") || stem.ends_with("_i")) {
        type = stem.substr(3) + bits;
        stem.resize(3);
      }
      trials.push_back({Place::Local, stem == "wrxchg" ? "" : "ds_" + stem + type,
                        "ds_" + stem + "_rtn" + type, dwords, atomic.two, change});
    }
    expectAtomics(trials, o);
  }
}

template <typename F, typename U> uint64_t floatSum(uint64_t m, uint64_t a, uint64_t) {
  return std::bit_cast<U>(std::bit_cast<F>(U(m)) + std::bit_cast<F>(U(a)));
}
/// A number wins over a NaN, and -0 lies below 0.
template <typename F, typename U, bool Max> uint64_t floatLimit(uint64_t m, uint64_t a, uint64_t) {
  F x = std::bit_cast<F>(U(m)), y = std::bit_cast<F>(U(a));
  if (std::isnan(x) || std::isnan(y))
    return std::isnan(y) ? m : a;
  if (x == y)
    return std::signbit(x) == Max ? a : m;
  return (x < y) == Max ? a : m;
}
bool sameFloat(uint64_t x, uint64_t y) {
  auto f = std::bit_cast<float>(uint32_t(x)), g = std::bit_cast<float>(uint32_t(y));
  return x == y || (std::isnan(f) && std::isnan(g));
}
bool sameDouble(uint64_t x, uint64_t y) {
  return x == y || (std::isnan(std::bit_cast<double>(x)) && std::isnan(std::bit_cast<double>(y)));
}

TEST(Atomics, Floats) {
  Operands o = operandsFrom(
      {0, 0x80000000, 0x3f800000, 0xbf800001, 0x7f800000, 0x7fc00000, 1, 0x33800000, 0x7f7fffff},
      0xffffffff);
  Change sum = floatSum<float, uint32_t>;
  expectAtomics(
      {{Place::Global, "global_atomic_add_f32", "global_atomic_add_f32", 1, false, sum, sameFloat},
       {Place::Flat, "flat_atomic_add_f32", "flat_atomic_add_f32", 1, false, sum, sameFloat},
       {Place::Buffer, "buffer_atomic_add_f32", "buffer_atomic_add_f32", 1, false, sum, sameFloat},
       {Place::Local, "ds_add_f32", "ds_add_rtn_f32", 1, false, sum, sameFloat},
       {Place::Local, "ds_min_f32", "ds_min_rtn_f32", 1, false, floatLimit<float, uint32_t, false>,
        sameFloat},
       {Place::Local, "ds_max_f32", "ds_max_rtn_f32", 1, false, floatLimit<float, uint32_t, true>,
        sameFloat}},
      o);
}

TEST(Atomics, Doubles) {
  Operands o = operandsFrom({0, uint64_t(1) << 63, 0x3ff0000000000000, 0xbff0000000000001,
                             0x7ff0000000000000, 0x7ff8000000000000, 1, 0x3ca0000000000000},
                            ~uint64_t(0));
  struct Kind {
    const char *name;
    Change change;
  };
  std::vector<Trial> trials;
  for (const Kind &kind : {Kind{"add", floatSum<double, uint64_t>},
                           {"min", floatLimit<double, uint64_t, false>},
                           {"max", floatLimit<double, uint64_t, true>}}) {
    for (auto [place, space] :
         {std::pair(Place::Global, "global"), {Place::Flat, "flat"}, {Place::Buffer, "buffer"}}) {
      std::string name = fmt::format("{}_atomic_{}_f64", space, kind.name);
      trials.push_back({place, name, name, 2, false, kind.change, sameDouble});
    }
    trials.push_back({Place::Local, fmt::format("ds_{}_f64", kind.name),
                      fmt::format("ds_{}_rtn_f64", kind.name), 2, false, kind.change, sameDouble});
  }
  for (const char *arch : {"gfx90a", "gfx942"})
    expectAtomics(trials, o, arch);
}

// Sums in double, rounded once by the definition of the format.
double halfValue(uint32_t bits) {
  int exponent = bits >> 10 & 31;
  double fraction = bits & 0x3ff;
  double size = exponent == 31  ? (fraction > 0 ? NAN : INFINITY)
                : exponent == 0 ? std::ldexp(fraction, -24)
                                : std::ldexp(1024 + fraction, exponent - 25);
  return bits & 0x8000 ? -size : size;
}
double bfloatValue(uint32_t bits) { return std::bit_cast<float>(bits << 16); }
/// The pattern nearest to a value; even when two are.
template <double (*Value)(uint32_t), uint32_t Infinity> uint32_t nearest(double value) {
  uint32_t sign = std::signbit(value) ? 0x8000 : 0, below = 0, above = Infinity;
  if (std::isnan(value))
    return 0x7fff;
  double size = std::fabs(value);
  while (above - below > 1) {
    uint32_t middle = (below + above) / 2;
    (Value(middle) <= size ? below : above) = middle;
  }
  // Beyond the greatest value stands what would follow it, were there no infinity.
  double next = above == Infinity ? 2 * Value(below) - Value(below - 1) : Value(above);
  double under = size - Value(below), over = next - size;
  if (std::isinf(size) || under > over || (under == over && (below & 1)))
    below = above;
  return sign | below;
}
template <double (*Value)(uint32_t), uint32_t Infinity>
uint64_t pairSum(uint64_t m, uint64_t a, uint64_t) {
  uint32_t lowHalf = nearest<Value, Infinity>(Value(m & 0xffff) + Value(a & 0xffff));
  uint32_t highHalf = nearest<Value, Infinity>(Value(m >> 16 & 0xffff) + Value(a >> 16 & 0xffff));
  return lowHalf | highHalf << 16;
}
template <uint32_t Infinity> bool samePair(uint64_t x, uint64_t y) {
  auto same = [](uint32_t p, uint32_t q) {
    return p == q || ((p & 0x7fff) > Infinity && (q & 0x7fff) > Infinity);
  };
  return same(x & 0xffff, y & 0xffff) && same(uint32_t(x) >> 16, uint32_t(y) >> 16);
}

TEST(Atomics, PairsOfHalves) {
  Operands o = operandsFrom(
      {0x3c000000, 0x7bff0001, 0xfc00bc01, 0x14003c00, 0x7e007bff, 0x83ff03ff}, 0xffffffff);
  Change sum = pairSum<halfValue, 0x7c00>;
  auto same = samePair<0x7c00>;
  const std::string name = "atomic_pk_add_f16";
  expectAtomics({{Place::Global, "global_" + name, "global_" + name, 1, false, sum, same},
                 {Place::Flat, "flat_" + name, "flat_" + name, 1, false, sum, same},
                 {Place::Buffer, "buffer_" + name, "buffer_" + name, 1, false, sum, same},
                 {Place::Local, "ds_pk_add_f16", "ds_pk_add_rtn_f16", 1, false, sum, same}},
                o);
}

TEST(Atomics, PairsOfBfloats) {
  Operands o = operandsFrom(
      {0x3f800000, 0x7f7f0001, 0xff80bf81, 0x3b803f80, 0x7fc07f7f, 0x807f007f}, 0xffffffff);
  Change sum = pairSum<bfloatValue, 0x7f80>;
  auto same = samePair<0x7f80>;
  const std::string name = "atomic_pk_add_bf16";
  expectAtomics({{Place::Global, "global_" + name, "global_" + name, 1, false, sum, same},
                 {Place::Flat, "flat_" + name, "flat_" + name, 1, false, sum, same},
                 {Place::Local, "ds_pk_add_bf16", "ds_pk_add_rtn_bf16", 1, false, sum, same}},
                o);
}

// Sums in LDS follow MODE where it flushes f32; those in memory do not.
TEST(Atomics, SubnormalSums) {
  std::vector<uint32_t> in(64, 0x00400000); // half of the least normal number
  WaveRun run;
  run.options.ldsBytes = 256;
  for (uint32_t mode : {0xf, 0xc}) { // keep all, flush f32
    WaveResult r =
        runWave(fmt::format("global_load_dword v2, v1, s[8:9]\ns_waitcnt vmcnt(0)\n"
                            "s_setreg_imm32_b32 hwreg(HW_REG_MODE, 4, 4), {}\n"
                            "ds_write_b32 v1, v2\nglobal_store_dword v1, v2, s[10:11]\n"
                            "s_waitcnt vmcnt(0) lgkmcnt(0)\nds_add_f32 v1, v2\n"
                            "global_atomic_add_f32 v1, v2, s[10:11]\ns_waitcnt lgkmcnt(0)\n"
                            "ds_read_b32 v3, v1\ns_waitcnt vmcnt(0) lgkmcnt(0)\n"
                            "global_store_dword v1, v3, s[10:11] offset:256",
                            mode),
                in, 128, run);
    ASSERT_EQ(r.error, "");
    for (size_t l = 0; l < 64; ++l) {
      ASSERT_EQ(r.out[l], 0x00800000u);
      ASSERT_EQ(r.out[64 + l], mode == 0xc ? 0u : 0x00800000u);
    }
  }
}

TEST(Atomics, LocalExchangeOfTwo) {
  std::vector<uint32_t> in = randomDwords(256, 42);
  WaveRun run;
  run.options.ldsBytes = 1024;
  WaveResult r = runWave("v_lshlrev_b32 v2, 4, v0\n"
                         "global_load_dwordx4 v[16:19], v2, s[8:9]\ns_waitcnt vmcnt(0)\n"
                         "ds_write_b64 v2, v[16:17]\ns_waitcnt lgkmcnt(0)\n"
                         "ds_wrxchg2_rtn_b32 v[20:21], v2, v18, v19 offset0:1 offset1:0\n"
                         "ds_read_b64 v[22:23], v2\ns_waitcnt lgkmcnt(0)\n"
                         "global_store_dwordx4 v2, v[20:23], s[10:11]",
                         in, 256, run);
  ASSERT_EQ(r.error, "");
  for (size_t l = 0; l < 64; ++l) {
    ASSERT_EQ(r.out[4 * l], in[4 * l + 1]);
    ASSERT_EQ(r.out[4 * l + 1], in[4 * l]);
    ASSERT_EQ(r.out[4 * l + 2], in[4 * l + 3]);
    ASSERT_EQ(r.out[4 * l + 3], in[4 * l + 2]);
  }
}

// 100 workgroups of 4 waves on several host threads: sums are exact, numbers are given out once, a
// counter that wraps ends where it must, and so does one kept by compare and swap.
TEST(Atomics, ContendedFromAllThreads) {
  constexpr uint32_t workgroups = 100, block = 256, items = workgroups * block;
  WaveRun run;
  run.machine.threads = 4;
  run.shape = {.grid = {items, 1, 1}, .block = {block, 1, 1}};
  run.options.ldsBytes = 64;
  run.inputIsReadOnly = false;
  WaveResult r = runWave(R"(
    v_mov_b32 v2, 0
    v_mov_b32 v3, 1
    global_atomic_add v10, v2, v3, s[8:9] sc0
    v_mov_b32 v4, 1.0
    global_atomic_add_f32 v2, v4, s[8:9] offset:4
    v_mov_b32 v6, 998
    global_atomic_inc v2, v6, s[8:9] offset:8
    s_lshl_b32 s12, s2, 8
    v_add_u32 v7, s12, v0
    global_atomic_umax v2, v7, s[8:9] offset:12
    v_mov_b32 v14, 3
    v_mov_b32 v15, 1
    global_atomic_add_x2 v2, v[14:15], s[8:9] offset:16
    v_mov_b32 v16, 0
    v_mov_b32 v17, 0x3ff00000
    global_atomic_add_f64 v2, v[16:17], s[8:9] offset:24
  retry:
    global_load_dword v21, v2, s[8:9] offset:32 sc1
    s_waitcnt vmcnt(0)
    v_add_u32 v20, 1, v21
    global_atomic_cmpswap v22, v2, v[20:21], s[8:9] offset:32 sc0
    s_waitcnt vmcnt(0)
    v_cmp_ne_u32 vcc, v22, v21
    s_and_b64 exec, exec, vcc
    s_cbranch_execnz retry
    s_mov_b64 exec, -1
    v_cmp_eq_u32 vcc, 0, v0
    s_and_saveexec_b64 s[20:21], vcc
    ds_write_b32 v2, v2
    s_mov_b64 exec, s[20:21]
    s_waitcnt lgkmcnt(0)
    s_barrier
    ds_add_u32 v2, v3
    s_waitcnt lgkmcnt(0)
    s_barrier
    s_and_saveexec_b64 s[20:21], vcc
    ds_read_b32 v24, v2
    s_waitcnt lgkmcnt(0)
    global_atomic_add v2, v24, s[8:9] offset:36
    s_mov_b64 exec, s[20:21]
    s_waitcnt vmcnt(0)
    v_lshlrev_b32 v11, 2, v10
    global_store_dword v11, v10, s[10:11]
  )",
                         std::vector<uint32_t>(16, 0), items, run);
  ASSERT_EQ(r.error, "");
  for (uint32_t i = 0; i < items; ++i)
    ASSERT_EQ(r.out[i], i); // each number once: nobody else filled its place
  EXPECT_EQ(r.in[0], items);
  EXPECT_EQ(std::bit_cast<float>(r.in[1]), float(items)); // below 2^24: exact
  EXPECT_EQ(r.in[2], items % 999);
  EXPECT_EQ(r.in[3], items - 1);
  EXPECT_EQ(r.in[4] | uint64_t(r.in[5]) << 32, items * (uint64_t(1) << 32 | 3));
  EXPECT_EQ(std::bit_cast<double>(r.in[6] | uint64_t(r.in[7]) << 32), double(items));
  EXPECT_EQ(r.in[8], items);
  EXPECT_EQ(r.in[9], items);
}

} // namespace
