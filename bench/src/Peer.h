//===- Peer.h - other people's libraries, as child processes ----*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A peer runs in a process of its own, so that its threads, allocator and
// instruction set limits are its own. It is asked by lines of JSON; the protocol
// stands on top of bench/peers/torch_ops.py.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Side.h"

#include <nlohmann/json_fwd.hpp>

#include <sys/types.h>

namespace zorse::bench {

class PeerProcess {
public:
  /// Starts the command with one OpenMP and BLAS thread count. Errors: it cannot be started.
  static Result<std::shared_ptr<PeerProcess>> start(const std::vector<std::string> &command,
                                                    int threads);
  ~PeerProcess();
  PeerProcess(const PeerProcess &) = delete;
  PeerProcess &operator=(const PeerProcess &) = delete;

  /// Sends one request and waits for its answer. An answer {"error": …} is an error.
  Result<nlohmann::json> ask(const nlohmann::json &request);

private:
  PeerProcess() = default;
  std::string name;
  pid_t child = -1;
  int toChild = -1, fromChild = -1;
  std::string pending; ///< read, but not yet a whole line
};

/// The sides of a case that a started peer offers.
Result<std::vector<std::unique_ptr<Side>>> peerSides(const std::shared_ptr<PeerProcess> &peer,
                                                     const Case &benchCase, const Setup &setup);

} // namespace zorse::bench
