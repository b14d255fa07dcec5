//===- DbExplainVerb.cpp - zorse db explain -------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Why this kernel: which layer it comes from, what it beat and by how much, with whom it
// is tied, how near the machine's limits it is, and which rows could not take part.
//
//===----------------------------------------------------------------------===//
#include "DatabaseChoice.h"
#include "DbVerbs.h"
#include "RecordJson.h"

#include "zorse/desc/StrictJson.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <map>

namespace zorse::tool {

namespace {

struct ExplainArguments {
  std::string subject, arch = "host", at, device;
};

/// The rows of one op on one target at one tuning point, sorted by their part in the choice.
struct Explanation {
  std::string opJson, arch, askedFor, tuningPoint;
  int64_t computeUnits = 0;
  std::optional<KernelRecord> winner;
  std::vector<KernelRecord> tied, slower; ///< eligible, fastest first
  std::map<std::string, int64_t> excluded;
  std::string code;    ///< of the winner
  double roofline = 0; ///< of the peak that limits it; 0: unknown
};

} // namespace

static std::optional<Sizes> sizesOf(const std::string &json) {
  Result<nlohmann::json> parsed = parseStrictJson(json);
  if (!parsed || !parsed->is_object())
    return std::nullopt;
  Sizes sizes;
  for (const auto &[size, value] : parsed->items()) {
    if (!value.is_number_integer())
      return std::nullopt;
    sizes[size] = value.get<int64_t>();
  }
  return sizes;
}

/// Sum of |log2| over the sizes, as dispatch measures it; infinite where the sizes differ in name.
static double distanceOf(const Sizes &a, const Sizes &b) {
  double sum = 0;
  for (const auto &[size, value] : a) {
    auto other = b.find(size);
    if (other == b.end() || value <= 0 || other->second <= 0)
      return HUGE_VAL;
    sum += std::abs(std::log2(static_cast<double>(value) / static_cast<double>(other->second)));
  }
  return a.size() == b.size() ? sum : HUGE_VAL;
}

/// "tokens=8,context=4096".
static Result<Sizes> parseSizes(const std::string &text) {
  Sizes sizes;
  size_t at = 0;
  while (at < text.size()) {
    size_t end = std::min(text.find(',', at), text.size());
    std::string_view part = std::string_view(text).substr(at, end - at);
    size_t equals = part.find('=');
    int64_t value = 0;
    std::string_view digits =
        equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
    auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || error != std::errc() || stop != digits.data() + digits.size() ||
        value < 1 || equals == 0)
      return usageError(fmt::format(
          "sizes are name=number pairs such as tokens=8,context=4096, found '{}'", part));
    sizes[std::string(part.substr(0, equals))] = value;
    at = end + 1;
  }
  return sizes;
}

static std::string whyNot(const KernelRecord &record, const KernelRecord &winner) {
  if (record.state != TrialState::Ok)
    return std::string(name(record.state));
  if (!record.stale.empty())
    return "stale";
  if (!record.measurement)
    return "compiled only";
  if (record.measurement->source != winner.measurement->source)
    return fmt::format("source {}", name(record.measurement->source));
  if (record.measurement->device != winner.measurement->device)
    return "on another device";
  if (!record.verification || !record.verification->passed)
    return "not verified";
  return {};
}

/// The fraction of the peak that limits this kernel, from data sheets; 0 where either is unknown.
static double rooflineOf(const KernelRecord &record) {
  Result<TargetDesc> target = findTarget(record.arch);
  if (!target || !record.measurement)
    return 0;
  double flopUs = target->peakTflopsMatrix16 > 0
                      ? record.measurement->flops / (target->peakTflopsMatrix16 * 1e6)
                      : 0;
  double byteUs = target->peakGBs > 0 ? record.measurement->bytes / (target->peakGBs * 1e3) : 0;
  return std::max(flopUs, byteUs) / record.measurement->medianUs;
}

