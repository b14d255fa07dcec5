//===- Shards.cpp - what a fleet would have written -----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Shards.h"

#include <fmt/format.h>
#include <random>

namespace zorse::test {

static KernelRecord someRecord(std::mt19937_64 &random, int64_t number) {
  auto pick = [&](int n) { return static_cast<int>(random() % static_cast<uint64_t>(n)); };
  KernelRecord record = sampleRecord(fmt::format("block_m={},waves={}", number % 97, number),
                                     5 + pick(4000) / 100.0, 0.5 + pick(100) / 100.0);
  record.opJson = sampleOp(64 + number % 7).canonicalJson();
  record.tuningPoint = fmt::format("{{\"tokens\":{}}}", 1 << (number % 5));
  record.measurement->samples = 9 + pick(3);
  record.measurement->device = pick(4) ? "device of most" : "device of some";
  record.codeHash = hashText(fmt::format("{} {}", record.configText, record.opJson)).hex();
  switch (pick(8)) {
  case 0:
    record.state = TrialState::Wrong;
    record.verification = Verification{false, 7, 2, "y[1]"};
    record.measurement.reset();
    break;
  case 1:
    record.state = static_cast<TrialState>(3 + pick(3)); // Failed, TimedOut, Crashed
    record.error = fmt::format("reason {}", pick(2));
    record.verification.reset();
    record.measurement.reset();
    if (pick(2))
      record.codeHash.clear();
    break;
  case 2:
    record.verification.reset();
    if (pick(2))
      record.measurement.reset(); // it compiled, no more
    break;
  case 3:
    record.stale = "compiles to other code";
    break;
  default:
    break;
  }
  return record;
}

std::vector<std::string> makeShards(const TemporaryFolder &folder, int shards, int rows,
                                    uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::string> paths;
  for (int shard = 0; shard < shards; ++shard) {
    paths.push_back(folder.file(fmt::format("shard-{}.db", shard)));
    std::vector<KernelRecord> records;
    std::vector<CodeObject> codes;
    // One in four from a range that all shards share.
    for (int i = 0; i < rows; ++i)
      records.push_back(someRecord(random, random() % 4 == 0
                                               ? static_cast<int64_t>(random() % (4ull * rows))
                                               : 1'000'000 + int64_t(shard) * rows + i));
    if (shard % 10 == 0)
      for (int i = 0; i < 5; ++i)
        codes.push_back(sampleCode(static_cast<int>(random() % 200)));
    Status status = openForWriting(paths.back())->recordAll(records, codes);
    EXPECT_TRUE(status.ok()) << status.error().message;
  }
  return paths;
}

MergeReport mergeInto(const std::string &path, const std::vector<std::string> &paths) {
  Result<MergeReport> report = openForWriting(path)->merge(paths);
  EXPECT_TRUE(report.ok()) << (report.ok() ? "" : report.error().message);
  return report.ok() ? report.take() : MergeReport();
}

Hash128 contentHashOf(const std::string &path) {
  return openForWriting(path)->contentHash().take();
}

} // namespace zorse::test
