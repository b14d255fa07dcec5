//===- SyntheticTokenizer.cpp - byte-level tokenizers of full size --------===//
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

namespace zorse::tool {

namespace {

constexpr size_t llamaTexts = 128'000, llamaSpecials = 256;
constexpr size_t smolTexts = 49'135, smolSpecials = 17;

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

std::string llamaSpecial(size_t index) {
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

std::string smolSpecial(size_t index) {
  switch (index) {
  case 0:
    return "<|endoftext|>";
  case 1:
    return "<|im_start|>";
  case 2:
    return "<|im_end|>";
  default:
    return fmt::format("<reserved_{}>", index);
  }
}

/// What happens before and behind the vocabulary.
json llamaRules() {
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
  const json token = {
      {"id", "<|begin_of_text|>"}, {"ids", {llamaTexts}}, {"tokens", {"<|begin_of_text|>"}}};
  return {
      {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", json::array({split, byteLevel})}}},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single", json::array({begin, text})},
        {"special_tokens", {{"<|begin_of_text|>", token}}}}}};
}

json smolRules() {
  const json digits = {{"type", "Digits"}, {"individual_digits", true}};
  const json byteLevel = {{"type", "ByteLevel"},
                          {"add_prefix_space", false},
                          {"trim_offsets", true},
                          {"use_regex", true}};
  return {{"pre_tokenizer",
           {{"type", "Sequence"}, {"pretokenizers", json::array({digits, byteLevel})}}},
          {"post_processor", nullptr}};
}

} // namespace

std::string syntheticTokenizer(TokenizerFamily family) {
  const bool llama = family == TokenizerFamily::Llama;
  const size_t texts = llama ? llamaTexts : smolTexts;
  const size_t specials = llama ? llamaSpecials : smolSpecials;
  const size_t firstText = llama ? 0 : smolSpecials, firstSpecial = llama ? llamaTexts : 0;
  const std::array<std::string, 256> characters = alphabet();
  json vocab = json::object(), merges = json::array(), special = json::array();
  std::vector<std::string> pieces(characters.begin(), characters.end());
  // Every pair of bytes, then pairs with a third byte, until the vocabulary is full.
  for (size_t left = 0; pieces.size() < texts; ++left)
    for (size_t right = 0; right < 256 && pieces.size() < texts; ++right) {
      merges.push_back({pieces[left], characters[right]});
      pieces.push_back(pieces[left] + characters[right]);
    }
  for (size_t i = 0; i < pieces.size(); ++i)
    vocab[pieces[i]] = firstText + i;
  for (size_t i = 0; i < specials; ++i)
    special.push_back({{"id", firstSpecial + i},
                       {"content", llama ? llamaSpecial(i) : smolSpecial(i)},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", true}});
  json file = llama ? llamaRules() : smolRules();
  file.update({{"version", "1.0"},
               {"truncation", nullptr},
               {"padding", nullptr},
               {"added_tokens", std::move(special)},
               {"normalizer", nullptr},
               {"decoder", {{"type", "ByteLevel"}}}});
  file["model"] = {{"type", "BPE"},
                   {"dropout", nullptr},
                   {"unk_token", nullptr},
                   {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr},
                   {"fuse_unk", false},
                   {"byte_fallback", false},
                   {"ignore_merges", llama},
                   {"vocab", std::move(vocab)},
                   {"merges", std::move(merges)}};
  return file.dump();
}

} // namespace zorse::tool
