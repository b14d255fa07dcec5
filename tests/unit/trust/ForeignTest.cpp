//===- ForeignTest.cpp - files that somebody else made --------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Samples.h"

#include "zorse/db/Trust.h"

#include <fstream>
#include <set>
#include <sys/stat.h>

using namespace zorse;
using namespace zorse::test;

namespace {

class ForeignTest : public testing::Test {
protected:
  TemporaryFolder folder;
  std::string path = folder.file("foreign.db");

  void SetUp() override {
    std::unique_ptr<Database> database = openForWriting(path);
    CodeObject code = sampleCode(1);
    KernelRecord record = sampleRecord(code.configText, 10, 1);
    record.codeHash = code.codeHash().hex();
    ASSERT_TRUE(database->recordAll({record}, {code}).ok());
  }
  Result<std::unique_ptr<Database>> open() { return Database::openForeign(path, TrustStore()); }
  /// Refused with an error that says this, and left as it was.
  void expectRefused(const std::string &part) {
    std::vector<uint8_t> before = readFile(path);
    std::set<std::string> names;
    for (const auto &entry : std::filesystem::directory_iterator(folder.file("")))
      names.insert(entry.path());
    Error error = errorOf(open());
    EXPECT_EQ(error.code, ErrorCode::Database);
    EXPECT_NE(error.message.find(part), std::string::npos) << error.message;
    EXPECT_NE(error.message.find(path), std::string::npos) << error.message;
    EXPECT_EQ(readFile(path), before);
    for (const auto &entry : std::filesystem::directory_iterator(folder.file("")))
      EXPECT_TRUE(names.erase(entry.path()) == 1) << entry.path();
    EXPECT_TRUE(names.empty());
  }
};

TEST_F(ForeignTest, ASoundFileIsReadAndItsCodeIsForeign) {
  std::vector<uint8_t> before = readFile(path);
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0); // whoever may write it: nothing in it is believed
  Result<std::unique_ptr<Database>> database = open();
  ASSERT_TRUE(database.ok()) << database.error().message;
  std::vector<KernelRecord> records = (*database)->list({}).take();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_FALSE((*database)->loadCode(records[0])->has_value());
  EXPECT_EQ((*database)->inspectCode(records[0]).take()->trust, Trust::Foreign);
  EXPECT_EQ(errorOf((*database)->record(records[0])).code, ErrorCode::Database);
  EXPECT_EQ(errorOf((*database)->sign(SigningKey::generate())).code, ErrorCode::Database);
  EXPECT_EQ(readFile(path), before);
}

TEST_F(ForeignTest, ASchemaOfItsOwnIsRefused) {
  for (const char *sql :
       {"CREATE TRIGGER t AFTER INSERT ON op BEGIN SELECT load_extension('x'); END",
        "CREATE VIEW v AS SELECT load_extension('x')", "CREATE TABLE extra (a)",
        "CREATE INDEX i ON trial (state)",
        "DROP VIEW best; CREATE VIEW best AS SELECT id AS trial_id, op_id, target_id, "
        "tuning_point, "
        "device, 1 AS rivals FROM trial"}) {
    std::filesystem::remove(path);
    SetUp();
    tamper(path, sql);
    expectRefused("differ from those of schema version");
  }
}

TEST_F(ForeignTest, ValuesOutOfRangeAreRefusedByTheirRow) {
  for (auto [sql, part] :
       {std::pair{"UPDATE measurement SET median_us = 9e999, high_us = 9e999",
                  "trial 1 has a time"},
        std::pair{"UPDATE measurement SET median_us = 1e20, high_us = 1e20", "trial 1 has a time"},
        std::pair{"UPDATE measurement SET flops = -1", "trial 1 has a count"},
        std::pair{"UPDATE measurement SET bytes = 9e999", "trial 1 has a count"},
        std::pair{"PRAGMA ignore_check_constraints = ON; UPDATE measurement SET median_us = -1",
                  "trial 1 has a time"},
        std::pair{"PRAGMA ignore_check_constraints = ON; UPDATE trial SET state = 'splendid'",
                  "trial 1 has a state"},
        std::pair{"UPDATE trial SET error = printf('%.*c', 2000000, 'x')", "trial 1 has a text"},
        std::pair{"UPDATE measurement SET method = printf('%.*c', 20000, 'x')",
                  "trial 1 has a measurement with a text"},
        std::pair{"UPDATE op SET description = printf('%.*c', 200000, 'x')", "op 1 has"},
        std::pair{"UPDATE target SET compute_units = 99999999", "target 1 has"},
        std::pair{"UPDATE config SET text = printf('%.*c', 20000, 'x')", "configuration 1 is"}}) {
    std::filesystem::remove(path);
    SetUp();
    tamper(path, sql);
    expectRefused(part);
  }
}

TEST_F(ForeignTest, AWriteAheadLogIsRefused) {
  std::vector<uint8_t> bytes = readFile(path);
  writeFile(path + "-wal", bytes);
  expectRefused("-wal holds pages");
  EXPECT_NE(errorOf(Database::open(path, Database::Mode::ReadWrite)).message.find("-wal holds"),
            std::string::npos);
  std::filesystem::remove(path + "-wal");
  bytes[18] = bytes[19] = 2;
  writeFile(path, bytes);
  expectRefused("write-ahead log");
}

