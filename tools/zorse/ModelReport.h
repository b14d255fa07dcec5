//===- ModelReport.h - what a model is, keeps and moves ---------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Tool.h"

namespace zorse::tool {

struct ModelReportOptions {
  std::string dtype;      ///< of weights and conv states; empty: as stored, or as config.json says
  std::string cacheDType; ///< empty: the same
  std::string stateDType; ///< empty: the same
  std::string contexts = "1K,32K";
  std::string batches = "1";
};

/// Prints the table of a model folder: layers by kind, parameters, bytes of cache and state beside
/// those of the Llama it came from, bytes that decode steps move. Needs the configuration files
/// only; a folder without weights says so. Errors: Usage for a folder or an option that is wrong.
VerbResult reportModel(const Tool &tool, const std::string &dir, const ModelReportOptions &options);

} // namespace zorse::tool
