//===- WorkerProcess.h - a worker as its laboratory sees it -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "laboratory/ChildProcess.h"
#include "laboratory/Messages.h"

#include <atomic>
#include <chrono>
#include <poll.h>

namespace zorse::tuner {

/// What has happened to a worker.
struct WorkerEvent {
  enum Kind {
    Nothing,
    Greeted,  ///< it is ready for requests
    Answered, ///< `answer`
    Ended,    ///< it is no more, for the reason in `state` and `error`
  } kind = Nothing;
  Message answer;
  TrialState state = TrialState::Crashed; ///< Crashed or TimedOut
  std::string error;
};

/// A child process that runs runWorker(). It does one request at a time; whatever goes wrong with
/// it, a wrong answer included, ends it and is told as an event.
class WorkerProcess {
public:
  static Result<std::unique_ptr<WorkerProcess>> start(const std::vector<std::string> &command,
                                                      const Setup &setup);

  bool isReady() const { return greeted && !busy; }
  bool isBusy() const { return busy; }
  const std::string &compilerRevision() const { return revision; }
  /// Why it cannot be used at all (another version), or empty.
  const std::string &refusal() const { return refused; }
  int64_t requests() const { return requestCount; }
  int64_t residentBytes() const { return child->residentBytes(); }
  double busySeconds() const;

  /// Whether it still lives. Only for one without a request, whose end is nobody's fault.
  bool lives();
  /// Sends a request and starts its clock; `what` completes "… took longer than …".
  void request(const Message &message, double limitSeconds, std::string what);
  /// Sends, receives and watches the clock, without waiting.
  WorkerEvent advance();

  void addTo(std::vector<pollfd> &wanted) const;
  /// Until the clock of its request runs out, at most a minute.
  std::chrono::milliseconds patience() const;

private:
  using Clock = std::chrono::steady_clock;
  WorkerProcess(std::unique_ptr<ChildProcess> child, const Setup &setup)
      : child(std::move(child)), channel(this->child->socket()), setup(setup) {}
  WorkerEvent ended(TrialState state, std::string error);
  std::string reasonOfEnd() const;
  WorkerEvent greet(const Message &message);

  std::unique_ptr<ChildProcess> child;
  Channel channel;
  Setup setup;
  std::string revision, refused, job = "the start of the worker";
  bool greeted = false, busy = false, limitsMemory = true;
  int64_t requestCount = 0;
  double limitSeconds = 0;
  Clock::time_point begun;
};

/// Waits until something may have happened to one of them, 50 ms at most.
void waitForWorkers(std::span<WorkerProcess *const> workers);

} // namespace zorse::tuner
