//===- KeyTest.cpp - keys, signatures, whom to believe --------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Samples.h"

#include "zorse/db/Trust.h"

#include <sys/stat.h>

using namespace zorse;
using namespace zorse::test;

namespace {

class KeyTest : public testing::Test {
protected:
  TemporaryFolder folder;
  SigningKey key = SigningKey::generate();

  static int modeOf(const std::string &path) {
    struct stat info;
    return ::stat(path.c_str(), &info) == 0 ? static_cast<int>(info.st_mode & 07777) : -1;
  }
  void write(const std::string &path, const std::string &text) {
    writeFile(path, std::vector<uint8_t>(text.begin(), text.end()));
  }
};

TEST_F(KeyTest, AFileIsPrivateAndReadBack) {
  std::string path = folder.file("a/b/key");
  mode_t old = ::umask(0);
  Status written = key.write(path);
  ::umask(old);
  ASSERT_TRUE(written.ok()) << written.error().message;
  EXPECT_EQ(modeOf(path), 0600);
  EXPECT_EQ(modeOf(folder.file("a/b")), 0700);
  Result<SigningKey> read = SigningKey::read(path);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->publicKey, key.publicKey);
  EXPECT_EQ(read->secretKey, key.secretKey);
  EXPECT_EQ(key.publicKey.size(), 64u);
  EXPECT_EQ(key.secretKey.size(), 128u);
}

TEST_F(KeyTest, AFileIsNotReplaced) {
  std::string path = folder.file("key");
  ASSERT_TRUE(key.write(path).ok());
  std::vector<uint8_t> before = readFile(path);
  Error error = errorOf(SigningKey::generate().write(path));
  EXPECT_EQ(error.code, ErrorCode::Usage);
  EXPECT_EQ(readFile(path), before);
  std::filesystem::create_symlink(folder.file("elsewhere"), folder.file("link"));
  EXPECT_FALSE(key.write(folder.file("link")).ok());
  EXPECT_FALSE(std::filesystem::exists(folder.file("elsewhere")));
}

TEST_F(KeyTest, AFileThatOthersMayReadIsRefused) {
  std::string path = folder.file("key");
  ASSERT_TRUE(key.write(path).ok());
  for (mode_t mode : {0640, 0604, 0620, 0602, 0610, 0666}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    Error error = errorOf(SigningKey::read(path));
    EXPECT_EQ(error.code, ErrorCode::Usage);
    EXPECT_NE(error.message.find("chmod 600"), std::string::npos) << error.message;
  }
}

TEST_F(KeyTest, WhatIsNoKeyIsRefused) {
  std::string path = folder.file("key");
  ASSERT_TRUE(key.write(path).ok());
  std::vector<uint8_t> sound = readFile(path);
  std::vector<std::vector<uint8_t>> damaged = {{}, {'x'}};
  for (size_t length = 1; length + 1 < sound.size(); length += 13)
    damaged.emplace_back(sound.begin(), sound.begin() + static_cast<std::ptrdiff_t>(length));
  for (size_t at = 0; at + 1 < sound.size(); ++at) {
    damaged.push_back(sound);
    damaged.back()[at] = sound[at] == '0' ? '1' : '0';
  }
  for (const std::vector<uint8_t> &bytes : damaged) {
    writeFile(path, bytes);
    EXPECT_EQ(errorOf(SigningKey::read(path)).code, ErrorCode::Usage);
  }
  EXPECT_EQ(errorOf(SigningKey::read(folder.file("none"))).code, ErrorCode::Usage);
}

TEST_F(KeyTest, ASignatureIsOfOneKeyAndOneCodeObject) {
  CodeObject object = sampleCode(1, 64, 32);
  std::string signature = key.sign(object);
  ASSERT_EQ(signature.size(), 128u);
  SigningKey other = SigningKey::generate();
  TrustStore store({other.publicKey, key.publicKey});
  EXPECT_TRUE(store.accepts(object, key.publicKey, signature));
  EXPECT_FALSE(store.accepts(object, other.publicKey, signature));
  EXPECT_FALSE(TrustStore().accepts(object, key.publicKey, signature));
  EXPECT_FALSE(TrustStore({other.publicKey}).accepts(object, key.publicKey, signature));
  EXPECT_FALSE(store.accepts(object, key.publicKey, ""));
  EXPECT_FALSE(store.accepts(object, "", signature));

  std::vector<CodeObject> others(7, object);
  others[0].bytes[17] ^= 1;
  others[1].arch = "gfx950";
  others[2].configText += "0";
  others[3].opJson = sampleOp(128).canonicalJson();
  others[4].kernels[0].grid[1] = Expr::constant(5);
  others[5].kernels[0].symbol += "x";
  others[6].bytes.push_back(0);
  for (size_t i = 0; i < others.size(); ++i)
    EXPECT_FALSE(store.accepts(others[i], key.publicKey, signature)) << i;
  for (size_t at = 0; at < signature.size(); ++at) {
    std::string flipped = signature;
    flipped[at] = signature[at] == '0' ? '1' : '0';
    EXPECT_FALSE(store.accepts(object, key.publicKey, flipped)) << at;
  }
}

TEST_F(KeyTest, TheStoreIsATextFile) {
  std::string path = folder.file("config/trusted_keys");
  Result<TrustStore> none = TrustStore::read(path);
  ASSERT_TRUE(none.ok()) << none.error().message;
  EXPECT_TRUE(none->publicKeys().empty());
  SigningKey other = SigningKey::generate();
  ASSERT_TRUE(TrustStore::add(path, key.publicKey, "the cluster's").ok());
  ASSERT_TRUE(TrustStore::add(path, other.publicKey, "").ok());
  ASSERT_TRUE(TrustStore::add(path, key.publicKey, "again").ok());
  EXPECT_EQ(modeOf(path), 0600);
  std::vector<uint8_t> bytes = readFile(path);
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()),
            key.publicKey + " # the cluster's\n" + other.publicKey + "\n");
  EXPECT_EQ(TrustStore::read(path)->publicKeys(),
            (std::vector<std::string>{key.publicKey, other.publicKey}));

  write(path, "# mine\n\n  " + key.publicKey + "\t# x\r\n");
  EXPECT_EQ(TrustStore::read(path)->publicKeys(), std::vector<std::string>{key.publicKey});
  write(path, key.publicKey + "\nabc\n");
  EXPECT_NE(errorOf(TrustStore::read(path)).message.find("trusted_keys:2: "), std::string::npos);
  write(path, key.publicKey + "\n");
  ASSERT_EQ(::chmod(path.c_str(), 0660), 0);
  EXPECT_EQ(errorOf(TrustStore::read(path)).code, ErrorCode::Usage);
  EXPECT_EQ(errorOf(TrustStore::add(path, other.publicKey, "")).code, ErrorCode::Usage);
}

TEST_F(KeyTest, OnlyKeysAreAdded) {
  std::string path = folder.file("trusted_keys");
  EXPECT_EQ(errorOf(TrustStore::add(path, "abc", "")).code, ErrorCode::Usage);
  EXPECT_EQ(errorOf(TrustStore::add(path, std::string(64, 'G'), "")).code, ErrorCode::Usage);
  EXPECT_EQ(errorOf(TrustStore::add(path, key.publicKey, "a\nb")).code, ErrorCode::Usage);
  EXPECT_FALSE(std::filesystem::exists(path));
}

} // namespace
