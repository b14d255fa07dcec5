//===- TuneBench.h - what zorse tune tries candidates on --------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "TuneRequest.h"

namespace zorse::tool {

/// A target and the laboratory for it: processes that measure where the device is here, processes
/// that compile and a model where it is not, or a recorded sweep.
struct TuneBench {
  TargetDesc target;
  std::string device;                   ///< empty where none of this target is here
  std::unique_ptr<Laboratory> compiler; ///< that a model laboratory predicts from
  std::unique_ptr<Laboratory> laboratory;
  std::optional<Space> configs; ///< of a recorded sweep
};

struct ChosenTarget {
  TargetDesc target;
  std::string device; ///< as in Measurement::device; empty where none of this target is here
};
/// Without a laboratory. Errors: Usage for options that do not go together, Device for what is not
/// here.
Result<ChosenTarget> chooseTarget(const Tool &tool, const TuneArguments &arguments,
                                  const TuneRequest &request);
Result<TuneBench> makeBench(const Tool &tool, const TuneArguments &arguments,
                            const TuneRequest &request);

} // namespace zorse::tool
