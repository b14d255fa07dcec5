//===- Predict.h - how long a configuration will take, before it is compiled -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The cost model before codegen: a roofline over what a configuration makes the
// machine do, from the formulas of tuner/model/Predict.cpp. It knows nothing of this
// machine but the row of the target, measures nothing, and so gives the same numbers
// everywhere: a stopped search that starts again has the same prior.
//
// estimateCompiled() is the other half: it looks at machine code.
//
// Good for order, and within a factor of two or so for time. Never a measurement.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/tuner/Laboratory.h"
#include "zorse/tuner/Space.h"

#include <vector>

namespace zorse {

/// A time in microseconds for each configuration of the space, infinity for one that cannot work.
/// Some microseconds a configuration.
std::vector<double> predictTimes(const Problem &problem, const Space &space);

/// The time of one configuration, in microseconds.
double predictUs(const Problem &problem, const KernelConfig &config);

/// The time of the default configuration, in microseconds; infinity if there is none.
double predictUs(const Problem &problem);

/// The model after codegen (tuner/model/Model.h): the time of compiled code, with source Model.
/// For a host it measures the peaks of this machine once, in some 50 ms. Errors: Usage for a
/// target without peaks, or code that does not fit it.
Result<Measurement> estimateCompiled(const Problem &problem, const CodeObject &code);

} // namespace zorse
