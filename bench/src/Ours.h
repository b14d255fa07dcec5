//===- Ours.h - the side that Zorse compiled --------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Side.h"

#include "zorse/db/Database.h"
#include "zorse/device/Device.h"

namespace zorse::bench {

/// Which configuration our side runs.
struct Choice {
  Database *database = nullptr; ///< its winner, if it has one for the case
  double tuneSeconds = 0;       ///< above 0: tune first, into the database
};

/// Compiles the case for the device and fills its operands. `note` says where the configuration
/// came from.
Result<std::unique_ptr<Side>> ourSide(const Case &benchCase, const Setup &setup, Device &device,
                                      const Choice &choice, std::string &note);

} // namespace zorse::bench
