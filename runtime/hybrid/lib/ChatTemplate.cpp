//===- ChatTemplate.cpp - the known formats of conversations --------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hybrid/ChatTemplate.h"

#include "TokenizerData.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace zorse {

/// Text, or a special token in the template's own hand.
struct ChatTemplate::Part {
  std::string text;
  bool special = false;
};

namespace {

constexpr const char *startHeader = "<|start_header_id|>", *endHeader = "<|end_header_id|>";
constexpr const char *endOfTurn = "<|eot_id|>";
constexpr const char *start = "<|im_start|>", *end = "<|im_end|>";
constexpr const char *fixedDate = "26 Jul 2024";
constexpr const char *smolSystem = "You are a helpful AI "
                                   "assistant named SmolLM, trained by Hugging Face";

/// What Python's str.strip() removes, and with it the filter `trim` of a template.
bool isSpace(uint32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

/// Ill-formed text is left alone: the tokenizer says where.
std::string_view trim(std::string_view text) {
  while (!text.empty()) {
    const size_t length = characterLength(text, 0);
    if (length == 0 || !isSpace(codePointAt(text, 0)))
      break;
    text.remove_prefix(length);
  }
  while (!text.empty()) {
    size_t at = text.size() - 1;
    while (at > 0 && text.size() - at < 4 && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80)
      --at;
    if (characterLength(text, at) != text.size() - at || !isSpace(codePointAt(text, at)))
      break;
    text.remove_suffix(text.size() - at);
  }
  return text;
}

/// In English whatever the locale, as the models saw it.
std::string today() {
  static constexpr const char *months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::time_t now = std::time(nullptr);
  std::tm local = {};
  localtime_r(&now, &local);
  return fmt::format("{:02} {} {}", local.tm_mday, months[local.tm_mon], local.tm_year + 1900);
}

} // namespace

ChatTemplate::ChatTemplate(Format format, std::string beginToken)
    : kind(format), beginToken(std::move(beginToken)) {}

void ChatTemplate::addEnd(std::vector<Part> &out) const {
  out.push_back({isChatML() ? end : endOfTurn, true});
  if (isChatML())
    out.push_back({"\n"});
}

void ChatTemplate::addMessage(std::vector<Part> &out, const ChatMessage &message) const {
  if (isChatML()) {
    out.push_back({start, true});
    out.push_back({message.role + "\n" + message.content});
  } else {
    out.push_back({startHeader, true});
    out.push_back({message.role});
    out.push_back({endHeader, true});
    out.push_back({"\n\n" + std::string(trim(message.content))});
  }
  addEnd(out);
}

void ChatTemplate::addPrompt(std::vector<Part> &out) const {
  if (isChatML()) {
    out.push_back({start, true});
    out.push_back({"assistant\n"});
    return;
  }
  out.push_back({startHeader, true});
  out.push_back({"assistant"});
  out.push_back({endHeader, true});
  out.push_back({"\n\n"});
}

static Status checkRole(const ChatMessage &message) {
  if (message.role == "system" || message.role == "user" || message.role == "assistant")
    return Status::success();
  return usageError(fmt::format(
      "expected a message of system, user or assistant, found the role \"{:.48}\"", message.role));
}

Result<std::vector<ChatTemplate::Part>> ChatTemplate::parts(std::span<const ChatMessage> messages,
                                                            bool prompt) const {
  if (messages.empty())
    return usageError("expected at least one message");
  for (const ChatMessage &message : messages)
    if (Status status = checkRole(message); !status)
      return status.takeError();

  std::vector<Part> out;
  const bool hasSystem = messages.front().role == "system";
  if (!isChatML())
    out.push_back({beginToken, true});
  if (kind == Format::Llama31 || kind == Format::Llama32) {
    const std::string day = kind == Format::Llama31 ? fixedDate : date.empty() ? today() : date;
    std::string text =
        fmt::format("Cutting Knowledge Date: December 2023\nToday Date: {}\n\n", day);
    if (hasSystem)
      text += trim(messages.front().content);
    // Not addMessage(): what follows the dates keeps its blank line though nothing comes after.
    out.push_back({startHeader, true});
    out.push_back({"system"});
    out.push_back({endHeader, true});
    out.push_back({"\n\n" + text});
    addEnd(out);
    messages = messages.subspan(hasSystem ? 1 : 0);
  } else if (kind == Format::SmolLM2 && !hasSystem) {
    addMessage(out, {"system", smolSystem});
  }
  for (const ChatMessage &message : messages)
    addMessage(out, message);
  if (prompt || kind == Format::Llama3Always)
    addPrompt(out);
  return out;
}

Result<std::string> ChatTemplate::render(std::span<const ChatMessage> messages,
                                         bool addGenerationPrompt) const {
  Result<std::vector<Part>> all = parts(messages, addGenerationPrompt);
  if (!all)
    return all.takeError();
  std::string text;
  for (const Part &part : *all)
    text += part.text;
  return text;
}

static Status append(const Tokenizer &tokenizer, const std::string &text, bool special,
                     std::vector<int32_t> &ids) {
  if (special) {
    const int32_t id = tokenizer.specialId(text);
    if (id < 0)
      return usageError(fmt::format("the chat template needs the special token {}, which "
                                    "tokenizer.json does not have among its added tokens",
                                    text));
    ids.push_back(id);
    return Status::success();
  }
  Result<std::vector<int32_t>> some =
      tokenizer.encode(text, /*addSpecial=*/false, /*first=*/ids.empty());
  if (!some)
    return some.takeError();
  ids.insert(ids.end(), some->begin(), some->end());
  return Status::success();
}

Result<std::vector<int32_t>> ChatTemplate::encode(const Tokenizer &tokenizer,
                                                  std::span<const ChatMessage> messages,
                                                  bool addGenerationPrompt) const {
  Result<std::vector<Part>> all = parts(messages, addGenerationPrompt);
  if (!all)
    return all.takeError();
  std::vector<int32_t> ids;
  for (const Part &part : *all)
    if (Status status = append(tokenizer, part.text, part.special, ids); !status)
      return status.takeError();
  return ids;
}

Result<std::vector<int32_t>> ChatTemplate::encodeNext(const Tokenizer &tokenizer,
                                                      const ChatMessage &message) const {
  if (Status status = checkRole(message); !status)
    return status.takeError();
  std::vector<Part> all;
  addEnd(all);
  addMessage(all, message);
  addPrompt(all);
  std::vector<int32_t> ids;
  for (const Part &part : all)
    if (Status status = append(tokenizer, part.text, part.special, ids); !status)
      return status.takeError();
  return ids;
}

std::vector<int32_t> ChatTemplate::stopIds(const Tokenizer &tokenizer) const {
  std::vector<int32_t> ids;
  // The end of a turn, of a message to a tool, and of everything.
  for (const char *token :
       isChatML() ? std::initializer_list<const char *>{end, "<|endoftext|>"}
                  : std::initializer_list<const char *>{endOfTurn, "<|eom_id|>", "<|end_of_text|>"})
    if (const int32_t id = tokenizer.specialId(token); id >= 0)
      ids.push_back(id);
  return ids;
}

} // namespace zorse
