//===- DbVerbs.h - the verbs under zorse db ---------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Verbs.h"

namespace zorse::tool {

// Each adds verbs to `zorse db`.
void addDbList(CLI::App &db, Tool &tool);     ///< ls, show
void addDbExplain(CLI::App &db, Tool &tool);  ///< explain
void addDbExchange(CLI::App &db, Tool &tool); ///< diff, merge, export, import
void addDbQuick(CLI::App &db, Tool &tool);    ///< quick
void addDbCare(CLI::App &db, Tool &tool);     ///< verify, gc
#ifdef ZORSE_HAS_COMPILER
void addDbAudit(CLI::App &db, Tool &tool); ///< audit
#endif

/// Opens the one file of --db, without layers.
Result<std::unique_ptr<Database>> openFile(const Tool &tool, Database::Mode mode);

} // namespace zorse::tool
