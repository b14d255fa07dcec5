//===- LongMergeTest.cpp - a thousand shards of a thousand rows -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Shards.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <random>

using namespace zorse;
using namespace zorse::test;

namespace {

TEST(LongMergeTest, AThousandShardsInAnyOrder) {
  constexpr uint64_t seed = 20261121;
  TemporaryFolder folder(TemporaryFolder::Place::Disk);
  std::vector<std::string> paths = makeShards(folder, 1000, 1000, seed);
  std::mt19937 random(seed);
  std::optional<Hash128> want;
  for (int round = 0; round < 5; ++round) {
    std::string path = folder.file("merged.db");
    std::filesystem::remove(path);
    auto start = std::chrono::steady_clock::now();
    std::clock_t cpu = std::clock();
    MergeReport report = mergeInto(path, paths);
    double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::printf("merge: %lld rows of %zu shards, %lld added, %lld improved, %.1f s, of "
                "the processor %.1f s\n",
                static_cast<long long>(report.read), paths.size(),
                static_cast<long long>(report.added), static_cast<long long>(report.improved),
                seconds, static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC);
    EXPECT_EQ(report.refused, std::vector<std::string>());
    Hash128 found = contentHashOf(path);
    if (!want)
      want = found;
    EXPECT_EQ(found, *want) << "order " << round << ", seed " << seed;
    std::shuffle(paths.begin(), paths.end(), random);
  }
}

} // namespace
