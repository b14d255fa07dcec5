//===- BundleWriter.h - makes a bundle --------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "PlanRequest.h"

#include "zorse/bundle/Bundle.h"

namespace zorse::tool {

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
