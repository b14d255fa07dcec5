//===- WorkerProcess.cpp - a worker as its laboratory sees it -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "laboratory/WorkerProcess.h"

#include "laboratory/WorkerExit.h"

#include <algorithm>
#include <fmt/format.h>
#include <unistd.h>

namespace zorse::tuner {

namespace {
/// A program that links LLVM from a cold disk takes a while.
constexpr double startSeconds = 60;
} // namespace

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::start(const std::vector<std::string> &command,
                                                            const Setup &setup) {
  Result<std::unique_ptr<ChildProcess>> child = ChildProcess::start(command);
  if (!child)
    return child.takeError();
  Setup full = setup;
  full.parent = getpid();
  std::unique_ptr<WorkerProcess> worker(new WorkerProcess(child.take(), full));
  worker->channel.queue(setupMessage(full));
  worker->channel.flush();
  worker->begun = Clock::now();
  worker->limitSeconds = startSeconds;
  return worker;
}

double WorkerProcess::busySeconds() const {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

bool WorkerProcess::lives() {
  pollfd socket = {child->socket(), POLLIN, 0};
  // It has no reason to say anything now, so input is the end or a worker gone mad.
  return poll(&socket, 1, 0) == 0;
}

void WorkerProcess::request(const Message &message, double limit, std::string what) {
  child->readOutput();
  child->clearOutput();
  channel.queue(message);
  channel.flush();
  busy = true;
  ++requestCount;
  job = std::move(what);
  limitSeconds = limit;
  begun = Clock::now();
}

WorkerEvent WorkerProcess::ended(TrialState state, std::string error) {
  busy = false;
  WorkerEvent event;
  event.kind = WorkerEvent::Ended;
  event.state = state;
  event.error = std::move(error);
  return event;
}

std::string WorkerProcess::reasonOfEnd() const {
  std::string words = child->lastWords();
  std::string all = child->lastOutput();
  bool outOfMemory = child->exitCode() == exitOutOfMemory;
  for (std::string_view mark : {"out of memory", "bad_alloc", "Cannot allocate memory",
                                "Buffer allocation failed", "Allocation failed"})
    outOfMemory |= all.find(mark) != std::string::npos;
  std::string reason = child->describeEnd();
  if (outOfMemory)
    reason = limitsMemory && setup.limits.memoryBytes > 0
                 ? fmt::format("out of memory, limit {} MiB: the worker {}",
                               setup.limits.memoryBytes >> 20, reason)
                 : fmt::format("out of memory, no limit set: the worker {}", reason);
  else
    reason = "the worker " + reason;
  return words.empty() ? reason : fmt::format("{}: {}", reason, words);
}

WorkerEvent WorkerProcess::greet(const Message &message) {
  auto version = message.header.find("version");
  auto name = message.header.find("revision");
  if (typeOf(message) != "hello" || version == message.header.end() ||
      !version->is_number_integer() || name == message.header.end() || !name->is_string()) {
    child->end(0);
    refused = "the worker does not begin with a greeting; is it a worker at all?";
    return ended(TrialState::Crashed, refused);
  }
  if (version->get<int64_t>() != protocolVersion) {
    child->end(0);
    refused = fmt::format("the worker speaks version {} of the protocol, this program version {}; "
                          "install both from one build",
                          version->get<int64_t>(), protocolVersion);
    return ended(TrialState::Crashed, refused);
  }
  auto limits = message.header.find("limits_memory");
  limitsMemory = limits == message.header.end() || !limits->is_boolean() || limits->get<bool>();
  revision = name->get<std::string>();
  greeted = true;
  WorkerEvent event;
  event.kind = WorkerEvent::Greeted;
  return event;
}

WorkerEvent WorkerProcess::advance() {
  child->readOutput();
  channel.flush();
  channel.receive();
  Result<std::optional<Message>> message = channel.next();
  if (!message) {
    child->end(0);
    return ended(TrialState::Crashed, "the worker broke the protocol: " + message.error().message);
  }
  if (*message) {
    if (!greeted)
      return greet(**message);
    if (!busy) {
      child->end(0);
      return ended(TrialState::Crashed, "the worker broke the protocol: it answers what it was "
                                        "not asked");
    }
    busy = false;
    WorkerEvent event;
    event.kind = WorkerEvent::Answered;
    event.answer = std::move(**message);
    return event;
  }
  if (channel.hasEnded()) {
    child->end(1);
    return ended(TrialState::Crashed, reasonOfEnd());
  }
  if ((busy || !greeted) && busySeconds() > limitSeconds) {
    child->end(0);
    return ended(TrialState::TimedOut,
                 fmt::format("{} took longer than the limit of {:g} s", job, limitSeconds));
  }
  return {};
}

void WorkerProcess::addTo(std::vector<pollfd> &wanted) const {
  wanted.push_back(
      {child->socket(), static_cast<short>(channel.isSending() ? POLLIN | POLLOUT : POLLIN), 0});
  wanted.push_back({child->output(), POLLIN, 0});
}

std::chrono::milliseconds WorkerProcess::patience() const {
  bool watched = busy || !greeted;
  double left = watched ? std::clamp(limitSeconds - busySeconds(), 0.0, 60.0) : 60;
  return std::chrono::milliseconds(int64_t(left * 1e3) + 1);
}

void waitForWorkers(std::span<WorkerProcess *const> workers) {
  std::vector<pollfd> wanted;
  std::chrono::milliseconds patience(50); // the stop flag has no descriptor
  for (const WorkerProcess *worker : workers) {
    worker->addTo(wanted);
    patience = std::min(patience, worker->patience());
  }
  // Ended by a signal it is just as well.
  poll(wanted.data(), wanted.size(), int(patience.count()));
}

} // namespace zorse::tuner
