//===- TokenizerTest.cpp - text to ids and back ---------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hybrid/Tokenizer.h"

#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>

using nlohmann::json;
using testing::ElementsAre;

namespace zorse {
namespace {

std::string golden(const std::string &model) {
  return std::string(ZORSE_SOURCE_DIR) + "/tests/golden/" + model;
}

Tokenizer stories() {
  auto tokenizer = Tokenizer::load(golden("zebra-stories-260k"));
  EXPECT_TRUE(tokenizer) << (tokenizer ? "" : tokenizer.error().message);
  return tokenizer.take();
}

std::string utf8(char32_t c) {
  std::string out;
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
  return out;
}

/// Text of all planes, ASCII and spaces often; no U+2581, which stands for the space itself in
/// SentencePiece vocabularies and so cannot come back.
std::string randomText(std::mt19937_64 &random) {
  std::string text;
  const size_t length = random() % 40;
  while (text.size() < length) {
    char32_t c;
    switch (random() % 6) {
    case 0:
    case 1:
      c = 0x20 + random() % 0x5F;
      break;
    case 2:
      c = random() % 3 == 0 ? U'\n' : U' ';
      break;
    case 3:
      c = 0x80 + random() % 0x780;
      break;
    case 4:
      c = 0x800 + random() % 0xF800;
      break;
    default:
      c = 0x10000 + random() % 0x100000;
    }
    if ((c >= 0xD800 && c <= 0xDFFF) || c == 0x2581)
      continue;
    text += utf8(c);
  }
  return text;
}

/// A byte-level vocabulary like Llama 3's: all bytes, a few merges, special tokens behind.
json byteLevelFile() {
  json vocab = json::object();
  int next = 0x100;
  auto character = [](int c) { return utf8(static_cast<char32_t>(c)); };
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
                           (byte >= 0xAE && byte <= 0xFF);
    vocab[character(printable ? byte : next++)] = byte;
  }
  const std::string space = character(0x120);
  json merges = json::array();
  auto merge = [&](const std::string &left, const std::string &right) {
    merges.push_back({left, right});
    vocab[left + right] = vocab.size();
  };
  merge("h", "e");              // 256
  merge("l", "l");              // 257
  merge("he", "ll");            // 258
  merge("hell", "o");           // 259
  merge(space, "w");            // 260
  merge("1", "2");              // 261
  vocab[space + "whole"] = 262; // reached by ignore_merges alone
  const std::string pattern =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  return {{"added_tokens",
           {{{"id", 263}, {"content", "<|begin_of_text|>"}, {"special", true}},
            {{"id", 264}, {"content", "<|eot_id|>"}, {"special", true}}}},
          {"normalizer", nullptr},
          {"pre_tokenizer",
           {{"type", "Sequence"},
            {"pretokenizers",
             {{{"type", "Split"},
               {"pattern", {{"Regex", pattern}}},
               {"behavior", "Isolated"},
               {"invert", false}},
              {{"type", "ByteLevel"},
               {"add_prefix_space", false},
               {"trim_offsets", true},
               {"use_regex", false}}}}}},
          {"post_processor",
           {{"type", "Sequence"},
            {"processors",
             {{{"type", "ByteLevel"}},
              {{"type", "TemplateProcessing"},
               {"single",
                {{{"SpecialToken", {{"id", "<|begin_of_text|>"}, {"type_id", 0}}}},
                 {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}}}}}}},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model",
           {{"type", "BPE"},
            {"ignore_merges", true},
            {"byte_fallback", false},
            {"vocab", vocab},
            {"merges", merges}}}};
}

Tokenizer byteLevel() {
  auto tokenizer = Tokenizer::parse(byteLevelFile().dump());
  EXPECT_TRUE(tokenizer) << (tokenizer ? "" : tokenizer.error().message);
  return tokenizer.take();
}

TEST(Tokenizer, GivesTheGoldenPromptIds) {
  for (const char *model : {"llama-stories-260k", "mambainllama-stories-260k",
                            "x-ecomla-stories-260k", "zebra-stories-260k", "zebra-stories-5m"}) {
    auto tokenizer = Tokenizer::load(golden(model));
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    std::ifstream file(golden(model) + "/golden.json");
    const json document = json::parse(file);
    ASSERT_EQ(document["cases"].size(), 3u);
    for (const json &each : document["cases"]) {
      auto ids = tokenizer->encode(each["prompt"].get<std::string>());
      ASSERT_TRUE(ids);
      EXPECT_EQ(*ids, each["prompt_ids"].get<std::vector<int32_t>>());
      EXPECT_EQ(tokenizer->decode(*ids), each["prompt"].get<std::string>());
      EXPECT_EQ(tokenizer->decode(each["greedy_ids"].get<std::vector<int32_t>>()),
                each["greedy_text"].get<std::string>());
    }
  }
}

TEST(Tokenizer, EmptyTextIsTheBeginToken) {
  EXPECT_THAT(*stories().encode(""), ElementsAre(1));
  EXPECT_TRUE(stories().encode("", false)->empty());
}

TEST(Tokenizer, UnknownCharactersBecomeBytes) {
  // U+1F600 is F0 9F 98 80; byte tokens begin at id 3; the text begins with the lone "▁" 410.
  EXPECT_THAT(
      *stories().encode("\xF0\x9F\x98\x80", false),
      ElementsAre(stories().encode(" ", false)->back(), 3 + 0xF0, 3 + 0x9F, 3 + 0x98, 3 + 0x80));
}

TEST(Tokenizer, RandomTextComesBack) {
  const Tokenizer all[] = {stories(), byteLevel()};
  std::mt19937_64 random(20240229);
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = randomText(random);
    for (const Tokenizer &tokenizer : all) {
      auto ids = tokenizer.encode(text);
      ASSERT_TRUE(ids) << ids.error().message;
      ASSERT_EQ(tokenizer.decode(*ids), text);
    }
  }
}

