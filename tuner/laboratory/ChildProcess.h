//===- ChildProcess.h - a child with a socket, and what it said last -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Status.h"

#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

namespace zorse::tuner {

/// A program in a process group of its own. Its file descriptor 3 is a stream socket to us; what it
/// writes to stdout and stderr comes to us, it reads nothing. It inherits no other descriptor.
class ChildProcess {
public:
  /// Errors: Runtime, if the program cannot be started.
  static Result<std::unique_ptr<ChildProcess>> start(const std::vector<std::string> &command);
  /// Kills and reaps it.
  ~ChildProcess();
  ChildProcess(const ChildProcess &) = delete;
  ChildProcess &operator=(const ChildProcess &) = delete;

  pid_t id() const { return pid; }
  int socket() const { return socketEnd; }
  /// Readable when it has said something; -1 once it can say no more.
  int output() const { return silent ? -1 : outputEnd; }

  /// Takes what it said without waiting; the last 4 KiB are kept.
  void readOutput();
  /// Forgets what it said, which was about something else.
  void clearOutput() { said.clear(); }
  const std::string &lastOutput() const { return said; }
  /// The line that tells most about why it ended, for a message; may be empty.
  std::string lastWords() const;

  /// Waits up to `seconds` for its end, then kills it and all that it started. A child that a
  /// driver keeps from dying is left to reap later.
  void end(double seconds);
  /// After end(): "died of SIGSEGV", "ended with exit code 3".
  std::string describeEnd() const;
  int exitCode() const;                     ///< -1 if it did not exit
  int endSignal() const;                    ///< 0 if it did
  bool wasKilled() const { return killed; } ///< by us

  /// Memory that it holds now, in bytes, 0 if unknown.
  int64_t residentBytes() const;

private:
  ChildProcess() = default;
  bool reap();

  pid_t pid = -1;
  int socketEnd = -1, outputEnd = -1;
  int status = 0;
  bool silent = false, reaped = false, statusKnown = false, killed = false;
  std::string said;
};

} // namespace zorse::tuner
