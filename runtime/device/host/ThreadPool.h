//===- ThreadPool.h - workers that share out workgroups -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A decode step launches some hundred kernels of a few microseconds each, so waking
// threads must cost less than that: a worker that has finished spins for a short
// while before it sleeps, and the caller works too instead of waiting. Chunks are
// handed out by one atomic counter, so a slow core takes fewer of them.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace zorse::host {

class ThreadPool {
public:
  /// `threads` counts the caller; 1 makes no worker. Pinned: each worker runs on one core of those
  /// that this process may use; the caller stays where it is.
  ThreadPool(int threads, bool pinned);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;

  int threads() const { return int(workers.size()) + 1; }

  /// A piece of work: items first <= i < last.
  using Body = void (*)(void *context, int64_t first, int64_t last);
  /// Runs the body over [0, count) in pieces of `chunk` and returns when all are done. One call at
  /// a time; the body must not call run().
  void run(int64_t count, int64_t chunk, Body body, void *context);

private:
  void work();
  bool takeChunk();

  std::vector<std::thread> workers;
  std::mutex mutex;
  std::condition_variable wake;
  std::atomic<int> sleepers = 0;
  std::atomic<bool> quitting = false;

  // The job. The caller writes it only while `unfinished` is 0 and before it publishes `untaken`;
  // whoever takes a chunk has thereby seen it, and holds `unfinished` above 0 until it is done.
  Body body = nullptr;
  void *context = nullptr;
  int64_t count = 0, chunk = 1;
  alignas(64) std::atomic<int64_t> untaken = 0;
  alignas(64) std::atomic<int64_t> unfinished = 0;
};

} // namespace zorse::host
