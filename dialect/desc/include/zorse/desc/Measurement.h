//===- Measurement.h - a number and where it came from ----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <string>

namespace zorse {

/// measured: a clock on the real device. simulated: counted by the emulator. model: predicted.
/// Numbers of different sources are never ranked together.
enum class Source { Measured, Simulated, Model };

struct Measurement {
  Source source = Source::Measured;
  std::string device;           ///< hostDeviceName() or the like
  std::string method;           ///< "median of 15 rounds, warm" …
  double medianUs = 0;          ///< median time of one launch, microseconds
  double lowUs = 0, highUs = 0; ///< 95 % interval of the median
  int64_t samples = 0;
  double flops = 0, bytes = 0; ///< of one launch
  /// The conditions, canonical JSON: {"cache":"cold","clock_mhz":2600,"load":0.1,…}; what could not
  /// be read is absent.
  std::string environment = "{}";
};

/// How a candidate compared with the fp64 reference.
struct Verification {
  bool passed = false;
  double maxError = 0; ///< largest |got - want| / allowed, over all outputs; passed means <= 1
  int64_t cases = 0;   ///< shapes tried
  std::string detail;  ///< the worst element, or the reason of failure
};

} // namespace zorse
