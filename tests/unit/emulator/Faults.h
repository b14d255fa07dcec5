//===- Faults.h - kernels with exactly one fault ----------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each test runs a kernel with one fault, whose message is compared word for
// word, and its twin without the fault, which must run clean. The instruction
// that is to be blamed has the label `fault`; one that it must name, `cause`.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Assemble.h"

#include "load/ElfFile.h"

#include <fmt/args.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

namespace zorse::emulator::test {

/// Where the blame must fall.
struct Blame {
  /// With {in}, {in_end}, {out}, {out_end} for the addresses of the buffers, {out_last} for out +
  /// 252, {out_odd} for out + 6, and {cause} for the PC of the label `cause`.
  std::string what;
  std::string text; ///< disassembly
  uint32_t wave = 0, group = 0;
};

/// Kernels get: v1 = 4 * v0, the pointer to 64 dwords that may only be read in s[4:5], that to 64
/// dwords of output in s[6:7], the workgroup in s2.
class FaultTest : public testing::TestWithParam<const char *> {
protected:
  static constexpr const char *prologue = R"(
    s_load_dwordx4 s[4:7], s[0:1], 0x0
    v_lshlrev_b32_e32 v1, 2, v0
    s_waitcnt lgkmcnt(0)
  )";

  struct Outcome {
    Result<Counts> result;
    uint64_t pc = 0, cause = 0, in = 0, out = 0;
    std::vector<uint32_t> written;
  };

  Outcome run(const std::string &body) {
    auto machine = makeMachine(GetParam(), options);
    std::vector<uint8_t> elf = assemble(GetParam(), kernelText("k", prologue + body, kernel));
    uint64_t pc = 0, cause = 0;
    Result<ElfFile> file = readElf(elf);
    for (const ElfSymbol &symbol : file->symbols)
      if (symbol.name == "fault")
        pc = symbol.value;
      else if (symbol.name == "cause")
        cause = symbol.value;
    std::vector<uint32_t> values(64);
    for (uint32_t i = 0; i < 64; ++i)
      values[i] = 100 + i;
    Buffer in(*machine, values), out(*machine, std::vector<uint32_t>(64, 0));
    uint64_t readOnly[] = {in.address()};
    Result<Counts> counts = runKernel(*machine, elf, "k", shape,
                                      Kernarg().add(in.address()).add(out.address()), readOnly);
    return {std::move(counts), pc, cause, in.address(), out.address(), out.read<uint32_t>()};
  }

  void expectFault(const std::string &body, const Blame &blame) {
    Outcome outcome = run(body);
    ASSERT_FALSE(outcome.result.ok()) << "no fault found in:\n" << body;
    std::string what =
        fmt::format(fmt::runtime(blame.what), fmt::arg("in", fmt::format("{:#x}", outcome.in)),
                    fmt::arg("in_end", fmt::format("{:#x}", outcome.in + 256)),
                    fmt::arg("out", fmt::format("{:#x}", outcome.out)),
                    fmt::arg("out_end", fmt::format("{:#x}", outcome.out + 256)),
                    fmt::arg("out_last", fmt::format("{:#x}", outcome.out + 252)),
                    fmt::arg("out_odd", fmt::format("{:#x}", outcome.out + 6)),
                    fmt::arg("cause", fmt::format("{:#x}", outcome.cause)));
    EXPECT_EQ(outcome.result.error().message,
              fmt::format("kernel 'k' stopped: {}; at PC {:#x}: {}; workgroup ({}, 0, 0), wave {}",
                          what, outcome.pc, blame.text, blame.group, blame.wave));
    EXPECT_EQ(outcome.result.error().code, ErrorCode::Runtime);
  }

  std::vector<uint32_t> expectClean(const std::string &body) {
    Outcome outcome = run(body);
    EXPECT_TRUE(outcome.result.ok()) << outcome.result.error().message << "\n" << body;
    return outcome.written;
  }

  MachineOptions options = {.threads = 1, .checks = true};
  KernelOptions kernel;
  LaunchShape shape = {.grid = {64, 1, 1}, .block = {64, 1, 1}};
};

} // namespace zorse::emulator::test
