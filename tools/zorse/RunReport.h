//===- RunReport.h - what a run tells when it is over -----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ModelRunner.h"
#include "Sequence.h"

namespace zorse::tool {

/// Times and tokens of one or more answers, without the time that compiling took in each phase,
/// which is told apart. Source: measured, wall clock.
struct Rates {
  double prefillSeconds = 0, decodeSeconds = 0;
  int64_t prefillTokens = 0, decodeTokens = 0;
  std::optional<double> firstTokenSeconds; ///< since the start, everything included

  void add(const Answer &answer, double compiledInPrefill, double compiledInDecode);
  double prefill() const { return rate(prefillTokens, prefillSeconds); } ///< tokens/s
  double decode() const { return rate(decodeTokens, decodeSeconds); }    ///< tokens/s

private:
  static double rate(int64_t tokens, double seconds) {
    return tokens > 0 && seconds > 0 ? static_cast<double>(tokens) / seconds : 0;
  }
};

/// What the emulator counted in each phase; null and empty on other devices.
struct Simulated {
  Json prefill, decode;
  std::string text;
};

/// One answer with everything that a program may want to know of it.
Json runJson(const Runner &runner, const Simulated &simulated, const Answer &answer,
             const Rates &rates, bool withLogits);
/// The line of rates on stderr.
void reportRates(const Runner &runner, const Rates &rates);
/// The time of each kind of kernel, on stderr.
void printKernelTimes(const Runner &runner);

} // namespace zorse::tool
