//===- Environment.h - the variables that the tool reads --------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The only place that reads the environment. A flag goes before a variable, a
// variable before the default.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Status.h"

#include <string>
#include <vector>

namespace zorse::tool {

struct Environment {
  std::string databasePath;          ///< ZORSE_DB, else kernels.db in the user's data folder
  std::string siteDatabasePath;      ///< ZORSE_SITE_DB; empty: none
  std::string shippedDatabasePath;   ///< ZORSE_SHIPPED_DB, else the one installed with the tool
  std::string trustFile;             ///< ZORSE_TRUST_FILE, else trusted_keys in the config folder
  std::string keyFile;               ///< the secret key, in the config folder
  std::string packCache;             ///< ZORSE_PACK_CACHE; empty: weights are packed at each start
  std::string hipLibrary;            ///< ZORSE_HIP_LIBRARY; empty: the usual names
  int threads = 0;                   ///< ZORSE_THREADS; 0: one for each hardware thread
  std::string logLevel = "info";     ///< ZORSE_LOG
  bool mayColor = true;              ///< NO_COLOR is unset and TERM is not "dumb"
  std::vector<std::string> warnings; ///< unknown ZORSE_* variables
};

/// Reads the process environment. Errors (Usage): a value that is not of its type.
Result<Environment> readEnvironment();

/// One line a variable, for the help page.
std::string describeEnvironment();

} // namespace zorse::tool
