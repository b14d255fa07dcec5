//===- SqliteDatabase.h - the database behind its interface -----*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Connection.h"
#include "RecordRows.h"

#include <functional>

namespace zorse::db {

/// Whether a signature makes code of somebody else loadable.
using Acceptance = std::function<bool(const CodeObject &, const std::string &signer,
                                      const std::string &signature)>;

class SqliteDatabase final : public Database {
public:
  /// Of a file that this user wrote: its word on the origin of code counts.
  explicit SqliteDatabase(std::unique_ptr<Connection> connection)
      : connection(std::move(connection)) {}
  /// Of a file that somebody else wrote: all code is foreign, unless `accepts` its signature.
  SqliteDatabase(std::unique_ptr<Connection> connection, Acceptance accepts)
      : connection(std::move(connection)), accepts(std::move(accepts)) {}

  Result<int64_t> record(const KernelRecord &record) override;
  Status recordAll(const std::vector<KernelRecord> &records,
                   const std::vector<CodeObject> &objects) override;
  Status storeCode(const CodeObject &object) override;
  Result<std::optional<CodeObject>> loadCode(const KernelRecord &record) override;
  Result<std::optional<StoredCode>> inspectCode(const KernelRecord &record) override;
  Result<std::optional<CodeObject>> loadCode(const std::string &codeHash) override;
  Result<std::optional<KernelRecord>> best(const OpDesc &op, const TargetDesc &target,
                                           const std::string &tuningPoint,
                                           std::string_view device) override;
  Result<std::vector<KernelRecord>> winners(const OpDesc &op, const TargetDesc &target,
                                            std::string_view device) override;
  Result<std::vector<KernelRecord>> list(const RecordFilter &filter) override;
  Result<int64_t> markStaleRunning() override;
  Result<std::vector<std::string>> verify() override;
  Result<std::vector<std::string>> remarks() override;
  std::string path() const override { return connection->path(); }

  Status setStale(int64_t id, std::string_view reason) override;
  Result<MergeReport> merge(const std::vector<std::string> &paths,
                            const TrustStore *trust) override;
  Result<Hash128> contentHash() override;
  Result<GarbageReport> collectGarbage(const GarbageOptions &options) override;
  Status exportText(const RecordFilter &filter, std::ostream &to) override;
  Result<MergeReport> importText(std::istream &from, std::string_view name) override;
  Result<int64_t> sign(const SigningKey &key) override;
  Result<std::map<std::string, std::string>> manifest() override;
  Status setManifest(const std::map<std::string, std::string> &facts) override;

  const Connection &sqlite() const { return *connection; }

private:
  Status requireWritable(std::string_view action) const;
  Result<int64_t> opId(const OpDesc &op) const;
  template <typename... Args>
  Result<std::vector<KernelRecord>> select(std::string_view rest, const Args &...args) const;

  std::unique_ptr<Connection> connection;
  Acceptance accepts; ///< empty: a file of this user
};

} // namespace zorse::db
