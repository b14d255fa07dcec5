//===- Database.h - every trial, and the winners ----------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row is found by what it was measured with: the op (hash of its canonical
// JSON), the target (arch and compute units), the tuning point, the
// configuration, the compiler revision and the hash of the machine code. A
// compiler upgrade that leaves the machine code as it was keeps the row.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/CodeObject.h"
#include "zorse/desc/KernelConfig.h"
#include "zorse/desc/Measurement.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace zorse {

enum class TrialState { Queued, Running, Ok, Failed, TimedOut, Crashed, Wrong, Interrupted };

/// One configuration tried for one op on one target at one tuning point.
struct KernelRecord {
  int64_t id = 0; ///< set by the database
  std::string opKind;
  std::string opJson; ///< canonical JSON of the op
  std::string arch;
  int64_t computeUnits = 0;
  std::string tuningPoint; ///< canonical JSON of the sizes
  std::string configText;
  std::string compilerRevision;
  std::string codeHash; ///< 32 hex digits, empty if it did not compile
  TrialState state = TrialState::Queued;
  std::string error; ///< why not Ok
  std::optional<Measurement> measurement;
  std::optional<Verification> verification;
  std::string createdAt; ///< ISO 8601, UTC, set by the database
};

/// Which rows a listing wants; empty fields match everything.
struct RecordFilter {
  std::string opKind, opJson, arch, tuningPoint, configText;
  bool winnersOnly = false;
};

class Database {
public:
  enum class Mode { ReadOnly, ReadWrite };

  /// Opens or (ReadWrite) creates a database and brings its schema up to date. Errors (code
  /// Database): not a Zorse database, written by a newer version, corrupt, locked. ReadOnly never
  /// writes and never creates. A lock held by another process is waited for up to `busyTimeout`.
  static Result<std::unique_ptr<Database>>
  open(const std::string &path, Mode mode,
       std::chrono::milliseconds busyTimeout = std::chrono::seconds(60));
  virtual ~Database() = default;

  /// Records one trial durably (committed and synced on return) and returns its id. A trial with
  /// the same key replaces the earlier one. The key is op, target, tuning point, configuration and
  /// source, with the code hash or, where that is unknown, the compiler revision; so a row without
  /// a measurement gives way to the result of the same revision. A row that is Queued, Running or
  /// Interrupted never replaces a finished one; the id of the finished row is returned then.
  virtual Result<int64_t> record(const KernelRecord &record) = 0;
  /// Stores machine code under its hash and how it is launched under its op, arch and
  /// configuration; storing it twice is no error.
  virtual Status storeCode(const CodeObject &object) = 0;
  /// record() and storeCode() of several, in one transaction: all or none, with one wait for the
  /// disk instead of two each.
  virtual Status recordAll(const std::vector<KernelRecord> &records,
                           const std::vector<CodeObject> &objects) = 0;
  /// The code object of a trial, checked against its hashes; nullopt if its code is not stored.
  virtual Result<std::optional<CodeObject>> loadCode(const KernelRecord &record) = 0;
  /// A code object with these bytes. Different ops or configurations may share bytes; then it is
  /// any of theirs, good for looking at, not for launching.
  virtual Result<std::optional<CodeObject>> loadCode(const std::string &codeHash) = 0;

  /// The winner for this key: the fastest verified Ok row of the best source (measured before
  /// simulated before model); among overlapping intervals the one with fewer resources.
  virtual Result<std::optional<KernelRecord>> best(const OpDesc &op, const TargetDesc &target,
                                                   const std::string &tuningPoint) = 0;
  /// Winners of this op and arch at every tuning point and on every number of compute units, for
  /// the choice of the nearest.
  virtual Result<std::vector<KernelRecord>> winners(const OpDesc &op, const TargetDesc &target) = 0;
  virtual Result<std::vector<KernelRecord>> list(const RecordFilter &filter) = 0;
  /// Rows left Running by a process of this machine that no longer lives become Crashed; returns
  /// how many. Rows of a living process, this one included, stay.
  virtual Result<int64_t> markStaleRunning() = 0;
  /// PRAGMA integrity_check, every code object against its hash, every winner's code present.
  /// Returns the list of faults, empty if sound.
  virtual Result<std::vector<std::string>> verify() = 0;
  virtual std::string path() const = 0;
};

std::string_view name(TrialState state);
std::string_view name(Source source);

} // namespace zorse
