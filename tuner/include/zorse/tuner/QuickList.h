//===- QuickList.h - few configurations for many problems -----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What won on some problems of a kind is a good guess for others. A quick list is a set
// cover of recorded sweeps: few configurations among which every problem has one that is
// nearly its best. The shipped lists are text in tuner/space/quick.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/tuner/Space.h"

#include <span>

namespace zorse {

/// One problem of which every configuration, or many, were measured.
struct Sweep {
  std::string opKind;
  std::string family; ///< "host" or "amdgpu"
  Space space;
  std::vector<double> timesUs; ///< of each configuration; infinity where it failed
  std::string problem;         ///< for people
};

struct QuickListOptions {
  double fraction = 0.95; ///< a configuration serves a problem if best / time is at least this
  /// Each problem is served by so many configurations, or by all that can: times are noisy, and
  /// the next problem is not among the recorded ones.
  size_t depth = 2;
};

/// Texts of configurations, those that serve the most problems first: a greedy set cover.
/// Deterministic. The sweeps must be of one kind and family; those in which nothing worked are
/// left out.
std::vector<std::string> quickList(std::span<const Sweep> sweeps,
                                   const QuickListOptions &options = {});

/// The list that is built in, partial configurations whose other knobs take their defaults; empty
/// if there is none for this kind.
const std::vector<std::string> &shippedQuickList(std::string_view opKind, std::string_view family);

/// The text of a file of lists: `family`, and for each kind its list and the problems behind it.
/// Sweeps of other families are left out.
std::string quickListFile(std::string_view family, std::span<const Sweep> sweeps,
                          const QuickListOptions &options = {});

} // namespace zorse
