//===- MigrationTest.cpp - files of earlier versions ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Samples.h"

#include <fmt/format.h>

using namespace zorse;
using namespace zorse::test;

namespace {

class MigrationTest : public testing::Test {
protected:
  TemporaryFolder folder;
  std::string path = folder.file("kernels.db");

  /// A file as version 1 wrote it: two measured trials, one that failed, code of the first.
  void SetUp() override {
    std::vector<uint8_t> schema =
        readFile(std::string(ZORSE_SOURCE_DIR) + "/kernels-db/schema/001_initial.sql");
    std::string sql(schema.begin(), schema.end());
    CodeObject code = sampleCode(1);
    std::string hash = code.codeHash().hex(), metadata = toJson(code);
    std::string bytes;
    for (uint8_t byte : code.bytes)
      bytes += fmt::format("{:02x}", byte);
    sql += "PRAGMA application_id = 0x5A4F5253; PRAGMA user_version = 1;";
    sql += fmt::format("INSERT INTO op VALUES (1, '{}', 'linear', '{}');", sampleOp().hash().hex(),
                       sampleOp().canonicalJson());
    sql += "INSERT INTO target VALUES (1, 'gfx942', 2);";
    sql +=
        fmt::format("INSERT INTO code VALUES ('{}', x'{}', '2026-01-01T00:00:00Z');", hash, bytes);
    sql += fmt::format("INSERT INTO code_object VALUES ('{}', '{}', 'gfx942', '{}', '{}', '{}', 0, "
                       "0, 0, 0);",
                       hash, sampleOp().hash().hex(), code.configText, metadata,
                       hashText(metadata).hex());
    for (int i = 1; i <= 3; ++i) {
      bool measured = i < 3;
      sql += fmt::format("INSERT INTO config VALUES ({0}, '{1}');", i,
                         i == 1 ? code.configText : fmt::format("waves={}", 10 + i));
      sql += fmt::format(
          "INSERT INTO trial VALUES ({0}, 1, 1, '{1}', {0}, 'LLVM 21', '{2}', '{3}', "
          "'{4}', '', '', {5}, 0.5, 3, 'y', '2026-01-02T03:04:0{0}Z');",
          i, sampleOp().tuningPointJson(), i == 1 ? hash : hashText(std::to_string(i)).hex(),
          measured ? "measured" : "", measured ? "ok" : "failed", measured ? "1" : "NULL");
      if (measured)
        sql += fmt::format("INSERT INTO measurement VALUES ({0}, 'old device', 'median', {0}0, "
                           "{0}0, {0}1, 15, 1, 2);",
                           i);
    }
    tamper(path, sql);
    std::filesystem::permissions(path, std::filesystem::perms(0600));
  }
};

TEST_F(MigrationTest, AWriterBringsItUpToDate) {
  std::unique_ptr<Database> database = openForWriting(path);
  std::vector<KernelRecord> rows = database->list({}).take();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].measurement->device, "old device");
  EXPECT_EQ(rows[0].measurement->medianUs, 10);
  EXPECT_EQ(rows[1].measurement->highUs, 21);
  EXPECT_EQ(rows[1].measurement->environment, "{}");
  EXPECT_EQ(rows[0].stale, "");
  EXPECT_EQ(rows[0].createdAt, "2026-01-02T03:04:01Z");
  EXPECT_FALSE(rows[2].measurement.has_value());
  EXPECT_EQ(rows[2].state, TrialState::Failed);
  EXPECT_EQ(database->verify().take(), std::vector<std::string>());
  std::optional<KernelRecord> best =
      database->best(sampleOp(), sampleTarget(), sampleOp().tuningPointJson()).take();
  ASSERT_TRUE(best.has_value());
  EXPECT_EQ(best->id, 1);
  EXPECT_EQ((**database->inspectCode(*best)).trust, Trust::Built);
  EXPECT_TRUE(database->loadCode(*best)->has_value());
  EXPECT_TRUE(database->record(sampleRecord("waves=1", 10, 1)).ok());
  database.reset();
  EXPECT_TRUE(Database::open(path, Database::Mode::ReadOnly).ok());
}

TEST_F(MigrationTest, AReaderSaysWhatToDo) {
  std::vector<uint8_t> before = readFile(path);
  Error error = errorOf(Database::open(path, Database::Mode::ReadOnly));
  EXPECT_EQ(error.code, ErrorCode::Database);
  EXPECT_EQ(error.message, path + " has schema version 1, this zorse reads version 2; open it once "
                                  "for writing to bring it up to date, for example with `zorse db "
                                  "verify --repair`");
  EXPECT_EQ(readFile(path), before);
}

TEST_F(MigrationTest, ItMergesWithoutBeingTouched) {
  std::vector<uint8_t> before = readFile(path);
  std::unique_ptr<Database> database = openForWriting(folder.file("new.db"));
  Result<MergeReport> report = database->merge({path});
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->refused, std::vector<std::string>());
  EXPECT_EQ(report->added, 3);
  EXPECT_EQ(report->codeAdded, 1);
  EXPECT_EQ(readFile(path), before);
}

} // namespace
