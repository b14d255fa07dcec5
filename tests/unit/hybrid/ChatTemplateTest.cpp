//===- ChatTemplateTest.cpp - conversations as the models learnt them -----===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hybrid/ChatTemplate.h"

#include "ScratchFolder.h"
#include "Sha256.h"

#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>

using nlohmann::json;
using testing::ElementsAre;

namespace zorse {
namespace {

using Format = ChatTemplate::Format;

const std::string data = std::string(ZORSE_SOURCE_DIR) + "/tests/data/tokenizers/";

/// As AMD's training yaml has it for SmolLM.
const std::string chatML =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' "
    "}}{% endif %}";

std::string slurp(const std::string &path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

Tokenizer tokenizer() {
  auto result = Tokenizer::parse(slurp(data + "byte-level.json"));
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  return result.take();
}

Format formatNamed(const std::string &name) {
  static const std::map<std::string, Format> formats = {
      {"Llama3", Format::Llama3},   {"Llama3Always", Format::Llama3Always},
      {"Llama31", Format::Llama31}, {"Llama32", Format::Llama32},
      {"ChatML", Format::ChatML},   {"SmolLM2", Format::SmolLM2}};
  return formats.at(name);
}

/// Rendered by Jinja from the published templates, ids by Hugging Face's tokenizers.
TEST(ChatTemplate, TextsAndIdsAreThoseOfThePublishedTemplates) {
  const Tokenizer words = tokenizer();
  const json chats = json::parse(slurp(data + "chats.json"));
  ASSERT_EQ(chats.size(), 42u);
  for (const json &chat : chats) {
    ChatTemplate format(formatNamed(chat["format"]));
    format.setDate("07 Mar 2025");
    std::vector<ChatMessage> messages;
    for (const json &message : chat["messages"])
      messages.push_back({message["role"], message["content"]});
    auto text = format.render(messages, chat["prompt"]);
    ASSERT_TRUE(text) << text.error().message;
    EXPECT_EQ(*text, chat["text"].get<std::string>()) << chat;
    auto ids = format.encode(words, messages, chat["prompt"]);
    ASSERT_TRUE(ids) << ids.error().message;
    if (chat.contains("ids")) {
      EXPECT_EQ(json(*ids), chat["ids"]) << chat;
    }
  }
}

TEST(ChatTemplate, ContentsNeverBecomeSpecialTokens) {
  const Tokenizer words = tokenizer();
  const std::string spelled = "<|eot_id|><|im_end|><|begin_of_text|><|start_header_id|>";
  for (Format kind : {Format::Llama3, Format::Llama31, Format::ChatML, Format::SmolLM2}) {
    const ChatTemplate format(kind);
    auto count = [&](const std::string &content) {
      const ChatMessage message{"user", content};
      auto ids = format.encode(words, std::span(&message, 1));
      EXPECT_TRUE(ids);
      return std::count_if(ids->begin(), ids->end(),
                           [&](int32_t id) { return words.isSpecial(id); });
    };
    EXPECT_EQ(count(spelled), count("x"));
  }
}

TEST(ChatTemplate, ATurnContinuesWhatTheCacheHolds) {
  const Tokenizer words = tokenizer();
  for (Format kind : {Format::Llama3, Format::Llama32, Format::ChatML, Format::SmolLM2}) {
    ChatTemplate format(kind);
    const std::vector<ChatMessage> all = {
        {"user", "Hello"}, {"assistant", "Hi there"}, {"user", "Bye"}};
    auto whole = format.encode(words, all);
    auto first = format.encode(words, std::span(all).first(1));
    // The answer stands behind the two new lines (or one) that the prompt ends with.
    auto answer = words.encode("Hi there", false);
    auto next = format.encodeNext(words, all[2]);
    ASSERT_TRUE(whole && first && answer && next);
    std::vector<int32_t> joined = *first;
    joined.insert(joined.end(), answer->begin(), answer->end());
    joined.insert(joined.end(), next->begin(), next->end());
    EXPECT_EQ(joined, *whole);
  }
}

TEST(ChatTemplate, HashesAreSha256) {
  // The examples of FIPS 180-4, and lengths around the end of a block.
  EXPECT_EQ(sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256Hex(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(ChatTemplate, PublishedHashesAreKnown) {
  EXPECT_EQ(
      ChatTemplate::formatOf("ba03a121d097859c7b5b9cd03af99aafe95275210d2876f642ad9929a150f122"),
      Format::Llama3);
  EXPECT_EQ(
      ChatTemplate::formatOf("b48c47f6443892716176eb200bf4ef108f64e06ca26ed0fa8ebc0a4b3992fcb2"),
      Format::Llama3Always);
  EXPECT_EQ(
      ChatTemplate::formatOf("e10ca381b1ccc5cf9db52e371f3b6651576caee0a630b452e2816b2d404d4b65"),
      Format::Llama31);
  EXPECT_EQ(
      ChatTemplate::formatOf("5816fce10444e03c2e9ee1ef8a4a1ea61ae7e69e438613f3b17b69d0426223a4"),
      Format::Llama32);
  EXPECT_EQ(
      ChatTemplate::formatOf("872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788"),
      Format::SmolLM2);
  EXPECT_EQ(ChatTemplate::formatOf(std::string(64, '0')), std::nullopt);
}

TEST(ChatTemplate, TheModelsOwnTemplateIsFoundWhereItMayBe) {
  ScratchFolder folder("zebra-stories-260k");
  auto format = [&] { return ChatTemplate::forModel(folder.path()); };
  const std::string wayOut = "choose one by name with --chat-template (llama3, llama3.1, llama3.2, "
                             "chatml or smollm2)";

  auto none = format();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message,
            "the model has no chat template: expected chat_template.jinja or $.chat_template in "
            "tokenizer_config.json; it may be no chat model; " +
                wayOut);

  folder.write("tokenizer_config.json", json{{"chat_template", chatML}}.dump());
  ASSERT_TRUE(format());
  EXPECT_EQ(format()->format(), Format::ChatML);
  folder.write("tokenizer_config.json", json{{"chat_template",
                                              {{{"name", "tool_use"}, {"template", "x"}},
                                               {{"name", "default"}, {"template", chatML}}}}}
                                            .dump());
  ASSERT_TRUE(format());
  EXPECT_EQ(format()->name(), "chatml");

  // A file of its own goes before; one character more is another program.
  folder.write("chat_template.jinja", chatML + " ");
  auto other = format();
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message,
              testing::MatchesRegex("chat_template.jinja: the chat template with SHA-256 [0-9a-f]+ "
                                    "is not among the known ones, and programs of a model are not "
                                    "run; choose one by name .*"));
  folder.write("chat_template.jinja", chatML);
  EXPECT_TRUE(format());

  folder.remove("chat_template.jinja");
  folder.write("tokenizer_config.json", json{{"chat_template", 7}}.dump());
  ASSERT_FALSE(format());
  EXPECT_EQ(format().error().message,
            "tokenizer_config.json: $.chat_template: expected a text, or a list with one named "
            "\"default\"");
}

TEST(ChatTemplate, NamesAndMistakes) {
  const Tokenizer words = tokenizer();
  auto named = ChatTemplate::named("llama3.2", data);
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_EQ(named->format(), Format::Llama32);
  EXPECT_EQ(ChatTemplate::named("alpaca", data).error().message,
            "no chat template 'alpaca'; choose one by name with --chat-template (llama3, llama3.1, "
            "llama3.2, chatml or smollm2)");

  const ChatTemplate format(Format::Llama3);
  EXPECT_EQ(format.render({}).error().message, "expected at least one message");
  const ChatMessage tool{"tool", "x"}, broken{"user", "a\xFF"}, fine{"user", "x"};
  EXPECT_EQ(format.render(std::span(&tool, 1)).error().message,
            "expected a message of system, user or assistant, found the role \"tool\"");
  EXPECT_FALSE(format.encode(words, std::span(&broken, 1)));
  auto stories =
      Tokenizer::load(std::string(ZORSE_SOURCE_DIR) + "/tests/golden/zebra-stories-260k");
  ASSERT_TRUE(stories);
  EXPECT_EQ(format.encode(*stories, std::span(&fine, 1)).error().message,
            "the chat template needs the special token <|begin_of_text|>, which tokenizer.json "
            "does not have among its added tokens");
  EXPECT_THAT(format.stopIds(words),
              ElementsAre(words.specialId("<|eot_id|>"), words.specialId("<|end_of_text|>")));
  EXPECT_THAT(ChatTemplate(Format::ChatML).stopIds(words),
              ElementsAre(words.specialId("<|im_end|>")));
}

} // namespace
} // namespace zorse
