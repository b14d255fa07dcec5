//===- KernelConfig.h - the tunable choices ---------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/OpDesc.h"
#include "zorse/desc/TargetDesc.h"

namespace zorse {

/// One value for every knob that the op has on the target. Canonical text:
/// "block_n=64,kv_splits=8", knobs in the order of the spec.
class KernelConfig {
public:
  /// The defaults of the spec, at the tuning point of the op. Where the default of a knob is not
  /// a legal value it is rounded down to one; if the whole breaks a constraint, the legal
  /// configuration that differs in the fewest knobs, and by the fewest steps, is taken.
  static Result<KernelConfig> defaults(const OpDesc &op, const TargetDesc &target);
  /// Parses "k=v,k=v"; knobs left out take their defaults. Checks values and constraints.
  static Result<KernelConfig> parse(std::string_view text, const OpDesc &op,
                                    const TargetDesc &target);
  /// Reads "k=v,k=v" as it stands, knowing of no op: for records of configurations, whose knobs
  /// may since have changed. Errors: Usage for anything but knob=integer, each knob once.
  static Result<KernelConfig> read(std::string_view text);
  /// From values of all knobs, unchecked; use check().
  static KernelConfig fromValues(const OpDesc &op, const TargetDesc &target,
                                 const std::vector<int64_t> &values);

  int64_t get(std::string_view knob) const;
  bool has(std::string_view knob) const;
  const std::vector<std::pair<std::string, int64_t>> &values() const { return entries; }
  std::string text() const;
  Hash128 hash() const;
  bool operator==(const KernelConfig &) const = default;

  /// The first rule that this configuration breaks, with its label and numbers.
  Status check(const OpDesc &op, const TargetDesc &target) const;
  /// Every constraint of the op with what it says here. Errors: Usage for other knobs than those of
  /// the op, a value that is not legal, a formula that cannot be evaluated.
  struct Verdict {
    std::string label, message;
    std::string numbers; ///< "block_m = 8, lds_bytes = 65536"
    bool holds = true;   ///< also where it does not apply
  };
  Result<std::vector<Verdict>> verdicts(const OpDesc &op, const TargetDesc &target) const;

private:
  std::vector<std::pair<std::string, int64_t>> entries;
};

/// The knobs that exist for this op on this target.
std::vector<const KnobSpec *> knobsOf(const OpDesc &op, const TargetDesc &target);
/// Every legal configuration, in a fixed order (last knob fastest).
std::vector<KernelConfig> enumerateConfigs(const OpDesc &op, const TargetDesc &target);
/// How many configurations each constraint removes on its own, by label, and the size before.
struct SpaceReport {
  int64_t total = 0, legal = 0;
  std::vector<std::pair<std::string, int64_t>> removed;
};
SpaceReport describeSpace(const OpDesc &op, const TargetDesc &target);

} // namespace zorse
