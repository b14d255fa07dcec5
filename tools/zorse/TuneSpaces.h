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
/// request may take. The speed comes from earlier trials in the database, if it has some.
VerbResult showSpaces(const Tool &tool, const TuneRequest &request,
                      const std::vector<Problem> &problems);

/// --explain-config. Exit code 2 if the configuration is not legal.
VerbResult explainConfig(const Tool &tool, const Problem &problem, const std::string &text);

/// --status: how many rows are in which state.
VerbResult showStatus(const Tool &tool, const std::vector<Problem> &problems);

} // namespace zorse::tool
