//===- Report.cpp - rows of results, as a table or as JSON --------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Report.h"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <nlohmann/json.hpp>

#include <ostream>

namespace zorse::bench {

using nlohmann::json;

CaseResult makeResult(const Case &benchCase, const Setup &setup, const MachinePeaks &peaks,
                      const std::vector<std::unique_ptr<Side>> &sides,
                      const std::vector<Summary> &summaries, const std::string &note) {
  CaseResult result;
  result.suite = benchCase.suite;
  result.sizes = benchCase.variant;
  for (const auto &[name, value] : benchCase.sizes)
    result.sizes += fmt::format("{}{}={}", result.sizes.empty() ? "" : " ", name, value);
  result.threads = setup.threads;
  result.hot = setup.rotateBytes == 0;
  const Result<int64_t> flops =
      benchCase.op.spec().flops.evaluate(benchCase.op.scope(benchCase.sizes));
  const Result<int64_t> bytes = benchCase.op.operandBytes(benchCase.sizes);
  double ours = 0;
  for (size_t i = 0; i < sides.size(); ++i) {
    Row row;
    row.side = sides[i]->name();
    row.time = summaries[i];
    const double nanoseconds = summaries[i].medianUs * 1e3;
    row.gflops = flops ? static_cast<double>(*flops) / nanoseconds : 0;
    // Useful bytes of the op in its own dtype: a peer that works in f32 moves more.
    row.gbs = bytes ? static_cast<double>(*bytes) / nanoseconds : 0;
    if (row.side == "zorse") {
      ours = row.time.medianUs;
      row.note = note;
    }
    row.ofFma = row.gflops / (peaks.fmaGflops * setup.threads);
    row.ofRead = row.gbs / (setup.threads == 1 ? peaks.readGBs : peaks.readAllGBs);
    row.ratio = ours > 0 ? row.time.medianUs / ours : 0;
    result.rows.push_back(std::move(row));
  }
  return result;
}

void printMachine(std::ostream &out, const std::string &line, const MachinePeaks &peaks) {
  fmt::print(out,
             "machine: {}\n"
             "measured here: read {:.1f} GB/s with one thread, {:.1f} GB/s with all; one core: "
             "f32 FMA {:.0f} GFLOP/s, bf16 dot {:.0f} GFLOP/s\n",
             line, peaks.readGBs, peaks.readAllGBs, peaks.fmaGflops, peaks.bf16Gflops);
}

void printCase(std::ostream &out, const CaseResult &result) {
  fmt::print(out, "\n{}  {}  threads={}  {}\n", result.suite, result.sizes, result.threads,
             result.hot ? "hot (one copy of the operands)"
                        : "cold (launches rotate over copies of the operands)");
  fmt::print(out, "  {:<28} {:>12} {:>23} {:>9} {:>6} {:>8} {:>7} {:>10}\n", "side", "median us",
             "95% interval", "GFLOP/s", "of FMA", "GB/s", "of read", "time/ours");
  for (const Row &row : result.rows)
    fmt::print(out, "  {:<28} {:>12.1f} {:>23} {:>9.1f} {:>6.2f} {:>8.2f} {:>7.2f} {:>10}{}{}\n",
               row.side, row.time.medianUs,
               fmt::format("[{:.1f}, {:.1f}]", row.time.lowUs, row.time.highUs), row.gflops,
               row.ofFma, row.gbs, row.ofRead,
               row.ratio > 0 ? fmt::format("{:.2f}", row.ratio) : "-", row.note.empty() ? "" : "  ",
               row.note);
  for (const std::string &reason : result.absent)
    fmt::print(out, "  absent: {}\n", reason);
  out.flush();
}

void printCompileTimes(std::ostream &out, const std::vector<CompileTime> &times) {
  fmt::print(out, "\ncompile() of each op's example, warm, in process, one thread\n");
  fmt::print(out, "  {:<24} {:<22} {:>10} {:>11}\n", "op", "target", "median ms", "code bytes");
  for (const CompileTime &time : times) {
    if (time.error.empty())
      fmt::print(out, "  {:<24} {:<22} {:>10.1f} {:>11}\n", time.kind, time.arch, time.medianMs,
                 time.codeBytes);
    else
      fmt::print(out, "  {:<24} {:<22} {}\n", time.kind, time.arch, time.error);
  }
  for (const auto &[arch, ms] : medianByTarget(times))
    fmt::print(out, "  {:<24} {:<22} {:>10.1f}\n", "median over the ops", arch, ms);
}

void printJson(std::ostream &out, const std::string &line, const MachinePeaks &peaks,
               const std::vector<CaseResult> &results, const std::vector<CompileTime> &times) {
  json object = {{"schema_version", 1},
                 {"machine",
                  {{"description", line},
                   {"read_gb_per_s", peaks.readGBs},
                   {"read_all_gb_per_s", peaks.readAllGBs},
                   {"fma_f32_gflops_per_core", peaks.fmaGflops},
                   {"dot_bf16_gflops_per_core", peaks.bf16Gflops}}},
                 {"results", json::array()},
                 {"compile", json::array()}};
  for (const CaseResult &result : results) {
    json entry = {{"suite", result.suite},
                  {"source", result.source},
                  {"sizes", result.sizes},
                  {"threads", result.threads},
                  {"operands", result.hot ? "hot" : "cold"},
                  {"rows", json::array()},
                  {"absent", result.absent}};
    for (const Row &row : result.rows)
      entry["rows"].push_back({{"side", row.side},
                               {"config", row.note},
                               {"median_us", row.time.medianUs},
                               {"low_us", row.time.lowUs},
                               {"high_us", row.time.highUs},
                               {"rounds", row.time.rounds},
                               {"gflops", row.gflops},
                               {"gb_per_s", row.gbs},
                               {"of_fma_peak", row.ofFma},
                               {"of_read", row.ofRead},
                               {"time_over_ours", row.ratio}});
    object["results"].push_back(std::move(entry));
  }
  for (const CompileTime &time : times)
    object["compile"].push_back({{"op", time.kind},
                                 {"target", time.arch},
                                 {"median_ms", time.medianMs},
                                 {"code_bytes", time.codeBytes},
                                 {"error", time.error}});
  out << object.dump(2) << '\n';
}

} // namespace zorse::bench
