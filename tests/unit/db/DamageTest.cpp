//===- DamageTest.cpp - damaged files are refused or still sound ----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Samples.h"

#include "zorse/db/Trust.h"

#include <cstdlib>
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

/// What a reader learns from a file, each answer as text; an error must be one of the database.
std::vector<std::string> answersOf(Result<std::unique_ptr<Database>> opened) {
  std::vector<std::string> answers;
  auto add = [&](const auto &result, auto text) {
    if (result.ok()) {
      answers.push_back(text(*result));
      return;
    }
    EXPECT_EQ(result.error().code, ErrorCode::Database) << result.error().message;
    answers.push_back("error");
  };
  if (!opened) {
    add(opened, [](const auto &) { return std::string(); });
    return answers;
  }
  Database &database = **opened;
  auto rows = [](const std::vector<KernelRecord> &records) {
    std::string text;
    for (const KernelRecord &record : records)
      text += std::to_string(record.id) + " " + record.configText + " " + record.codeHash + " " +
              std::to_string(record.measurement ? record.measurement->medianUs : 0) + "\n";
    return text;
  };
  add(database.winners(sampleOp(), sampleTarget()), rows);
  add(database.list({}), rows);
  Result<std::optional<KernelRecord>> best =
      database.best(sampleOp(), sampleTarget(), sampleOp().tuningPointJson());
  add(best, [&](const auto &record) { return record ? rows({*record}) : "none"; });
  if (best.ok() && *best)
    add(database.inspectCode(**best), [](const std::optional<StoredCode> &code) {
      return code ? toJson(code->object) +
                        std::string(code->object.bytes.begin(), code->object.bytes.end())
                  : "none";
    });
  return answers;
}

/// Each answer is the true one or an error; another one would be a wrong winner.
void expectTrueOrError(const std::vector<std::string> &found,
                       const std::vector<std::string> &expected, int &errors) {
  for (size_t i = 0; i < found.size(); ++i)
    if (found[i] == "error")
      ++errors;
    else
      ASSERT_EQ(found[i], expected.at(i));
}

TEST_F(DamageTest, EveryTruncationIsNoticed) {
  std::vector<std::string> expected = answersOf(Database::open(path, Database::Mode::ReadOnly));
  ASSERT_EQ(expected.size(), 4u);
  std::string copy = folder.file("damaged.db");
  // Every length within the first page and around the end, every 64th between.
  for (size_t length = 0; length < sound.size();
       length += length < 4096 || length + 256 > sound.size() ? 1 : 64) {
    writeFile(copy, {sound.begin(), sound.begin() + static_cast<std::ptrdiff_t>(length)});
    for (bool isForeign : {false, true}) {
      for (const std::string &answer :
           answersOf(isForeign ? Database::openForeign(copy, TrustStore())
                               : Database::open(copy, Database::Mode::ReadOnly)))
        ASSERT_EQ(answer, "error") << length;
    }
  }
}

TEST_F(DamageTest, NoFlippedByteGivesAWrongWinner) {
  std::vector<std::string> expected = answersOf(Database::open(path, Database::Mode::ReadOnly));
  std::string copy = folder.file("damaged.db"), own = folder.file("own.db");
  std::mt19937 random(4321);
  int errors = 0;
  // The long run is a test of its own.
  const int rounds = std::getenv("ZORSE_TEST_LONG") ? 10000 : 500;
  for (int round = 0; round < rounds; ++round) {
    std::vector<uint8_t> bytes = sound;
    // Every fourth in the first page or at the beginning of another, where it hurts most.
    size_t at = random() % bytes.size();
    if (round % 4 == 0)
      at = round % 8 ? at % 4096 : at / 4096 * 4096 + random() % 64;
    bytes[at] ^= static_cast<uint8_t>(1 + random() % 255);
    writeFile(copy, bytes);
    bool isForeign = round % 10 == 1;
    ASSERT_NO_FATAL_FAILURE(
        expectTrueOrError(answersOf(isForeign ? Database::openForeign(copy, TrustStore())
                                              : Database::open(copy, Database::Mode::ReadOnly)),
                          expected, errors))
        << "byte " << at << " in round " << round;
    if (round % 100 == 2) { // a merge takes the true rows or refuses the file
      std::filesystem::remove(own);
      std::unique_ptr<Database> database = openForWriting(own);
      Result<MergeReport> report = database->merge({copy});
      ASSERT_TRUE(report.ok() || report.error().code == ErrorCode::Database);
      if (report.ok() && report->refused.empty()) {
        EXPECT_EQ(database->list({})->size(), 30u) << at;
      }
      Result<std::vector<std::string>> faults = database->verify();
      ASSERT_TRUE(faults.ok());
      EXPECT_TRUE(faults->empty()) << faults->front();
    }
  }
  EXPECT_GE(errors, rounds / 2);
}

// Behind the checksums of the pages: somebody wrote other bytes or another description.
TEST_F(DamageTest, DamagedCodeIsRefusedAndHealedByStoringItAgain) {
  std::mt19937 random(55);
  KernelRecord best =
      *openForWriting(path)->best(sampleOp(), sampleTarget(), sampleOp().tuningPointJson()).take();
  CodeObject code = *openForWriting(path)->loadCode(best).take();
  std::string metadata = toJson(code);
  auto hex = [](const auto &text) {
    std::string digits;
    for (auto byte : text) {
      constexpr char names[] = "0123456789abcdef";
      digits += names[static_cast<uint8_t>(byte) >> 4];
      digits += names[static_cast<uint8_t>(byte) & 15];
    }
    return digits;
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<uint8_t> bytes = code.bytes;
    std::string text = metadata;
    bool isCut = round % 3 == 0, isBytes = round % 2 == 0;
    if (isCut)
      isBytes ? bytes.resize(random() % bytes.size()) : text.resize(random() % text.size());
    else
      isBytes ? void(bytes[random() % bytes.size()] ^= static_cast<uint8_t>(1 + random() % 255))
              : void(text[random() % text.size()] ^= static_cast<char>(1 + random() % 127));
    tamper(path, isBytes ? "UPDATE code SET bytes = x'" + hex(bytes) + "' WHERE hash = '" +
                               best.codeHash + "'"
                         : "UPDATE code_object SET metadata = CAST(x'" + hex(text) +
                               "' AS TEXT) WHERE code_hash = '" + best.codeHash + "'");
    std::unique_ptr<Database> database = openForWriting(path);
    EXPECT_EQ(errorOf(database->loadCode(best)).code, ErrorCode::Database);
    EXPECT_EQ(errorOf(database->inspectCode(best)).code, ErrorCode::Database);
    EXPECT_FALSE(database->verify()->empty());
    Status stored = database->storeCode(code);
    ASSERT_TRUE(stored.ok()) << stored.error().message;
    Result<std::optional<CodeObject>> healed = database->loadCode(best);
    ASSERT_TRUE(healed.ok() && *healed);
    EXPECT_EQ((*healed)->bytes, code.bytes);
    EXPECT_EQ(toJson(**healed), metadata);
  }
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
