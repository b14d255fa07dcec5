//===- TokenizerData.h - the parts of a tokenizer.json ----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/hybrid/Tokenizer.h"

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

struct pcre2_real_code_8;

namespace zorse {

/// A compiled split pattern, matched with limits on steps and memory.
class SplitPattern {
public:
  static Result<SplitPattern> compile(const std::string &pattern);
  /// Appends the pieces of a valid UTF-8 text: the matches and what lies between them.
  Status split(std::string_view text, std::vector<std::string_view> &pieces) const;

private:
  std::shared_ptr<pcre2_real_code_8> code;
};

struct Merge {
  int32_t rank = 0, id = 0; ///< lower ranks first; the piece that the pair becomes
};

/// Where a Metaspace puts its mark before a text that does not begin with it.
enum class PrependMark { Never, First, Always };

struct Tokenizer::Data {
  // model
  std::vector<std::string> pieces;              ///< by id; empty where the vocabulary has a gap
  std::unordered_map<std::string, int32_t> ids; ///< pieces that text may become, no special ones
  std::unordered_map<uint64_t, Merge> merges;   ///< by left id << 32 | right id
  bool byteFallback = false, ignoreMerges = false;
  bool fuseUnknown = false; ///< unknown characters in a row become one unk_token
  int32_t unknownId = -1;
  int32_t byteIds[256]; ///< <0x00> … <0xFF>, with byteFallback
  // added tokens
  std::vector<bool> special; ///< by id
  std::unordered_map<std::string, int32_t> specialIds;
  // normalizer
  std::string prepend;
  std::vector<std::pair<std::string, std::string>> replacements;
  // pre-tokenizer
  std::vector<SplitPattern> splits; ///< one after another
  bool byteLevel = false;           ///< bytes are written with the byte-level alphabet
  bool addPrefixSpace = false;
  std::string mark; ///< of a Metaspace: stands for each space; empty without one
  PrependMark prependMark = PrependMark::Never;
  bool splitAtMarks = false; ///< a piece begins at each mark
  // post-processor
  std::vector<int32_t> prefixIds, suffixIds;
  // decoder
  std::vector<std::pair<std::string, std::string>> decodeReplacements;
  bool decodeBytes = false; ///< <0x41> becomes a byte
  int64_t stripStart = 0;   ///< leading stripContent characters removed from the whole text
  std::string stripContent;
  std::string dropFromFirst; ///< a mark that the first piece loses wherever it has it

  /// BPE of one piece of normalised text; appends ids.
  Status encodePiece(std::string_view piece, std::vector<int32_t> &out) const;
  std::string normalise(std::string_view text, bool first) const;
  /// What a token adds to the text; nothing for special tokens and unknown ids. `first`: no other
  /// token with text came before.
  std::string bytesOf(int32_t id, bool first) const;
  /// In the vocabulary and not special.
  bool hasText(int32_t id) const {
    return id >= 0 && static_cast<size_t>(id) < pieces.size() && !special[static_cast<size_t>(id)];
  }
};

/// The printable character that the byte-level alphabet uses for a byte, as UTF-8.
const std::string &byteLevelCharacter(uint8_t byte);
/// The byte of such a character or -1.
int byteOfCharacter(uint32_t codePoint);

/// Bytes of the UTF-8 character that begins at text[at]; 0 if it is not valid.
size_t characterLength(std::string_view text, size_t at);
/// The code point of a valid character.
uint32_t codePointAt(std::string_view text, size_t at);
/// How many bytes at the end are the beginning of a character that is not whole yet.
size_t incompleteTail(std::string_view text);
/// Ill-formed bytes replaced by U+FFFD, one for each.
std::string repairUtf8(std::string_view text);

} // namespace zorse