static Status fill(Database &database, Explanation &explanation) {
  const KernelRecord &winner = *explanation.winner;
  RecordFilter filter;
  filter.opJson = explanation.opJson;
  filter.arch = explanation.arch;
  filter.tuningPoint = explanation.tuningPoint;
  Result<std::vector<KernelRecord>> records = database.list(filter);
  if (!records)
    return records.takeError();
  std::vector<KernelRecord> eligible;
  for (KernelRecord &record : *records) {
    if (record.computeUnits != winner.computeUnits)
      continue;
    if (std::string reason = whyNot(record, winner); !reason.empty())
      ++explanation.excluded[reason];
    else
      eligible.push_back(std::move(record));
  }
  std::sort(eligible.begin(), eligible.end(), [](const KernelRecord &a, const KernelRecord &b) {
    return std::tie(a.measurement->medianUs, a.configText) <
           std::tie(b.measurement->medianUs, b.configText);
  });
  double fastestHigh = eligible.empty() ? 0 : eligible.front().measurement->highUs;
  for (KernelRecord &record : eligible) {
    bool isTied = record.measurement->lowUs <= fastestHigh;
    if (record.configText != winner.configText || record.codeHash != winner.codeHash)
      (isTied ? explanation.tied : explanation.slower).push_back(std::move(record));
  }
  Result<std::optional<StoredCode>> code = database.inspectCode(winner);
  explanation.code = !code    ? code.error().message
                     : !*code ? "not stored, so dispatch passes it over"
                     : (*code)->trust == Trust::Foreign
                         ? "foreign, so dispatch passes it over; `zorse db audit --rebuild` "
                           "builds it here"
                         : fmt::format("stored, {}", name((*code)->trust));
  explanation.roofline = rooflineOf(winner);
  return Status();
}

static Json shortJson(const std::vector<KernelRecord> &records) {
  Json json = Json::array();
  for (const KernelRecord &record : records)
    json.push_back({{"id", record.id},
                    {"config", record.configText},
                    {"median_us", record.measurement->medianUs},
                    {"low_us", record.measurement->lowUs},
                    {"high_us", record.measurement->highUs}});
  return json;
}

static void printExplanation(const Tool &tool, const std::string &path,
                             const Explanation &explanation) {
  if (tool.isJson()) {
    Json json = {{"schema_version", 1}, {"database", path}};
    json["asked_for"] = explanation.askedFor;
    json["winner"] = recordJson(*explanation.winner, true);
    json["winner"]["layer"] = explanation.winner->layer;
    json["code"] = explanation.code;
    json["tied"] = shortJson(explanation.tied);
    json["slower"] = shortJson(explanation.slower);
    json["excluded"] = explanation.excluded;
    json["roofline"] = explanation.roofline > 0 ? Json(explanation.roofline) : Json();
    printJson(json);
    return;
  }
  const KernelRecord &winner = *explanation.winner;
  if (explanation.askedFor != explanation.tuningPoint)
    fmt::print("nearest    {} was tuned, {} was not\n", explanation.tuningPoint,
               explanation.askedFor);
  if (!winner.layer.empty())
    fmt::print("layer      {}\n", winner.layer);
  fmt::print("{}code       {}\n", describeRecord(winner, true), explanation.code);
  if (explanation.roofline > 0)
    fmt::print("roofline   {:.1f} % of the peak of the data sheet\n", 100 * explanation.roofline);
  for (const KernelRecord &record : explanation.tied)
    fmt::print("tied       {} {} [{}, {}]\n", record.configText,
               formatSeconds(record.measurement->medianUs * 1e-6),
               formatSeconds(record.measurement->lowUs * 1e-6),
               formatSeconds(record.measurement->highUs * 1e-6));
  if (!explanation.tied.empty())
    fmt::print("           their intervals overlap that of the fastest: stored code, then fewer "
               "resources decide\n");
  if (!explanation.slower.empty()) {
    const KernelRecord &next = explanation.slower.front();
    fmt::print("runner-up  {} {}, {:.2f} times the winner's; {} more are slower\n", next.configText,
               formatSeconds(next.measurement->medianUs * 1e-6),
               next.measurement->medianUs / winner.measurement->medianUs,
               explanation.slower.size() - 1);
  }
  for (const auto &[reason, count] : explanation.excluded)
    fmt::print("left out   {} rows: {}\n", count, reason);
}

/// From the number of a trial: its op, target and tuning point.
static Status subjectOf(Database &database, int64_t id, Explanation &explanation,
                        std::string &device) {
  Result<std::vector<KernelRecord>> records = database.list({});
  if (!records)
    return records.takeError();
  for (const KernelRecord &record : *records)
    if (record.id == id) {
      explanation.opJson = record.opJson;
      explanation.arch = record.arch;
      explanation.computeUnits = record.computeUnits;
      explanation.askedFor = record.tuningPoint;
      if (device.empty() && record.measurement)
        device = record.measurement->device;
      return Status();
    }
  return usageError(fmt::format("no trial {} in {}; `zorse db ls` lists the {} there are", id,
                                database.path(), records->size()));
}

