//===- RecordText.cpp - rows as lines of text -----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A header, then tables, then one line a row; tables keep the rows short:
//
//   {"format":"zorse trials","version":1}
//   {"op":{"hidden_size":64,"op":"rmsnorm",…}}       numbered from 0 in order, as are
//   {"target":["gfx942",304]}
//   {"revision":"LLVM 22.1 …"}
//   {"meter":["measured","MI300X","median of …"]}    source, device, method
//   {"row":[op,target,revision],"at":{"tokens":1},"config":"waves=1","code":"9f…","state":"ok",
//    "meter":0,"us":[median,low,high],"samples":15,"work":[flops,bytes],"environment":{…},
//    "verified":[true,max_error,cases,"detail"],"error":"…","stale":"…","date":"2026-…Z"}
//
// Left out are "state" if ok, and whatever is empty. Equal rows give equal text.
//
//===----------------------------------------------------------------------===//
#include "Merge.h"

#include "zorse/desc/StrictJson.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <istream>
#include <limits>
#include <ostream>
#include <set>

namespace zorse::db {

using Json = nlohmann::json;
using Ordered = nlohmann::ordered_json;

static constexpr size_t maxLine = 1 << 20;
static constexpr std::string_view formatName = "zorse trials";

// Writing

static std::string lineOf(const Ordered &json) {
  return json.dump(-1, ' ', false, Ordered::error_handler_t::replace);
}

/// The value of a canonical JSON text, or the text itself where it is not canonical.
static Ordered embedded(const std::string &text) {
  Result<Json> value = parseStrictJson(text);
  return value && value->is_object() && value->dump() == text ? Ordered(*value) : Ordered(text);
}

namespace {

/// Lines of one kind, numbered in the order of their text.
class Table {
public:
  void add(std::string line) { numbers.emplace(std::move(line), 0); }
  void print(std::ostream &to) {
    int64_t next = 0;
    for (auto &[line, number] : numbers) {
      number = next++;
      to << line << '\n';
    }
  }
  int64_t number(const std::string &line) const { return numbers.at(line); }

private:
  std::map<std::string, int64_t> numbers;
};

} // namespace

static std::string opLine(const KernelRecord &record) {
  return lineOf({{"op", embedded(record.opJson)}});
}

static std::string targetLine(const KernelRecord &record) {
  return lineOf({{"target", Ordered::array({record.arch, record.computeUnits})}});
}

static std::string revisionLine(const KernelRecord &record) {
  return lineOf({{"revision", record.compilerRevision}});
}

static std::string meterLine(const Measurement &measurement) {
  return lineOf({{"meter", Ordered::array({name(measurement.source), measurement.device,
                                           measurement.method})}});
}

static std::string rowLine(const KernelRecord &record, const Table &ops, const Table &targets,
                           const Table &revisions, const Table &meters) {
  Ordered row;
  row["row"] = Ordered::array({ops.number(opLine(record)), targets.number(targetLine(record)),
                               revisions.number(revisionLine(record))});
  row["at"] = embedded(record.tuningPoint);
  row["config"] = record.configText;
  if (!record.codeHash.empty())
    row["code"] = record.codeHash;
  if (record.state != TrialState::Ok)
    row["state"] = name(record.state);
  if (const auto &measurement = record.measurement) {
    row["meter"] = meters.number(meterLine(*measurement));
    row["us"] = Ordered::array({measurement->medianUs, measurement->lowUs, measurement->highUs});
    row["samples"] = measurement->samples;
    row["work"] = Ordered::array({measurement->flops, measurement->bytes});
    if (measurement->environment != "{}")
      row["environment"] = embedded(measurement->environment);
  }
  if (const auto &verification = record.verification) {
    Ordered error = verification->maxError;
    if (std::isinf(verification->maxError))
      error = nullptr; // JSON has no infinity
    row["verified"] =
        Ordered::array({verification->passed, error, verification->cases, verification->detail});
  }
  if (!record.error.empty())
    row["error"] = record.error;
  if (!record.stale.empty())
    row["stale"] = record.stale;
  row["date"] = record.createdAt;
  return lineOf(row);
}

Status SqliteDatabase::exportText(const RecordFilter &filter, std::ostream &to) {
  Result<std::vector<KernelRecord>> records = list(filter);
  if (!records)
    return records.takeError();
  std::erase_if(*records, [](const KernelRecord &record) { return isUnfinished(record.state); });
  Table ops, targets, revisions, meters;
  for (const KernelRecord &record : *records) {
    ops.add(opLine(record));
    targets.add(targetLine(record));
    revisions.add(revisionLine(record));
    if (record.measurement)
      meters.add(meterLine(*record.measurement));
  }
  to << lineOf({{"format", formatName}, {"version", 1}}) << '\n';
  for (Table *table : {&ops, &targets, &revisions, &meters})
    table->print(to);
  std::vector<std::string> lines;
  for (const KernelRecord &record : *records)
    lines.push_back(rowLine(record, ops, targets, revisions, meters));
  std::sort(lines.begin(), lines.end());
  for (const std::string &line : lines)
    to << line << '\n';
  to.flush();
  return to ? Status() : Status(runtimeError("cannot write the text of " + connection->path()));
}

// Reading

namespace {

/// One line as it is read. The first fault is kept; after it every value is empty.
class Reader {
public:
  Reader(const Json &line) : line(line) {}

