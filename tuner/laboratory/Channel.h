//===- Channel.h - messages between a laboratory and its workers -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A message is a JSON header and, after it, any bytes (code). On the socket:
//
//   8 bytes "zorselab" | header length, u32 | payload length, u64 | header | payload
//
// in the byte order of the machine, as both ends run on it. Neither end believes the
// other: lengths are checked before anything is allocated, and a header is parsed with
// limits of size and depth.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Status.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace zorse::tuner {

using Json = nlohmann::json;

/// Raised with every change of a message; both ends must have the same.
constexpr int64_t protocolVersion = 1;

struct Message {
  Json header = Json::object(); ///< always an object
  std::vector<uint8_t> payload;
};

/// One end of a stream socket, which it does not own.
class Channel {
public:
  explicit Channel(int socket) : socket(socket) {}

  /// Puts a message behind those that wait to be sent.
  void queue(const Message &message);
  /// Sends what the socket takes without waiting. A peer that has gone is no error here; it shows
  /// in receive().
  void flush();
  bool isSending() const { return sent < outgoing.size(); }

  /// Takes what has come without waiting, up to a few megabytes a call.
  void receive();
  /// The next complete message, if there is one. Errors: what came is no message.
  Result<std::optional<Message>> next();
  /// Nothing more will come.
  bool hasEnded() const { return ended; }

  /// Waits until the message has gone or the peer has.
  Status sendAndWait(const Message &message);
  /// Waits for a message; nullopt once the peer has gone.
  Result<std::optional<Message>> wait();

private:
  int socket;
  std::vector<uint8_t> outgoing, incoming;
  size_t sent = 0, used = 0; ///< of outgoing, of incoming
  bool ended = false;
};

} // namespace zorse::tuner
