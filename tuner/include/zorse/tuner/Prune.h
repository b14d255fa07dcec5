//===- Prune.h - what is not worth compiling -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rules of thumb about resources, applied before any code is made. They remove what a
// legal configuration can still waste: registers that would spill, a fast memory that
// leaves room for too few waves, a grid too small to fill the machine beside one that
// fills it. They never remove the default configuration, and `exhaustive` ignores them.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/KernelConfig.h"

#include <optional>

namespace zorse::tuner {

struct PruneRule {
  std::string label, reason; ///< "grid_too_small", "fewer workgroups than a quarter of …"
};

/// The first rule that this configuration breaks, the default one too.
std::optional<PruneRule> brokenRule(const OpDesc &op, const TargetDesc &target,
                                    const KernelConfig &config);

/// The rule that keeps this configuration out of the full space, if one does.
std::optional<PruneRule> pruned(const OpDesc &op, const TargetDesc &target,
                                const KernelConfig &config);

} // namespace zorse::tuner