  std::optional<Error> fault;

  void fail(std::string message) {
    if (!fault)
      fault = usageError(std::move(message));
  }
  const Json *find(const char *key) {
    auto found = line.find(key);
    if (found == line.end())
      return nullptr;
    seen.insert(key);
    return &*found;
  }
  const Json &array(const char *key, size_t size) {
    const Json *value = find(key);
    if (value && value->is_array() && value->size() == size)
      return *value;
    fail(fmt::format("$.{}: expected an array of {} values, found {}", key, size,
                     value ? describeJson(*value) : "none"));
    static const Json empty = Json::array({nullptr, nullptr, nullptr, nullptr});
    return empty;
  }
  std::string text(const char *key, const Json *value) {
    if (value && value->is_string())
      return value->get<std::string>();
    fail(fmt::format("$.{}: expected a string, found {}", key,
                     value ? describeJson(*value) : "none"));
    return {};
  }
  /// A text that may be left out.
  std::string textOrEmpty(const char *key) {
    const Json *value = find(key);
    return value ? text(key, value) : std::string();
  }
  int64_t integer(const char *key, const Json &value, int64_t most) {
    bool isInteger = value.is_number_integer() &&
                     (!value.is_number_unsigned() ||
                      value.get<uint64_t>() <= uint64_t(std::numeric_limits<int64_t>::max()));
    if (isInteger && value.get<int64_t>() >= 0 && value.get<int64_t>() <= most)
      return value.get<int64_t>();
    fail(fmt::format("$.{}: expected an integer from 0 to {}, found {}", key, most,
                     describeJson(value)));
    return 0;
  }
  double number(const char *key, const Json &value) {
    if (value.is_number())
      return value.get<double>();
    fail(fmt::format("$.{}: expected a number, found {}", key, describeJson(value)));
    return 0;
  }
  /// The canonical text of an object, or a text that stands for itself.
  std::string object(const char *key, const Json *value) {
    if (value && value->is_object())
      return value->dump();
    if (value && value->is_string())
      return value->get<std::string>();
    fail(fmt::format("$.{}: expected an object, found {}", key,
                     value ? describeJson(*value) : "none"));
    return {};
  }
  /// An entry of a table by its number.
  template <typename T> T entry(const char *key, const Json &number, const std::vector<T> &table) {
    if (table.empty())
      fail(fmt::format("$.{}: no line before this one defines what it refers to", key));
    int64_t at = integer(key, number, std::max<int64_t>(0, int64_t(table.size()) - 1));
    return fault ? T() : table[static_cast<size_t>(at)];
  }
  void finish() {
    for (const auto &[key, value] : line.items())
      if (!seen.contains(key))
        fail(fmt::format("unknown key '{}'", key));
  }

private:
  const Json &line;
  std::set<std::string, std::less<>> seen;
};

struct Target {
  std::string arch;
  int64_t computeUnits = 0;
};

class TextImport {
public:
  /// The record of a line, or nullopt if it belongs to a table.
  Result<std::optional<KernelRecord>> read(const Json &line);

private:
  KernelRecord row(Reader &reader);
  std::vector<std::string> ops, kinds, revisions;
  std::vector<Target> targets;
  std::vector<Measurement> meters;
};

} // namespace

static constexpr int64_t anyInteger = std::numeric_limits<int64_t>::max();

static Source readSource(Reader &reader, const Json &value) {
  std::string word = reader.text("meter", &value);
  std::optional<Source> source = sourceOf(word);
  if (!source)
    reader.fail(
        fmt::format("$.meter: the source is measured, simulated or model, found '{}'", word));
  return source.value_or(Source::Model);
}

static Measurement readMeasurement(Reader &reader, Measurement measurement) {
  const Json &us = reader.array("us", 3), &work = reader.array("work", 2);
  measurement.medianUs = reader.number("us", us[0]);
  measurement.lowUs = reader.number("us", us[1]);
  measurement.highUs = reader.number("us", us[2]);
  const Json *samples = reader.find("samples");
  measurement.samples = reader.integer("samples", samples ? *samples : Json(), anyInteger);
  measurement.flops = reader.number("work", work[0]);
  measurement.bytes = reader.number("work", work[1]);
  if (const Json *environment = reader.find("environment"))
    measurement.environment = reader.object("environment", environment);
  return measurement;
}

static Verification readVerification(Reader &reader) {
  const Json &parts = reader.array("verified", 4);
  Verification verification;
  if (parts[0].is_boolean())
    verification.passed = parts[0].get<bool>();
  else
    reader.fail("$.verified: expected true or false, found " + describeJson(parts[0]));
  verification.maxError = parts[1].is_null() ? std::numeric_limits<double>::infinity()
                                             : reader.number("verified", parts[1]);
  verification.cases = reader.integer("verified", parts[2], anyInteger);
  verification.detail = reader.text("verified", &parts[3]);
  return verification;
}

/// "2026-01-31T12:00:00Z" and nothing else.
static bool isDate(const std::string &text) {
  constexpr std::string_view pattern = "dddd-dd-ddTdd:dd:ddZ";
  return text.size() == pattern.size() &&
         std::equal(text.begin(), text.end(), pattern.begin(), [](char found, char want) {
           return want == 'd' ? found >= '0' && found <= '9' : found == want;
         });
}

KernelRecord TextImport::row(Reader &reader) {
  KernelRecord record;
  const Json &refers = reader.array("row", 3);
  record.opJson = reader.entry("row", refers[0], ops);
  record.opKind = reader.entry("row", refers[0], kinds);
  Target target = reader.entry("row", refers[1], targets);
  record.arch = target.arch;
  record.computeUnits = target.computeUnits;
  record.compilerRevision = reader.entry("row", refers[2], revisions);
  record.tuningPoint = reader.object("at", reader.find("at"));
  record.configText = reader.text("config", reader.find("config"));
  record.codeHash = reader.textOrEmpty("code");
  std::string word = reader.textOrEmpty("state");
  std::optional<TrialState> state = word.empty() ? TrialState::Ok : stateOf(word);
  if (!state || isUnfinished(*state))
    reader.fail(
        fmt::format("$.state: expected ok, failed, timed_out, crashed or wrong, found '{}'", word));
  record.state = state.value_or(TrialState::Failed);
  if (const Json *meter = reader.find("meter"))
    record.measurement = readMeasurement(reader, reader.entry("meter", *meter, meters));
  if (reader.find("verified"))
    record.verification = readVerification(reader);
  record.error = reader.textOrEmpty("error");
  record.stale = reader.textOrEmpty("stale");
  record.createdAt = reader.textOrEmpty("date");
  if (!isDate(record.createdAt))
    reader.fail(fmt::format("$.date: expected a date such as 2026-01-31T12:00:00Z, found '{}'",
                            record.createdAt.substr(0, 40)));
  return record;
}

Result<std::optional<KernelRecord>> TextImport::read(const Json &line) {
  Reader reader(line);
  std::optional<KernelRecord> record;
  if (const Json *op = reader.find("op")) {
    ops.push_back(reader.object("op", op));
    const Json *kind = op->is_object() && op->contains("op") ? &op->at("op") : nullptr;
    kinds.push_back(reader.text("op.op", kind));
  } else if (reader.find("target")) {
    const Json &parts = reader.array("target", 2);
    targets.push_back({reader.text("target", &parts[0]),
                       reader.integer("target", parts[1], std::numeric_limits<int32_t>::max())});
  } else if (const Json *revision = reader.find("revision")) {
    revisions.push_back(reader.text("revision", revision));
  } else if (reader.find("meter") && !line.contains("row")) {
    const Json &parts = reader.array("meter", 3);
    Measurement &meter = meters.emplace_back();
    meter.source = readSource(reader, parts[0]);
    meter.device = reader.text("meter", &parts[1]);
    meter.method = reader.text("meter", &parts[2]);
  } else if (line.contains("row")) {
    record = row(reader);
  } else {
    reader.fail("expected a line with op, target, revision, meter or row");
  }
  reader.finish();
  if (reader.fault)
    return std::move(*reader.fault);
  return record;
}

static Status checkHeader(const Json &line) {
  auto format = line.find("format"), version = line.find("version");
  if (format == line.end() || *format != formatName)
    return usageError(fmt::format("expected the header {{\"format\":\"{}\",\"version\":1}}; `zorse "
                                  "db export` writes such files",
                                  formatName));
  if (version == line.end() || *version != 1)
    return usageError(fmt::format("the version of the format is {}, this zorse reads 1",
                                  version == line.end() ? "none" : describeJson(*version)));
  return Status();
}

Result<MergeReport> SqliteDatabase::importText(std::istream &from, std::string_view name) {
  if (Status status = requireWritable("import"); !status)
    return status.takeError();
  Result<Transaction> transaction = Transaction::begin(*connection);
  if (!transaction)
    return transaction.takeError();
  Merger merger(*connection);
  if (Status status = merger.load(); !status)
    return status.takeError();
  MergeReport report;
  TextImport text;
  std::vector<char> buffer(maxLine + 2);
  int64_t number = 0;
  auto inLine = [&](const Error &error) {
    return Error{error.code, fmt::format("{} line {}: {}", name, number, error.message)};
  };
  while (from.getline(buffer.data(), static_cast<std::streamsize>(buffer.size())) ||
         from.gcount() > 0) {
    ++number;
    if (from.fail())
      return inLine(usageError(fmt::format("a line may have {} bytes, found more", maxLine)));
    std::string_view line(buffer.data(),
                          static_cast<size_t>(from.gcount()) - (from.eof() ? 0 : 1));
    Result<Json> json = parseStrictJson(line, {.maxBytes = maxLine});
    if (!json)
      return inLine(json.error());
    if (!json->is_object())
      return inLine(usageError("expected an object, found " + describeJson(*json)));
    if (number == 1) {
      if (Status status = checkHeader(*json); !status)
        return inLine(status.error());
      continue;
    }
    Result<std::optional<KernelRecord>> record = text.read(*json);
    if (!record)
      return inLine(record.error());
    if (*record)
      if (Status status = merger.take(std::move(**record), report); !status)
        return inLine(status.error());
  }
  if (number == 0)
    return usageError(fmt::format("{} is empty; `zorse db export` writes such files", name));
  if (Status status = merger.dropAnsweredMarks(); !status)
    return status.takeError();
  if (Status status = transaction->commit(); !status)
    return status.takeError();
  return report;
}

} // namespace zorse::db
