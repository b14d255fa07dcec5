//===- Machine.cpp - what this machine can do at most -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

#include "zorse/desc/TargetDesc.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <immintrin.h>
#include <memory>
#include <sys/utsname.h>
#include <thread>
#include <vector>

namespace zorse::bench {

namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The empty assembly after each multiply-add makes the compiler believe that the sum may have
// changed, so that it neither folds nor drops the loop.

constexpr int fmaSteps = 4'000'000;
// Enough independent chains to cover latency times width of two units.
constexpr int chains = 12;

__attribute__((target("avx512f"))) double fmaWide() {
  __m512 sums[chains], a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(1.0f);
  for (__m512 &sum : sums)
    sum = a;
  const auto start = Clock::now();
  for (int step = 0; step < fmaSteps; ++step)
#pragma clang loop unroll(full)
    for (int i = 0; i < chains; ++i) {
      sums[i] = _mm512_fmadd_ps(sums[i], a, b);
      asm volatile("" : "+v"(sums[i]));
    }
  return 2.0 * 16 * chains * fmaSteps / secondsSince(start) / 1e9;
}

__attribute__((target("avx2,fma"))) double fmaNarrow() {
  __m256 sums[chains], a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(1.0f);
  for (__m256 &sum : sums)
    sum = a;
  const auto start = Clock::now();
  for (int step = 0; step < fmaSteps; ++step)
#pragma clang loop unroll(full)
    for (int i = 0; i < chains; ++i) {
      sums[i] = _mm256_fmadd_ps(sums[i], a, b);
      asm volatile("" : "+x"(sums[i]));
    }
  return 2.0 * 8 * chains * fmaSteps / secondsSince(start) / 1e9;
}

__attribute__((target("avx512f,avx512bf16"))) double bf16Dot() {
  const __m512bh a = (__m512bh)_mm512_set1_epi32(0x3f003f00);
  __m512 sums[chains];
  for (__m512 &sum : sums)
    sum = _mm512_setzero_ps();
  const auto start = Clock::now();
  for (int step = 0; step < fmaSteps; ++step)
#pragma clang loop unroll(full)
    for (int i = 0; i < chains; ++i) {
      sums[i] = _mm512_dpbf16_ps(sums[i], a, a);
      asm volatile("" : "+v"(sums[i]));
    }
  return 4.0 * 16 * chains * fmaSteps / secondsSince(start) / 1e9;
}

constexpr size_t readBytes = size_t(256) << 20;

struct Free {
  void operator()(void *pointer) const { std::free(pointer); }
};
using Block = std::unique_ptr<uint64_t, Free>;

/// Written once: pages that nobody wrote are all one page of zeros.
Block makeBlock() {
  Block block(static_cast<uint64_t *>(std::aligned_alloc(4096, readBytes)));
  std::memset(block.get(), 1, readBytes);
  return block;
}

/// The best reader that we know: two streams, each four of the widest vectors at a time.
__attribute__((target_clones("avx512f", "avx2", "default"))) void readOnce(const uint64_t *words) {
  constexpr size_t lanes = 32, half = readBytes / sizeof(uint64_t) / 2;
  uint64_t low[lanes] = {}, high[lanes] = {};
  for (size_t i = 0; i < half; i += lanes)
    for (size_t lane = 0; lane < lanes; ++lane) {
      low[lane] ^= words[i + lane];
      high[lane] ^= words[half + i + lane];
    }
  for (size_t lane = 0; lane < lanes; ++lane)
    low[lane] ^= high[lane];
  asm volatile("" : : "r"(low) : "memory");
}

double readRate(const std::vector<Block> &blocks) {
  double best = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const auto start = Clock::now();
    std::vector<std::thread> threads;
    for (size_t i = 1; i < blocks.size(); ++i)
      threads.emplace_back([&blocks, i] { readOnce(blocks[i].get()); });
    readOnce(blocks[0].get());
    for (std::thread &thread : threads)
      thread.join();
    best =
        std::max(best, static_cast<double>(readBytes * blocks.size()) / secondsSince(start) / 1e9);
  }
  return best;
}

double best(double (*measureOnce)()) {
  double result = 0;
  for (int repeat = 0; repeat < 5; ++repeat)
    result = std::max(result, measureOnce());
  return result;
}

} // namespace

MachinePeaks measurePeaks(int threads) {
  MachinePeaks peaks;
  std::vector<Block> blocks;
  blocks.push_back(makeBlock());
  peaks.readGBs = readRate(blocks);
  while (static_cast<int>(blocks.size()) < threads)
    blocks.push_back(makeBlock());
  peaks.readAllGBs = readRate(blocks);
  peaks.fmaGflops = best(__builtin_cpu_supports("avx512f") ? fmaWide : fmaNarrow);
  if (__builtin_cpu_supports("avx512bf16"))
    peaks.bf16Gflops = best(bf16Dot);
  return peaks;
}

std::string machineLine() {
  utsname system = {};
  uname(&system);
  double load[1] = {};
  getloadavg(load, 1);
  return fmt::format("{}, {}, {} {}, load {:.2f}", hostDeviceName(), detectHost().arch,
                     system.sysname, system.release, load[0]);
}

} // namespace zorse::bench
