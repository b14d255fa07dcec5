//===- Prune.cpp - what is not worth compiling ---------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/tuner/Prune.h"
#include "model/Grid.h"

#include <algorithm>
#include <fmt/format.h>

namespace zorse::tuner {

namespace {

int64_t sizeOf(const OpDesc &op, std::string_view name) {
  auto size = op.tuningPoint().find(name);
  if (size != op.tuningPoint().end())
    return size->second;
  const SizeSpec *spec = op.spec().size(name);
  return spec ? spec->tuningDefault : 1;
}

int64_t knobOr(const KernelConfig &config, std::string_view knob, int64_t otherwise) {
  return config.has(knob) ? config.get(knob) : otherwise;
}

/// Whether one launch is long beside waking a second thread or filling a second compute unit.
bool isLarge(const OpDesc &op) {
  constexpr int64_t bytesEnough = 256 << 10, flopsEnough = 4 << 20;
  Result<int64_t> bytes = op.operandBytes(op.tuningPoint());
  if (bytes && *bytes >= bytesEnough)
    return true;
  Result<int64_t> flops = op.spec().flops.evaluate(op.scope(op.tuningPoint()));
  return flops && *flops >= flopsEnough;
}

std::optional<PruneRule> paddedRows(const OpDesc &op, const TargetDesc &target,
                                    const KernelConfig &config) {
  int64_t block = knobOr(config, "block_m", knobOr(config, "block_t", 0));
  if (block == 0 || !op.spec().size("tokens"))
    return std::nullopt;
  // A matrix instruction takes 16 rows, whether they are there or not.
  int64_t rows = std::max<int64_t>(sizeOf(op, "tokens"), target.isHost() ? 1 : 16);
  if (block <= 2 * rows)
    return std::nullopt;
  return PruneRule{"rows_padded", "more than half of the rows of a workgroup are padding"};
}

std::optional<PruneRule> smallGrid(const OpDesc &op, const TargetDesc &target,
                                   const KernelConfig &config) {
  if (target.computeUnits < 2 || !isLarge(op))
    return std::nullopt;
  // What the smallest blocks and the most splits would give, legal together or not.
  std::vector<int64_t> finest;
  for (const KnobSpec *knob : knobsOf(op, target)) {
    bool splits = knob->name.ends_with("splits");
    auto smallest = std::find_if(knob->values.begin(), knob->values.end(), [&](int64_t value) {
      return target.isHost() || knob->name != "block_m" || value >= 16;
    });
    finest.push_back(splits || smallest == knob->values.end() ? knob->values.back() : *smallest);
  }
  int64_t most = groupsOf(gridOf(op, KernelConfig::fromValues(op, target, finest)));
  int64_t groups = groupsOf(gridOf(op, config)), share = target.isHost() ? 2 : 4;
  if (groups * share > std::min<int64_t>(most, target.computeUnits))
    return std::nullopt;
  return PruneRule{"grid_too_small",
                   fmt::format("at most 1/{} of the workgroups that the machine could run at a "
                               "time and that smaller blocks would give",
                               share)};
}

std::optional<PruneRule> raggedBlocks(const OpDesc &op, const TargetDesc &target,
                                      const KernelConfig &config) {
  if (!target.isHost() || !isLarge(op))
    return std::nullopt;
  for (const GridAxis &axis : gridOf(op, config))
    if (axis.isStatic && axis.blocks() > 1 && axis.extent % axis.block != 0)
      return PruneRule{"blocks_ragged",
                       "the blocks do not divide what they cut, so that every one is masked"};
  return std::nullopt;
}

std::optional<PruneRule> uselessStaging(const OpDesc &op, const TargetDesc &target,
                                        const KernelConfig &config) {
  constexpr int64_t readers = 8;
  if (!target.isHost() || knobOr(config, "stage_b", 0) == 0)
    return std::nullopt;
  if (std::min(knobOr(config, "block_m", readers), sizeOf(op, "tokens")) >= readers)
    return std::nullopt;
  return PruneRule{
      "staged_for_few_rows",
      fmt::format("a staged block of the weight is read by fewer than {} rows", readers)};
}

std::optional<PruneRule> shortSums(const OpDesc &op, const TargetDesc &target,
                                   const KernelConfig &config) {
  constexpr int64_t shortest = 64, longEnough = 512;
  int64_t depth = knobOr(config, "block_k", 0);
  if (!target.isHost() || depth == 0 || depth >= shortest)
    return std::nullopt;
  Result<int64_t> length = op.spec().reductionLength.evaluate(op.scope(op.tuningPoint()));
  if (!length || *length < longEnough)
    return std::nullopt;
  return PruneRule{"sums_too_short",
                   fmt::format("accumulators go to memory and back after fewer than {} products "
                               "of sums of at least {}",
                               shortest, longEnough)};
}

std::optional<PruneRule> shortSplits(const OpDesc &op, const TargetDesc &,
                                     const KernelConfig &config) {
  int64_t splits = knobOr(config, "kv_splits", 1);
  if (splits == 1)
    return std::nullopt;
  int64_t share = (sizeOf(op, "context") + splits - 1) / splits;
  if (share >= knobOr(config, "block_n", 1))
    return std::nullopt;
  return PruneRule{"splits_too_short", "a split has fewer cached tokens than one block"};
}

std::optional<PruneRule> manySplits(const OpDesc &op, const TargetDesc &target,
                                    const KernelConfig &config) {
  constexpr int64_t groupsAUnit = 16;
  int64_t splits = std::max(knobOr(config, "kv_splits", 1), knobOr(config, "seq_splits", 1));
  if (splits == 1 || groupsOf(gridOf(op, config)) <= groupsAUnit * target.computeUnits)
    return std::nullopt;
  return PruneRule{"splits_too_many",
                   fmt::format("split although that makes more than {} workgroups a compute unit; "
                               "joining the parts costs more than the balance gains",
                               groupsAUnit)};
}

std::optional<PruneRule> idleSimds(const OpDesc &op, const TargetDesc &target,
                                   const KernelConfig &config) {
  if (target.isHost() || knobOr(config, "waves", target.simdsPerCu) >= target.simdsPerCu)
    return std::nullopt;
  // Breaks a constraint on LDS if there were half of it: no second workgroup fits beside it.
  TargetDesc half = target;
  half.ldsBytes /= 2;
  if (config.check(op, half))
    return std::nullopt;
  return PruneRule{"lds_leaves_simds_idle",
                   fmt::format("LDS holds one workgroup, whose waves are fewer than the {} SIMDs "
                               "of a compute unit",
                               target.simdsPerCu)};
}

} // namespace

std::optional<PruneRule> brokenRule(const OpDesc &op, const TargetDesc &target,
                                    const KernelConfig &config) {
  for (auto *rule : {paddedRows, smallGrid, raggedBlocks, uselessStaging, shortSums, shortSplits,
                     manySplits, idleSimds})
    if (std::optional<PruneRule> found = rule(op, target, config))
      return found;
  return std::nullopt;
}

std::optional<PruneRule> pruned(const OpDesc &op, const TargetDesc &target,
                                const KernelConfig &config) {
  std::optional<PruneRule> found = brokenRule(op, target, config);
  if (!found)
    return std::nullopt;
  Result<KernelConfig> defaults = KernelConfig::defaults(op, target);
  if (defaults && *defaults == config)
    return std::nullopt;
  return found;
}

} // namespace zorse::tuner
