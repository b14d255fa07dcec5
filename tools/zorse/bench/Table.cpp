//===- Table.cpp - rows of a benchmark in four formats --------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Table.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace zorse::tool {

using Json = nlohmann::ordered_json;

double BenchPeaks::gflops(bool bf16) const {
  return bf16 ? std::max(fmaGflops, dotGflops) : fmaGflops;
}

std::string BenchRow::test() const { return (decode ? "tg" : "pp") + std::to_string(tokens); }

void summarise(BenchRow &row, const std::vector<double> &seconds) {
  std::vector<double> rates;
  const double tokens = static_cast<double>(row.batch * row.tokens);
  for (double one : seconds)
    rates.push_back(tokens / one);
  row.rate = tuner::summarise(rates);
  row.seconds = tuner::summarise(seconds).median;
  double sum = 0, squares = 0;
  for (double rate : rates)
    sum += rate;
  const auto count = static_cast<double>(rates.size());
  row.mean = sum / count;
  for (double rate : rates)
    squares += (rate - row.mean) * (rate - row.mean);
  row.deviation = rates.size() > 1 ? std::sqrt(squares / (count - 1)) : 0;
}

Result<TableFormat> parseTableFormat(const std::string &word, const std::string &option) {
  static const std::pair<const char *, TableFormat> formats[] = {{"md", TableFormat::Markdown},
                                                                 {"csv", TableFormat::Csv},
                                                                 {"json", TableFormat::Json},
                                                                 {"jsonl", TableFormat::JsonLines}};
  for (const auto &[name, format] : formats)
    if (word == name)
      return format;
  return usageError(fmt::format("{} is md, csv, json or jsonl, found '{}'", option, word));
}

Result<TableFormats> TableFormats::parse(const std::string &format, const std::string &also) {
  Result<TableFormat> out = parseTableFormat(format, "--format");
  if (!out)
    return out.takeError();
  TableFormats formats{*out, std::nullopt};
  if (also.empty())
    return formats;
  Result<TableFormat> second = parseTableFormat(also, "--also");
  if (!second)
    return second.takeError();
  formats.also = *second;
  return formats;
}

void TableFormats::print(const std::function<std::string(TableFormat)> &text) const {
  fmt::print("{}", text(out));
  if (also)
    fmt::print(stderr, "{}", text(*also));
}

/// Of the peak, or null where the row has no such number.
static Json percent(double value, double peak) {
  return value > 0 && peak > 0 ? Json(100 * value / peak) : Json();
}

static Json bandwidthPercent(const BenchSetting &setting, const BenchRow &row) {
  return percent(row.gbs(), setting.peaks.readGBs);
}
static Json peakPercent(const BenchSetting &setting, const BenchRow &row) {
  return percent(row.gflops(), setting.peaks.gflops(setting.dtype == "bf16"));
}

static Json numberOrNull(double value) { return value > 0 ? Json(value) : Json(); }

Json rowJson(const BenchSetting &setting, const BenchRow &row) {
  return {{"test", row.test()},
          {"batch", row.batch},
          {"depth", row.depth},
          {"tokens", row.tokens},
          {"tokens_per_second", row.rate.median},
          {"low", row.rate.low},
          {"high", row.rate.high},
          {"mean", row.mean},
          {"standard_deviation", row.deviation},
          {"repetitions", row.rate.samples},
          {"seconds", row.seconds},
          {"gb_per_second", numberOrNull(row.gbs())},
          {"percent_of_read_bandwidth", bandwidthPercent(setting, row)},
          {"gflops", numberOrNull(row.gflops())},
          {"percent_of_peak", peakPercent(setting, row)},
          {"bytes", numberOrNull(row.bytes)},
          {"flops", numberOrNull(row.flops)},
          {"cache_bytes", row.cacheBytes},
          {"memory_peak_bytes", row.memoryPeak},
          {"source", "measured"}};
}

static Json settingJson(const BenchSetting &setting) {
  const BenchPeaks &peaks = setting.peaks;
  return {{"model", setting.model},
          {"dtype", setting.dtype},
          {"parameters", setting.parameters},
          {"weight_bytes", setting.weightBytes},
          {"load_seconds", setting.loadSeconds},
          {"device", setting.device},
          {"threads", setting.threads},
          {"machine", setting.machine},
          {"read_gb_per_second", numberOrNull(peaks.readGBs)},
          {"fma_gflops", numberOrNull(peaks.fmaGflops)},
          {"bf16_dot_gflops", numberOrNull(peaks.dotGflops)},
          {"peaks", peaks.source}};
}