TEST_F(ForeignTest, AHotJournalIsNotRolledBack) {
  // The journal of a write that was stopped: header, one page with its number and checksum.
  tamper(path, "PRAGMA journal_mode = PERSIST; UPDATE measurement SET samples = 16");
  std::vector<uint8_t> journal = readFile(path + "-journal");
  ASSERT_GT(journal.size(), 512u);
  const uint8_t magic[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
  std::copy(std::begin(magic), std::end(magic), journal.begin());
  journal[11] = 1;
  writeFile(path + "-journal", journal);
  expectRefused("was stopped in the middle of a write");
}

TEST_F(ForeignTest, WhatIsNoFileIsRefusedAtOnce) {
  std::filesystem::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  Error error = errorOf(open());
  EXPECT_NE(error.message.find("not a file"), std::string::npos) << error.message;
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  EXPECT_NE(errorOf(open()).message.find("not a file"), std::string::npos);
  std::filesystem::remove(path);
  EXPECT_EQ(errorOf(open()).code, ErrorCode::Database);
  writeFile(path, {});
  expectRefused("not a database");
  std::filesystem::resize_file(path, uint64_t(5) << 30); // sparse
  EXPECT_NE(errorOf(open()).message.find("at most"), std::string::npos);
}

TEST_F(ForeignTest, VersionOneIsMigratedInMemory) {
  std::filesystem::remove(path);
  std::ifstream schema(ZORSE_SOURCE_DIR "/kernels-db/schema/001_initial.sql");
  std::string sql((std::istreambuf_iterator<char>(schema)), std::istreambuf_iterator<char>());
  OpDesc op = sampleOp();
  sql += "PRAGMA application_id = 0x5A4F5253; PRAGMA user_version = 1;"
         "INSERT INTO op VALUES (1, '" +
         op.hash().hex() + "', 'linear', '" + op.canonicalJson() +
         "'); INSERT INTO target VALUES (1, 'gfx942', 2); INSERT INTO config VALUES (1, 'waves=1');"
         "INSERT INTO trial VALUES (1, 1, 1, '" +
         op.tuningPointJson() + "', 1, 'test', '" + std::string(32, 'a') +
         "', 'measured', 'ok', '', '', 1, 0.5, 3, '', "
         "'2026-01-01T00:00:00Z');"
         "INSERT INTO measurement VALUES (1, 'test device', 'm', 5, 4, 6, 3, 1, 1);";
  tamper(path, sql);
  std::vector<uint8_t> before = readFile(path);
  {
    Result<std::unique_ptr<Database>> database = open();
    ASSERT_TRUE(database.ok()) << database.error().message;
    EXPECT_EQ((*database)->winners(op, sampleTarget())->at(0).configText, "waves=1");
    EXPECT_FALSE((*database)->record(sampleRecord("waves=1", 10, 1)).ok());
  }
  EXPECT_EQ(readFile(path), before);
  // One's own is migrated where it lies, with the same rows and checksums from then on.
  EXPECT_EQ(errorOf(Database::open(path, Database::Mode::ReadOnly)).code, ErrorCode::Database);
  EXPECT_EQ(openForWriting(path)->winners(op, sampleTarget())->at(0).measurement->medianUs, 5);
  EXPECT_EQ(readFile(path)[20], 8);
  EXPECT_TRUE(Database::open(path, Database::Mode::ReadOnly).ok());
  EXPECT_TRUE(open().ok());
}

TEST_F(ForeignTest, OneThousandUnsignedObjectsAreNeverLoaded) {
  std::filesystem::remove(path);
  std::vector<KernelRecord> records;
  std::vector<CodeObject> objects;
  for (int i = 0; i < 1000; ++i) {
    CodeObject code = sampleCode(i);
    code.bytes.push_back(static_cast<uint8_t>(i >> 8));
    KernelRecord record = sampleRecord(code.configText, 10, 1);
    record.codeHash = code.codeHash().hex();
    records.push_back(record);
    objects.push_back(code);
  }
  ASSERT_TRUE(openForWriting(path)->recordAll(records, objects).ok());
  std::unique_ptr<Database> database = open().take();
  for (const KernelRecord &record : records)
    EXPECT_FALSE(database->loadCode(record)->has_value());
}

TEST(OwnFileTest, AFileThatOthersMayWriteIsRefused) {
  TemporaryFolder folder;
  std::string path = folder.file("kernels.db");
  openForWriting(path);
  for (mode_t mode : {0600, 0640, 0644, 0660, 0606, 0666, 0622}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    for (Database::Mode way : {Database::Mode::ReadOnly, Database::Mode::ReadWrite}) {
      Result<std::unique_ptr<Database>> opened = Database::open(path, way);
      EXPECT_EQ(opened.ok(), (mode & 022) == 0) << mode;
      if (!opened) {
        EXPECT_NE(opened.error().message.find("chmod go-w"), std::string::npos);
      }
    }
  }
}

TEST(OwnFileTest, FilesAndFoldersArePrivateWhateverTheMask) {
  TemporaryFolder folder;
  mode_t old = ::umask(0);
  std::string path = folder.file("a/b/kernels.db");
  openForWriting(path);
  ::umask(old);
  struct stat info;
  for (auto [name, mode] :
       {std::pair{"a", 0700u}, std::pair{"a/b", 0700u}, std::pair{"a/b/kernels.db", 0600u}}) {
    ASSERT_EQ(::stat(folder.file(name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, mode) << name;
  }
  EXPECT_TRUE(databaseHazards(path).empty());
  ASSERT_EQ(::chmod(folder.file("a/b").c_str(), 0777), 0);
  EXPECT_EQ(databaseHazards(path).size(), 1u);
}

} // namespace
