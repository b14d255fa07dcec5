//===- LayersTest.cpp - the user's database over the site's and the shipped one -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Samples.h"

#include "zorse/db/Trust.h"

using namespace zorse;
using namespace zorse::test;

namespace {

class LayersTest : public testing::Test {
protected:
  TemporaryFolder folder;
  LayerPaths paths{folder.file("user.db"), folder.file("site.db"), folder.file("shipped.db")};
  SigningKey key = SigningKey::generate();

  std::unique_ptr<Database> open(const TrustStore &trust = TrustStore(),
                                 Database::Mode mode = Database::Mode::ReadWrite) {
    Result<std::unique_ptr<Database>> layers = openLayers(paths, trust, mode);
    if (!layers)
      throw std::runtime_error(layers.error().message);
    return layers.take();
  }
  /// A winner with its code at one tuning point.
  KernelRecord add(const std::string &path, const std::string &config, int64_t tokens, double us,
                   const std::string &device = "test device", bool isSigned = false) {
    std::unique_ptr<Database> database = openForWriting(path);
    KernelRecord record = sampleRecord(config, us, 0.5);
    record.tuningPoint = sampleOp().withTuningPoint({{"tokens", tokens}}).tuningPointJson();
    record.measurement->device = device;
    CodeObject code = sampleCode(static_cast<int>(us));
    code.configText = config;
    record.codeHash = code.codeHash().hex();
    EXPECT_TRUE(database->storeCode(code).ok());
    EXPECT_TRUE(database->record(record).ok());
    if (isSigned) {
      EXPECT_EQ(*database->sign(key), 1);
    }
    return record;
  }
  std::string bestOf(Database &database, int64_t tokens, std::string_view device = {}) {
    Result<std::optional<KernelRecord>> best =
        database.best(sampleOp(), sampleTarget(),
                      sampleOp().withTuningPoint({{"tokens", tokens}}).tuningPointJson(), device);
    if (!best)
      return best.error().message;
    return *best ? (*best)->layer + " " + (*best)->configText : "none";
  }
};

TEST_F(LayersTest, TheUsersWinnerCountsThenTheSitesThenTheShipped) {
  add(paths.shipped, "waves=1", 1, 5);
  add(paths.shipped, "waves=1", 2, 5);
  add(paths.shipped, "waves=1", 4, 5);
  add(paths.site, "waves=2", 1, 7);
  add(paths.site, "waves=2", 2, 7);
  add(paths.user, "waves=4", 1, 9);
  std::unique_ptr<Database> layers = open();
  EXPECT_EQ(bestOf(*layers, 1), "user waves=4");
  EXPECT_EQ(bestOf(*layers, 2), "site waves=2");
  EXPECT_EQ(bestOf(*layers, 4), "shipped waves=1");
  EXPECT_EQ(bestOf(*layers, 8), "none");
  Result<std::vector<KernelRecord>> winners = layers->winners(sampleOp(), sampleTarget());
  ASSERT_TRUE(winners.ok());
  std::vector<std::string> found;
  for (const KernelRecord &record : *winners)
    found.push_back(record.layer);
  EXPECT_EQ(found, (std::vector<std::string>{"user", "site", "shipped"}));
  EXPECT_EQ(layers->list({})->size(), 6u);
  EXPECT_EQ(layers->list({.winnersOnly = true})->size(), 3u);
  EXPECT_EQ(layers->path(), paths.user);
}

TEST_F(LayersTest, TimesOfTheDeviceAskedForComeFirst) {
  add(paths.user, "waves=4", 1, 9, "emulated");
  add(paths.shipped, "waves=1", 1, 5, "real");
  std::unique_ptr<Database> layers = open();
  EXPECT_EQ(bestOf(*layers, 1, "real"), "shipped waves=1");
  EXPECT_EQ(bestOf(*layers, 1, "emulated"), "user waves=4");
  EXPECT_EQ(bestOf(*layers, 1, "another"), "user waves=4");
  EXPECT_EQ(layers->winners(sampleOp(), sampleTarget(), "real")->at(0).layer, "shipped");
}

TEST_F(LayersTest, OnlyTheUsersFileIsWritten) {
  KernelRecord shipped = add(paths.shipped, "waves=1", 1, 5);
  add(paths.site, "waves=2", 2, 7);
  std::vector<uint8_t> site = readFile(paths.site), bytes = readFile(paths.shipped);
  {
    std::unique_ptr<Database> layers = open();
    ASSERT_TRUE(layers->record(sampleRecord("waves=16", 3, 1)).ok());
    ASSERT_TRUE(layers->storeCode(sampleCode(9)).ok());
    ASSERT_TRUE(layers->markStaleRunning().ok());
    EXPECT_EQ(layers->list({})->size(), 3u);
    EXPECT_TRUE(layers->verify().ok());
  }
  EXPECT_EQ(readFile(paths.site), site);
  EXPECT_EQ(readFile(paths.shipped), bytes);
  EXPECT_EQ(openForWriting(paths.user)->list({})->size(), 1u);
}

TEST_F(LayersTest, LayersThatAreNotThereAreLeftOut) {
  std::unique_ptr<Database> reader = open(TrustStore(), Database::Mode::ReadOnly);
  EXPECT_FALSE(std::filesystem::exists(paths.user));
  EXPECT_EQ(bestOf(*reader, 1), "none");
  EXPECT_EQ(errorOf(reader->record(sampleRecord("waves=1", 3, 1))).code, ErrorCode::Database);
  add(paths.shipped, "waves=1", 1, 5);
  EXPECT_EQ(bestOf(*open(TrustStore(), Database::Mode::ReadOnly), 1), "shipped waves=1");
  EXPECT_FALSE(std::filesystem::exists(paths.user));
  paths.site = paths.shipped = "";
  EXPECT_EQ(bestOf(*open(), 1), "none");
  EXPECT_TRUE(std::filesystem::exists(paths.user));
}

TEST_F(LayersTest, CodeOfOtherLayersIsLoadedIfSignedByATrustedKey) {
  for (bool isSigned : {false, true})
    for (bool isTrusted : {false, true}) {
      std::filesystem::remove(paths.shipped);
      std::filesystem::remove(paths.user);
      add(paths.shipped, "waves=1", 1, 5, "test device", isSigned);
      std::unique_ptr<Database> layers =
          open(isTrusted ? TrustStore({key.publicKey}) : TrustStore());
      KernelRecord record = layers->winners(sampleOp(), sampleTarget())->at(0);
      bool loads = isSigned && isTrusted;
      EXPECT_EQ(layers->loadCode(record)->has_value(), loads);
      Result<std::optional<StoredCode>> stored = layers->inspectCode(record);
      ASSERT_TRUE(stored.ok() && *stored);
      EXPECT_EQ((*stored)->trust, loads ? Trust::Signed : Trust::Foreign);
      EXPECT_EQ((*stored)->signer, isSigned ? key.publicKey : "");
      // Built here it may run, whatever the layer that the record is of.
      ASSERT_TRUE(layers->storeCode((*stored)->object).ok());
      ASSERT_TRUE(layers->loadCode(record)->has_value());
      EXPECT_EQ(layers->inspectCode(record).take()->trust, Trust::Built);
    }
}

TEST_F(LayersTest, MergedCodeWaitsForItsKeyToBeTrusted) {
  KernelRecord record = add(folder.file("other.db"), "waves=1", 1, 5, "test device", true);
  std::unique_ptr<Database> layers = open();
  Result<MergeReport> report = layers->merge({folder.file("other.db")});
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(bestOf(*layers, 1), "user waves=1");
  EXPECT_FALSE(layers->loadCode(record)->has_value());
  EXPECT_FALSE(open(TrustStore({SigningKey::generate().publicKey}))->loadCode(record)->has_value());
  EXPECT_TRUE(open(TrustStore({key.publicKey}))->loadCode(record)->has_value());
}

} // namespace
