//===- ConfigFiles.h - the texts of a published folder ----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Presets.h"

#include <utility>

namespace zorse::tool {

/// Name and content of every configuration file of the preset's format, with exactly the keys that
/// the published ones have: config.json, generation_config.json, and the second files that tell
/// the format. `dtype` becomes torch_dtype, `tied` tie_word_embeddings.
std::vector<std::pair<std::string, std::string>> configFiles(const Preset &preset, DType dtype,
                                                             bool tied);

/// tokenizer.json and tokenizer_config.json.
std::vector<std::pair<std::string, std::string>> tokenizerFiles(const Preset &preset);

} // namespace zorse::tool
