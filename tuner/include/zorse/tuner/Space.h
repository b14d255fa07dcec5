//===- Space.h - the configurations that a search may try -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Three spaces of one op on one target, each inside of the next:
//
//   exhaustive  every configuration that the constraints of the op's spec allow
//   full        those that pruning by resources (zorse/tuner/Prune.h) leaves
//   quick       a set cover of what won before (tuner/space/quick), the defaults first
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/KernelConfig.h"

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace zorse {

enum class SearchSpace { Quick, Full, Exhaustive };

std::string_view name(SearchSpace space);

/// What kept configurations out, under the label of a constraint or of a pruning rule.
struct Removal {
  std::string label, reason;
  int64_t count = 0;
};

/// A finite list of configurations with the coordinates that strategies move along. The first is
/// the default configuration; the order is fixed by op, target and space alone.
class Space {
public:
  struct Knob {
    std::string name;
    std::vector<int64_t> values; ///< that occur, ascending
  };

  /// Errors: Usage if no configuration is legal.
  static Result<Space> of(const OpDesc &op, const TargetDesc &target, SearchSpace which);
  /// Of any distinct configurations with the same knobs, at least one, such as those of a recorded
  /// sweep; the first counts as the default.
  explicit Space(std::vector<KernelConfig> configs);

  size_t size() const { return configs.size(); }
  const KernelConfig &operator[](size_t index) const { return configs[index]; }
  std::optional<size_t> find(std::string_view configText) const;

  const std::vector<Knob> &knobs() const { return knobList; }
  /// Which of knobs()[knob].values configuration `index` has.
  int place(size_t index, size_t knob) const { return places[index * knobList.size() + knob]; }
  /// The configurations that differ from `index` in exactly one knob, nearest values first.
  std::vector<size_t> neighbours(size_t index) const;
  /// The configuration with these places, one for each knob.
  std::optional<size_t> at(const std::vector<int> &places) const;

  /// What won elsewhere (tuner/space/quick), in the order in which to try it; without the default.
  std::vector<size_t> favourites;
  int64_t total = 0, legal = 0; ///< all combinations of values; those within the constraints
  /// What each constraint removed on its own (so one configuration may count under several), then
  /// what each pruning rule removed of the rest. Empty in a space made from configurations.
  std::vector<Removal> removals;

private:
  uint64_t keyOf(size_t index) const;

  std::vector<KernelConfig> configs;
  std::vector<Knob> knobList;
  std::vector<int> places;
  std::vector<uint64_t> strides; ///< of a knob's place in the key of a configuration
  std::unordered_map<uint64_t, size_t> byKey;
  std::map<std::string, size_t, std::less<>> byText;
};

} // namespace zorse
