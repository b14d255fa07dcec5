//===- LaneKernel.h - the same few lines for many values --------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Assemble.h"

#include <array>
#include <bit>
#include <cmath>
#include <random>
#include <stdexcept>

namespace zorse::emulator::test {

/// One column of dwords a register.
using Columns = std::vector<std::vector<uint32_t>>;

/// Kernels that run some lines once for each element: column i of the inputs is in v10 + i; v2 to
/// v5, which begin as 0x22222222 to 0x55555555, are the four columns that come back. The number of
/// elements is a multiple of 64. Throws what the tools or the machine report.
class LaneKernels {
public:
  LaneKernels(const std::string &arch, const std::vector<std::string> &bodies, size_t inputs)
      : machine(makeMachine(arch, {.threads = 1})) {
    std::string text;
    for (size_t k = 0; k < bodies.size(); ++k)
      text += kernelText("lanes" + std::to_string(k), wrapped(bodies[k], inputs), {});
    auto loaded = machine->load(assemble(arch, text));
    if (!loaded)
      throw std::runtime_error(loaded.error().message);
    image = loaded.take();
  }

  Columns run(size_t kernel, const Columns &inputs) const {
    const size_t elements = inputs.front().size();
    std::vector<uint32_t> joined;
    for (const auto &column : inputs)
      joined.insert(joined.end(), column.begin(), column.end());
    Buffer in(*machine, joined), out(*machine, std::vector<uint32_t>(4 * elements, 0xdeadbeef));
    auto counts = machine->launch(*image, "lanes" + std::to_string(kernel),
                                  {{uint32_t(elements), 1, 1}, {64, 1, 1}, 0},
                                  Kernarg()
                                      .add(in.address())
                                      .add(out.address())
                                      .add(uint32_t(4 * elements))
                                      .add(uint32_t(0)));
    if (!counts)
      throw std::runtime_error(counts.error().message);
    auto rows = out.read<uint32_t>();
    Columns columns(4, std::vector<uint32_t>(elements));
    for (size_t e = 0; e < elements; ++e)
      for (size_t c = 0; c < 4; ++c)
        columns[c][e] = rows[4 * e + c];
    return columns;
  }

private:
  static std::string wrapped(const std::string &body, size_t inputs) {
    std::string text = "s_load_dwordx4 s[4:7], s[0:1], 0x0\n"
                       "s_load_dword s8, s[0:1], 0x10\n"
                       "s_waitcnt lgkmcnt(0)\n"
                       "s_lshl_b32 s9, s2, 6\n"
                       "v_add_u32 v0, s9, v0\n"
                       "v_lshlrev_b32 v1, 2, v0\n";
    for (size_t i = 0; i < inputs; ++i)
      text += "global_load_dword v" + std::to_string(10 + i) +
              ", v1, s[4:5]\ns_add_u32 s4, s4, s8\ns_addc_u32 s5, s5, 0\n";
    return text +
           "v_mov_b32 v2, 0x22222222\nv_mov_b32 v3, 0x33333333\n"
           "v_mov_b32 v4, 0x44444444\nv_mov_b32 v5, 0x55555555\n"
           "s_waitcnt vmcnt(0)\n" +
           body +
           "\ns_mov_b64 exec, -1\nv_lshlrev_b32 v1, 4, v0\n"
           "global_store_dwordx4 v1, v[2:5], s[6:7]\ns_endpgm\n";
  }

  std::unique_ptr<Machine> machine;
  std::unique_ptr<Image> image;
};

inline Columns runLanes(const std::string &arch, const std::string &body, const Columns &inputs) {
  return LaneKernels(arch, {body}, inputs.size()).run(0, inputs);
}

inline float asFloat(uint32_t bits) { return std::bit_cast<float>(bits); }
inline uint32_t asBits(float x) { return std::bit_cast<uint32_t>(x); }
inline double asDouble(uint32_t low, uint32_t high) {
  return std::bit_cast<double>(low | uint64_t(high) << 32);
}

/// Numbers that have gone wrong before, then random bits, then random numbers near 1.
inline std::vector<uint32_t> floatColumn(size_t elements, uint64_t seed) {
  const uint32_t special[] = {0,          0x80000000, 1,          0x80000001, 0x007fffff,
                              0x00800000, 0x3f800000, 0xbf800000, 0x3f7fffff, 0x3f000000,
                              0xbf000000, 0x40200000, 0x7f7fffff, 0xff7fffff, 0x7f800000,
                              0xff800000, 0x7fc00000, 0x7f800001, 0xffc12345, 0x4b000001,
                              0x4f000000, 0xcf000000, 0x4f800000, 0x33800000};
  std::mt19937_64 random(seed);
  std::vector<uint32_t> column(elements);
  for (size_t i = 0; i < elements; ++i) {
    auto bits = uint32_t(random());
    column[i] = bits % 4 == 0 ? special[(bits >> 8) % std::size(special)]
                : bits % 4 == 1
                    ? uint32_t(random())
                    : asBits(float(int32_t(random()) * 0x1p-31 * (1 << (bits >> 8) % 12)));
  }
  return column;
}

/// Two NaNs are as good as each other; the ISA does not say which payload an operation keeps.
inline bool sameFloat(uint32_t a, uint32_t b) {
  return a == b || (std::isnan(asFloat(a)) && std::isnan(asFloat(b)));
}

} // namespace zorse::emulator::test
