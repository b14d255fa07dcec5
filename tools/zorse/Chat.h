//===- Chat.h - a conversation in a terminal --------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Tool.h"

#include "zorse/hybrid/ChatTemplate.h"

namespace zorse::tool {

/// How a conversation is spelled.
struct ChatChoice {
  std::string format; ///< a name of ChatTemplate::named(); empty: the model's own
  std::string system; ///< first message; empty: none of ours
  std::string date;   ///< for templates that tell one; empty: today
};

/// The options --system, --chat-template and --chat-date.
void addChatOptions(CLI::App &verb, ChatChoice &choice);

/// Errors (Usage): no template, an unknown one.
Result<ChatTemplate> chooseTemplate(const std::string &modelDir, const ChatChoice &choice);

/// The beginning of a conversation, up to where the first answer begins.
Result<std::vector<int32_t>> encodeFirst(const ChatTemplate &format, const Tokenizer &tokenizer,
                                         const std::string &system, const std::string &message);

/// Reads lines from the terminal on stdin and answers each, until the end of input, /quit, a
/// SIGINT while it waits for a line, or SIGTERM. `say` gets the ids of a turn and prints the
/// answer; its Usage errors do not end the conversation. `isNew` tells whether it has begun;
/// `forget` begins anew. What is typed wrong is told, and the conversation goes on.
struct ChatTurns {
  std::function<Status(std::span<const int32_t> ids)> say;
  std::function<bool()> isNew;
  std::function<void()> forget;
};
VerbResult chat(const ChatTemplate &format, const Tokenizer &tokenizer, const ChatChoice &choice,
                const ChatTurns &turns);

} // namespace zorse::tool
