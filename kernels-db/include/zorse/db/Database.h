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
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace zorse {

class TrustStore;
struct SigningKey;

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
  /// Why the time says nothing of today's code ("compiles to other code: …"), or empty. A stale
  /// row never wins.
  std::string stale;
  std::string layer; ///< "user", "site", "shipped" or empty; set by a layered database
};

/// Which rows a listing wants; empty fields match everything.
struct RecordFilter {
  std::string opKind, opJson, arch, tuningPoint, configText;
  bool winnersOnly = false;
};

/// Whether code may be launched.
enum class Trust {
  Built,  ///< compiled by a process that writes this database
  Signed, ///< came from elsewhere with the signature of a key in the trust store
  Foreign ///< came from elsewhere: to be looked at and built again, never launched
};

struct StoredCode {
  CodeObject object;
  Trust trust = Trust::Built;
  std::string signer; ///< public key in hex, or empty
};

/// What a merge did with the rows that it read.
struct MergeReport {
  int64_t read = 0, added = 0, improved = 0, unchanged = 0; ///< rows of trials
  int64_t codeAdded = 0;
  std::vector<std::string> refused; ///< a sentence for each file or row that was not taken
};

struct GarbageReport {
  int64_t trials = 0, codeObjects = 0, bytes = 0; ///< removed; bytes by which the file shrank
};

struct GarbageOptions {
  bool dropStale = false;       ///< stale rows
  bool dropPredictions = false; ///< rows of the model
  bool dropLosersCode = true;   ///< code of rows that win nowhere
  bool dryRun = false;
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
  /// Opens a file that somebody else made, for reading. Nothing in it is believed: schema, values
  /// and sizes are checked, its code is foreign unless signed by a key of `trust`.
  static Result<std::unique_ptr<Database>> openForeign(const std::string &path,
                                                       const TrustStore &trust);
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
  /// The code object of a trial, checked against its hashes; nullopt if its code is not stored, or
  /// if it is foreign and not signed by a key of the trust store. Storing the same code again,
  /// freshly built, makes it loadable.
  virtual Result<std::optional<CodeObject>> loadCode(const KernelRecord &record) = 0;
  /// The same with what is known of its origin, foreign code included: for looking at it.
  virtual Result<std::optional<StoredCode>> inspectCode(const KernelRecord &record) = 0;
  /// A code object with these bytes. Different ops or configurations may share bytes; then it is
  /// any of theirs, good for looking at, not for launching.
  virtual Result<std::optional<CodeObject>> loadCode(const std::string &codeHash) = 0;

  /// The winner for this key: the fastest verified Ok row of the best source (measured before
  /// simulated before model); among overlapping intervals the one with fewer resources.
  ///
  /// Times of different devices are not compared. Rows of `device` (as in Measurement::device) come
  /// first; without any, those of the device that tried the most configurations.
  virtual Result<std::optional<KernelRecord>> best(const OpDesc &op, const TargetDesc &target,
                                                   const std::string &tuningPoint,
                                                   std::string_view device = {}) = 0;
  /// Winners of this op and arch at every tuning point and on every number of compute units, for
  /// the choice of the nearest.
  virtual Result<std::vector<KernelRecord>> winners(const OpDesc &op, const TargetDesc &target,
                                                    std::string_view device = {}) = 0;
  virtual Result<std::vector<KernelRecord>> list(const RecordFilter &filter) = 0;
  /// Rows left Running by a process of this machine that no longer lives become Crashed; returns
  /// how many. Rows of a living process, this one included, stay.
  virtual Result<int64_t> markStaleRunning() = 0;
  /// PRAGMA integrity_check, every code object against its hash and the bytes that it refers to.
  /// Returns the list of faults, empty if sound.
  virtual Result<std::vector<std::string>> verify() = 0;
  /// What is worth telling and yet no fault, as sentences: winners whose code was never stored
  /// here, as those taken from text; whoever launches them builds them again.
  virtual Result<std::vector<std::string>> remarks() = 0;
  virtual std::string path() const = 0;

  /// Marks a row stale, or fit again (empty reason).
  virtual Status setStale(int64_t id, std::string_view reason) = 0;
  /// Takes over the rows of other databases, which are opened defensively. Of two rows with one key
  /// the one with the stronger evidence stays (see lib/Evidence.h), so the result does not depend
  /// on order, grouping or repetition. Unfinished rows are marks for their own file and stay there.
  /// Their code is foreign unless signed by a key of `trust`. One transaction: all or none of a
  /// file. A file that cannot be read is refused and named, the others are taken.
  virtual Result<MergeReport> merge(const std::vector<std::string> &paths,
                                    const TrustStore *trust = nullptr) = 0;
  /// Hash of all rows and code, whatever order they came in.
  virtual Result<Hash128> contentHash() = 0;
  virtual Result<GarbageReport> collectGarbage(const GarbageOptions &options) = 0;

  /// One line of JSON for each row, sorted, without code: for review, version control and seeds.
  virtual Status exportText(const RecordFilter &filter, std::ostream &to) = 0;
  /// Takes over such text, under the rules of merge().
  virtual Result<MergeReport> importText(std::istream &from, std::string_view name) = 0;

  /// Signs all code that was built by this user, and returns how many code objects. Whoever trusts
  /// the key may launch it from a copy of this file.
  virtual Result<int64_t> sign(const SigningKey &key) = 0;

  /// Facts about the file as a whole: what a bundle is made for. Empty in ordinary databases.
  virtual Result<std::map<std::string, std::string>> manifest() = 0;
  virtual Status setManifest(const std::map<std::string, std::string> &facts) = 0;
};

/// What endangers a database at this path, as sentences for a tool to show: a network file system,
/// whose locks may not hold, a folder that others can write. Empty if nothing does.
std::vector<std::string> databaseHazards(const std::string &path);

/// Of the SQLite library, as "3.40.1".
std::string sqliteVersion();
/// How a database of this user keeps transactions whole: "delete" for SQLite's rollback journal.
/// Errors as open() of a file for reading.
Result<std::string> journalMode(const std::string &path);

/// Reads through layers: where the user's database has a winner for a tuning point it counts, else
/// that of the site, else the shipped one. Writes go to the user's; the others are never written.
/// Of several devices, rows of the one asked for come first, then the layers in this order. Layers
/// that are empty paths or files that do not exist are left out; `user` is created (ReadWrite).
/// Site and shipped are opened like foreign files: unless their code is signed it is not loaded.
/// Both are optional: with `leftOut` one that cannot be read is left out, and a sentence there, to
/// be shown, says which, why and what to do; without it that is an error. The user's file is never
/// left out.
struct LayerPaths {
  std::string user, site, shipped;
};
Result<std::unique_ptr<Database>> openLayers(const LayerPaths &paths, const TrustStore &trust,
                                             Database::Mode mode,
                                             std::vector<std::string> *leftOut = nullptr);

std::string_view name(TrialState state);
std::string_view name(Trust trust);
std::string_view name(Source source);

} // namespace zorse
