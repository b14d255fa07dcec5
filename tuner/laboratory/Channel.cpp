//===- Channel.cpp - messages between a laboratory and its workers -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "laboratory/Channel.h"

#include "zorse/desc/StrictJson.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

namespace zorse::tuner {

namespace {

constexpr char magic[] = "zorselab";
constexpr size_t magicBytes = 8, prefixBytes = magicBytes + sizeof(uint32_t) + sizeof(uint64_t);
constexpr uint64_t maxHeader = uint64_t(16) << 20, maxPayload = uint64_t(1) << 30;
constexpr size_t maxReceived = size_t(4) << 20; ///< of one call of receive()

void append(std::vector<uint8_t> &to, const void *bytes, size_t count) {
  const auto *first = static_cast<const uint8_t *>(bytes);
  to.insert(to.end(), first, first + count);
}

} // namespace

void Channel::queue(const Message &message) {
  // Text from elsewhere (diagnostics) need not be UTF-8.
  std::string header = message.header.dump(-1, ' ', false, Json::error_handler_t::replace);
  auto headerBytes = static_cast<uint32_t>(header.size());
  uint64_t payloadBytes = message.payload.size();
  append(outgoing, magic, magicBytes);
  append(outgoing, &headerBytes, sizeof headerBytes);
  append(outgoing, &payloadBytes, sizeof payloadBytes);
  append(outgoing, header.data(), header.size());
  append(outgoing, message.payload.data(), message.payload.size());
}

void Channel::flush() {
  while (isSending()) {
    ssize_t count =
        send(socket, outgoing.data() + sent, outgoing.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return;
    if (count < 0)
      break; // the peer has gone
    sent += static_cast<size_t>(count);
  }
  outgoing.clear();
  sent = 0;
}

void Channel::receive() {
  uint8_t buffer[size_t(1) << 16];
  for (size_t total = 0; total < maxReceived;) {
    ssize_t count = recv(socket, buffer, sizeof buffer, MSG_DONTWAIT);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return;
    if (count <= 0) {
      ended = true;
      return;
    }
    append(incoming, buffer, static_cast<size_t>(count));
    total += static_cast<size_t>(count);
  }
}

Result<std::optional<Message>> Channel::next() {
  size_t have = incoming.size() - used;
  const uint8_t *from = incoming.data() + used;
  if (have > 0 && std::memcmp(from, magic, std::min(have, magicBytes)) != 0)
    return runtimeError("expected a message, found bytes that are none");
  if (have < prefixBytes)
    return std::optional<Message>();
  uint32_t headerBytes;
  uint64_t payloadBytes;
  std::memcpy(&headerBytes, from + magicBytes, sizeof headerBytes);
  std::memcpy(&payloadBytes, from + magicBytes + sizeof headerBytes, sizeof payloadBytes);
  if (headerBytes > maxHeader || payloadBytes > maxPayload)
    return runtimeError(fmt::format("a message with {} bytes of header and {} of payload, the "
                                    "limits are {} and {}",
                                    headerBytes, payloadBytes, maxHeader, maxPayload));
  if (have - prefixBytes < headerBytes + payloadBytes)
    return std::optional<Message>();
  std::string_view text(reinterpret_cast<const char *>(from) + prefixBytes, headerBytes);
  Result<Json> header = parseStrictJson(text, {.maxBytes = maxHeader, .maxDepth = 32});
  if (!header)
    return runtimeError("the header of a message: " + header.error().message);
  if (!header->is_object())
    return runtimeError("expected an object as the header of a message, found " +
                        describeJson(*header));
  Message message;
  message.header = header.take();
  const uint8_t *payload = from + prefixBytes + headerBytes;
  message.payload.assign(payload, payload + payloadBytes);
  used += prefixBytes + headerBytes + payloadBytes;
  if (used == incoming.size()) {
    incoming.clear();
    used = 0;
  }
  return std::optional(std::move(message));
}

Status Channel::sendAndWait(const Message &message) {
  queue(message);
  for (flush(); isSending(); flush()) {
    pollfd wanted = {socket, POLLOUT, 0};
    if (poll(&wanted, 1, -1) < 0 && errno != EINTR)
      return runtimeError(fmt::format("cannot wait for the socket: {}", strerror(errno)));
  }
  return Status::success();
}

Result<std::optional<Message>> Channel::wait() {
  while (true) {
    Result<std::optional<Message>> message = next();
    if (!message || *message || ended)
      return message;
    pollfd wanted = {socket, POLLIN, 0};
    if (poll(&wanted, 1, -1) < 0 && errno != EINTR)
      return runtimeError(fmt::format("cannot wait for the socket: {}", strerror(errno)));
    receive();
  }
}

} // namespace zorse::tuner
