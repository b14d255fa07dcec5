//===- TuneSpaces.h - looking at spaces without tuning ----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "TuneRequest.h"

namespace zorse::tool {

/// --dry-run: the three spaces of each problem, what each rule removes, how long the one of the
/// request may take. The speed comes from earlier trials in the database, if it has some. Of a
/// model (else null) also its scenarios and what weighs how much.
VerbResult showSpaces(const Tool &tool, const TuneRequest &request,
                      const std::vector<Problem> &problems, const ModelPlan *made);

/// --explain-config. Exit code 2 if the configuration is not legal.
VerbResult explainConfig(const Tool &tool, const Problem &problem, const std::string &text);

/// --status: how many rows are in which state. Of a model (else null) also what its runs on
/// `device` would find, in all layers of the database.
VerbResult showStatus(const Tool &tool, const std::vector<Problem> &problems, const ModelPlan *made,
                      std::string_view device);

} // namespace zorse::tool
