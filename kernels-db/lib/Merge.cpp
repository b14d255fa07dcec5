//===- Merge.cpp - rows and code of others into this database -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Merge.h"

#include "Foreign.h"
#include "Verify.h"

#include "zorse/db/Trust.h"
#include "zorse/desc/StrictJson.h"

#include <algorithm>
#include <fmt/format.h>
#include <sys/stat.h>

namespace zorse::db {

static constexpr size_t maxText = 64 << 10; ///< of one column of a row of another database
static constexpr size_t maxRefusals = 20;   ///< sentences for each file

static constexpr std::string_view finished =
    "WHERE trial.state NOT IN ('queued', 'running', 'interrupted') ORDER BY trial.id";

static std::string joined(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (std::string_view part : parts)
    text.append(part).push_back('\0');
  return text;
}

static Hash128 codeKey(const Statement &row) {
  return hashText(joined({row.text(0), row.text(7), row.text(8), row.text(9)}));
}

Status Merger::load() {
  index.clear();
  for (auto *ids : {&ops, &targets, &configs})
    ids->clear();
  codes.clear();
  Result<int64_t> count = to.integer("SELECT count(*) FROM trial");
  Result<int64_t> last = to.integer("SELECT coalesce(max(id), 0) FROM trial");
  if (!count || !last)
    return count ? last.takeError() : count.takeError();
  index.reserve(static_cast<size_t>(*count));
  lastId = *last;
  std::vector<int64_t> outdone;
  Status status =
      forEachRow(to.query(std::string(selectRecords) + std::string(finished)), [&](Statement &row) {
        Result<KernelRecord> record = readRecord(to, row);
        if (!record)
          return Status(record.takeError());
        EvidenceIndex::Verdict verdict = index.offer(*record, record->id);
        if (!verdict.taken || !verdict.added)
          outdone.push_back(record->id);
        return Status();
      });
  for (int64_t id : outdone)
    if (status)
      status = deleteTrial(to, id);
  if (!status)
    return status;
  return forEachRow(to.query(selectCode), [&](Statement &row) {
    codes[codeKey(row)] = {trustOf(row.text(4)).value_or(Trust::Foreign), row.text(2), row.text(5),
                           row.text(6)};
    return Status();
  });
}

/// A JSON object of at most 64 KiB; `checked` remembers those that are.
static Status checkObject(std::string_view what, const std::string &text,
                          std::unordered_set<std::string> &checked) {
  if (checked.contains(text))
    return Status();
  Result<nlohmann::json> parsed = parseStrictJson(text, {.maxBytes = maxText});
  if (!parsed)
    return usageError(fmt::format("{}: {}", what, parsed.error().message));
  if (!parsed->is_object())
    return usageError(
        fmt::format("{}: expected a JSON object, found {}", what, describeJson(*parsed)));
  checked.insert(text);
  return Status();
}

/// What a row from elsewhere must keep to besides what record() asks for.
Status Merger::checkForeign(const KernelRecord &record) {
  if (Status status = checkRecord(record); !status)
    return status;
  for (auto [field, text] :
       {std::pair{"op", &record.opJson}, std::pair{"kind", &record.opKind},
        std::pair{"target", &record.arch}, std::pair{"configuration", &record.configText},
        std::pair{"compiler revision", &record.compilerRevision}, std::pair{"error", &record.error},
        std::pair{"reason of being stale", &record.stale}, std::pair{"date", &record.createdAt}})
    if (text->size() > maxText)
      return usageError(
          fmt::format("the {} may have {} bytes, found {}", field, maxText, text->size()));
  if (const auto &measurement = record.measurement)
    for (const std::string *text :
         {&measurement->device, &measurement->method, &measurement->environment})
      if (text->size() > maxText)
        return usageError(fmt::format("the device, the method and the environment of a measurement "
                                      "may have {} bytes each, found {}",
                                      maxText, text->size()));
  if (record.verification && record.verification->detail.size() > maxText)
    return usageError(fmt::format("the detail of a verification may have {} bytes, found {}",
                                  maxText, record.verification->detail.size()));
  if (record.state == TrialState::Ok && record.verification && !record.verification->passed)
    return usageError("a trial that failed its verification has the state 'wrong', found 'ok'");
  if (Status status = checkObject("the tuning point", record.tuningPoint, checkedTexts); !status)
    return status;
  std::string opKey = joined({record.opKind, record.opJson});
  if (checkedTexts.contains(opKey))
    return Status();
  if (Status status = checkObject("the op", record.opJson, checkedTexts); !status)
    return status;
  nlohmann::json op = parseStrictJson(record.opJson, {.maxBytes = maxText}).take();
  auto kind = op.find("op");
  if (kind == op.end() || !kind->is_string() ||
      kind->get_ref<const std::string &>() != record.opKind)
    return usageError(fmt::format("the op is of the kind '{}', but its description says {}",
                                  record.opKind, kind == op.end() ? "none" : describeJson(*kind)));
  checkedTexts.insert(opKey);
  return Status();
}

Result<TrialKeys> Merger::keys(const KernelRecord &record) {
  std::string target = joined({record.arch, std::to_string(record.computeUnits)});
  auto op = ops.find(record.opJson);
  auto machine = targets.find(target);
  auto config = configs.find(record.configText);
  if (op != ops.end() && machine != targets.end() && config != configs.end())
    return TrialKeys{op->second, machine->second, config->second};
  Result<TrialKeys> ids = keysOf(to, record);
  if (ids) {
    ops[record.opJson] = ids->op;
    targets[target] = ids->target;
    configs[record.configText] = ids->config;
  }
  return ids;
}

Status Merger::take(KernelRecord record, MergeReport &report) {
  if (Status status = checkForeign(record); !status)
    return status;
  normalize(record);
  ++report.read;
  EvidenceIndex::Verdict verdict = index.offer(record, lastId + 1);
  if (!verdict.taken) {
    ++report.unchanged;
    return Status();
  }
  lastId = std::max(lastId, verdict.id);
  ++(verdict.displaced.empty() ? report.added : report.improved);
  for (int64_t id : verdict.displaced)
    if (Status status = deleteTrial(to, id); !status)
      return status;
  Result<TrialKeys> ids = keys(record);
  if (!ids)
    return ids.takeError();
  Result<int64_t> id = insertTrial(to, verdict.id, *ids, record, record.createdAt);
  return id ? Status() : Status(id.takeError());
}

/// Collects what was refused of one file.
struct Merger::Refusal {
  const std::string &path;
  MergeReport &report;
  size_t count = 0;
  void add(std::string_view what) {
    if (++count <= maxRefusals)
      report.refused.push_back(fmt::format("{}: {}", path, what));
  }
  ~Refusal() {
    if (count > maxRefusals)
      report.refused.push_back(
          fmt::format("{}: {} more of the same kind", path, count - maxRefusals));
  }
};

Status Merger::takeRows(const Connection &from, MergeReport &report,
                        std::optional<Error> &refused) {
  Refusal refusal{from.path(), report};
  Status own;
  Status status = forEachRow(
      from.query(std::string(selectRecords) + std::string(finished)), [&](Statement &row) {
        Result<KernelRecord> record = readRecord(from, row);
        if (!record)
          return Status(record.takeError());
        int64_t id = record->id;
        Status taken = take(record.take(), report);
        if (taken)
          return Status();
        if (taken.error().code != ErrorCode::Usage)
          return own = taken;
        refusal.add(fmt::format("trial {} was not taken: {}", id, taken.error().message));
        return Status();
      });
  if (own && !status)
    refused = status.takeError();
  return own;
}

Status Merger::takeCode(const Connection &from, const Acceptance &accepts, MergeReport &report,
                        std::optional<Error> &refused) {
  Refusal refusal{from.path(), report};
  Status own;
  Status status = forEachRow(from.query(selectCode), [&](Statement &row) {
    Hash128 key = codeKey(row);
    KnownCode offered{Trust::Foreign, row.text(2), row.text(5), row.text(6)};
    auto known = codes.find(key);
    if (known != codes.end()) {
      KnownCode same = known->second;
      same.trust = Trust::Foreign;
      // The usual case, decided without reading the bytes: nothing new can come of it.
      if (known->second.trust == Trust::Built ||
          (same == offered && (known->second.trust == Trust::Signed || !accepts)))
        return Status();
    }
    Result<CodeRow> code = readCodeRow(from, row);
    if (!code) {
      refusal.add(code.error().message);
      return Status();
    }
    bool isSigned = accepts && accepts(code->code.object, code->code.signer, code->signature);
    offered.trust = isSigned ? Trust::Signed : Trust::Foreign;
    auto strength = [](const KnownCode &code) {
      return std::tuple(code.trust == Trust::Signed, code.metadataHash, code.signer,
                        code.signature);
    };
    if (known != codes.end() && !(strength(offered) > strength(known->second)))
      return Status();
    Status written =
        writeCode(to, code->code.object, offered.trust, offered.signer, offered.signature);
    if (!written && written.error().code != ErrorCode::Usage)
      return own = written;
    if (!written) {
      refusal.add(written.error().message);
      return Status();
    }
    if (known == codes.end())
      ++report.codeAdded;
    codes[key] = offered;
    return Status();
  });
  if (own && !status)
    refused = status.takeError();
  return own;
}

Status Merger::takeAll(const Connection &from, const Acceptance &accepts, MergeReport &report) {
  MergeReport before = report;
  if (Status status = to.execute("SAVEPOINT file"); !status)
    return status;
  std::optional<Error> refused;
  Status own = takeRows(from, report, refused);
  if (own && !refused)
    own = takeCode(from, accepts, report, refused);
  if (!own)
    return own;
  if (!refused)
    return to.execute("RELEASE file");
  report = before;
  report.refused.push_back(
      fmt::format("nothing of {} was taken: {}", from.path(), refused->message));
  if (Status status = to.execute("ROLLBACK TO file; RELEASE file"); !status)
    return status;
  return load(); // what is in memory ran ahead of the file
}

Status Merger::dropAnsweredMarks() {
  return to.execute(
      "DELETE FROM trial WHERE state IN ('queued', 'interrupted') AND EXISTS (SELECT 1 FROM trial "
      "t WHERE t.op_id = trial.op_id AND t.target_id = trial.target_id AND t.tuning_point = "
      "trial.tuning_point AND t.config_id = trial.config_id AND t.state NOT IN ('queued', "
      "'running', 'interrupted') AND (t.compiler_revision = trial.compiler_revision OR "
      "(trial.code_hash <> '' AND t.code_hash = trial.code_hash)))");
}

// The database

static bool isSameFile(const std::string &a, const std::string &b) {
  struct stat first, second;
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

Result<MergeReport> SqliteDatabase::merge(const std::vector<std::string> &paths,
                                          const TrustStore *trust) {
  if (Status status = requireWritable("merge"); !status)
    return status.takeError();
  Result<Transaction> transaction = Transaction::begin(*connection);
  if (!transaction)
    return transaction.takeError();
  Merger merger(*connection);
  Status status = merger.load();
  MergeReport report;
  Acceptance accepts;
  if (trust && !trust->publicKeys().empty())
    accepts = [trust](const CodeObject &object, const std::string &signer,
                      const std::string &signature) {
      return trust->accepts(object, signer, signature);
    };
  for (const std::string &path : paths) {
    if (!status)
      break;
    // Opening this very file again would wait for our own lock; there is nothing new in it.
    if (isSameFile(path, connection->path()))
      continue;
    Result<std::unique_ptr<Connection>> from = openForeignFile(path);
    if (!from)
      report.refused.push_back(from.error().message);
    else
      status = merger.takeAll(**from, accepts, report);
  }
  if (status)
    status = merger.dropAnsweredMarks();
  if (status)
    status = transaction->commit();
  if (!status)
    return status.takeError();
  return report;
}

Result<Hash128> SqliteDatabase::contentHash() {
  EvidenceIndex index;
  Status status = forEachRow(connection->query(std::string(selectRecords) + std::string(finished)),
                             [&](Statement &row) {
                               Result<KernelRecord> record = readRecord(*connection, row);
                               if (record)
                                 index.offer(*record, record->id);
                               return record ? Status() : Status(record.takeError());
                             });
  if (!status)
    return status.takeError();
  std::string text;
  for (const Hash128 &hash : index.rowHashes())
    text += hash.hex();
  // Whose word code rests on differs between the file that built it and the one that took it over.
  status =
      forEachRow(connection->query("SELECT code_hash, op_hash, arch, config_text FROM code_object "
                                   "ORDER BY code_hash, op_hash, arch, config_text"),
                 [&](Statement &row) {
                   text += joined({row.text(0), row.text(1), row.text(2), row.text(3)});
                   return Status();
                 });
  if (!status)
    return status.takeError();
  return hashText(text);
}

} // namespace zorse::db
