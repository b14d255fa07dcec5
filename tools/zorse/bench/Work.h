//===- Work.h - sizes of a benchmark and the work behind a row --*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/hybrid/ModelCosts.h"
#include "zorse/hybrid/OpList.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace zorse::tool {

/// Numbers from "512", "0,4096", "16-512*2" (times 2), "1-9+4" (plus 4), "1..64" (doubling, both
/// ends included); k and K are 1024. In the order given, each once. Errors (Usage) name `option`.
Result<std::vector<int64_t>> parseBenchSizes(const std::string &text, std::string_view option);

/// Bytes that `steps` decode steps of `batch` sequences move at least, beginning with caches of
/// `depth` tokens: see stepCosts().
StepCosts decodeBytes(const ModelConfig &config, const CostTypes &types, int64_t batch,
                      int64_t depth, int64_t steps);

/// Useful operations of `batch` prompts of `tokens` tokens each behind `depth` cached ones, in
/// passes of `passTokens`: by the formulas of the op specs.
Result<double> prefillFlops(const ModelConfig &config, const OpTypes &types, int64_t batch,
                            int64_t depth, int64_t tokens, int64_t passTokens);

} // namespace zorse::tool
