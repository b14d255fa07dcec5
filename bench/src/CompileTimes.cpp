//===- CompileTimes.cpp - how long compile() takes ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CompileTimes.h"
#include "Side.h"

#include "zorse/compiler/Compile.h"

#include <chrono>

namespace zorse::bench {

using Clock = std::chrono::steady_clock;

static CompileTime measureOne(const OpDesc &op, const TargetDesc &target, int repeats) {
  CompileTime row{op.kind(), target.arch, 0, 0, {}};
  const Result<KernelConfig> config = KernelConfig::defaults(op, target);
  if (!config) {
    row.error = config.error().message;
    return row;
  }
  std::vector<double> times;
  for (int repeat = -1; repeat < repeats; ++repeat) {
    const auto start = Clock::now();
    Result<CompileOutput> output = compile(op, target, *config);
    const double ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    if (!output) {
      row.error = output.error().message;
      return row;
    }
    row.codeBytes = output->object.bytes.size();
    if (repeat >= 0)
      times.push_back(ms);
  }
  row.medianMs = summarise(std::move(times)).medianUs;
  return row;
}

Result<std::vector<CompileTime>> measureCompileTimes(const std::vector<std::string> &targets,
                                                     int repeats) {
  std::vector<CompileTime> rows;
  for (const std::string &name : targets) {
    Result<TargetDesc> target = findTarget(name);
    if (!target)
      return target.takeError();
    for (const OpSpec &spec : allOpSpecs()) {
      Result<OpDesc> op = OpDesc::parse(spec.exampleJson);
      if (!op)
        return op.takeError();
      rows.push_back(measureOne(*op, *target, repeats));
    }
  }
  return rows;
}

std::map<std::string, double> medianByTarget(const std::vector<CompileTime> &times) {
  std::map<std::string, std::vector<double>> byTarget;
  for (const CompileTime &time : times)
    if (time.error.empty())
      byTarget[time.arch].push_back(time.medianMs);
  std::map<std::string, double> medians;
  for (auto &[arch, values] : byTarget)
    medians[arch] = summarise(std::move(values)).medianUs;
  return medians;
}

} // namespace zorse::bench
