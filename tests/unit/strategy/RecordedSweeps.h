//===- RecordedSweeps.h - the sweeps in tests/data/sweeps -----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/tuner/Laboratory.h"
#include "zorse/tuner/QuickList.h"

namespace zorse::test {

struct RecordedSweep {
  std::string name; ///< of the file, without its ending
  Sweep sweep;
  Problem problem;
};

/// All of them, by name. Aborts with a message if one cannot be read.
const std::vector<RecordedSweep> &recordedSweeps();

/// The space of a sweep, whose favourites rest on the other sweeps of its kind alone.
Space leavingOneOut(const RecordedSweep &sweep);

} // namespace zorse::test
