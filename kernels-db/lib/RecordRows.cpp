//===- RecordRows.cpp - trials as rows ------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "RecordRows.h"

#include "Owner.h"

#include "zorse/desc/StrictJson.h"

#include <array>
#include <cmath>
#include <fmt/format.h>
#include <set>

namespace zorse {

static constexpr std::array<std::string_view, 8> stateNames = {
    "queued", "running", "ok", "failed", "timed_out", "crashed", "wrong", "interrupted"};
static constexpr std::array<std::string_view, 3> sourceNames = {"measured", "simulated", "model"};
static constexpr std::array<std::string_view, 3> trustNames = {"built", "signed", "foreign"};

std::string_view name(TrialState state) { return stateNames.at(static_cast<size_t>(state)); }
std::string_view name(Source source) { return sourceNames.at(static_cast<size_t>(source)); }
std::string_view name(Trust trust) { return trustNames.at(static_cast<size_t>(trust)); }

} // namespace zorse

namespace zorse::db {

const std::string_view selectRecords =
    "SELECT trial.id, op.kind, op.description, target.arch, target.compute_units, "
    "trial.tuning_point, config.text, trial.compiler_revision, trial.code_hash, trial.source, "
    "trial.state, trial.error, trial.stale, trial.verified, trial.max_error, "
    "trial.verified_cases, trial.verified_detail, trial.created_at, measurement.trial_id, "
    "trial.device, measurement.method, measurement.median_us, measurement.low_us, "
    "measurement.high_us, measurement.samples, measurement.flops, measurement.bytes, "
    "measurement.environment "
    "FROM trial JOIN op ON op.id = trial.op_id JOIN target ON target.id = trial.target_id "
    "JOIN config ON config.id = trial.config_id "
    "LEFT JOIN measurement ON measurement.trial_id = trial.id ";

template <typename T, size_t N>
static std::optional<T> parseName(const std::array<std::string_view, N> &names,
                                  std::string_view text) {
  for (size_t i = 0; i < N; ++i)
    if (names[i] == text)
      return static_cast<T>(i);
  return std::nullopt;
}

std::optional<TrialState> stateOf(std::string_view text) {
  return parseName<TrialState>(stateNames, text);
}

std::optional<Source> sourceOf(std::string_view text) {
  return parseName<Source>(sourceNames, text);
}

std::optional<Trust> trustOf(std::string_view text) { return parseName<Trust>(trustNames, text); }

static Error unknownWord(const Connection &connection, std::string_view column, int64_t id,
                         std::string_view word) {
  return databaseError(fmt::format("database is corrupt: {}: trial {} has the unknown {} '{}'; "
                                   "restore a copy, or move the file away and tune again",
                                   connection.path(), id, column, word));
}

Result<KernelRecord> readRecord(const Connection &connection, const Statement &row) {
  KernelRecord record;
  int column = 0;
  record.id = row.integer(column++);
  record.opKind = row.text(column++);
  record.opJson = row.text(column++);
  record.arch = row.text(column++);
  record.computeUnits = row.integer(column++);
  record.tuningPoint = row.text(column++);
  record.configText = row.text(column++);
  record.compilerRevision = row.text(column++);
  record.codeHash = row.text(column++);
  std::string source = row.text(column++);
  std::string state = row.text(column++);
  std::optional<TrialState> knownState = parseName<TrialState>(stateNames, state);
  if (!knownState)
    return unknownWord(connection, "state", record.id, state);
  record.state = *knownState;
  record.error = row.text(column++);
  record.stale = row.text(column++);
  if (!row.isNull(column)) {
    Verification &verification = record.verification.emplace();
    verification.passed = row.integer(column) != 0;
    verification.maxError = row.real(column + 1);
    verification.cases = row.integer(column + 2);
    verification.detail = row.text(column + 3);
  }
  column += 4;
  record.createdAt = row.text(column++);
  if (!row.isNull(column++)) {
    Measurement &measurement = record.measurement.emplace();
    std::optional<Source> knownSource = parseName<Source>(sourceNames, source);
    if (!knownSource)
      return unknownWord(connection, "source", record.id, source);
    measurement.source = *knownSource;
    measurement.device = row.text(column++);
    measurement.method = row.text(column++);
    measurement.medianUs = row.real(column++);
    measurement.lowUs = row.real(column++);
    measurement.highUs = row.real(column++);
    measurement.samples = row.integer(column++);
    measurement.flops = row.real(column++);
    measurement.bytes = row.real(column++);
    measurement.environment = row.text(column++);
  }
  return record;
}

Result<std::vector<KernelRecord>> readRecords(const Connection &connection, Statement &rows) {
  std::vector<KernelRecord> records;
  while (true) {
    Result<bool> row = rows.step();
    if (!row)
      return row.takeError();
    if (!*row)
      return records;
    Result<KernelRecord> record = readRecord(connection, rows);
    if (!record)
      return record.takeError();
    records.push_back(record.take());
  }
}

Status checkRecord(const KernelRecord &record) {
  for (auto [field, value] :
       {std::pair{"opKind", &record.opKind}, std::pair{"opJson", &record.opJson},
        std::pair{"arch", &record.arch}, std::pair{"tuningPoint", &record.tuningPoint},
        std::pair{"configText", &record.configText},
        std::pair{"compilerRevision", &record.compilerRevision}})
    if (value->empty())
      return usageError(fmt::format("a trial needs a value for {}, found none", field));
  if (!record.codeHash.empty() && !Hash128::fromHex(record.codeHash))
    return usageError(fmt::format("the code hash of a trial is 32 lower-case hexadecimal digits "
                                  "or empty, found '{}'",
                                  record.codeHash));
  if (record.computeUnits < 0)
    return usageError(
        fmt::format("the compute units of a trial are 0 or more, found {}", record.computeUnits));
  if (const auto &measurement = record.measurement) {
    double median = measurement->medianUs;
    if (!std::isfinite(median) || median <= 0)
      return usageError(
          fmt::format("the median of a measurement is a time above 0 us, found {}", median));
    bool hasInterval = measurement->lowUs != 0 || measurement->highUs != 0;
    if (hasInterval && !(measurement->lowUs >= 0 && measurement->lowUs <= median &&
                         measurement->highUs >= median && std::isfinite(measurement->highUs)))
      return usageError(fmt::format("the interval of a measurement holds its median, found "
                                    "[{}, {}] around {}",
                                    measurement->lowUs, measurement->highUs, median));
    if (measurement->samples < 0)
      return usageError(fmt::format("the samples of a measurement are 0 or more, found {}",
                                    measurement->samples));
    if (!std::isfinite(measurement->flops) || !std::isfinite(measurement->bytes))
      return usageError(fmt::format("flops and bytes of a measurement are finite, found {} and {}",
                                    measurement->flops, measurement->bytes));
    if (measurement->environment != "{}") {
      Result<nlohmann::json> environment = parseStrictJson(measurement->environment);
      if (!environment || !environment->is_object())
        return usageError("the environment of a measurement is a JSON object, found '" +
                          measurement->environment.substr(0, 80) + "'");
    }
  }
  return Status();
}

bool isUnfinished(TrialState state) {
  return state == TrialState::Queued || state == TrialState::Running ||
         state == TrialState::Interrupted;
}

bool isBareCompilation(const KernelRecord &record) {
  return record.state == TrialState::Ok && !record.measurement && !record.verification;
}

/// The id of the row of a dimension table that holds these values, inserted if need be.
template <typename... Args>
static Result<int64_t> rowFor(const Connection &connection, std::string_view insert,
                              std::string_view select, const Args &...args) {
  if (Status status = connection.run(insert, args...); !status)
    return status.takeError();
  Result<Statement> statement = connection.query(select, args...);
  if (!statement)
    return statement.takeError();
  Result<bool> row = statement->step();
  if (!row)
    return row.takeError();
  if (!*row)
    return databaseError("database is corrupt: a row just written cannot be read: " +
                         connection.path());
  return statement->integer(0);
}

Result<TrialKeys> keysOf(const Connection &connection, const KernelRecord &record) {
  std::string hash = hashText(record.opJson).hex();
  Result<int64_t> op =
      rowFor(connection, "INSERT OR IGNORE INTO op (hash, kind, description) VALUES (?1, ?2, ?3)",
             "SELECT id FROM op WHERE hash = ?1 AND kind = ?2 AND description = ?3", hash,
             record.opKind, record.opJson);
  if (!op)
    return op.takeError();
  Result<int64_t> target =
      rowFor(connection, "INSERT OR IGNORE INTO target (arch, compute_units) VALUES (?1, ?2)",
             "SELECT id FROM target WHERE arch = ?1 AND compute_units = ?2", record.arch,
             record.computeUnits);
  if (!target)
    return target.takeError();
  Result<int64_t> config = rowFor(connection, "INSERT OR IGNORE INTO config (text) VALUES (?1)",
                                  "SELECT id FROM config WHERE text = ?1", record.configText);
  if (!config)
    return config.takeError();
  return TrialKeys{*op, *target, *config};
}

namespace {
struct EarlierRow {
  int64_t id = 0;
  std::string state, device;
  bool measured = false, sameCode = false;
};
} // namespace

/// The rows that this record is a later word on, the closest first: the same code whatever the
/// revision, or the same revision where one of the two has no code yet; the same source on the same
/// device, or none.
static Result<std::vector<EarlierRow>>
earlierRows(const Connection &connection, const TrialKeys &keys, const KernelRecord &record,
            std::string_view source, std::string_view device) {
  Result<Statement> rows = connection.query(
      "SELECT id, state, source <> '', device, code_hash = ?6 AND ?6 <> '' FROM trial WHERE op_id "
      "= ?1 AND target_id = ?2 AND "
      "tuning_point = ?3 AND config_id = ?4 AND "
      "((source = ?5 AND device = ?8) OR source = '' OR ?5 = '') AND "
      "((code_hash = ?6 AND ?6 <> '') OR "
      " (compiler_revision = ?7 AND (code_hash = '' OR ?6 = '' OR code_hash = ?6))) "
      "ORDER BY source = ?5 DESC, code_hash = ?6 DESC, id DESC",
      keys.op, keys.target, record.tuningPoint, keys.config, source, record.codeHash,
      record.compilerRevision, device);
  if (!rows)
    return rows.takeError();
  std::vector<EarlierRow> found;
  while (true) {
    Result<bool> row = rows->step();
    if (!row)
      return row.takeError();
    if (!*row)
      return found;
    found.push_back({rows->integer(0), rows->text(1), rows->text(3), rows->integer(2) != 0,
                     rows->integer(4) != 0});
  }
}

/// Whether the earlier row says more than the record: a finished one more than a mark that work
/// goes on, a measured one more than "it compiled", and so does one of code that must not run.
static bool saysMore(const EarlierRow &earlier, const KernelRecord &record) {
  std::optional<TrialState> state = parseName<TrialState>(stateNames, earlier.state);
  if (!state)
    return false;
  if (isUnfinished(record.state))
    return !isUnfinished(*state);
  if (!isBareCompilation(record))
    return false;
  bool isBlocked = *state == TrialState::Wrong || *state == TrialState::Crashed ||
                   *state == TrialState::TimedOut;
  return earlier.measured || (isBlocked && earlier.sameCode);
}

// A trial that ended without a time does not say on which device. Where times of several devices
// are there, only a wrong result speaks of all of them; a crash or a time limit may be of one.
static void keepOtherDevices(std::vector<EarlierRow> &earlier, const KernelRecord &record) {
  std::set<std::string> devices;
  for (const EarlierRow &row : earlier)
    if (row.measured)
      devices.insert(row.device);
  if (!record.measurement && record.state != TrialState::Wrong && devices.size() > 1)
    std::erase_if(earlier, [](const EarlierRow &row) { return row.measured; });
}

static Status writeMeasurement(const Connection &connection, int64_t id,
                               const Measurement &measurement) {
  // A prediction without spread is an interval of one point.
  bool isPoint = measurement.lowUs == 0 && measurement.highUs == 0;
  return connection.run("INSERT INTO measurement (trial_id, method, median_us, low_us, high_us, "
                        "samples, flops, bytes, environment) "
                        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                        id, measurement.method, measurement.medianUs,
                        isPoint ? measurement.medianUs : measurement.lowUs,
                        isPoint ? measurement.medianUs : measurement.highUs, measurement.samples,
                        measurement.flops, measurement.bytes, measurement.environment);
}

Result<int64_t> insertTrial(const Connection &connection, std::optional<int64_t> id,
                            const TrialKeys &keys, const KernelRecord &record,
                            std::string_view createdAt) {
  std::string owner = record.state == TrialState::Running ? currentOwner() : std::string();
  std::optional<int64_t> verified, cases;
  std::optional<double> maxError;
  std::optional<std::string_view> detail, created;
  if (const auto &verification = record.verification) {
    verified = verification->passed ? 1 : 0;
    // NaN would be stored as NULL, and no error is worse than it.
    maxError = std::isnan(verification->maxError) ? HUGE_VAL : verification->maxError;
    cases = verification->cases;
    detail = verification->detail;
  }
  if (!createdAt.empty())
    created = createdAt;
  Status status = connection.run(
      "INSERT INTO trial (id, op_id, target_id, tuning_point, config_id, compiler_revision, "
      "code_hash, source, device, state, error, stale, owner, verified, max_error, "
      "verified_cases, verified_detail, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
      "?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, "
      "coalesce(?18, strftime('%Y-%m-%dT%H:%M:%SZ', 'now')))",
      id, keys.op, keys.target, record.tuningPoint, keys.config, record.compilerRevision,
      record.codeHash, record.measurement ? name(record.measurement->source) : "",
      record.measurement ? record.measurement->device : "", name(record.state), record.error,
      record.stale, owner, verified, maxError, cases, detail, created);
  if (!status)
    return status.takeError();
  int64_t row = connection.lastInsertId();
  if (record.measurement)
    if (Status written = writeMeasurement(connection, row, *record.measurement); !written)
      return written.takeError();
  return row;
}

Result<int64_t> writeRecord(const Connection &connection, const KernelRecord &record) {
  Result<TrialKeys> keys = keysOf(connection, record);
  if (!keys)
    return keys.takeError();
  std::string_view source = record.measurement ? name(record.measurement->source) : "";
  std::string device = record.measurement ? record.measurement->device : std::string();
  Result<std::vector<EarlierRow>> earlier = earlierRows(connection, *keys, record, source, device);
  if (!earlier)
    return earlier.takeError();
  for (const EarlierRow &row : *earlier)
    if (saysMore(row, record))
      return row.id;
  keepOtherDevices(*earlier, record);
  for (const EarlierRow &row : *earlier)
    if (Status status = deleteTrial(connection, row.id); !status)
      return status.takeError();
  std::optional<int64_t> id;
  if (!earlier->empty())
    id = earlier->front().id;
  return insertTrial(connection, id, *keys, record);
}

Status deleteTrial(const Connection &connection, int64_t id) {
  return connection.run("DELETE FROM trial WHERE id = ?1", id);
}

} // namespace zorse::db
