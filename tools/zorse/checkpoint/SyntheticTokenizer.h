//===- SyntheticTokenizer.h - byte-level tokenizers of full size *- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <string>

namespace zorse::tool {

enum class TokenizerFamily {
  Llama,  ///< Llama 3: 128,000 tokens and 256 special ones behind them; text begins with a special
  SmolLM, ///< 17 special tokens in front, ChatML's among them, then 49,135 others
};

/// A tokenizer.json of the family's size and rules. Its tokens are made up: one to three bytes, all
/// reachable by merges. Any text has ids and any ids have a text.
std::string syntheticTokenizer(TokenizerFamily family);

} // namespace zorse::tool
