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
  std::string peer;    ///< "torch" or "onednn"
  std::string variant; ///< the fields that this case changes: "num_heads=32 kv_lora_rank=160"
  OpDesc op;           ///< tuned at `sizes`
  Sizes sizes;
  bool stream = false; ///< beside a side that only moves its bytes (Stream.h)
};

struct Suite {
  std::string name, source;
  std::vector<Case> cases;
};

/// Reads `directory`/NAME.json for each name. A case is an object of sizes, numbers or the name of
/// another size ("max_len": "context"); "op" in it changes fields; a list of values makes a case of
/// each combination. Usage errors name the file and the field.
Result<std::vector<Suite>> loadSuites(const std::string &directory,
                                      const std::vector<std::string> &names);

} // namespace zorse::bench
