//===- CodeRows.cpp - machine code as rows --------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CodeRows.h"

#include "RecordRows.h"
#include "Verify.h"

#include <algorithm>
#include <fmt/format.h>

namespace zorse::db {

static constexpr size_t maxCodeBytes = 64 << 20;

// Hashes of bytes are made against accidents: somebody may give us other bytes with the same hash.
// So bytes are compared where they meet, those built here win, and foreign ones never come in under
// the name of others.
static Status writeBytes(const Connection &connection, const std::string &hash,
                         std::span<const uint8_t> bytes, Trust trust) {
  Result<Statement> rows =
      connection.query("SELECT bytes = ?2, EXISTS (SELECT 1 FROM code_object WHERE code_hash = ?1 "
                       "AND trust <> 'foreign') FROM code WHERE hash = ?1",
                       hash, bytes);
  if (!rows)
    return rows.takeError();
  Result<bool> row = rows->step();
  if (!row)
    return row.takeError();
  if (!*row)
    return connection.run("INSERT INTO code (hash, bytes, created_at) VALUES (?1, ?2, "
                          "strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))",
                          hash, bytes);
  bool isSame = rows->integer(0) != 0, isBelieved = rows->integer(1) != 0;
  if (isSame)
    return Status();
  if (trust == Trust::Foreign || (trust == Trust::Signed && isBelieved))
    return usageError(
        fmt::format("the code object {} has other bytes than the stored one with this hash", hash));
  Status status = connection.run("UPDATE code SET bytes = ?2 WHERE hash = ?1", hash, bytes);
  if (!status)
    return status;
  return connection.run("UPDATE code_object SET trust = 'foreign' WHERE code_hash = ?1 AND "
                        "trust = 'signed'",
                        hash);
}

Status writeCode(const Connection &connection, const CodeObject &object, Trust trust,
                 std::string_view signer, std::string_view signature) {
  std::string hash = object.codeHash().hex();
  KernelResources most;
  for (const KernelInfo &kernel : object.kernels) {
    const KernelResources &own = kernel.resources;
    most.scratchBytes = std::max(most.scratchBytes, own.scratchBytes);
    most.ldsBytes = std::max(most.ldsBytes, own.ldsBytes);
    most.vgprs = std::max(most.vgprs, own.vgprs + own.agprs);
    most.sgprs = std::max(most.sgprs, own.sgprs);
  }
  std::string metadata = toJson(object);
  if (metadata.size() + object.bytes.size() > maxCodeBytes)
    return usageError(fmt::format("a code object may take {} bytes, found {}", maxCodeBytes,
                                  metadata.size() + object.bytes.size()));
  Status status = writeBytes(connection, hash, object.bytes, trust);
  if (!status)
    return status;
  return connection.run(
      "INSERT INTO code_object (code_hash, op_hash, arch, config_text, metadata, metadata_hash, "
      "scratch_bytes, lds_bytes, vector_regs, scalar_regs, trust, signer, signature) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) "
      "ON CONFLICT (code_hash, op_hash, arch, config_text) DO UPDATE SET "
      "signer = CASE WHEN metadata_hash = excluded.metadata_hash AND excluded.signer = '' "
      "THEN signer ELSE excluded.signer END, "
      "signature = CASE WHEN metadata_hash = excluded.metadata_hash AND excluded.signature = '' "
      "THEN signature ELSE excluded.signature END, "
      "metadata = excluded.metadata, metadata_hash = excluded.metadata_hash, "
      "scratch_bytes = excluded.scratch_bytes, lds_bytes = excluded.lds_bytes, "
      "vector_regs = excluded.vector_regs, scalar_regs = excluded.scalar_regs, "
      "trust = excluded.trust",
      hash, hashText(object.opJson).hex(), object.arch, object.configText, metadata,
      hashText(metadata).hex(), most.scratchBytes, most.ldsBytes, most.vgprs, most.sgprs,
      name(trust), signer, signature);
}

Result<CodeRow> readCodeRow(const Connection &connection, const Statement &row) {
  Result<CodeObject> object = readCode(connection, row);
  if (!object)
    return object.takeError();
  std::string word = row.text(4);
  std::optional<Trust> trust = trustOf(word);
  if (!trust)
    return databaseError(fmt::format("database is corrupt: {}: the code object {} has the unknown "
                                     "trust '{}'; tune or compile it again",
                                     connection.path(), row.text(0), word));
  if (hashText(object->opJson).hex() != row.text(7) || object->arch != row.text(8) ||
      object->configText != row.text(9))
    return databaseError(fmt::format("database is corrupt: {}: the code object {} stands under "
                                     "another op, architecture or configuration than it was "
                                     "compiled for; tune or compile it again",
                                     connection.path(), row.text(0)));
  return CodeRow{{object.take(), *trust, row.text(5)}, row.text(6)};
}

Result<std::optional<CodeRow>> findCode(const Connection &connection, const KernelRecord &record) {
  Result<Statement> rows = connection.query(
      std::string(selectCode) +
          "WHERE code_hash = ?1 AND op_hash = ?2 AND arch = ?3 AND config_text = ?4",
      record.codeHash, hashText(record.opJson).hex(), record.arch, record.configText);
  if (!rows)
    return rows.takeError();
  Result<bool> row = rows->step();
  if (!row)
    return row.takeError();
  if (!*row)
    return std::optional<CodeRow>();
  Result<CodeRow> code = readCodeRow(connection, *rows);
  if (!code)
    return code.takeError();
  return std::optional<CodeRow>(code.take());
}

} // namespace zorse::db
