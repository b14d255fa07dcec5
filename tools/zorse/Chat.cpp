//===- Chat.cpp - a conversation in a terminal ----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Chat.h"

#include "Interrupt.h"

#include <cerrno>
#include <fmt/format.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace zorse::tool {

void addChatOptions(CLI::App &verb, ChatChoice &choice) {
  verb.add_option("--system", choice.system, "first message of a conversation: how to behave")
      ->option_text("TEXT");
  verb.add_option("--chat-template", choice.format,
                  "how conversations are spelled (default: known by the model's own template)")
      ->option_text("llama3|llama3.1|llama3.2|chatml|smollm2");
  verb.add_option("--chat-date", choice.date,
                  "what a template that tells the date takes for today, as \"26 Jul 2024\"")
      ->option_text("DATE");
}

Result<ChatTemplate> chooseTemplate(const std::string &modelDir, const ChatChoice &choice) {
  Result<ChatTemplate> format = choice.format.empty()
                                    ? ChatTemplate::forModel(modelDir)
                                    : ChatTemplate::named(choice.format, modelDir);
  if (format)
    format->setDate(choice.date);
  return format;
}

Result<std::vector<int32_t>> encodeFirst(const ChatTemplate &format, const Tokenizer &tokenizer,
                                         const std::string &system, const std::string &message) {
  std::vector<ChatMessage> messages;
  if (!system.empty())
    messages.push_back({"system", system});
  messages.push_back({"user", message});
  return format.encode(tokenizer, messages);
}

namespace {

/// Lines of stdin, waiting in a way that a signal ends.
class Lines {
public:
  enum class Got { Line, End, Signal };

  Got next(std::string &line) {
    for (;;) {
      if (const size_t end = buffer.find('\n'); end != std::string::npos) {
        line = buffer.substr(0, end);
        buffer.erase(0, end + 1);
        return Got::Line;
      }
      // Reading goes on by itself after a signal, waiting in poll() does not.
      pollfd waiting{STDIN_FILENO, POLLIN, 0};
      if (stopRequested || (::poll(&waiting, 1, -1) < 0 && errno == EINTR)) {
        if (stopRequested)
          return Got::Signal;
        continue;
      }
      char bytes[4096];
      const ssize_t count = ::read(STDIN_FILENO, bytes, sizeof bytes);
      if (count > 0) {
        buffer.append(bytes, static_cast<size_t>(count));
        continue;
      }
      if (count < 0 && errno == EINTR)
        continue;
      line = std::exchange(buffer, "");
      return line.empty() ? Got::End : Got::Line;
    }
  }

private:
  std::string buffer;
};

} // namespace

VerbResult chat(const ChatTemplate &format, const Tokenizer &tokenizer, const ChatChoice &choice,
                const ChatTurns &turns) {
  static constexpr const char *help =
      "/reset begins a new conversation, /quit or Ctrl-D ends, Ctrl-C stops an answer\n";
  fmt::print(stderr, "{}", help);
  Lines lines;
  for (;;) {
    fmt::print(stderr, "> ");
    std::string line;
    const Lines::Got got = lines.next(line);
    if (got != Lines::Got::Line)
      fmt::print(stderr, "\n");
    if (got == Lines::Got::Signal)
      return interruptedExitCode();
    if (got == Lines::Got::End || line == "/quit")
      return 0;
    if (line.find_first_not_of(" \t\r") == std::string::npos)
      continue;
    if (line == "/help") {
      fmt::print(stderr, "{}", help);
      continue;
    }
    if (line == "/reset") {
      turns.forget();
      continue;
    }
    Result<std::vector<int32_t>> ids = turns.isNew()
                                           ? encodeFirst(format, tokenizer, choice.system, line)
                                           : format.encodeNext(tokenizer, {"user", line});
    Status status = ids ? turns.say(*ids) : Status(ids.takeError());
    if (!status) {
      Error error = status.takeError();
      if (error.code != ErrorCode::Usage)
        return error;
      fmt::print(stderr, "zorse: error: {}\n", error.message);
    }
    if (stopRequested && !forgetInterrupt())
      return interruptedExitCode();
  }
}

} // namespace zorse::tool
