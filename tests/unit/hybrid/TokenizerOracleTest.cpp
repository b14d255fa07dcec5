//===- TokenizerOracleTest.cpp - the ids that Hugging Face's code gives ---===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hybrid/Tokenizer.h"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include <ctime>
#include <fstream>
#include <functional>

using nlohmann::json;

namespace zorse {
namespace {

json read(const std::string &path) {
  std::ifstream file(std::string(ZORSE_SOURCE_DIR) + "/tests/" + path);
  return json::parse(file);
}

Tokenizer parsed(const json &file) {
  auto tokenizer = Tokenizer::parse(file.dump());
  EXPECT_TRUE(tokenizer) << (tokenizer ? "" : tokenizer.error().message);
  return tokenizer.take();
}

Tokenizer byteLevel() { return parsed(read("data/tokenizers/byte-level.json")); }

TEST(TokenizerOracle, IdsAndTextsAreThoseOfHuggingFace) {
  const json golden = read("data/tokenizers/golden.json");
  const json bases = {{"byte-level", read("data/tokenizers/byte-level.json")},
                      {"stories", read("golden/zebra-stories-260k/tokenizer.json")}};
  ASSERT_EQ(golden["parts"].size(), 7u);
  for (const auto &[name, part] : golden["parts"].items()) {
    json file = bases[part["base"].get<std::string>()];
    for (const auto &[key, value] : part["change"].items())
      file[key] = value;
    const Tokenizer tokenizer = parsed(file);
    for (size_t i = 0; i < golden["texts"].size(); ++i) {
      const std::string text = golden["texts"][i];
      auto ids = tokenizer.encode(text, false);
      ASSERT_TRUE(ids) << name << ": " << ids.error().message;
      EXPECT_EQ(json(*ids), golden["ids"][name][i]) << name << ": " << json(text);
      const std::string back = tokenizer.decode(*ids);
      EXPECT_EQ(back, golden["decoded"][name][i].get<std::string>()) << name << ": " << json(text);
      TextStream stream(tokenizer);
      std::string streamed;
      for (int32_t id : *ids)
        streamed += stream.push(id);
      EXPECT_EQ(streamed + stream.finish(), back) << name << ": " << json(text);
    }
  }
}

TEST(TokenizerOracle, EveryCodePointComesBack) {
  const Tokenizer tokenizer = byteLevel();
  std::string text;
  for (uint32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF)
      continue;
    // A neighbour on either side, so that it is seen within words and between them.
    text += c % 2 ? "a" : " ";
    if (c < 0x80) {
      text += static_cast<char>(c);
    } else {
      const int tails = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
      constexpr uint32_t lead[] = {0, 0xC0, 0xE0, 0xF0};
      text += static_cast<char>(lead[tails] | c >> (6 * tails));
      for (int i = tails - 1; i >= 0; --i)
        text += static_cast<char>(0x80 | (c >> (6 * i) & 0x3F));
    }
    if (text.size() < 4096 && c != 0x10FFFF)
      continue;
    auto ids = tokenizer.encode(text, false);
    ASSERT_TRUE(ids) << "up to " << c << ": " << ids.error().message;
    ASSERT_EQ(tokenizer.decode(*ids), text) << "up to " << c;
    text.clear();
  }
}

TEST(TokenizerOracle, SurrogatesAndOtherIllFormedBytesAreRefused) {
  const Tokenizer tokenizer = byteLevel();
  for (const std::string text : {"a\xED\xA0\x80", "a\xED\xBF\xBF", "a\xC0\x80", "a\xF4\x90\x80\x80",
                                 "a\xFF", "a\xE2\x82", "a\x80"}) {
    auto ids = tokenizer.encode(text);
    ASSERT_FALSE(ids);
    EXPECT_EQ(ids.error().code, ErrorCode::Usage);
    EXPECT_NE(ids.error().message.find("expected UTF-8 text, found an ill-formed byte"),
              std::string::npos)
        << ids.error().message;
  }
}

TEST(TokenizerOracle, LongPiecesStayAffordable) {
  const Tokenizer all[] = {byteLevel(), parsed(read("golden/zebra-stories-260k/tokenizer.json"))};
  std::string words, letters, punctuation;
  while (words.size() < 250'000) {
    words += "the kernel of a ";
    letters += "thekernel";
    punctuation += "!?->";
  }
  const std::string texts[] = {words,
                               letters,
                               punctuation,
                               std::string(1'000'000, ' '),
                               std::string(100'000, 'a'),
                               std::string(250'000, '\n'),
                               std::string(100'000, ' ') + "x"};
  const std::clock_t begin = std::clock();
  for (const Tokenizer &tokenizer : all)
    for (const std::string &text : texts) {
      auto ids = tokenizer.encode(text, false);
      ASSERT_TRUE(ids) << ids.error().message;
      ASSERT_EQ(tokenizer.decode(*ids), text);
    }
  // Quadratic work would be ten thousand times more: minutes of CPU, where this takes seconds even
  // with a sanitizer.
  EXPECT_LT(double(std::clock() - begin) / CLOCKS_PER_SEC, 60);
}

TEST(TokenizerOracle, PartsThatAreNotUnderstoodAreRefused) {
  auto message = [](const std::function<void(json &)> &change) {
    json file = read("data/tokenizers/byte-level.json");
    change(file);
    auto tokenizer = Tokenizer::parse(file.dump());
    return tokenizer ? std::string() : tokenizer.error().message;
  };
  EXPECT_EQ(
      message([](json &file) { file["added_tokens"][1]["special"] = false; }),
      "tokenizer.json: $.added_tokens[1].special: \"<|end_of_text|>\" is found in plain text; "
      "expected true: only special tokens are supported");
  EXPECT_EQ(message([](json &file) {
              file["pre_tokenizer"]["pretokenizers"][1]["add_prefix_space"] = true;
            }),
            "tokenizer.json: $.pre_tokenizer.pretokenizers[1].add_prefix_space: expected false "
            "after another pre_tokenizer");
  EXPECT_EQ(message([](json &file) {
              auto &parts = file["pre_tokenizer"]["pretokenizers"];
              std::swap(parts[0], parts[1]);
            }),
            "tokenizer.json: $.pre_tokenizer.pretokenizers[1].pattern: expected no pre_tokenizer "
            "after ByteLevel or Metaspace");
  EXPECT_EQ(message([](json &file) {
              file["pre_tokenizer"] = {
                  {"type", "Metaspace"}, {"replacement", "_"}, {"prepend_scheme", "last"}};
            }),
            "tokenizer.json: $.pre_tokenizer.prepend_scheme: expected first, always or never, "
            "found \"last\"");
}

} // namespace
} // namespace zorse
