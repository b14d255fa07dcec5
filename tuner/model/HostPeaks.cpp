//===- HostPeaks.cpp - what this machine can do at most ------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/tuner/HostPeaks.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <functional>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace zorse::tuner {

namespace {

using Clock = std::chrono::steady_clock;

/// Makes the optimiser believe that a value is used.
template <typename T> void keep(const T &value) { asm volatile("" : : "m"(value) : "memory"); }

constexpr int chains = 12; // more than latency times throughput of any fma so far

#if defined(__x86_64__)
__attribute__((target("avx512f"))) void fma512(int64_t rounds) {
  __m512 sums[chains], x = _mm512_set1_ps(0.999f);
  for (__m512 &sum : sums)
    sum = _mm512_set1_ps(1);
  for (int64_t i = 0; i < rounds; ++i)
    for (__m512 &sum : sums) {
      sum = _mm512_fmadd_ps(sum, x, x);
      asm volatile("" : "+v"(sum)); // keeps the chains apart and the loop in place
    }
  keep(sums);
}

__attribute__((target("avx2,fma"))) void fma256(int64_t rounds) {
  __m256 sums[chains], x = _mm256_set1_ps(0.999f);
  for (__m256 &sum : sums)
    sum = _mm256_set1_ps(1);
  for (int64_t i = 0; i < rounds; ++i)
    for (__m256 &sum : sums) {
      sum = _mm256_fmadd_ps(sum, x, x);
      asm volatile("" : "+x"(sum));
    }
  keep(sums);
}

__attribute__((target("avx512f,avx512bf16"))) void dot512(int64_t rounds) {
  __m512 sums[chains];
  __m512bh x = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.5f));
  for (__m512 &sum : sums)
    sum = _mm512_set1_ps(1);
  for (int64_t i = 0; i < rounds; ++i)
    for (__m512 &sum : sums) {
      sum = _mm512_dpbf16_ps(sum, x, x);
      asm volatile("" : "+v"(sum));
    }
  keep(sums);
}
#endif

void fmaScalar(int64_t rounds) {
  float sums[chains];
  std::fill(std::begin(sums), std::end(sums), 1.0f);
  for (int64_t i = 0; i < rounds; ++i)
    for (float &sum : sums)
      sum = sum * 0.999f + 0.999f;
  keep(sums);
}

double secondsOf(const std::function<void()> &work) {
  auto start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The fastest of a few, on `threads` threads at a time.
double fastest(int threads, const std::function<void(int)> &work) {
  double best = 1e9;
  for (int attempt = 0; attempt < 3; ++attempt)
    best = std::min(best, secondsOf([&] {
                      std::vector<std::thread> others;
                      for (int i = 1; i < threads; ++i)
                        others.emplace_back(work, i);
                      work(0);
                      for (std::thread &other : others)
                        other.join();
                    }));
  return best;
}

double gflops(int threads, int64_t flopsAChain, void (*kernel)(int64_t)) {
  constexpr int64_t rounds = 60000; // under 1 ms on anything recent
  double seconds = fastest(threads, [&](int) { kernel(rounds); });
  return double(threads) * double(rounds * chains * flopsAChain) / seconds * 1e-9;
}

HostPeaks probe() {
  HostPeaks peaks;
  TargetDesc host = detectHost();
  peaks.threads = std::max(1, host.computeUnits);

  std::vector<uint64_t> memory((size_t(64) << 20) / sizeof(uint64_t), 1);
  auto read = [&](int thread, int threads) {
    size_t share = memory.size() / size_t(threads), from = share * size_t(thread);
    const uint64_t *data = memory.data();
    asm volatile("" : "+r"(data) : : "memory"); // its contents are not known here
    uint64_t sums[8] = {};
    for (size_t i = from; i + 8 <= from + share; i += 8)
      for (size_t k = 0; k < 8; ++k)
        sums[k] += data[i + k];
    keep(sums);
  };
  double bytes = double(memory.size() * sizeof(uint64_t));
  peaks.readGBs1 = bytes / fastest(1, [&](int) { read(0, 1); }) * 1e-9;
  peaks.readGBs = peaks.threads == 1 ? peaks.readGBs1 : bytes / fastest(peaks.threads, [&](int i) {
                                                          read(i, peaks.threads);
                                                        }) * 1e-9;

  void (*fma)(int64_t) = fmaScalar;
  int64_t lanes = 1;
#if defined(__x86_64__)
  if (host.vectorBits >= 512)
    fma = fma512, lanes = 16;
  else if (host.vectorBits >= 256)
    fma = fma256, lanes = 8;
  if (host.hasBf16Dot && host.vectorBits >= 512)
    peaks.dotGflops1 = gflops(1, 64, dot512);
#endif
  peaks.fmaGflops1 = gflops(1, 2 * lanes, fma);
  peaks.fmaGflops = gflops(peaks.threads, 2 * lanes, fma);
  peaks.source =
      fmt::format("peaks probed on this host: {:.0f} GB/s by one of {} threads, {:.0f} "
                  "by all; {:.0f} GFLOP/s f32 by one, {:.0f} by all",
                  peaks.readGBs1, peaks.threads, peaks.readGBs, peaks.fmaGflops1, peaks.fmaGflops);
  return peaks;
}

} // namespace

const HostPeaks &probeHost() {
  static const HostPeaks peaks = probe();
  return peaks;
}

HostPeaks HostPeaks::nominal(const TargetDesc &target) {
  HostPeaks peaks;
  peaks.threads = std::max(1, target.computeUnits);
  peaks.readGBs1 = 33;
  peaks.readGBs = std::min(33.0 * peaks.threads, 200.0);
  peaks.fmaGflops1 = 15.0 * std::max(1, target.hostLanes());
  peaks.fmaGflops = peaks.fmaGflops1 * peaks.threads;
  peaks.dotGflops1 = target.hasBf16Dot ? 2 * peaks.fmaGflops1 : 0;
  peaks.source = "nominal peaks";
  return peaks;
}

} // namespace zorse::tuner
