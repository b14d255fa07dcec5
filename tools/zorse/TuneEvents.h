//===- TuneEvents.h - telling how a search goes -----------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Progress.h"

#include "zorse/tuner/Tuner.h"

namespace zorse::tool {

/// One problem after tuning.
struct Tuned {
  OpDesc op;
  TuneOutcome outcome;
};

/// "[2/7] linear measure 12/40, 11 ok, 1 failed, best 182 us (1.13x of the defaults), 8.1/s, 3 s
/// left"; `prefix` goes before.
std::string progressLine(const TuneProgress &progress, const OpDesc &op, const std::string &prefix);

/// The events of --format jsonl: "start", "begin" before a trial that runs, "trial" once it is
/// durable, "outcome" of each problem, "end".
void printStart(const std::string &target, const std::string &device, const std::string &database,
                const std::string &source);
void printTrial(const TuneProgress &progress);
void printEnd(const std::vector<Tuned> &results, int exitCode);

Json outcomeJson(const Tuned &tuned);
/// One line for people.
std::string describeOutcome(const Tuned &tuned);

} // namespace zorse::tool
