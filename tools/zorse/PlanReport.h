//===- PlanReport.h - what a database has for a model -------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Tool.h"

#include "zorse/tuner/Plan.h"

namespace zorse::tool {

/// Coverage with the distance that the dispatcher uses. With an empty `device` times of any count.
Result<CoverageReport> coverageOf(const Plan &plan, Database &database, std::string_view device);

/// Keys: "calibration", "covered", "bucket", "fallback" (shares of time), "kernels", "scenarios".
Json coverageJson(const Plan &plan, const CoverageReport &report);
/// For people: totals, the heaviest kernels (all of them if `isLong`), tokens/s of each scenario.
std::string describeCoverage(const Plan &plan, const CoverageReport &report, bool isLong);

/// What the model launches: scenarios and problems with their predicted shares.
Json planJson(const Plan &plan);
/// For people: how many, and the heaviest with their predicted shares.
std::string describePlan(const Plan &plan);

} // namespace zorse::tool
