//===- InParallel.h - jobs on all cores -------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace zorse::test {

/// Runs job(i) for all i < count on `threads` threads, by default one a core.
inline void inParallel(size_t count, const std::function<void(size_t)> &job,
                       unsigned threads = std::thread::hardware_concurrency()) {
  std::atomic<size_t> next = 0;
  std::vector<std::jthread> workers;
  for (unsigned i = 0; i < std::max(1u, threads); ++i)
    workers.emplace_back([&] {
      for (size_t at = next++; at < count; at = next++)
        job(at);
    });
}

} // namespace zorse::test
