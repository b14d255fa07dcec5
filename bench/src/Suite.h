//===- Suite.h - shapes to measure, as data ---------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A suite is a JSON file in bench/suites: an op, where its shapes come from, the
// peer to compare with, and the dynamic sizes of each case.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/OpDesc.h"

#include <string>
#include <vector>

namespace zorse::bench {

struct Case {
  std::string suite;
  std::string peer; ///< "torch" or "onednn"
  OpDesc op;        ///< tuned at `sizes`
  Sizes sizes;
};

struct Suite {
  std::string name, source;
  std::vector<Case> cases;
};

/// Reads `directory`/NAME.json for each name. Usage errors name the file and the field.
Result<std::vector<Suite>> loadSuites(const std::string &directory,
                                      const std::vector<std::string> &names);

} // namespace zorse::bench
