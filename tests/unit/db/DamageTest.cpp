//===- DamageTest.cpp - damaged files are refused or still sound ----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Samples.h"

#include <random>

using namespace zorse;
using namespace zorse::test;

namespace {

/// Everything that a reader and a writer do, on a file that may be damaged. Code that is handed
/// out must be what its hash says.
struct Outcome {
  int errors = 0, answers = 0;
};

template <typename T> void count(Outcome &outcome, const Result<T> &result) {
  if (result.ok()) {
    ++outcome.answers;
    return;
  }
  ++outcome.errors;
  EXPECT_EQ(result.error().code, ErrorCode::Database) << result.error().message;
  EXPECT_FALSE(result.error().message.empty());
}

Outcome useFile(const std::string &path, Database::Mode mode,
                const std::vector<std::string> &hashes) {
  Outcome outcome;
  Result<std::unique_ptr<Database>> opened = Database::open(path, mode);
  count(outcome, opened);
  if (!opened)
    return outcome;
  Database &database = **opened;
  count(outcome, database.list({}));
  count(outcome, database.list({.winnersOnly = true}));
  count(outcome, database.best(sampleOp(), sampleTarget(), sampleOp().tuningPointJson()));
  count(outcome, database.winners(sampleOp(), sampleTarget()));
  for (const std::string &hash : hashes) {
    Result<std::optional<CodeObject>> code = database.loadCode(hash);
    count(outcome, code);
    if (code.ok() && *code) {
      EXPECT_EQ((*code)->codeHash().hex(), hash);
    }
  }
  count(outcome, database.verify());
  if (mode == Database::Mode::ReadWrite) {
    count(outcome, database.record(sampleRecord("waves=77", 10, 1)));
    count(outcome, database.markStaleRunning());
  }
  return outcome;
}

class DamageTest : public testing::Test {
protected:
  TemporaryFolder folder;
  std::string path = folder.file("kernels.db");
  std::vector<uint8_t> sound;
  std::vector<std::string> hashes;

  void SetUp() override {
    std::unique_ptr<Database> database = openForWriting(path);
    for (int i = 0; i < 30; ++i) {
      CodeObject code = sampleCode(i, i * 64, i);
      KernelRecord record = sampleRecord("waves=" + std::to_string(i), 10 + i % 7, 1);
      record.codeHash = code.codeHash().hex();
      code.configText = record.configText;
      ASSERT_TRUE(database->storeCode(code).ok());
      ASSERT_TRUE(database->record(record).ok());
      hashes.push_back(record.codeHash);
    }
    hashes.resize(5);
    database.reset();
    sound = readFile(path);
  }

  Outcome useDamaged(const std::vector<uint8_t> &bytes) {
    Outcome sum;
    for (Database::Mode mode : {Database::Mode::ReadOnly, Database::Mode::ReadWrite}) {
      std::string copy = folder.file("damaged.db");
      writeFile(copy, bytes);
      Outcome outcome = useFile(copy, mode, hashes);
      sum.errors += outcome.errors;
      sum.answers += outcome.answers;
      std::error_code ignored;
      std::filesystem::remove(copy + "-journal", ignored);
    }
    return sum;
  }
};

TEST_F(DamageTest, TheSoundFileGivesNoErrors) {
  Outcome outcome = useDamaged(sound);
  EXPECT_EQ(outcome.errors, 0);
  EXPECT_GT(outcome.answers, 20);
}

TEST_F(DamageTest, TruncatedFilesNeverCrash) {
  std::mt19937 random(99);
  int errors = 0;
  for (int round = 0; round < 100; ++round) {
    std::vector<uint8_t> bytes = sound;
    bytes.resize(round < 20 ? static_cast<size_t>(round) * 16 + 1 : 1 + random() % sound.size());
    errors += useDamaged(bytes).errors;
  }
  EXPECT_GE(errors, 100);
}

TEST_F(DamageTest, FlippedBitsNeverCrash) {
  std::mt19937 random(1234);
  int errors = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<uint8_t> bytes = sound;
    // Every third hits the headers of file and pages, where it hurts most.
    size_t flips = 1 + random() % 8;
    for (size_t i = 0; i < flips; ++i) {
      size_t at = random() % bytes.size();
      if (round % 3 == 0)
        at = at / 4096 * 4096 + random() % 128;
      bytes[at % bytes.size()] ^= static_cast<uint8_t>(1u << (random() % 8));
    }
    errors += useDamaged(bytes).errors;
  }
  EXPECT_GE(errors, 100);
}

TEST_F(DamageTest, OverwrittenPagesNeverCrash) {
  std::mt19937 random(777);
  for (int round = 0; round < 60; ++round) {
    std::vector<uint8_t> bytes = sound;
    size_t pages = bytes.size() / 4096, to = random() % pages, from = random() % pages;
    if (round % 2)
      std::copy_n(sound.begin() + from * 4096, 4096, bytes.begin() + to * 4096);
    else
      for (size_t i = 0; i < 4096; ++i)
        bytes[to * 4096 + i] = static_cast<uint8_t>(random());
    Outcome outcome = useDamaged(bytes);
    EXPECT_GT(outcome.errors + outcome.answers, 0);
  }
}

} // namespace
