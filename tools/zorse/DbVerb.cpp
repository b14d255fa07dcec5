//===- DbVerb.cpp - zorse db ----------------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "DbVerbs.h"

namespace zorse::tool {

Result<std::unique_ptr<Database>> openFile(const Tool &tool, Database::Mode mode) {
  return Database::open(tool.databasePath, mode);
}

void addDb(CLI::App &app, Tool &tool) {
  CLI::App *db =
      app.add_subcommand("db", "Looks into the database of tuned kernels, merges, cares.");
  db->require_subcommand(1);
  db->footer("  zorse db ls --winners\n"
             "  zorse db show 17\n"
             "  zorse db merge all.db shard-*.db\n"
             "  zorse db verify --db kernels.db --format json");
  addDbList(*db, tool);
  addDbExplain(*db, tool);
  addDbExchange(*db, tool);
  addDbQuick(*db, tool);
  addDbCare(*db, tool);
#ifdef ZORSE_HAS_COMPILER
  addDbAudit(*db, tool);
#endif
}

} // namespace zorse::tool
