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

#include "PlanRequest.h"

#include "zorse/db/Trust.h"

namespace zorse::tool {

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
  Status checkFor(const ModelConfig &config, DType dtype, int64_t passTokens,
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

/// A kernel that the databases lack: the code of a winner, or the defaults at the op's sizes.
struct LackedKernel {
  OpDesc op; ///< at its tuning point
  std::optional<KernelRecord> winner;
};

/// Makes what the databases lack.
class BundleCompiler {
public:
  virtual ~BundleCompiler() = default;
  /// Compiles these ahead, together. What fails is told by the calls below.
  virtual Status prepare(const std::vector<LackedKernel> &kernels) = 0;
  virtual Result<CodeObject> make(const OpDesc &op) = 0;
  virtual Result<CodeObject> makeAgain(const OpDesc &op, const KernelRecord &winner) = 0;
};

struct BundleCounts {
  int64_t tuned = 0, nearest = 0, defaults = 0; ///< buckets of the plan
  int64_t rebuilt = 0;                          ///< winners whose code was not there
  int64_t differing = 0;                        ///< of these, other code than was measured
  std::vector<std::string> notes;               ///< winners that were passed over, and why
  int64_t kernels = 0;                          ///< with code
  int64_t signedCode = 0;
  std::string contentHash;
};

/// Writes a bundle, all of it or nothing: for each bucket what `run` would launch on `device` (as
/// in Measurement::device; empty: on any). A winner without code is built again; if that gives
/// other code than was measured, its row stays as it is and the code gets a row without a time.
/// `compiler` may be null; then a bucket that needs it is an error. `key` may be null.
Result<BundleCounts> writeBundle(const std::string &path, const ModelPlan &plan,
                                 const TargetDesc &target, Database &from, std::string_view device,
                                 BundleCompiler *compiler, const std::string &compilerRevision,
                                 const SigningKey *key);

} // namespace zorse::tool
