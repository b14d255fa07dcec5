//===- BundleWriter.cpp - making a bundle ---------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Bundle.h"
#include "PlanReport.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>
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
  BundleCounts counts;

  void add(KernelRecord record, CodeObject code) {
    if (!keys.insert(record.opJson + record.tuningPoint + record.configText + record.codeHash)
             .second)
      return;
    record.id = 0;
    record.layer.clear();
    records.push_back(std::move(record));
    objects.push_back(std::move(code));
  }
};

} // namespace

/// What `run` would launch for each bucket: its winner, the nearest one, or the defaults.
static Result<Content> collect(const ModelPlan &made, const TargetDesc &target, Database &from,
                               const MakeDefault &makeDefault) {
  Result<CoverageReport> coverage = coverageOf(made.plan, from, {});
  if (!coverage)
    return coverage.takeError();
  Content content;
  for (size_t i = 0; i < made.plan.entries.size(); ++i) {
    const OpDesc &op = made.plan.entries[i].problem.op;
    const Cover &cover = coverage->entries[i];
    if (cover.record) {
      Result<std::optional<CodeObject>> code = from.loadCode(*cover.record);
      if (code.ok() && *code) {
        ++(cover.state == CoverState::Covered ? content.counts.tuned : content.counts.nearest);
        content.add(*cover.record, std::move(**code));
        continue;
      }
    }
    if (!makeDefault)
      return usageError(fmt::format("{} has no tuned kernel for {} at {}, and this zorse was built "
                                    "without the compiler; tune it first",
                                    from.path(), op.kind(), op.tuningPointJson()));
    Result<CodeObject> code = makeDefault(op, op.tuningPoint());
    if (!code)
      return code.takeError();
    ++content.counts.defaults;
    KernelRecord record;
    record.opKind = op.kind();
    record.opJson = op.canonicalJson();
    record.arch = target.arch;
    record.computeUnits = target.computeUnits;
    record.tuningPoint = op.tuningPointJson();
    record.configText = code->configText;
    record.compilerRevision = code->compilerRevision;
    record.codeHash = code->codeHash().hex();
    record.state = TrialState::Ok;
    content.add(std::move(record), code.take());
  }
  content.counts.kernels = static_cast<int64_t>(content.records.size());
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
  Result<std::string> ops =
      hashOfOps(made.config, made.dtype, std::max(made.engine.passTokens, made.engine.numSlots));
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
                                 const TargetDesc &target, Database &from,
                                 const MakeDefault &makeDefault,
                                 const std::string &compilerRevision, const SigningKey *key) {
  Result<Content> content = collect(plan, target, from, makeDefault);
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
