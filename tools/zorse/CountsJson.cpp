//===- CountsJson.cpp - counts of a launch for all to read ----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CountsJson.h"

#include <algorithm>
#include <fmt/format.h>

namespace zorse::tool {

static Json trafficJson(const emulator::Traffic &traffic) {
  return {{"requested", traffic.requested},   {"moved_64", traffic.moved64},
          {"moved_128", traffic.moved128},    {"first_64", traffic.first64},
          {"first_128", traffic.first128},    {"repeat_64", traffic.repeat64()},
          {"repeat_128", traffic.repeat128()}};
}

void addCounts(Json &to, const emulator::Counts &counts) {
  to["total"] = counts.instructions;
  to["by_class"] = counts.byClass;
  to["by_mnemonic"] = counts.byMnemonic;
  to["active_lanes"] = counts.activeLanes;
  to["mfma_flops"] = {{"issued", counts.matrixFlopsIssued}, {"useful", counts.matrixFlopsUseful}};
  to["bytes"] = {{"loads", trafficJson(counts.loads)},
                 {"stores", trafficJson(counts.stores)},
                 {"scalar", counts.scalarBytes},
                 {"scratch", counts.scratchBytes}};
  to["lds"] = {{"bytes", counts.ldsBytes},
               {"read_bytes", counts.ldsReadBytes},
               {"written_bytes", counts.ldsWrittenBytes},
               {"conflict_cycles", counts.ldsConflictCycles}};
  to["barriers"] = counts.barriers;
  to["waves"] = counts.waves;
  to["workgroups"] = counts.workgroups;
  to["occupancy"] = {{"waves_per_simd", counts.occupancy.wavesPerSimd},
                     {"limited_by", counts.occupancy.limitedBy}};
}

static std::string trafficText(const char *name, const emulator::Traffic &traffic) {
  auto bytes = [](uint64_t count) { return formatBytes(static_cast<double>(count)); };
  return fmt::format("{:<12} {} requested; in 64 B lines {} moved, {} for the first time; in 128 B "
                     "lines {}, {}\n",
                     name, bytes(traffic.requested), bytes(traffic.moved64), bytes(traffic.first64),
                     bytes(traffic.moved128), bytes(traffic.first128));
}

std::string describeCounts(const emulator::Counts &counts) {
  auto bytes = [](uint64_t count) { return formatBytes(static_cast<double>(count)); };
  std::string text = fmt::format("instructions {} of {} waves in {} workgroups (simulated)\n",
                                 counts.instructions, counts.waves, counts.workgroups);
  std::string classes;
  for (const auto &[name, count] : counts.byClass)
    classes += fmt::format("{}{} {}", classes.empty() ? "" : ", ", count, name);
  text += fmt::format("{:<12} {}\n", "classes", classes);
  if (counts.matrixFlopsIssued)
    text += fmt::format("{:<12} {} issued, {} useful ({:.1f} %)\n", "mfma flops",
                        counts.matrixFlopsIssued, counts.matrixFlopsUseful,
                        100.0 * static_cast<double>(counts.matrixFlopsUseful) /
                            static_cast<double>(counts.matrixFlopsIssued));
  text += trafficText("loads", counts.loads) + trafficText("stores", counts.stores);
  text += fmt::format("{:<12} {} scalar, {} scratch\n", "other bytes", bytes(counts.scalarBytes),
                      bytes(counts.scratchBytes));
  text +=
      fmt::format("{:<12} {} a workgroup; {} read, {} written, {} cycles of bank conflicts\n",
                  "lds", bytes(static_cast<uint64_t>(counts.ldsBytes)), bytes(counts.ldsReadBytes),
                  bytes(counts.ldsWrittenBytes), counts.ldsConflictCycles);
  text += fmt::format("{:<12} {} waves through them\n", "barriers", counts.barriers);
  text += fmt::format("{:<12} {} waves a SIMD, limited by {}\n", "occupancy",
                      counts.occupancy.wavesPerSimd, counts.occupancy.limitedBy);
  std::vector<std::pair<std::string, uint64_t>> mnemonics(counts.byMnemonic.begin(),
                                                          counts.byMnemonic.end());
  std::sort(mnemonics.begin(), mnemonics.end(), [](const auto &a, const auto &b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  for (const auto &[mnemonic, count] : mnemonics)
    text += fmt::format("  {:>12}  {}\n", count, mnemonic);
  return text;
}

} // namespace zorse::tool
