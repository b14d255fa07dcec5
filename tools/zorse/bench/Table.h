//===- Table.h - rows of a benchmark in four formats ------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Status.h"
#include "zorse/tuner/Statistics.h"

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace zorse::tool {

/// What is measured against; source: measured in the same run, or the data sheet of a GPU.
struct BenchPeaks {
  double readGBs = 0, fmaGflops = 0; ///< by as many threads as the device uses
  double dotGflops = 0;              ///< of the bf16 dot instruction; 0 without one
  std::string source;

  /// What products in this type can reach.
  double gflops(bool bf16) const;
};

/// What all rows share.
struct BenchSetting {
  std::string model, dtype, device, machine; ///< machine: load and kernel of the system
  int64_t parameters = 0, weightBytes = 0, threads = 0;
  double loadSeconds = 0;
  BenchPeaks peaks;
};

/// One line: prompts or decode steps of `batch` sequences behind `depth` cached tokens.
struct BenchRow {
  bool decode = false;
  int64_t batch = 1, depth = 0, tokens = 0; ///< tokens: of each sequence, in or out
  tuner::Summary rate;                      ///< tokens/s of all sequences together
  double mean = 0, deviation = 0;           ///< of the same; deviation of single repetitions
  double seconds = 0;                       ///< median of one repetition
  double bytes = 0;                         ///< decode: least bytes of one repetition
  double flops = 0;                         ///< prefill: useful operations of one repetition
  int64_t cacheBytes = 0;                   ///< of the engine
  int64_t memoryPeak = 0;                   ///< of the process so far

  std::string test() const; ///< "pp512", "tg128"
  double gbs() const { return seconds > 0 ? bytes / seconds * 1e-9 : 0; }
  double gflops() const { return seconds > 0 ? flops / seconds * 1e-9 : 0; }
};

/// Fills rate, mean, deviation and seconds of a row from the seconds of its repetitions.
void summarise(BenchRow &row, const std::vector<double> &seconds);

/// Time to the first token, as the user waits for it.
struct FirstToken {
  int64_t promptTokens = 0;
  double coldSeconds = 0;   ///< the weights are on disk
  double coldCached = 0;    ///< part of the model's files that was in memory all the same, 0 to 1
  double warmSeconds = 0;   ///< they are in the page cache
  double loadedSeconds = 0; ///< the model is loaded
};

enum class TableFormat { Markdown, Csv, Json, JsonLines };
/// Errors (Usage): another word; `option` is named.
Result<TableFormat> parseTableFormat(const std::string &word, const std::string &option);

/// Where a table goes: stdout, and stderr too if `also` is given.
struct TableFormats {
  TableFormat out = TableFormat::Markdown;
  std::optional<TableFormat> also;

  /// Of the words of --format and --also, the latter empty for none. Errors (Usage) name them.
  static Result<TableFormats> parse(const std::string &format, const std::string &also);
  /// `text` gives the table in a format.
  void print(const std::function<std::string(TableFormat)> &text) const;
};

/// The whole answer, ending in a newline. `first` may be null.
std::string formatTable(TableFormat format, const BenchSetting &setting,
                        const std::vector<BenchRow> &rows, const FirstToken *first);

/// The same facts of one row, for programs.
nlohmann::ordered_json rowJson(const BenchSetting &setting, const BenchRow &row);

} // namespace zorse::tool
