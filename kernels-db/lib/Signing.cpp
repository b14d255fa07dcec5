//===- Signing.cpp - signatures over the code of a database ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CodeRows.h"
#include "SqliteDatabase.h"
#include "Verify.h"

#include "zorse/db/Trust.h"

namespace zorse::db {

// Foreign code is left out: a signature says that this user's compiler made it.
Result<int64_t> SqliteDatabase::sign(const SigningKey &key) {
  if (Status status = requireWritable("sign code"); !status)
    return status.takeError();
  Result<Transaction> transaction = Transaction::begin(*connection);
  if (!transaction)
    return transaction.takeError();
  int64_t count = 0;
  {
    Result<Statement> rows =
        connection->prepare(std::string(selectCode) + "WHERE trust = 'built' ORDER BY code_hash, "
                                                      "op_hash, arch, config_text");
    if (!rows)
      return rows.takeError();
    while (true) {
      Result<bool> row = rows->step();
      if (!row)
        return row.takeError();
      if (!*row)
        break;
      Result<CodeRow> code = readCodeRow(*connection, *rows);
      if (!code)
        return code.takeError();
      const CodeObject &object = code->code.object;
      // Neither column is part of what the query walks along.
      Status status = connection->run(
          "UPDATE code_object SET signer = ?5, signature = ?6 WHERE code_hash = ?1 AND "
          "op_hash = ?2 AND arch = ?3 AND config_text = ?4",
          object.codeHash().hex(), hashText(object.opJson).hex(), object.arch, object.configText,
          key.publicKey, key.sign(object));
      if (!status)
        return status.takeError();
      ++count;
    }
  }
  if (Status status = transaction->commit(); !status)
    return status.takeError();
  return count;
}

} // namespace zorse::db
