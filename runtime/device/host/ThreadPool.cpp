//===- ThreadPool.cpp - workers that share out workgroups -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "ThreadPool.h"

#include <algorithm>
#include <chrono>
#include <pthread.h>
#include <sched.h>

namespace zorse::host {

namespace {

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// A gap between the kernels of one decode step is shorter than this; a gap between requests is
/// not.
constexpr auto spinTime = std::chrono::microseconds(60);

std::vector<int> allowedCores() {
  std::vector<int> cores;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0)
    for (int core = 0; core < CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &set))
        cores.push_back(core);
  return cores;
}

} // namespace

ThreadPool::ThreadPool(int threads, bool pinned) {
  std::vector<int> cores = pinned ? allowedCores() : std::vector<int>();
  for (int i = 1; i < threads; ++i) {
    workers.emplace_back([this] { work(); });
    if (cores.empty())
      continue;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cores[size_t(i) % cores.size()], &set);
    // A core that the kernel refuses leaves the worker unpinned: slower, not wrong.
    pthread_setaffinity_np(workers.back().native_handle(), sizeof(set), &set);
  }
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(mutex);
    quitting = true;
  }
  wake.notify_all();
  for (std::thread &worker : workers)
    worker.join();
}

bool ThreadPool::takeChunk() {
  int64_t left = untaken.load(std::memory_order_relaxed);
  do {
    if (left <= 0)
      return false;
  } while (!untaken.compare_exchange_weak(left, left - 1, std::memory_order_acquire,
                                          std::memory_order_relaxed));
  // Chunks count down; items go up, so that neighbours run at about the same time.
  int64_t chunks = (count + chunk - 1) / chunk;
  int64_t first = (chunks - left) * chunk;
  body(context, first, std::min(first + chunk, count));
  unfinished.fetch_sub(1, std::memory_order_release);
  return true;
}

void ThreadPool::run(int64_t items, int64_t piece, Body function, void *argument) {
  if (items <= 0)
    return;
  if (workers.empty() || items <= piece) {
    function(argument, 0, items);
    return;
  }
  body = function;
  context = argument;
  count = items;
  chunk = piece;
  int64_t chunks = (items + piece - 1) / piece;
  unfinished.store(chunks, std::memory_order_relaxed);
  // Sequentially consistent with the sleepers: either we see the sleeper, or it sees the work.
  untaken.store(chunks, std::memory_order_seq_cst);
  if (sleepers.load(std::memory_order_seq_cst) > 0) {
    std::lock_guard lock(mutex);
    wake.notify_all();
  }
  while (takeChunk())
    ;
  for (int spins = 0; unfinished.load(std::memory_order_acquire) > 0; ++spins) {
    // A worker that was descheduled inside its chunk may need this very core.
    if (spins < 2000)
      relax();
    else
      sched_yield();
  }
}

void ThreadPool::work() {
  while (!quitting.load(std::memory_order_relaxed)) {
    while (takeChunk())
      ;
    auto until = std::chrono::steady_clock::now() + spinTime;
    bool found = false;
    while (!found && std::chrono::steady_clock::now() < until)
      for (int i = 0; i < 32 && !found; ++i) {
        relax();
        found = untaken.load(std::memory_order_relaxed) > 0;
      }
    if (found)
      continue;
    std::unique_lock lock(mutex);
    sleepers.fetch_add(1, std::memory_order_seq_cst);
    wake.wait(lock, [&] { return untaken.load(std::memory_order_seq_cst) > 0 || quitting; });
    sleepers.fetch_sub(1, std::memory_order_relaxed);
  }
}

} // namespace zorse::host
