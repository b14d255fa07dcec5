//===- SyntheticTokenizer.cpp - a byte-level tokenizer of Llama 3's size --===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "SyntheticTokenizer.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>

using nlohmann::json;

namespace zorse {

namespace {

constexpr size_t textTokens = 128'000, specialTokens = 256;

/// The byte-level alphabet: printable Latin-1 for itself, other bytes from U+0100 on.
std::array<std::string, 256> alphabet() {
  std::array<std::string, 256> characters;
  uint32_t other = 0x100;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte > 0x20 && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD);
    const uint32_t c = printable ? byte : other++;
    if (c >= 0x80)
      characters[byte] = {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
    else
      characters[byte] = std::string(1, static_cast<char>(c));
  }
  return characters;
}

std::string specialName(size_t index) {
  switch (index) {
  case 0:
    return "<|begin_of_text|>";
  case 1:
    return "<|end_of_text|>";
  case 6:
    return "<|start_header_id|>";
  case 7:
    return "<|end_header_id|>";
  case 8:
    return "<|eom_id|>";
  case 9:
    return "<|eot_id|>";
  default:
    return fmt::format("<|reserved_special_token_{}|>", index);
  }
}

} // namespace

std::string syntheticTokenizer() {
  const std::array<std::string, 256> characters = alphabet();
  json vocab = json::object(), merges = json::array(), special = json::array();
  std::vector<std::string> pieces(characters.begin(), characters.end());
  for (size_t i = 0; i < pieces.size(); ++i)
    vocab[pieces[i]] = i;
  // Every pair of bytes, then pairs with a third byte, until the vocabulary is full.
  for (size_t left = 0; pieces.size() < textTokens; ++left)
    for (size_t right = 0; right < 256 && pieces.size() < textTokens; ++right) {
      merges.push_back({pieces[left], characters[right]});
      std::string piece = pieces[left] + characters[right];
      vocab[piece] = pieces.size();
      pieces.push_back(std::move(piece));
    }
  for (size_t i = 0; i < specialTokens; ++i)
    special.push_back({{"id", textTokens + i},
                       {"content", specialName(i)},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", true}});
  const char *pattern =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  const json split = {{"type", "Split"},
                      {"pattern", {{"Regex", pattern}}},
                      {"behavior", "Isolated"},
                      {"invert", false}};
  const json byteLevel = {{"type", "ByteLevel"},
                          {"add_prefix_space", false},
                          {"trim_offsets", true},
                          {"use_regex", false}};
  const json begin = {{"SpecialToken", {{"id", "<|begin_of_text|>"}, {"type_id", 0}}}};
  const json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const json file = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", special},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", json::array({split, byteLevel})}}},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single", json::array({begin, text})},
        {"special_tokens",
         {{"<|begin_of_text|>",
           {{"id", "<|begin_of_text|>"},
            {"ids", {textTokens}},
            {"tokens", {"<|begin_of_text|>"}}}}}}}},
      {"decoder", {{"type", "ByteLevel"}}},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", nullptr},
        {"continuing_subword_prefix", nullptr},
        {"end_of_word_suffix", nullptr},
        {"fuse_unk", false},
        {"byte_fallback", false},
        {"ignore_merges", true},
        {"vocab", vocab},
        {"merges", merges}}}};
  return file.dump();
}

} // namespace zorse
