//===- ChatTemplate.h - conversations as token ids --------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The template of a model is a program in Jinja, written by a stranger: it is
// never run. It is recognised by the SHA-256 of its text, and what that program
// does is written here in C++. An unknown one is an error that names its hash.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/hybrid/Tokenizer.h"

#include <optional>

namespace zorse {

struct ChatMessage {
  std::string role; ///< "system", "user" or "assistant"
  std::string content;
};

/// How a conversation is spelled for one model.
class ChatTemplate {
public:
  enum class Format {
    Llama3,       ///< headers around trimmed contents; nothing is added (AMD's checkpoints)
    Llama3Always, ///< the first Llama 3 Instruct: the same, always with the generation prompt
    Llama31,      ///< a system message that begins with a cutoff date and 26 Jul 2024
    Llama32,      ///< the same with today's date
    ChatML,       ///< <|im_start|>role, contents as they are; nothing is added
    SmolLM2,      ///< ChatML with a default system message
  };

  /// By the hash of the text in `dir`/chat_template.jinja, else of "chat_template" in
  /// `dir`/tokenizer_config.json (a string, or a list of which "default" is taken). Errors (Usage):
  /// there is none, it is unknown, a file that cannot be read.
  static Result<ChatTemplate> forModel(const std::string &dir);
  /// A format by name, whatever the model's own template: llama3, llama3.1, llama3.2, chatml or
  /// smollm2. `dir` is asked for the begin token only.
  static Result<ChatTemplate> named(std::string_view name, const std::string &dir);
  /// The format of the template with this SHA-256, 64 lower-case hexadecimal digits.
  static std::optional<Format> formatOf(std::string_view sha256);

  explicit ChatTemplate(Format format, std::string beginToken = "<|begin_of_text|>");

  Format format() const { return kind; }
  std::string_view name() const;
  /// The day that Llama32 tells, "26 Jul 2024"; today in local time unless set.
  void setDate(std::string text) { date = std::move(text); }

  /// The text that the model's own template gives, special tokens spelled out. At least one
  /// message; other roles are errors (Usage).
  Result<std::string> render(std::span<const ChatMessage> messages,
                             bool addGenerationPrompt = true) const;

  /// Ids of a conversation. Special tokens come from the template only: contents that spell them
  /// stay text. With `addGenerationPrompt` the ids end where the assistant's answer begins. Errors
  /// (Usage): as render(), a special token that the tokenizer lacks, contents that are not UTF-8.
  Result<std::vector<int32_t>> encode(const Tokenizer &tokenizer,
                                      std::span<const ChatMessage> messages,
                                      bool addGenerationPrompt = true) const;

  /// Ids that follow the last token of an assistant's answer (its end token left out) so that the
  /// conversation goes on with `message` and ends where the next answer begins: what a cache that
  /// holds everything before needs.
  Result<std::vector<int32_t>> encodeNext(const Tokenizer &tokenizer,
                                          const ChatMessage &message) const;

  /// Ids that end an answer, of those that the tokenizer has.
  std::vector<int32_t> stopIds(const Tokenizer &tokenizer) const;

private:
  struct Part;
  Result<std::vector<Part>> parts(std::span<const ChatMessage> messages, bool prompt) const;
  void addMessage(std::vector<Part> &out, const ChatMessage &message) const;
  void addPrompt(std::vector<Part> &out) const;
  void addEnd(std::vector<Part> &out) const;
  bool isChatML() const { return kind == Format::ChatML || kind == Format::SmolLM2; }

  Format kind;
  std::string beginToken, date;
};

} // namespace zorse
