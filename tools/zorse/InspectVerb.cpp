//===- InspectVerb.cpp - zorse inspect ------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CodeReport.h"
#include "ModelReport.h"
#include "Verbs.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

namespace zorse::tool {

#ifndef ZORSE_HAS_COMPILER
VerbResult reportCode(const Tool &, const std::vector<std::string> &files) {
  return usageError(fmt::format("{}: this zorse was built without the compiler, which reads code "
                                "objects; it can inspect model folders",
                                files.front()));
}
#endif

/// The code objects in a folder, sorted by name.
static std::vector<std::string> codeFiles(const std::string &folder) {
  std::vector<std::string> files;
  std::error_code ignored;
  for (const auto &entry : std::filesystem::directory_iterator(folder, ignored))
    if (std::string suffix = entry.path().extension(); suffix == ".hsaco" || suffix == ".so")
      files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

static VerbResult runInspect(const Tool &tool, const std::string &path,
                             const ModelReportOptions &options) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored))
    return reportCode(tool, {path});
  if (std::filesystem::exists(std::filesystem::path(path) / "config.json", ignored))
    return reportModel(tool, path, options);
  std::vector<std::string> files = codeFiles(path);
  if (files.empty())
    return usageError(fmt::format("{} holds neither a config.json nor .hsaco or .so files", path));
  return reportCode(tool, files);
}

void addInspect(CLI::App &app, Tool &tool) {
  auto path = std::make_shared<std::string>();
  auto options = std::make_shared<ModelReportOptions>();
  CLI::App *verb = addVerb(app, tool, "inspect",
                           "Shows what a model is, keeps and moves, or what a code object needs.",
                           "  zorse inspect MODEL_DIR\n"
                           "  zorse inspect MODEL_DIR --context 1K,32K --batch 1,48 --format json\n"
                           "  zorse inspect op.hsaco");
  verb->add_option("path", *path, "model folder, code object, or folder of code objects")
      ->required()
      ->option_text("DIR|FILE");
  verb->add_option("--dtype", options->dtype, "of a model's weights (default: as stored)")
      ->option_text("bf16|f16|f32");
  verb->add_option("--cache-dtype", options->cacheDType, "of its caches (default: --dtype)")
      ->option_text("bf16|f16|f32");
  verb->add_option("--state-dtype", options->stateDType, "of its SSM states (default: --dtype)")
      ->option_text("bf16|f16|f32");
  verb->add_option("--context", options->contexts,
                   "tokens in the caches of a decode step (default: 1K,32K)")
      ->option_text("TOKENS");
  verb->add_option("--batch", options->batches, "sequences of a decode step (default: 1)")
      ->option_text("SEQUENCES");
  verb->callback([&tool, path, options] {
    tool.action = [&tool, path, options] { return runInspect(tool, *path, *options); };
  });
}

} // namespace zorse::tool