/// The winner that dispatch would take for these sizes: the nearest in sizes, then in units.
static Status choose(Database &database, const OpDesc &op, const TargetDesc &target,
                     const std::string &device, Explanation &explanation) {
  Result<std::vector<KernelRecord>> winners = database.winners(op, target, device);
  if (!winners)
    return winners.takeError();
  std::optional<Sizes> wanted = sizesOf(explanation.askedFor);
  auto far = [&](const KernelRecord &record) {
    std::optional<Sizes> sizes = sizesOf(record.tuningPoint);
    double units = std::abs(std::log2(std::max<double>(1, record.computeUnits) /
                                      std::max<double>(1, explanation.computeUnits)));
    return std::tuple(wanted && sizes ? distanceOf(*wanted, *sizes) : HUGE_VAL, units, record.id);
  };
  auto nearest = std::min_element(winners->begin(), winners->end(),
                                  [&](const auto &a, const auto &b) { return far(a) < far(b); });
  if (nearest == winners->end() || std::isinf(std::get<0>(far(*nearest)))) {
    RecordFilter filter;
    filter.opJson = explanation.opJson;
    filter.arch = explanation.arch;
    Result<std::vector<KernelRecord>> rows = database.list(filter);
    if (!rows)
      return rows.takeError();
    std::map<std::string, int64_t> states;
    for (const KernelRecord &record : *rows)
      ++states[record.stale.empty() ? std::string(name(record.state)) : "stale"];
    std::string counts;
    for (const auto &[state, count] : states)
      counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", count, state);
    return usageError(fmt::format("nothing wins for {} on {} in {}: {}; make one with `zorse tune`",
                                  op.kind(), explanation.arch, database.path(),
                                  counts.empty() ? "no rows" : counts));
  }
  explanation.winner = *nearest;
  explanation.tuningPoint = nearest->tuningPoint;
  return Status();
}

static VerbResult runExplain(const Tool &tool, ExplainArguments arguments) {
  Result<std::unique_ptr<Database>> database = openLayeredDatabase(tool, Database::Mode::ReadOnly);
  if (!database)
    return database.takeError();
  Explanation explanation;
  int64_t id = 0;
  const std::string &subject = arguments.subject;
  auto [end, error] = std::from_chars(subject.data(), subject.data() + subject.size(), id);
  if (error == std::errc() && end == subject.data() + subject.size()) {
    if (Status status = subjectOf(**database, id, explanation, arguments.device); !status)
      return status.takeError();
  } else {
    Result<OpDesc> op = readOp(subject);
    if (!op)
      return op.takeError();
    Result<TargetDesc> target = findTarget(arguments.arch);
    if (!target)
      return target.takeError();
    explanation.opJson = op->canonicalJson();
    explanation.arch = target->arch;
    explanation.computeUnits = target->computeUnits;
    explanation.askedFor = op->tuningPointJson();
  }
  Result<OpDesc> op = OpDesc::parse(explanation.opJson);
  if (!op)
    return op.takeError();
  Result<Sizes> sizes = parseSizes(arguments.at);
  if (!sizes)
    return sizes.takeError();
  if (!arguments.at.empty())
    explanation.askedFor = op->withTuningPoint(*sizes).tuningPointJson();
  TargetDesc target;
  target.arch = explanation.arch;
  target.computeUnits = static_cast<int>(explanation.computeUnits);
  Status status = choose(**database, *op, target, arguments.device, explanation);
  if (status)
    status = fill(**database, explanation);
  if (!status)
    return status.takeError();
  printExplanation(tool, (*database)->path(), explanation);
  return 0;
}

void addDbExplain(CLI::App &db, Tool &tool) {
  auto arguments = std::make_shared<ExplainArguments>();
  CLI::App *explain =
      addVerb(db, tool, "explain", "Says why a kernel is chosen, and over what.",
              "  zorse db explain op.json --at tokens=8\n  zorse db explain 17 --format json");
  addDatabaseOption(*explain, tool);
  explain->add_option("subject", arguments->subject, "an op description, or the number of a trial")
      ->required()
      ->option_text("OP.json|ID");
  addTargetOption(*explain, arguments->arch);
  explain->add_option("--at", arguments->at, "sizes to run at, such as tokens=8,context=4096")
      ->option_text("SIZES");
  explain->add_option("--device", arguments->device, "prefer times of this device")
      ->option_text("NAME");
  explain->callback([&tool, arguments] {
    tool.action = [&tool, arguments] { return runExplain(tool, *arguments); };
  });
}

} // namespace zorse::tool
