//===- Utf8.cpp - characters and the byte-level alphabet ------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "TokenizerData.h"

#include <array>

namespace zorse {

namespace {

void appendUtf8(std::string &out, uint32_t codePoint) {
  if (codePoint < 0x80) {
    out += static_cast<char>(codePoint);
  } else { // the alphabet ends below U+0200
    out += static_cast<char>(0xC0 | codePoint >> 6);
    out += static_cast<char>(0x80 | (codePoint & 0x3F));
  }
}

/// Printable Latin-1 stands for itself; the other 68 bytes take the code points from U+0100 on.
struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<int, 0x200> bytes;

  Alphabet() {
    bytes.fill(-1);
    uint32_t next = 0x100;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
                       (byte >= 0xAE && byte <= 0xFF);
      uint32_t codePoint = printable ? byte : next++;
      appendUtf8(characters[byte], codePoint);
      bytes[codePoint] = static_cast<int>(byte);
    }
  }
};

const Alphabet &alphabet() {
  static const Alphabet instance;
  return instance;
}

} // namespace

const std::string &byteLevelCharacter(uint8_t byte) { return alphabet().characters[byte]; }

int byteOfCharacter(uint32_t codePoint) {
  return codePoint < alphabet().bytes.size() ? alphabet().bytes[codePoint] : -1;
}

size_t characterLength(std::string_view text, size_t at) {
  auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0u; };
  auto tail = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const uint32_t first = byte(at), second = byte(at + 1);
  if (first < 0x80)
    return 1;
  if (first >= 0xC2 && first <= 0xDF)
    return tail(at + 1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    bool overlong = first == 0xE0 && second < 0xA0, surrogate = first == 0xED && second > 0x9F;
    return tail(at + 1) && tail(at + 2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    bool overlong = first == 0xF0 && second < 0x90, tooLarge = first == 0xF4 && second > 0x8F;
    return tail(at + 1) && tail(at + 2) && tail(at + 3) && !overlong && !tooLarge ? 4 : 0;
  }
  return 0;
}

uint32_t codePointAt(std::string_view text, size_t at) {
  const size_t length = characterLength(text, at);
  if (length <= 1)
    return static_cast<uint8_t>(text[at]);
  uint32_t codePoint = static_cast<uint8_t>(text[at]) & (0xFF >> (length + 1));
  for (size_t i = 1; i < length; ++i)
    codePoint = codePoint << 6 | (static_cast<uint8_t>(text[at + i]) & 0x3F);
  return codePoint;
}

size_t incompleteTail(std::string_view text) {
  for (size_t length = 1; length <= 3 && length <= text.size(); ++length) {
    const size_t at = text.size() - length;
    const uint8_t first = static_cast<uint8_t>(text[at]);
    if ((first & 0xC0) == 0x80)
      continue;
    // It is a beginning if some continuation completes it: 0x80, 0x90 and 0xA0 are enough to try
    // for a second byte under the rules against overlong forms and surrogates.
    for (char second : {'\x80', '\x90', '\xA0'}) {
      std::string attempt(text.substr(at));
      while (attempt.size() < 4) {
        attempt += attempt.size() == 1 ? second : '\x80';
        if (characterLength(attempt, 0) == attempt.size())
          return length;
      }
    }
    return 0;
  }
  return 0;
}

std::string repairUtf8(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    size_t length = characterLength(text, at);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      ++at;
      continue;
    }
    out.append(text, at, length);
    at += length;
  }
  return out;
}

} // namespace zorse