TEST(Tokenizer, StreamGivesWholeCharactersAndTheSameText) {
  const Tokenizer all[] = {stories(), byteLevel()};
  std::mt19937_64 random(7);
  for (int i = 0; i < 2'000; ++i)
    for (const Tokenizer &tokenizer : all) {
      // Any ids at all, also such as make ill-formed text.
      std::vector<int32_t> ids(random() % 24);
      for (int32_t &id : ids)
        id = static_cast<int32_t>(random() % static_cast<uint64_t>(tokenizer.vocabSize()));
      TextStream stream(tokenizer);
      std::string text;
      for (int32_t id : ids) {
        const std::string fresh = stream.push(id);
        // A piece may begin a character only if it is whole.
        if (!fresh.empty()) {
          ASSERT_NE(static_cast<uint8_t>(fresh[0]) & 0xC0, 0x80);
        }
        text += fresh;
      }
      text += stream.finish();
      ASSERT_EQ(text, tokenizer.decode(ids));
    }
}

TEST(Tokenizer, StreamAfterAPromptKeepsTheLeadingSpace) {
  const Tokenizer tokenizer = stories();
  const std::vector<int32_t> prompt = *tokenizer.encode("Once upon a time");
  const std::vector<int32_t> whole = *tokenizer.encode("Once upon a time there was");
  TextStream stream(tokenizer, prompt);
  std::string text;
  for (size_t i = prompt.size(); i < whole.size(); ++i)
    text += stream.push(whole[i]);
  EXPECT_EQ(text + stream.finish(), " there was");
}

TEST(Tokenizer, SpecialTokensNeverComeFromText) {
  const Tokenizer all[] = {stories(), byteLevel()};
  std::mt19937_64 random(99);
  const std::vector<std::string> spelled = {"<s>",        "</s>",  "<unk>", "<|begin_of_text|>",
                                            "<|eot_id|>", "<0x0A>"};
  for (int i = 0; i < 1'000; ++i) {
    std::string text;
    for (int part = 0; part < 4; ++part)
      text += randomText(random) + spelled[random() % spelled.size()];
    for (const Tokenizer &tokenizer : all) {
      auto ids = tokenizer.encode(text, false);
      ASSERT_TRUE(ids);
      for (int32_t id : *ids)
        ASSERT_FALSE(tokenizer.isSpecial(id)) << text;
      ASSERT_EQ(tokenizer.decode(*ids), text);
    }
  }
}

TEST(Tokenizer, DecodingLeavesSpecialAndUnknownIdsOut) {
  const Tokenizer tokenizer = stories();
  EXPECT_EQ(tokenizer.decode(std::vector<int32_t>{1, 403, 2, -1, 100'000, 407}), "Once upon");
  EXPECT_EQ(tokenizer.specialId("</s>"), 2);
  EXPECT_EQ(tokenizer.specialId("Once"), -1);
}

TEST(Tokenizer, IllFormedTextIsRefused) {
  auto ids = stories().encode("ab\xC3(");
  ASSERT_FALSE(ids);
  EXPECT_EQ(ids.error().message, "expected UTF-8 text, found an ill-formed byte 0xc3 at 2");
}

TEST(Tokenizer, ByteLevelSplitsMergesAndTemplate) {
  const Tokenizer tokenizer = byteLevel();
  EXPECT_THAT(*tokenizer.encode("hello"), ElementsAre(263, 259));
  // " w" merges, "orld" has no merges.
  EXPECT_THAT(*tokenizer.encode("hello world", false), ElementsAre(259, 260, 'o', 'r', 'l', 'd'));
  // Digits go in groups of three from the left, so the last "12" stands alone.
  EXPECT_THAT(*tokenizer.encode("34512", false), ElementsAre('3', '4', '5', 261));
  EXPECT_THAT(*tokenizer.encode("30012", false), ElementsAre('3', '0', '0', 261));
  EXPECT_THAT(*tokenizer.encode("3012", false), ElementsAre('3', '0', '1', '2'));
  // A piece that is a token needs no merges.
  EXPECT_THAT(*tokenizer.encode(" whole", false), ElementsAre(262));
}

TEST(Tokenizer, MergesByRankThenFromTheLeft) {
  const json file = {{"model",
                      {{"type", "BPE"},
                       {"vocab", {{"a", 0}, {"b", 1}, {"aa", 2}, {"ab", 3}, {"aab", 4}}},
                       {"merges", {"a a", "a b", "aa b"}}}}};
  auto tokenizer = Tokenizer::parse(file.dump());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_THAT(*tokenizer->encode("aaa"), ElementsAre(2, 0));
  EXPECT_THAT(*tokenizer->encode("aab"), ElementsAre(4));
  EXPECT_THAT(*tokenizer->encode("aaab"), ElementsAre(2, 3));
  auto unknown = tokenizer->encode("ac");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message,
            "the vocabulary has no token for the character \"c\" and no unk_token");
}

TEST(Tokenizer, DigitsAndTheOldPattern) {
  json file = byteLevelFile();
  file["pre_tokenizer"] = {{"type", "Sequence"},
                           {"pretokenizers",
                            {{{"type", "Digits"}, {"individual_digits", true}},
                             {{"type", "ByteLevel"}, {"add_prefix_space", false}}}}};
  auto tokenizer = Tokenizer::parse(file.dump());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_THAT(*tokenizer->encode("12 hello", false), ElementsAre('1', '2', 220 - 188, 259));
}

TEST(Tokenizer, AHostilePatternStopsAtItsLimits) {
  json file = byteLevelFile();
  file["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "(a+)+$";
  auto tokenizer = Tokenizer::parse(file.dump());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  auto ids = tokenizer->encode(std::string(100, 'a') + "b");
  ASSERT_FALSE(ids);
  EXPECT_EQ(ids.error().message, "splitting the text at byte 0 failed: match limit exceeded");
}

TEST(Tokenizer, LongTextIsNotSlow) {
  // A quadratic merge loop would need minutes for this.
  std::string text;
  for (int i = 0; i < 40'000; ++i)
    text += "Once upon a time ";
  auto ids = stories().encode(text);
  ASSERT_TRUE(ids);
  EXPECT_EQ(stories().decode(*ids), text);
}

} // namespace
} // namespace zorse
