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
    Status signedAll = forEachRow(
        connection->prepare(std::string(selectCode) + "WHERE trust = 'built' ORDER BY code_hash, "
                                                      "op_hash, arch, config_text"),
        [&](const Statement &row) -> Status {
          Result<CodeRow> code = readCodeRow(*connection, row);
          if (!code)
            return code.takeError();
          const CodeObject &object = code->code.object;
          ++count;
          // Neither column is part of what the query walks along.
          return connection->run(
              "UPDATE code_object SET signer = ?5, signature = ?6 WHERE code_hash = ?1 AND "
              "op_hash = ?2 AND arch = ?3 AND config_text = ?4",
              object.codeHash().hex(), hashText(object.opJson).hex(), object.arch,
              object.configText, key.publicKey, key.sign(object));
        });
    if (!signedAll)
      return signedAll.takeError();
  }
  if (Status status = transaction->commit(); !status)
    return status.takeError();
  return count;
}

} // namespace zorse::db
