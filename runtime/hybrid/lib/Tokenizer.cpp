//===- Tokenizer.cpp - encode and decode ----------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hybrid/Tokenizer.h"

#include "TokenizerData.h"

#include <algorithm>
#include <fmt/format.h>

namespace zorse {

namespace {

std::string replaceAll(std::string_view text, const std::string &from, const std::string &to) {
  std::string out;
  for (size_t at = 0;;) {
    size_t found = text.find(from, at);
    out.append(text, at, found == std::string_view::npos ? found : found - at);
    if (found == std::string_view::npos)
      return out;
    out += to;
    at = found + from.size();
  }
}

/// The value of "<0x4F>" or -1.
int byteOfPiece(std::string_view piece) {
  auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>' || digit(piece[3]) < 0 ||
      digit(piece[4]) < 0)
    return -1;
  return digit(piece[3]) * 16 + digit(piece[4]);
}

} // namespace

Tokenizer::Tokenizer(std::unique_ptr<Data> data) : data(std::move(data)) {}
Tokenizer::Tokenizer(Tokenizer &&) noexcept = default;
Tokenizer &Tokenizer::operator=(Tokenizer &&) noexcept = default;
Tokenizer::~Tokenizer() = default;

std::string Tokenizer::Data::normalise(std::string_view text, bool first) const {
  if (text.empty())
    return {};
  std::string out = prepend + std::string(text);
  for (const auto &[from, to] : replacements)
    out = replaceAll(out, from, to);
  if (addPrefixSpace && out.front() != ' ')
    out.insert(out.begin(), ' ');
  if (!mark.empty()) {
    out = replaceAll(out, " ", mark);
    const bool prepends =
        prependMark == PrependMark::Always || (prependMark == PrependMark::First && first);
    if (prepends && !out.starts_with(mark))
      out.insert(0, mark);
  }
  return out;
}

/// Cuts before every mark but the one at the beginning.
static std::vector<std::string_view> cutAtMarks(std::string_view text, std::string_view mark) {
  std::vector<std::string_view> pieces;
  while (!text.empty()) {
    const size_t next = std::min(text.find(mark, 1), text.size());
    pieces.push_back(text.substr(0, next));
    text.remove_prefix(next);
  }
  return pieces;
}

Result<std::vector<int32_t>> Tokenizer::encode(std::string_view text, bool addSpecial,
                                               bool first) const {
  for (size_t at = 0; at < text.size();) {
    size_t length = characterLength(text, at);
    if (length == 0)
      return usageError(fmt::format("expected UTF-8 text, found an ill-formed byte 0x{:02x} at {}",
                                    static_cast<uint8_t>(text[at]), at));
    at += length;
  }
  std::vector<int32_t> out;
  if (addSpecial)
    out = data->prefixIds;

  const std::string normalised = data->normalise(text, first);
  std::vector<std::string_view> pieces;
  if (data->splitAtMarks)
    pieces = cutAtMarks(normalised, data->mark);
  else if (!normalised.empty())
    pieces.push_back(normalised);
  for (const SplitPattern &pattern : data->splits) {
    std::vector<std::string_view> next;
    for (std::string_view piece : pieces)
      if (Status status = pattern.split(piece, next); !status)
        return status.takeError();
    pieces = std::move(next);
  }

  std::string spelled;
  for (std::string_view piece : pieces) {
    if (data->byteLevel) {
      spelled.clear();
      for (char byte : piece)
        spelled += byteLevelCharacter(static_cast<uint8_t>(byte));
      piece = spelled;
    }
    if (Status status = data->encodePiece(piece, out); !status)
      return status.takeError();
  }
  if (addSpecial)
    out.insert(out.end(), data->suffixIds.begin(), data->suffixIds.end());
  return out;
}

std::string Tokenizer::Data::bytesOf(int32_t id, bool first) const {
  if (!hasText(id))
    return {};
  std::string piece = pieces[static_cast<size_t>(id)];
  if (byteLevel) {
    std::string bytes;
    for (size_t at = 0; at < piece.size();) {
      const size_t length = std::max<size_t>(1, characterLength(piece, at));
      if (const int byte = byteOfCharacter(codePointAt(piece, at)); byte >= 0)
        bytes += static_cast<char>(byte);
      else
        bytes.append(piece, at, length);
      at += length;
    }
    return bytes;
  }
  if (const int byte = decodeBytes ? byteOfPiece(piece) : -1; byte >= 0)
    return std::string(1, static_cast<char>(byte));
  if (first && !dropFromFirst.empty())
    piece = replaceAll(piece, dropFromFirst, "");
  for (const auto &[from, to] : decodeReplacements)
    piece = replaceAll(piece, from, to);
  return piece;
}

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
  std::string bytes;
  bool first = true;
  for (int32_t id : ids) {
    bytes += data->bytesOf(id, first);
    first = first && !data->hasText(id);
  }
  std::string text = repairUtf8(bytes);
  for (int64_t i = 0; i < data->stripStart && text.starts_with(data->stripContent); ++i)
    text.erase(0, data->stripContent.size());
  return text;
}

int64_t Tokenizer::vocabSize() const { return static_cast<int64_t>(data->pieces.size()); }

bool Tokenizer::isSpecial(int32_t id) const {
  return id >= 0 && static_cast<size_t>(id) < data->special.size() &&
         data->special[static_cast<size_t>(id)];
}

int32_t Tokenizer::specialId(std::string_view content) const {
  auto found = data->specialIds.find(std::string(content));
  return found == data->specialIds.end() ? -1 : found->second;
}

std::string_view Tokenizer::piece(int32_t id) const {
  return id >= 0 && static_cast<size_t>(id) < data->pieces.size()
             ? std::string_view(data->pieces[static_cast<size_t>(id)])
             : std::string_view();
}

TextStream::TextStream(const Tokenizer &tokenizer, std::span<const int32_t> context)
    : tokenizer(tokenizer), toStrip(tokenizer.data->stripStart) {
  for (int32_t id : context)
    push(id);
}

std::string TextStream::push(int32_t id) {
  tail += tokenizer.data->bytesOf(id, first);
  first = first && !tokenizer.data->hasText(id);
  const size_t whole = tail.size() - incompleteTail(tail);
  std::string fresh = repairUtf8(std::string_view(tail).substr(0, whole));
  tail.erase(0, whole);
  return strip(std::move(fresh));
}

std::string TextStream::finish() {
  std::string rest = repairUtf8(tail);
  tail.clear();
  return strip(std::move(rest));
}

std::string TextStream::strip(std::string fresh) {
  const std::string &content = tokenizer.data->stripContent;
  while (toStrip > 0 && !fresh.empty()) {
    if (!fresh.starts_with(content)) {
      toStrip = 0; // only the beginning of the whole text is stripped
      break;
    }
    fresh.erase(0, content.size());
    --toStrip;
  }
  return fresh;
}

} // namespace zorse
