//===- Stream.cpp - the bytes of an op without the op ---------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Stream.h"

#include "zorse/reference/Fill.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <thread>

namespace zorse::bench {

namespace {

using Clock = std::chrono::steady_clock;

// Words of 8 bytes; the loops become the widest vectors of the machine.
#define ZORSE_WIDEST __attribute__((target_clones("avx512f", "avx2", "default")))

ZORSE_WIDEST uint64_t readWords(const uint64_t *words, size_t count) {
  uint64_t sums[32] = {};
  size_t i = 0;
  for (; i + 32 <= count; i += 32)
    for (size_t lane = 0; lane < 32; ++lane)
      sums[lane] ^= words[i + lane];
  for (; i < count; ++i)
    sums[0] ^= words[i];
  uint64_t all = 0;
  for (uint64_t sum : sums)
    all ^= sum;
  return all;
}

ZORSE_WIDEST void writeWords(uint64_t *words, size_t count, uint64_t value) {
  for (size_t i = 0; i < count; ++i)
    words[i] = value + i;
}

ZORSE_WIDEST void updateWords(uint64_t *words, size_t count, uint64_t value) {
  for (size_t i = 0; i < count; ++i)
    words[i] ^= value;
}

/// Threads that wait for work without sleeping, as those of the host device do in a round.
class Team {
public:
  explicit Team(int size) {
    for (int member = 1; member < size; ++member)
      threads.emplace_back([this, member] {
        for (int seen = 0;;) {
          wait([&] { return generation.load(std::memory_order_acquire) != seen; });
          seen = generation.load(std::memory_order_acquire);
          if (!work)
            return;
          work(member);
          done.fetch_add(1, std::memory_order_release);
        }
      });
  }
  ~Team() {
    start(nullptr);
    joinAll();
  }

  void run(const std::function<void(int)> &task) {
    done.store(0);
    start(task);
    task(0);
    wait([&] { return done.load(std::memory_order_acquire) == static_cast<int>(threads.size()); });
  }

private:
  /// Lets others run after a while, so that a thread that waits never keeps one that works waiting.
  template <typename Condition> static void wait(const Condition &condition) {
    for (int spins = 0; !condition(); ++spins)
      if (spins > 4096)
        std::this_thread::yield();
  }
  void start(std::function<void(int)> task) {
    work = std::move(task);
    generation.fetch_add(1, std::memory_order_release);
  }
  void joinAll() {
    for (std::thread &thread : threads)
      thread.join();
  }

  std::function<void(int)> work;
  std::atomic<int> generation{0}, done{0};
  std::vector<std::thread> threads;
};

class StreamSide : public Side {
public:
  StreamSide(const Case &benchCase, const Setup &setup, OperandSet first) : setup(setup) {
    for (const OperandSpec *operand : benchCase.op.operands())
      roles.push_back(operand->role);
    int64_t bytes = 0;
    for (size_t i = 0; i < first.count(); ++i) {
      std::memset(first.pointers()[i], 1, first.bytes(i));
      bytes += static_cast<int64_t>(first.bytes(i));
    }
    const int64_t copies = std::max<int64_t>(1, (setup.rotateBytes + bytes - 1) / bytes);
    sets.push_back(std::move(first));
    while (static_cast<int64_t>(sets.size()) < copies)
      sets.push_back(sets.front().clone());
  }

  std::string name() const override { return "stream of these bytes"; }

  Result<double> round(double targetUs) override {
    // Only while it is measured: waiting without sleep would disturb the other sides.
    Team team(setup.threads);
    const auto start = Clock::now();
    for (int64_t launches = 1;; ++launches) {
      team.run([&](int member) { touch(sets[next], static_cast<size_t>(member)); });
      next = (next + 1) % sets.size();
      const double us = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
      if (us >= targetUs)
        return us / static_cast<double>(launches);
    }
  }

private:
  void touch(const OperandSet &set, size_t member) {
    uint64_t read = 0;
    for (size_t i = 0; i < roles.size(); ++i) {
      const size_t words = set.bytes(i) / sizeof(uint64_t), threads = setup.threads;
      const size_t begin = words * member / threads, end = words * (member + 1) / threads;
      uint64_t *at = static_cast<uint64_t *>(set.pointers()[i]) + begin;
      if (roles[i] == OperandSpec::Role::In)
        read ^= readWords(at, end - begin);
      else if (roles[i] == OperandSpec::Role::Out)
        writeWords(at, end - begin, next);
      else
        updateWords(at, end - begin, next);
    }
    asm volatile("" : : "r"(read));
  }

  const Setup setup;
  std::vector<OperandSpec::Role> roles;
  std::vector<OperandSet> sets;
  size_t next = 0;
};

} // namespace

Result<std::unique_ptr<Side>> streamSide(const Case &benchCase, const Setup &setup) {
  Result<OperandSet> first = OperandSet::create(benchCase.op, benchCase.sizes);
  if (!first)
    return first.takeError();
  return std::unique_ptr<Side>(std::make_unique<StreamSide>(benchCase, setup, first.take()));
}

} // namespace zorse::bench
