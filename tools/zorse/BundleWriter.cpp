//===- BundleWriter.cpp - making a bundle ---------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "BundleWriter.h"

#include "zorse/dispatch/Dispatcher.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>
#include <tuple>
#include <unistd.h>

namespace zorse::tool {

namespace {

/// A folder beside the file that is to be, for the file and SQLite's journal; removed at the end.
class WorkFolder {
public:
  static Result<WorkFolder> beside(const std::string &path) {
    WorkFolder folder;
    folder.name = path + ".XXXXXX";
    if (!::mkdtemp(folder.name.data())) {
      folder.name.clear();
      return runtimeError(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
    }
    return folder;
  }
  WorkFolder(WorkFolder &&other) noexcept : name(std::exchange(other.name, {})) {}
  ~WorkFolder() {
    std::error_code ignored;
    if (!name.empty())
      std::filesystem::remove_all(name, ignored);
  }
  std::string file() const { return name + "/bundle.db"; }

private:
  WorkFolder() = default;
  std::string name;
};

struct Content {
  std::vector<KernelRecord> records;
  std::vector<CodeObject> objects;
  std::set<std::string> keys;
  std::set<std::pair<std::string, int64_t>> rebuilt, differing; ///< winners, by layer and id
  BundleCounts counts;

  void add(KernelRecord record, std::optional<CodeObject> code) {
    if (!keys.insert(record.opJson + record.tuningPoint + record.configText + record.codeHash)
             .second)
      return;
    record.id = 0;
    record.layer.clear();
    records.push_back(std::move(record));
    if (code)
      objects.push_back(std::move(*code));
  }
};

} // namespace

/// A winner with the op at the sizes that it was tuned for.
struct Winner {
  OpDesc op;
  KernelRecord record;
};

/// In the order in which the dispatcher tries them: the nearest sizes, then compute units.
static Result<std::vector<Winner>> winnersFor(const OpDesc &op, const TargetDesc &target,
                                              Database &from, std::string_view device) {
  Result<std::vector<KernelRecord>> records = from.winners(op, target, device);
  if (!records)
    return records.takeError();
  struct Entry {
    double sizes, units;
    Winner winner;
  };
  std::vector<Entry> entries;
  for (KernelRecord &record : *records) {
    std::optional<Sizes> tunedAt = parseTuningPoint(record.tuningPoint);
    if (!tunedAt)
      continue;
    double sizes = tuningDistance(op.tuningPoint(), *tunedAt);
    double units = tuningDistance({{"", target.computeUnits}}, {{"", record.computeUnits}});
    if (std::isfinite(sizes))
      entries.push_back({sizes, units, {op.withTuningPoint(*tunedAt), std::move(record)}});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) {
    return std::tuple(a.sizes, a.units, a.winner.record.id) <
           std::tuple(b.sizes, b.units, b.winner.record.id);
  });
  std::vector<Winner> winners;
  for (Entry &entry : entries)
    winners.push_back(std::move(entry.winner));
  return winners;
}

/// The stored code of a winner, if it may be launched. Damaged code is as good as none.
static std::optional<CodeObject> storedCode(Database &from, const KernelRecord &record) {
  Result<std::optional<CodeObject>> code = from.loadCode(record);
  return code.ok() ? std::move(*code) : std::optional<CodeObject>();
}

/// A row of code that was compiled and never measured.
static KernelRecord rowOf(const OpDesc &op, const TargetDesc &target, const CodeObject &code) {
  KernelRecord record;
  record.opKind = op.kind();
  record.opJson = op.canonicalJson();
  record.arch = target.arch;
  record.computeUnits = target.computeUnits;
  record.tuningPoint = op.tuningPointJson();
  record.configText = code.configText;
  record.compilerRevision = code.compilerRevision;
  record.codeHash = code.codeHash().hex();
  record.state = TrialState::Ok;
  return record;
}

/// Builds the winner again and adds it; an error if it cannot be built.
static Status addRebuilt(const Winner &winner, const TargetDesc &target, BundleCompiler &compiler,
                         Content &content) {
  Result<CodeObject> code = compiler.makeAgain(winner.op, winner.record);
  if (!code)
    return code.takeError();
  std::pair key(winner.record.layer, winner.record.id);
  content.counts.rebuilt += content.rebuilt.insert(key).second;
  if (code->codeHash().hex() == winner.record.codeHash) {
    content.add(winner.record, code.take());
    return Status();
  }
  content.counts.differing += content.differing.insert(key).second;
  content.add(winner.record, std::nullopt); // its time stands, for the code that it was taken of
  KernelRecord row = rowOf(winner.op, target, *code);
  row.configText = winner.record.configText;
  content.add(std::move(row), code.take());
  return Status();
}

/// What `run` would launch for each bucket: its winner, the nearest one, or the defaults.
static Result<Content> collect(const ModelPlan &made, const TargetDesc &target, Database &from,
                               std::string_view device, BundleCompiler *compiler) {
  Content content;
  std::vector<std::vector<Winner>> winners;
  std::vector<LackedKernel> lacked;
  std::set<std::pair<std::string, int64_t>> withoutCode; // winners, by layer and id
  for (const PlanEntry &entry : made.plan.entries) {
    const OpDesc &op = entry.problem.op;
    Result<std::vector<Winner>> found = winnersFor(op, target, from, device);
    if (!found)
      return found.takeError();
    if (found->empty())
      lacked.push_back({op, std::nullopt});
    else if (!storedCode(from, found->front().record)) {
      lacked.push_back({found->front().op, found->front().record});
      withoutCode.insert({found->front().record.layer, found->front().record.id});
    }
    winners.push_back(found.take());
  }
  if (compiler)
    if (Status status = compiler->prepare(lacked); !status)
      return status.takeError();
  std::set<std::string> noted;
  for (size_t i = 0; i < made.plan.entries.size(); ++i) {
    const OpDesc &op = made.plan.entries[i].problem.op;
    bool isDone = false;
    for (const Winner &winner : winners[i]) {
      Status status;
      // prepare() has stored the code of those that are what was measured.
      std::pair key(winner.record.layer, winner.record.id);
      if (withoutCode.contains(key))
        content.counts.rebuilt += content.rebuilt.insert(key).second;
      if (std::optional<CodeObject> code = storedCode(from, winner.record))
        content.add(winner.record, std::move(*code));
      else if (compiler)
        status = addRebuilt(winner, target, *compiler, content);
      else
        status = usageError("its code is not stored or not trusted, and this zorse was built "
                            "without the compiler");
      if (!status && status.error().code == ErrorCode::Interrupted)
        return status.takeError();
      if (status) {
        ++(winner.record.tuningPoint == op.tuningPointJson() ? content.counts.tuned
                                                             : content.counts.nearest);
        isDone = true;
        break;
      }
      std::string note =
          fmt::format("{}: the winner {} at {} was passed over: {}", op.kind(),
                      winner.record.configText, winner.record.tuningPoint, status.error().message);
      if (noted.insert(note).second)
        content.counts.notes.push_back(std::move(note));
    }
    if (isDone)
      continue;
    if (!compiler)
      return usageError(fmt::format("{} has no tuned kernel for {} at {}, and this zorse was built "
                                    "without the compiler; tune it first",
                                    from.path(), op.kind(), op.tuningPointJson()));
    Result<CodeObject> code = compiler->make(op);
    if (!code)
      return code.takeError();
    ++content.counts.defaults;
    content.add(rowOf(op, target, *code), code.take());
  }
  content.counts.kernels = static_cast<int64_t>(content.objects.size());
  return content;
}

/// Of the files that say what the model is made of, as they are.
static std::string hashOfConfigFiles(const std::string &dir) {
  std::string all;
  for (const char *name : {"config.json", "hybrid_config.json", "MLA_config.json",
                           "mla_layer_config.json", "mamba_config.json"})
    if (Result<std::string> text = readText(dir + "/" + name); text)
      all += std::string(name) + "\n" + *text + "\n";
  return hashText(all).hex();
}

static std::string now() {
  std::time_t seconds = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

static Result<std::map<std::string, std::string>> makeFacts(const ModelPlan &made,
                                                            const TargetDesc &target,
                                                            const BundleCounts &counts,
                                                            const std::string &compilerRevision) {
  Result<std::string> ops = hashOfOps(made.config, {made.dtype, target},
                                      std::max(made.engine.passTokens, made.engine.numSlots));
  if (!ops)
    return ops.takeError();
  std::filesystem::path folder = std::filesystem::path(made.modelDir).lexically_normal();
  if (!folder.has_filename())
    folder = folder.parent_path();
  return std::map<std::string, std::string>{
      {fact::kind, bundleKind},
      {fact::zorseVersion, ZORSE_VERSION},
      {fact::createdAt, now()},
      {fact::arch, target.arch},
      {fact::computeUnits, std::to_string(target.computeUnits)},
      {fact::compilerRevision, compilerRevision},
      {fact::model, folder.filename().string()},
      {fact::configHash, hashOfConfigFiles(made.modelDir)},
      {fact::opsHash, *ops},
      {fact::dtype, std::string(name(made.dtype))},
      {fact::batches, fmt::format("{}", fmt::join(made.batches, ","))},
      {fact::contexts, fmt::format("{}", fmt::join(made.contexts, ","))},
      {fact::prefills, fmt::format("{}", fmt::join(made.prefills, ","))},
      {fact::maxLen, std::to_string(made.engine.maxLen)},
      {fact::numSlots, std::to_string(made.engine.numSlots)},
      {fact::passTokens, std::to_string(made.engine.passTokens)},
      {fact::tuned, std::to_string(counts.tuned)},
      {fact::nearest, std::to_string(counts.nearest)},
      {fact::defaults, std::to_string(counts.defaults)},
      {fact::rebuilt, std::to_string(counts.rebuilt)},
      {fact::differing, std::to_string(counts.differing)},
      {fact::contentHash, counts.contentHash}};
}

/// Makes the file durable under its name.
static Status putInPlace(const std::string &made, const std::string &path) {
  auto failure = [&](const std::string &what) {
    return runtimeError(fmt::format("cannot write {}: {}", what, std::strerror(errno)));
  };
  auto sync = [](const std::string &what, int flags) {
    int file = ::open(what.c_str(), flags | O_CLOEXEC);
    bool synced = file >= 0 && ::fsync(file) == 0;
    int reason = errno;
    if (file >= 0)
      ::close(file);
    errno = reason;
    return synced;
  };
  if (!sync(made, O_RDONLY) || ::rename(made.c_str(), path.c_str()) != 0)
    return failure(path);
  std::string folder = std::filesystem::absolute(path).parent_path().string();
  return sync(folder, O_RDONLY | O_DIRECTORY) ? Status() : Status(failure(folder));
}

Result<BundleCounts> writeBundle(const std::string &path, const ModelPlan &plan,
                                 const TargetDesc &target, Database &from, std::string_view device,
                                 BundleCompiler *compiler, const std::string &compilerRevision,
                                 const SigningKey *key) {
  Result<Content> content = collect(plan, target, from, device, compiler);
  if (!content)
    return content.takeError();
  BundleCounts counts = content->counts;
  Result<WorkFolder> folder = WorkFolder::beside(path);
  if (!folder)
    return folder.takeError();
  {
    Result<std::unique_ptr<Database>> bundle =
        Database::open(folder->file(), Database::Mode::ReadWrite);
    if (!bundle)
      return bundle.takeError();
    if (Status status = (*bundle)->recordAll(content->records, content->objects); !status)
      return status.takeError();
    if (key) {
      Result<int64_t> count = (*bundle)->sign(*key);
      if (!count)
        return count.takeError();
      counts.signedCode = *count;
    }
    Result<Hash128> hash = (*bundle)->contentHash();
    if (!hash)
      return hash.takeError();
    counts.contentHash = hash->hex();
    Result<std::map<std::string, std::string>> facts =
        makeFacts(plan, target, counts, compilerRevision);
    if (!facts)
      return facts.takeError();
    if (Status status = (*bundle)->setManifest(*facts); !status)
      return status.takeError();
  }
  if (Status status = putInPlace(folder->file(), path); !status)
    return status.takeError();
  return counts;
}

} // namespace zorse::tool
