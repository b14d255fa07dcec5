//===- Tokenizer.h - text to token ids and back -----------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Status.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zorse {

/// The BPE of a tokenizer.json: SentencePiece style with byte fallback (Llama 2) or byte level
/// with a split pattern (Llama 3, SmolLM). Parts that the file asks for and that are not known
/// are errors when it is read, never skipped.
class Tokenizer {
public:
  /// Reads `dir`/tokenizer.json.
  static Result<Tokenizer> load(const std::string &dir);
  /// The same from the text of the file; `file` names it in errors.
  static Result<Tokenizer> parse(std::string_view json, const std::string &file = "tokenizer.json");

  Tokenizer(Tokenizer &&) noexcept;
  Tokenizer &operator=(Tokenizer &&) noexcept;
  ~Tokenizer();

  /// Ids of a text. With `addSpecial`, what the post-processor adds (<s>) is included. Special
  /// tokens spelled out in the text are encoded as plain text, never as their ids. `first`: the
  /// text begins a sequence; some vocabularies put a space there only. Text that is not valid UTF-8
  /// is an error. Time grows as n log n with the longest piece, whatever it holds.
  Result<std::vector<int32_t>> encode(std::string_view text, bool addSpecial = true,
                                      bool first = true) const;

  /// Text of ids; special tokens are left out, ids outside the vocabulary too. Bytes that do not
  /// form UTF-8 become U+FFFD.
  std::string decode(std::span<const int32_t> ids) const;

  /// One more than the largest id.
  int64_t vocabSize() const;
  bool isSpecial(int32_t id) const;
  /// The id of a special token or -1.
  int32_t specialId(std::string_view content) const;
  /// The piece as the file has it; empty outside the vocabulary.
  std::string_view piece(int32_t id) const;

  struct Data;

private:
  friend class TextStream;
  explicit Tokenizer(std::unique_ptr<Data> data);
  std::unique_ptr<Data> data;
};

/// Decodes one id after another for printing as they come: gives only whole UTF-8 characters, and
/// all pieces together are what Tokenizer::decode() gives for all ids.
class TextStream {
public:
  /// `context`: ids before the first pushed one (the prompt); they decide about leading spaces.
  explicit TextStream(const Tokenizer &tokenizer, std::span<const int32_t> context = {});
  /// The text that became certain with this id, maybe empty.
  std::string push(int32_t id);
  /// What is left at the end.
  std::string finish();

private:
  std::string strip(std::string fresh);
  const Tokenizer &tokenizer;
  std::string tail;    ///< bytes of a character that is not whole yet
  bool first = true;   ///< no token with text yet
  int64_t toStrip = 0; ///< leading characters still to be removed
};

} // namespace zorse
