//===- SyntheticTokenizer.h - a byte-level tokenizer of Llama 3's size *- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <string>

namespace zorse {

/// A tokenizer.json with 128,000 tokens of one to three bytes, all reachable by merges, and 256
/// special tokens behind them, ids as in Llama 3. Any text has ids and any ids have a text.
std::string syntheticTokenizer();

} // namespace zorse
