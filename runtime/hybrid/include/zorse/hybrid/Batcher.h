//===- Batcher.h - continuous batching --------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Requests come and go while others run:
//
//   Batcher::create(engine)   the engine belongs to the batcher from now on
//   submit(request)           from any thread; callbacks tell tokens and the end
//   step() ... step()         from one thread: one pass of the engine each
//
// Every pass takes one token of each running request and fills up with pieces of
// waiting prompts, first come first served.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/hybrid/Generator.h"

namespace zorse {

struct BatcherOptions {
  int64_t queueLimit = 256; ///< requests that wait, at most; one more is refused
  /// Tokens of prompts in one pass. Every prompt is taken in pieces of this length from its
  /// beginning, whatever else runs. At most prefillChunk - numSlots, so that each piece fits beside
  /// all running rows; 0: as many, rounded down to a multiple of 16 if that is possible.
  int64_t pieceTokens = 0;
  /// Snapshots at ends of pieces that are kept, so that a prompt that begins like an earlier one
  /// starts from there; the one not used for longest gives way. 0: none.
  int64_t prefixSnapshots = 0;
};

using RequestId = int64_t;

/// A prompt and what to tell about it. Callbacks run in the thread that calls step(), or in the one
/// that cancels a request that waits; no lock is held, so they may call submit() and cancel().
struct BatchRequest {
  std::vector<int32_t> promptIds; ///< at least one
  GenerateOptions options;
  /// Each new token, with the text that follows what came before; return false to stop. A last
  /// call with id -1 gives the rest of a text that ended within a character.
  std::function<bool(RequestId id, int32_t token, std::string_view text)> onToken;
  /// The end: the whole row. Called once for every request that was accepted, unless the batcher is
  /// destroyed first.
  std::function<void(RequestId id, const GeneratedRow &row)> onEnd;
};

/// What submit() says.
struct Submission {
  std::optional<RequestId> id; ///< absent: the queue is full; try again after a step
};

/// Requests so far, and what the scheduler did for them.
struct BatcherCounts {
  int64_t waiting = 0, running = 0, finished = 0, refused = 0;
  int64_t steps = 0;        ///< passes of the engine
  int64_t putBack = 0;      ///< times that a row gave its pages back and began again
  int64_t reusedTokens = 0; ///< prompt tokens that came from a snapshot
  int64_t mostRunning = 0;  ///< rows in one pass
};

/// Continuous batching on one engine. submit(), cancel() and counts() may be called from any
/// thread, step() and run() from one at a time.
///
/// The tokens of a greedy request do not depend on what else runs, as far as the kernels give a row
/// the same numbers in every batch: prompts are cut at the same places always. Kernels that are
/// tuned for another number of rows may add in another order, and a row that was put back computes
/// its own output again as a prompt; then logits differ by rounding, which decides between tokens
/// that are equally likely.
class Batcher {
public:
  /// The engine must outlive the batcher, have no open sequences, and be used by nobody else
  /// meanwhile.
  static Result<std::unique_ptr<Batcher>> create(Engine &engine,
                                                 const BatcherOptions &options = {});
  /// Closes what runs; callbacks are not called.
  ~Batcher();

  /// Puts a request at the end of the queue. Usage errors: options that are wrong, no or unknown
  /// ids, a prompt that is longer than maxLen or than all pages.
  Result<Submission> submit(BatchRequest request);
  /// Ends a request, at the next step if it runs. False: there is no such request (any more).
  bool cancel(RequestId id);

  /// One pass; false: nothing to do. After an error nothing runs any more: every request ends with
  /// StopReason::Cancelled.
  Result<bool> step();
  /// Steps until nothing waits or runs.
  Status run();
  BatcherCounts counts() const;

private:
  struct State;
  explicit Batcher(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

} // namespace zorse
