//===- Chat.cpp - conversations through the C API -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Handles.h"

#include "zorse/hybrid/ChatTemplate.h"

#include <fmt/format.h>

using namespace zorse;
using namespace zorse::capi;

static Result<ChatTemplate> templateOf(const OpenModel &open, const char *format) {
  return format ? ChatTemplate::named(format, open.folder) : ChatTemplate::forModel(open.folder);
}

extern "C" {

zorse_status zorse_chat_tokenize(const zorse_model *model, const char *format,
                                 const zorse_chat_message *messages, size_t messageCount,
                                 int32_t addGenerationPrompt, int32_t *ids, size_t capacity,
                                 size_t *count) {
  return guarded([&]() -> zorse_status {
    if (!model || !messages || messageCount == 0)
      return failUsage("zorse_chat_tokenize() needs a model and at least one message");
    std::vector<ChatMessage> conversation;
    for (size_t i = 0; i < messageCount; ++i) {
      if (!messages[i].role || !messages[i].content)
        return failUsage(fmt::format("role or content of message {} is NULL", i));
      conversation.push_back({messages[i].role, messages[i].content});
    }
    Result<ChatTemplate> chat = templateOf(*model->open, format);
    if (!chat)
      return fail(chat.error());
    Result<std::vector<int32_t>> found =
        chat->encode(model->open->model->tokenizer(), conversation, addGenerationPrompt != 0);
    if (!found)
      return fail(found.error());
    return copyOut(std::span<const int32_t>(*found), ids, capacity, count);
  });
}

zorse_status zorse_chat_end_ids(const zorse_model *model, const char *format, int32_t *ids,
                                size_t capacity, size_t *count) {
  return guarded([&]() -> zorse_status {
    if (!model)
      return failUsage("the model is NULL; zorse_model_open() makes one");
    Result<ChatTemplate> chat = templateOf(*model->open, format);
    if (!chat)
      return fail(chat.error());
    const std::vector<int32_t> found = chat->stopIds(model->open->model->tokenizer());
    return copyOut(std::span<const int32_t>(found), ids, capacity, count);
  });
}

} // extern "C"
