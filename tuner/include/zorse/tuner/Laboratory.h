//===- Laboratory.h - where candidates are compiled, verified and measured -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The search says what to try; a laboratory tries it. There are four:
//
//   direct     in this process: what a worker does, and tests with kernels of their own
//   process    in child processes with limits of time and memory, so that no candidate
//              can take the search down (the one that tools use)
//   model      compiles in another laboratory and predicts instead of measuring
//   recorded   answers from the rows of a database; runs nothing
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/db/Database.h"
#include "zorse/device/Device.h"

#include <atomic>
#include <functional>
#include <span>

namespace zorse {

/// Whether operands come from the caches or from memory when a sample begins.
enum class CacheState { Cold, Hot };

/// How times are taken; tuner/measure/Meter.h tells why.
struct MeasureOptions {
  CacheState cache = CacheState::Cold;
  int64_t minSamples = 9, maxSamples = 301; ///< of each finalist
  double precision = 0.02;     ///< enough, once (high - low) / median of the interval is below it
  double budgetSeconds = 2;    ///< of the finals of one op, after which they end as they are
  int64_t screenSamples = 5;   ///< of each candidate
  int64_t finalists = 4;       ///< besides the defaults
  double sampleSeconds = 1e-3; ///< launches are repeated until a sample takes this long
};

struct TrialLimits {
  double compileSeconds = 30, trialSeconds = 120;
  int64_t memoryBytes = int64_t(8) << 30; ///< address space of a child, besides the operands
};

/// What came of compiling one configuration.
struct Compiled {
  TrialState state = TrialState::Ok; ///< Ok, Failed, TimedOut, Crashed
  std::string error;
  std::optional<CodeObject> code; ///< absent if not Ok, and in a recorded laboratory
  std::string codeHash;           ///< empty if not Ok
  double seconds = 0;
};

/// What came of running one.
struct Tried {
  TrialState state = TrialState::Ok; ///< Ok, Failed, TimedOut, Crashed, Wrong
  std::string error;
  std::optional<Verification> verification;
  std::optional<Measurement> measurement; ///< present if Ok
};

/// One op on one target, as the laboratory gets it with every call.
struct Problem {
  OpDesc op; ///< with its tuning point
  TargetDesc target;
};

/// A compiled configuration that goes into a trial.
struct Specimen {
  KernelConfig config;
  std::optional<CodeObject> code; ///< absent in a recorded laboratory only
};

class Laboratory {
public:
  virtual ~Laboratory() = default;

  virtual std::string compilerRevision() const = 0;
  /// What its times are.
  virtual Source source() const = 0;
  /// As in Measurement::device.
  virtual std::string deviceDescription() const = 0;
  /// Whether a trial can do no harm at all. Otherwise a search marks the row running before.
  virtual bool isHarmless() const { return false; }

  /// Compiles several, in parallel where it can. Calls `begun(i)` before each and `ended(i, …)`
  /// after each, on the calling thread, in no particular order; an error of theirs ends it. Once
  /// `stop` is set nothing new begins, and what is under way is given up.
  virtual Status compileAll(const Problem &problem, std::span<const KernelConfig> configs,
                            const std::function<Status(size_t)> &begun,
                            const std::function<Status(size_t, Compiled)> &ended,
                            const std::atomic<bool> *stop) = 0;

  /// Verifies one and, if it is right, measures it by screening: it gives up early on one that
  /// stays above `hopelessUs` (0: never). Errors are of the laboratory, not of the specimen;
  /// ErrorCode Interrupted if `stop` was set meanwhile.
  virtual Result<Tried> tryOut(const Problem &problem, const Specimen &specimen, double hopelessUs,
                               const std::atomic<bool> *stop) = 0;

  /// Measures verified specimens in interleaved rounds; one result for each.
  virtual Result<std::vector<Tried>> rounds(const Problem &problem,
                                            std::span<const Specimen> specimens,
                                            const std::atomic<bool> *stop) = 0;
};

using CompileFunction =
    std::function<Result<CodeObject>(const OpDesc &, const TargetDesc &, const KernelConfig &)>;

struct DirectOptions {
  CompileFunction compile;
  std::string compilerRevision;
  Device *device = nullptr; ///< null: compiles only
  MeasureOptions measure;
  uint64_t seed = 1; ///< of the operands
  int threads = 1;   ///< that compile
};
std::unique_ptr<Laboratory> createDirectLaboratory(DirectOptions options);

struct ProcessOptions {
  /// The worker: a program and its arguments. It calls runWorker() and talks over the socket that
  /// is its file descriptor 3.
  std::vector<std::string> command;
  int compilers = 0;    ///< processes that compile, 0 for one a hardware thread; one more measures
  bool measures = true; ///< false: no device here, tryOut() is an error
  TrialLimits limits;
  MeasureOptions measure;
  uint64_t seed = 1;
};
/// Errors: Runtime if the worker cannot be started or speaks another version.
Result<std::unique_ptr<Laboratory>> createProcessLaboratory(ProcessOptions options);

/// Serves one parent over `socket` until it closes. `openDevice` is called when the first trial
/// comes. Returns the exit code.
int runWorker(int socket, const CompileFunction &compile, const std::string &compilerRevision,
              const std::function<Result<std::unique_ptr<Device>>(const TargetDesc &)> &openDevice);

/// Compiles in `compiler` and predicts by tuner/model. Neither verifies nor measures.
std::unique_ptr<Laboratory> createModelLaboratory(Laboratory &compiler);

/// Answers from `records`: the rows of one or more recorded sweeps. A configuration without a row
/// fails. Runs nothing.
std::unique_ptr<Laboratory> createRecordedLaboratory(std::vector<KernelRecord> records);

} // namespace zorse