static Json firstTokenJson(const FirstToken &first) {
  return {{"prompt_tokens", first.promptTokens},      {"cold_seconds", first.coldSeconds},
          {"cold_files_in_memory", first.coldCached}, {"warm_seconds", first.warmSeconds},
          {"loaded_seconds", first.loadedSeconds},    {"source", "measured"}};
}

static std::string csvWord(const Json &value) {
  if (value.is_null())
    return "";
  if (!value.is_string())
    return value.dump();
  std::string text = "\"";
  for (char letter : value.get<std::string>())
    text += letter == '"' ? std::string("\"\"") : std::string(1, letter);
  return text + "\"";
}

static std::string formatCsv(const BenchSetting &setting, const std::vector<BenchRow> &rows) {
  std::string text;
  for (const BenchRow &row : rows) {
    Json all = settingJson(setting);
    all.update(rowJson(setting, row));
    std::string names, values;
    for (const auto &[name, value] : all.items()) {
      names += (names.empty() ? "" : ",") + name;
      values += (values.empty() ? "" : ",") + csvWord(value);
    }
    text += (text.empty() ? names + "\n" : "") + values + "\n";
  }
  return text;
}

static std::string formatMarkdown(const BenchSetting &setting, const std::vector<BenchRow> &rows,
                                  const FirstToken *first) {
  constexpr double mib = 1 << 20;
  auto share = [](const Json &value) {
    return value.is_null() ? std::string() : fmt::format("{:.1f}", value.get<double>());
  };
  auto number = [](double value) { return value > 0 ? fmt::format("{:.1f}", value) : ""; };
  std::string text = fmt::format(
      "{}: {:.3f} G parameters, {}, weights {:.1f} MiB, loaded in {:.2f} s\n{}; {}\n{}\n\n",
      setting.model, static_cast<double>(setting.parameters) * 1e-9, setting.dtype,
      static_cast<double>(setting.weightBytes) / mib, setting.loadSeconds, setting.device,
      setting.machine, setting.peaks.source);
  text += "| test | batch | depth | tokens/s | 95 % interval | mean ± sd | GB/s | % of read | "
          "GFLOP/s | % of peak | caches MiB | memory peak MiB |\n"
          "|---|---|---|---|---|---|---|---|---|---|---|---|\n";
  for (const BenchRow &row : rows)
    text += fmt::format("| {} | {} | {} | {:.2f} | {:.2f} to {:.2f} | {:.2f} ± {:.2f} | {} | {} | "
                        "{} | {} | {:.1f} | {:.1f} |\n",
                        row.test(), row.batch, row.depth, row.rate.median, row.rate.low,
                        row.rate.high, row.mean, row.deviation, number(row.gbs()),
                        share(bandwidthPercent(setting, row)), number(row.gflops()),
                        share(peakPercent(setting, row)), static_cast<double>(row.cacheBytes) / mib,
                        static_cast<double>(row.memoryPeak) / mib);
  text += "\nAll rows are measured: medians of the repetitions. GB/s: the least bytes of a decode "
          "step (weights without the table, caches, states) over its time.\n";
  if (first)
    text += fmt::format("First token of {} tokens: cold {:.3f} s ({:.0f} % of the files were in "
                        "memory), warm {:.3f} s, loaded {:.4f} s.\n",
                        first->promptTokens, first->coldSeconds, 100 * first->coldCached,
                        first->warmSeconds, first->loadedSeconds);
  return text;
}

std::string formatTable(TableFormat format, const BenchSetting &setting,
                        const std::vector<BenchRow> &rows, const FirstToken *first) {
  auto dump = [](const Json &json, int indent) {
    return json.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
  };
  switch (format) {
  case TableFormat::Markdown:
    return formatMarkdown(setting, rows, first);
  case TableFormat::Csv:
    return formatCsv(setting, rows);
  case TableFormat::Json: {
    Json json = {{"schema_version", 1}, {"setting", settingJson(setting)}};
    json["rows"] = Json::array();
    for (const BenchRow &row : rows)
      json["rows"].push_back(rowJson(setting, row));
    if (first)
      json["first_token"] = firstTokenJson(*first);
    return dump(json, 2);
  }
  case TableFormat::JsonLines: {
    std::string text;
    for (const BenchRow &row : rows) {
      Json all = settingJson(setting);
      all.update(rowJson(setting, row));
      text += dump(all, -1);
    }
    if (first)
      text += dump({{"first_token", firstTokenJson(*first)}}, -1);
    return text;
  }
  }
  return "";
}

} // namespace zorse::tool
