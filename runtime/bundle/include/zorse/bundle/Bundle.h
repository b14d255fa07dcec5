//===- Bundle.h - all kernels of a model in one file --------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A bundle is a database with a manifest: for every op and bucket of a model the kernel
// that `run` would choose, with its code, and nothing else. A zorse without a compiler
// runs the model from it. It may come from anybody, so it is opened as a foreign
// database: nothing in it is believed, and its code is launched only if a trusted key
// signed it, or the user says so.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/db/Database.h"
#include "zorse/db/Trust.h"
#include "zorse/dispatch/Dispatcher.h"
#include "zorse/hybrid/OpList.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace zorse {

/// What a bundle is made for: the rows of its manifest.
namespace fact {
inline constexpr const char *kind = "kind", *arch = "arch", *computeUnits = "compute_units",
                            *compilerRevision = "compiler_revision",
                            *zorseVersion = "zorse_version", *createdAt = "created_at",
                            *model = "model", *opsHash = "ops_hash",
                            *configHash = "model_config_hash", *dtype = "dtype", *batches = "batch",
                            *contexts = "context", *prefills = "prefill", *maxLen = "max_len",
                            *numSlots = "num_slots", *passTokens = "pass_tokens",
                            *tuned = "kernels_tuned", *nearest = "kernels_nearest",
                            *defaults = "kernels_default", *rebuilt = "winners_rebuilt",
                            *differing = "winners_differing", *contentHash = "content_hash";
} // namespace fact
inline constexpr const char *bundleKind = "zorse kernel bundle";

class Bundle {
public:
  /// Opens and reads all of it. Errors (Database): damaged, no bundle, made by a newer zorse.
  /// `trustUnsigned`: the user vouches for code that no trusted key signed.
  static Result<Bundle> open(const std::string &path, const TrustStore &trust, bool trustUnsigned);

  /// Whether it can run this model here. Errors: Usage for another model or dtype, Device for
  /// another architecture, Database for code that nobody trusted has signed.
  Status checkFor(const ModelConfig &config, const OpTypes &types, int64_t passTokens,
                  const TargetDesc &target) const;
  /// The kernel for an op that has no tuned one. The miss handler of a dispatcher.
  Result<CodeObject> untuned(const OpDesc &op, const Sizes &sizes, const TargetDesc &target) const;

  Database &database() const { return *opened; }
  const std::map<std::string, std::string> &facts() const { return manifest; }
  std::string fact(const std::string &name) const;
  const std::vector<KernelRecord> &records() const { return rows; }
  /// Of a winner that is other code now than was measured: the row of the code that is launched,
  /// which claims no time. Null for all other rows.
  const KernelRecord *replacementOf(const KernelRecord &row) const;
  /// The code that is launched for such a winner. The rebuild handler of a dispatcher.
  Result<CodeObject> otherCode(const KernelRecord &winner) const;
  /// Code objects by whose word they rest on: "signed", "foreign", "built".
  Result<std::map<std::string, int64_t>> origins() const;

private:
  std::unique_ptr<Database> opened;
  std::map<std::string, std::string> manifest;
  std::vector<KernelRecord> rows;
};

/// The distinct ops that a model launches in passes of up to `passTokens` tokens, canonical JSON,
/// sorted; static fields only.
Result<std::vector<std::string>> opsOfModel(const ModelConfig &config, const OpTypes &types,
                                            int64_t passTokens);
/// One hash for all of them.
Result<std::string> hashOfOps(const ModelConfig &config, const OpTypes &types, int64_t passTokens);

} // namespace zorse
