//===- Comparison.cpp - decode throughput of models side by side ----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Comparison.h"

#include <algorithm>
#include <fmt/format.h>

namespace zorse::tool {

using Json = nlohmann::ordered_json;

namespace {

constexpr double publishedLow = 2.6, publishedHigh = 3.8;
constexpr double revisedLow = 1.4, revisedHigh = 3.3;
constexpr double gib = 1 << 30;

double bytesOf(const ComparedModel &model, const ComparedCell &cell) {
  return static_cast<double>(
      stepCosts(model.config, model.types, cell.batch, cell.context).total());
}

std::string place(const ComparedCell &cell) {
  return fmt::format("batch {}, context {}", cell.batch, cell.context);
}

} // namespace

double Comparison::measuredRatio(size_t other, size_t cell) const {
  const double mine = cells[0][cell].seconds, theirs = cells[other][cell].seconds;
  return mine > 0 && theirs > 0 ? theirs / mine : 0;
}

double Comparison::bytesRatio(size_t other, size_t cell) const {
  return bytesOf(models[other], cells[other][cell]) / bytesOf(models[0], cells[0][cell]);
}

int64_t neededBytes(const ComparedModel &model, int64_t batch, int64_t context,
                    int64_t passTokens) {
  const CacheCosts costs = cacheCosts(model.config, model.types);
  const int64_t width = static_cast<int64_t>(byteWidth(model.types.weights));
  // A residual stream and the widest layer's inputs and outputs, twice over.
  const int64_t activations = std::max(passTokens, batch) * width *
                              (6 * model.config.hiddenSize + 3 * model.config.intermediateSize);
  const int64_t logits = batch * model.config.vocabSize * static_cast<int64_t>(sizeof(float));
  return model.weightBytes + batch * (context * costs.bytesPerToken + costs.stateBytes) +
         activations + logits;
}

double weightShare(const ComparedModel &model, int64_t batch, int64_t context) {
  const StepCosts costs = stepCosts(model.config, model.types, batch, context);
  return static_cast<double>(costs.weights) / static_cast<double>(costs.total());
}

/// What the measured ratios over one model reach, and where.
static void explainOne(const Comparison &comparison, size_t other,
                       std::vector<std::string> &sentences) {
  const ComparedModel &mine = comparison.models[0], &theirs = comparison.models[other];
  const bool isMambaInLlama = theirs.config.format == ModelFormat::MambaInLlama;
  double best = 0, worst = 0;
  size_t bestCell = 0, measured = 0, worstCell = 0;
  std::vector<size_t> within, revised, skipped;
  for (size_t i = 0; i < comparison.cells[0].size(); ++i) {
    const double ratio = comparison.measuredRatio(other, i);
    if (ratio == 0) {
      skipped.push_back(i);
      continue;
    }
    if (measured++ == 0 || ratio > best)
      best = ratio, bestCell = i;
    if (measured == 1 || ratio < worst)
      worst = ratio, worstCell = i;
    if (ratio >= publishedLow)
      within.push_back(i);
    if (ratio >= revisedLow)
      revised.push_back(i);
  }
  if (measured == 0) {
    sentences.push_back(
        fmt::format("{} and {} were measured together nowhere.", mine.name, theirs.name));
    return;
  }
  const auto &cells = comparison.cells[0];
  sentences.push_back(
      worstCell == bestCell
          ? fmt::format("{} makes {:.2f} times as many tokens/s as {} at {} (measured).", mine.name,
                        best, theirs.name, place(cells[bestCell]))
          : fmt::format("{} makes {:.2f} to {:.2f} times as many tokens/s as {}, the least at {}, "
                        "the most at {} (measured).",
                        mine.name, worst, best, theirs.name, place(cells[worstCell]),
                        place(cells[bestCell])));
  if (isMambaInLlama) {
    auto listed = [&](const std::vector<size_t> &where) {
      std::string text;
      for (size_t i : where)
        text += (text.empty() ? "" : "; ") + place(cells[i]);
      return text;
    };
    sentences.push_back(
        within.empty()
            ? fmt::format("The published {} to {} times over MambaInLlama does not appear in any "
                          "measured cell.",
                          publishedLow, publishedHigh)
            : fmt::format("At least the published {} times over MambaInLlama (of {} to {}) appears "
                          "at: {}.",
                          publishedLow, publishedLow, publishedHigh, listed(within)));
    sentences.push_back(revised.empty()
                            ? fmt::format("Nor does the lower end of the revised {} to {} times.",
                                          revisedLow, revisedHigh)
                            : fmt::format("At least the revised {} times (of {} to {}) appears "
                                          "at: {}.",
                                          revisedLow, revisedLow, revisedHigh, listed(revised)));
  }
  std::string why;
  for (size_t i : worstCell == bestCell ? std::vector{bestCell} : std::vector{worstCell, bestCell})
    why += fmt::format("{}at {} weights are {:.0f} % of the bytes of a step of {} and {:.0f} % of "
                       "{}, and bytes alone allow {:.2f} times",
                       why.empty() ? "" : "; ", place(cells[i]),
                       100 * weightShare(mine, cells[i].batch, cells[i].context), mine.name,
                       100 * weightShare(theirs, cells[i].batch, cells[i].context), theirs.name,
                       comparison.bytesRatio(other, i));
  sentences.push_back("Why: " + why + ".");
  // What bytes do not explain, kernels do: an advantage of that kind is not the layers' own.
  if (best > 1.25 * comparison.bytesRatio(other, bestCell)) {
    const ComparedCell &a = cells[bestCell], &b = comparison.cells[other][bestCell];
    sentences.push_back(fmt::format("Careful: at {} {} moves {:.1f} GB/s and {} {:.1f}, so the "
                                    "ratio is of kernels too, not of layers alone; `zorse tune "
                                    "--model` both first.",
                                    place(a), mine.name, bytesOf(mine, a) / a.seconds * 1e-9,
                                    theirs.name, bytesOf(theirs, b) / b.seconds * 1e-9));
  }
  // Bytes at which the ratio would be reached, whatever the machine has room for.
  for (int64_t context : {int64_t(8192), int64_t(32768)}) {
    const CacheCosts a = cacheCosts(mine.config, mine.types),
                     b = cacheCosts(theirs.config, theirs.types);
    const double limit =
        static_cast<double>(context * b.bytesPerToken + 2 * b.stateBytes) /
        static_cast<double>(std::max<int64_t>(1, context * a.bytesPerToken + 2 * a.stateBytes));
    sentences.push_back(fmt::format("Model: with a large batch at context {} bytes allow at most "
                                    "{:.2f} times.",
                                    context, limit));
  }
  for (size_t i : skipped) {
    const ComparedCell &missing =
        comparison.cells[other][i].seconds > 0 ? cells[i] : comparison.cells[other][i];
    sentences.push_back(fmt::format("Not here: {} ({}); bytes would allow {:.2f} times there.",
                                    place(missing), missing.reason,
                                    comparison.bytesRatio(other, i)));
  }
}

std::vector<std::string> explain(const Comparison &comparison) {
  std::vector<std::string> sentences;
  for (size_t other = 1; other < comparison.models.size(); ++other)
    explainOne(comparison, other, sentences);
  return sentences;
}

static Json cellJson(const Comparison &comparison, size_t model, size_t index) {
  const ComparedCell &cell = comparison.cells[model][index];
  const ComparedModel &of = comparison.models[model];
  const StepCosts costs = stepCosts(of.config, of.types, cell.batch, cell.context);
  const bool measured = cell.seconds > 0;
  Json json = {{"model", of.name},
               {"batch", cell.batch},
               {"context", cell.context},
               {"tokens_per_second", measured ? Json(cell.tokensPerSecond()) : Json()},
               {"step_seconds", measured ? Json(cell.seconds) : Json()},
               {"step_seconds_low", measured ? Json(cell.low) : Json()},
               {"step_seconds_high", measured ? Json(cell.high) : Json()},
               {"steps", cell.steps},
               {"step_bytes", costs.total()},
               {"step_bytes_weights", costs.weights},
               {"step_bytes_caches", costs.caches},
               {"step_bytes_states", costs.states},
               {"gb_per_second",
                measured ? Json(static_cast<double>(costs.total()) / cell.seconds * 1e-9) : Json()},
               {"weight_bytes", of.weightBytes},
               {"cache_bytes", cell.cacheBytes},
               {"needed_bytes", cell.neededBytes},
               {"skipped", measured ? Json() : Json(cell.reason)},
               {"source", measured ? "measured" : "model"}};
  if (model > 0) {
    const double ratio = comparison.measuredRatio(model, index);
    json["first_over_this"] = ratio > 0 ? Json(ratio) : Json();
    json["first_over_this_by_bytes"] = comparison.bytesRatio(model, index);
  }
  return json;
}

static std::string formatMarkdown(const Comparison &comparison) {
  const BenchSetting &setting = comparison.setting;
  std::string text =
      fmt::format("Decode alone, caches filled at random, greedy; {}\n{}; {}\n{}\n\n",
                  setting.dtype, setting.device, setting.machine, setting.peaks.source);
  for (const ComparedModel &model : comparison.models) {
    const CacheCosts costs = cacheCosts(model.config, model.types);
    text += fmt::format("{}: {:.3f} G parameters, weights {:.2f} GiB, caches {} B a token, states "
                        "{:.2f} MiB a sequence\n",
                        model.name, static_cast<double>(model.parameters) * 1e-9,
                        static_cast<double>(model.weightBytes) / gib, costs.bytesPerToken,
                        static_cast<double>(costs.stateBytes) / (1 << 20));
  }
  text += "\n| model | batch | context | tokens/s | ms a step (95 %) | GB/s | caches GiB | first / "
          "this | by bytes |\n|---|---|---|---|---|---|---|---|---|\n";
  for (size_t i = 0; i < comparison.cells[0].size(); ++i)
    for (size_t model = 0; model < comparison.models.size(); ++model) {
      const ComparedCell &cell = comparison.cells[model][i];
      const std::string caches = fmt::format("{:.2f}", static_cast<double>(cell.cacheBytes) / gib);
      const std::string byBytes =
          model ? fmt::format("{:.2f}", comparison.bytesRatio(model, i)) : "";
      if (cell.seconds == 0) {
        text += fmt::format("| {} | {} | {} | not here: {} | | | {} | | {} |\n",
                            comparison.models[model].name, cell.batch, cell.context, cell.reason,
                            caches, byBytes);
        continue;
      }
      const double ratio = model ? comparison.measuredRatio(model, i) : 0;
      text += fmt::format(
          "| {} | {} | {} | {:.2f} | {:.2f} ({:.2f} to {:.2f}) | {:.1f} | {} | {} | {} |\n",
          comparison.models[model].name, cell.batch, cell.context, cell.tokensPerSecond(),
          1e3 * cell.seconds, 1e3 * cell.low, 1e3 * cell.high,
          bytesOf(comparison.models[model], cell) / cell.seconds * 1e-9, caches,
          ratio > 0 ? fmt::format("{:.2f}", ratio) : "", byBytes);
    }
  text += "\ntokens/s, steps and ratios are measured; \"by bytes\" is the model: both at one "
          "bandwidth.\n";
  for (const std::string &sentence : explain(comparison))
    text += sentence + "\n";
  return text;
}

std::string formatComparison(TableFormat format, const Comparison &comparison) {
  if (format == TableFormat::Markdown)
    return formatMarkdown(comparison);
  Json rows = Json::array();
  for (size_t i = 0; i < comparison.cells[0].size(); ++i)
    for (size_t model = 0; model < comparison.models.size(); ++model)
      rows.push_back(cellJson(comparison, model, i));
  const BenchSetting &setting = comparison.setting;
  auto dump = [](const Json &json, int indent) {
    return json.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
  };
  if (format == TableFormat::Json)
    return dump({{"schema_version", 1},
                 {"protocol", "decode alone, caches filled at random, greedy"},
                 {"dtype", setting.dtype},
                 {"device", setting.device},
                 {"machine", setting.machine},
                 {"peaks", setting.peaks.source},
                 {"cells", rows},
                 {"says", explain(comparison)}},
                2);
  std::string text, names;
  for (Json &row : rows) {
    row["device"] = setting.device;
    row["machine"] = setting.machine;
    if (format == TableFormat::JsonLines) {
      text += dump(row, -1);
      continue;
    }
    // The first model has no ratio; in a table every row has every column.
    for (const char *name : {"first_over_this", "first_over_this_by_bytes"})
      if (!row.contains(name))
        row[name] = Json();
    static const char *columns[] = {"model",
                                    "batch",
                                    "context",
                                    "tokens_per_second",
                                    "step_seconds",
                                    "step_seconds_low",
                                    "step_seconds_high",
                                    "steps",
                                    "step_bytes",
                                    "weight_bytes",
                                    "cache_bytes",
                                    "needed_bytes",
                                    "first_over_this",
                                    "first_over_this_by_bytes",
                                    "source"};
    std::string values;
    names.clear();
    for (const char *name : columns) {
      names += (names.empty() ? "" : ",") + std::string(name);
      values += (values.empty() ? "" : ",") + (row[name].is_null() ? "" : row[name].dump());
    }
    text += values + "\n";
  }
  return format == TableFormat::Csv ? names + "\n" + text : text;
}

} // namespace zorse::tool
