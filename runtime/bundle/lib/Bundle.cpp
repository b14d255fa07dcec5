//===- Bundle.cpp - reading and checking a bundle -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/bundle/Bundle.h"

#include "zorse/dispatch/Dispatcher.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <set>

namespace zorse {

static Error notSound(const std::string &path, std::string_view fault) {
  return {ErrorCode::Database,
          fmt::format("{} is no sound bundle: {}; make it again with `zorse bundle`", path, fault)};
}

Result<Bundle> Bundle::open(const std::string &path, const TrustStore &trust, bool trustUnsigned) {
  Result<std::unique_ptr<Database>> database = trustUnsigned
                                                   ? Database::open(path, Database::Mode::ReadOnly)
                                                   : Database::openForeign(path, trust);
  if (!database)
    return database.takeError();
  Bundle bundle;
  bundle.opened = database.take();
  Result<std::map<std::string, std::string>> facts = bundle.opened->manifest();
  if (!facts)
    return facts.takeError();
  bundle.manifest = facts.take();
  if (bundle.fact(fact::kind) != bundleKind)
    return notSound(path, "it has no manifest of a bundle, it is an ordinary database (--db)");
  // A bundle is small, and what is damaged should be told before the first token.
  Result<std::vector<std::string>> faults = bundle.opened->verify();
  if (!faults)
    return faults.takeError();
  if (!faults->empty())
    return notSound(path, faults->front());
  Result<Hash128> content = bundle.opened->contentHash();
  if (!content)
    return content.takeError();
  if (content->hex() != bundle.fact(fact::contentHash))
    return notSound(path, fmt::format("its content has the hash {}, its manifest says {}",
                                      content->hex(), bundle.fact(fact::contentHash)));
  Result<std::vector<KernelRecord>> rows = bundle.opened->list({});
  if (!rows)
    return rows.takeError();
  bundle.rows = rows.take();
  return bundle;
}

std::string Bundle::fact(const std::string &name) const {
  auto found = manifest.find(name);
  return found == manifest.end() ? "" : found->second;
}

const KernelRecord *Bundle::replacementOf(const KernelRecord &row) const {
  if (!row.measurement)
    return nullptr;
  if (Result<std::optional<StoredCode>> own = opened->inspectCode(row); !own.ok() || *own)
    return nullptr;
  for (const KernelRecord &other : rows)
    if (!other.measurement && other.state == TrialState::Ok && other.opJson == row.opJson &&
        other.arch == row.arch && other.tuningPoint == row.tuningPoint &&
        other.configText == row.configText && other.codeHash != row.codeHash)
      return &other;
  return nullptr;
}

Result<CodeObject> Bundle::otherCode(const KernelRecord &winner) const {
  const KernelRecord *row = replacementOf(winner);
  if (!row)
    return Error{ErrorCode::Database, fmt::format("{} has no code for {} {}", opened->path(),
                                                  winner.opKind, winner.configText)};
  Result<std::optional<CodeObject>> code = opened->loadCode(*row);
  if (!code)
    return code.takeError();
  if (!*code)
    return Error{ErrorCode::Database,
                 fmt::format("{}: the code of {} {} is not stored or not trusted", opened->path(),
                             row->opKind, row->configText)};
  return std::move(**code);
}

Status Bundle::checkFor(const ModelConfig &config, const OpTypes &types, int64_t passTokens,
                        const TargetDesc &target) const {
  const std::string path = opened->path();
  if (fact(fact::arch) != target.arch)
    return Error{ErrorCode::Device,
                 fmt::format("{} was made for {}, this device is {}; make one with `zorse bundle "
                             "--target {}`",
                             path, fact(fact::arch), target.arch, target.arch)};
  if (fact(fact::dtype) != name(types.dtype))
    return usageError(fmt::format("{} was made for activations of {}, found {}; run with --dtype "
                                  "{}",
                                  path, fact(fact::dtype), name(types.dtype), fact(fact::dtype)));
  Result<std::vector<std::string>> ops = opsOfModel(config, types, passTokens);
  if (!ops)
    return ops.takeError();
  std::set<std::string> here;
  for (const KernelRecord &row : rows)
    here.insert(row.opJson);
  std::vector<std::string> missing;
  for (const std::string &op : *ops)
    if (!here.contains(op))
      missing.push_back(op);
  if (!missing.empty())
    return usageError(fmt::format("{} was made for another model ({}, passes of {} tokens): it "
                                  "lacks {} of {} ops, such as {}",
                                  path, fact(fact::model), fact(fact::passTokens), missing.size(),
                                  ops->size(), missing.front()));
  for (const KernelRecord &row : rows) {
    Result<std::optional<CodeObject>> code = opened->loadCode(row);
    if (!code)
      return code.takeError();
    if (!*code && replacementOf(row))
      continue; // its own row is checked
    Result<std::optional<StoredCode>> stored = opened->inspectCode(row);
    if (!*code && stored.ok() && !*stored)
      return notSound(path, fmt::format("the code {} of {} {} is not stored", row.codeHash,
                                        row.opKind, row.configText));
    if (!*code)
      return Error{ErrorCode::Database,
                   fmt::format("{} has code that no key in the trust store signed ({} {}); believe "
                               "the maker's key with `zorse key trust PUBLIC_KEY` or --trust FILE, "
                               "or vouch for the code with --trust-unsigned; bundles of your own "
                               "are signed once there is a key (`zorse key generate`)",
                               path, row.opKind, row.configText)};
  }
  return Status();
}

Result<CodeObject> Bundle::untuned(const OpDesc &op, const Sizes &sizes,
                                   const TargetDesc &target) const {
  const KernelRecord *nearest = nullptr;
  double nearestDistance = HUGE_VAL;
  for (const KernelRecord &row : rows) {
    if (row.opJson != op.canonicalJson() || row.arch != target.arch ||
        row.state != TrialState::Ok || row.codeHash.empty() || replacementOf(row))
      continue;
    std::optional<Sizes> tunedAt = parseTuningPoint(row.tuningPoint);
    if (!tunedAt)
      continue;
    double distance = tuningDistance(sizes, *tunedAt);
    if (distance < nearestDistance) {
      nearest = &row;
      nearestDistance = distance;
    }
  }
  if (!nearest)
    return runtimeError(fmt::format("{} has no kernel for {} on {}; make it again with `zorse "
                                    "bundle`",
                                    opened->path(), op.canonicalJson(), target.arch));
  Result<std::optional<CodeObject>> code = opened->loadCode(*nearest);
  if (!code)
    return code.takeError();
  if (!*code)
    return Error{ErrorCode::Database,
                 fmt::format("{}: the code of {} {} is not stored or not trusted", opened->path(),
                             nearest->opKind, nearest->configText)};
  return std::move(**code);
}

Result<std::map<std::string, int64_t>> Bundle::origins() const {
  std::map<std::string, int64_t> counts;
  std::set<std::string> seen;
  for (const KernelRecord &row : rows) {
    if (replacementOf(row) || !seen.insert(row.opJson + row.configText + row.codeHash).second)
      continue;
    Result<std::optional<StoredCode>> code = opened->inspectCode(row);
    if (!code)
      return code.takeError();
    ++counts[*code ? std::string(name((*code)->trust)) : "missing"];
  }
  return counts;
}

Result<std::vector<std::string>> opsOfModel(const ModelConfig &config, const OpTypes &types,
                                            int64_t passTokens) {
  OpListOptions options;
  options.decodeBatches = {1};
  // A prompt of more than one token also gathers the row whose logits are wanted.
  options.prefillTokens = {2};
  options.passTokens = passTokens;
  Result<std::vector<OpDesc>> listed = listOps(config, types, options);
  if (!listed)
    return listed.takeError();
  std::set<std::string> ops;
  for (const OpDesc &op : *listed)
    ops.insert(op.canonicalJson());
  return std::vector<std::string>(ops.begin(), ops.end());
}

Result<std::string> hashOfOps(const ModelConfig &config, const OpTypes &types, int64_t passTokens) {
  Result<std::vector<std::string>> ops = opsOfModel(config, types, passTokens);
  if (!ops)
    return ops.takeError();
  std::string all;
  for (const std::string &op : *ops)
    all += op + "\n";
  return hashText(all).hex();
}

} // namespace zorse
