//===- Trust.cpp - whose code is launched ---------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/db/Trust.h"

#include "PrivateFile.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <sodium.h>
#include <span>
#include <stdexcept>

namespace zorse {

namespace {

constexpr size_t secretDigits = 2 * crypto_sign_SECRETKEYBYTES;
constexpr size_t publicDigits = 2 * crypto_sign_PUBLICKEYBYTES;
constexpr size_t signatureDigits = 2 * crypto_sign_BYTES;
constexpr size_t mostFileBytes = 1 << 20;
constexpr std::string_view secretTitle = "zorse secret key ";

} // namespace

static void startSodium() {
  static const bool ready = sodium_init() >= 0;
  if (!ready)
    throw std::runtime_error("libsodium cannot be initialised: no source of random numbers");
}

static std::string toHex(std::span<const uint8_t> bytes) {
  std::string text;
  for (uint8_t byte : bytes)
    text += fmt::format("{:02x}", byte);
  return text;
}

/// False if it is not exactly this many bytes in lower-case digits.
static bool fromHex(std::string_view text, std::span<uint8_t> bytes) {
  if (text.size() != 2 * bytes.size() ||
      text.find_first_not_of("0123456789abcdef") != std::string_view::npos)
    return false;
  size_t count = 0;
  return sodium_hex2bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &count,
                        nullptr) == 0 &&
         count == bytes.size();
}

static bool isPublicKey(std::string_view text) {
  std::array<uint8_t, crypto_sign_PUBLICKEYBYTES> bytes;
  return fromHex(text, bytes);
}

// Each part goes with its length, so that no two code objects have one message, and the first says
// what is signed, so that a signature for another purpose is none for this one. The hash is
// BLAKE2b: the one that code is stored under tells accidents apart, not attacks.
static std::array<uint8_t, crypto_generichash_BYTES> message(const CodeObject &object) {
  startSodium();
  crypto_generichash_state state;
  crypto_generichash_init(&state, nullptr, 0, crypto_generichash_BYTES);
  auto add = [&](const void *data, size_t size) {
    std::array<uint8_t, 8> length;
    for (size_t i = 0; i < length.size(); ++i)
      length[i] = static_cast<uint8_t>(uint64_t(size) >> (8 * i));
    crypto_generichash_update(&state, length.data(), length.size());
    crypto_generichash_update(&state, static_cast<const unsigned char *>(data), size);
  };
  std::string metadata = toJson(object);
  for (std::string_view part : {std::string_view("zorse code object"), std::string_view(metadata),
                                std::string_view(object.opJson), std::string_view(object.arch),
                                std::string_view(object.configText)})
    add(part.data(), part.size());
  add(object.bytes.data(), object.bytes.size());
  std::array<uint8_t, crypto_generichash_BYTES> hash;
  crypto_generichash_final(&state, hash.data(), hash.size());
  return hash;
}

// SigningKey

SigningKey SigningKey::generate() {
  startSodium();
  std::array<uint8_t, crypto_sign_PUBLICKEYBYTES> open;
  std::array<uint8_t, crypto_sign_SECRETKEYBYTES> secret;
  crypto_sign_keypair(open.data(), secret.data());
  SigningKey key{toHex(open), toHex(secret)};
  sodium_memzero(secret.data(), secret.size());
  return key;
}

Result<SigningKey> SigningKey::read(const std::string &path) {
  startSodium();
  Result<std::string> text = db::readPrivateFile(path, mostFileBytes);
  if (!text)
    return text.takeError();
  std::string_view line = *text;
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r'))
    line.remove_suffix(1);
  std::array<uint8_t, crypto_sign_SECRETKEYBYTES> secret;
  if (!line.starts_with(secretTitle) || !fromHex(line.substr(secretTitle.size()), secret))
    return usageError(fmt::format("{} is no secret key: expected one line '{}' and {} hexadecimal "
                                  "digits; make one with `zorse key generate`",
                                  path, secretTitle, secretDigits));
  // The second half is the public key; a file in which they do not belong together is damaged.
  std::array<uint8_t, crypto_sign_SEEDBYTES> seed;
  std::array<uint8_t, crypto_sign_PUBLICKEYBYTES> open;
  std::array<uint8_t, crypto_sign_SECRETKEYBYTES> made;
  crypto_sign_ed25519_sk_to_seed(seed.data(), secret.data());
  crypto_sign_seed_keypair(open.data(), made.data(), seed.data());
  bool isWhole = made == secret;
  SigningKey key{toHex(open), toHex(secret)};
  sodium_memzero(secret.data(), secret.size());
  sodium_memzero(made.data(), made.size());
  sodium_memzero(seed.data(), seed.size());
  if (!isWhole)
    return usageError(
        fmt::format("{} is damaged: its halves do not belong together; restore a copy", path));
  return key;
}

Status SigningKey::write(const std::string &path) const {
  return db::writePrivateFile(path, fmt::format("{}{}\n", secretTitle, secretKey));
}

std::string SigningKey::sign(const CodeObject &object) const {
  std::array<uint8_t, crypto_sign_SECRETKEYBYTES> secret;
  if (!fromHex(secretKey, secret))
    return {};
  auto hash = message(object);
  std::array<uint8_t, crypto_sign_BYTES> signature;
  crypto_sign_detached(signature.data(), nullptr, hash.data(), hash.size(), secret.data());
  sodium_memzero(secret.data(), secret.size());
  return toHex(signature);
}

// TrustStore

Result<TrustStore> TrustStore::read(const std::string &path) {
  Result<std::optional<std::string>> text = db::readOwnFile(path, mostFileBytes);
  if (!text)
    return text.takeError();
  std::vector<std::string> keys;
  std::string_view rest = *text ? std::string_view(**text) : std::string_view();
  for (int number = 1; !rest.empty(); ++number) {
    size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    line = line.substr(0, line.find('#'));
    size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos)
      continue;
    line = line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
    if (!isPublicKey(line))
      return usageError(fmt::format("{}:{}: expected a public key of {} hexadecimal digits, found "
                                    "'{}'; `zorse key show` prints one",
                                    path, number, publicDigits, line.substr(0, 80)));
    if (std::find(keys.begin(), keys.end(), line) == keys.end())
      keys.emplace_back(line);
  }
  return TrustStore(std::move(keys));
}

Status TrustStore::add(const std::string &path, const std::string &publicKey,
                       const std::string &comment) {
  if (!isPublicKey(publicKey))
    return usageError(fmt::format("a public key has {} lower-case hexadecimal digits, found '{}'; "
                                  "`zorse key show` prints one",
                                  publicDigits, publicKey.substr(0, 80)));
  if (comment.find_first_of("\r\n") != std::string::npos)
    return usageError("the comment behind a key is one line");
  Result<TrustStore> known = read(path);
  if (!known)
    return known.takeError();
  const std::vector<std::string> &keys = known->publicKeys();
  if (std::find(keys.begin(), keys.end(), publicKey) != keys.end())
    return Status();
  Result<std::optional<std::string>> text = db::readOwnFile(path, mostFileBytes);
  if (!text)
    return text.takeError();
  std::string content = text->value_or("");
  if (!content.empty() && content.back() != '\n')
    content += '\n';
  content += comment.empty() ? publicKey + "\n" : fmt::format("{} # {}\n", publicKey, comment);
  return db::replaceFile(path, content);
}

bool TrustStore::accepts(const CodeObject &object, const std::string &signer,
                         const std::string &signature) const {
  if (std::find(keys.begin(), keys.end(), signer) == keys.end())
    return false;
  std::array<uint8_t, crypto_sign_PUBLICKEYBYTES> open;
  std::array<uint8_t, crypto_sign_BYTES> bytes;
  if (signature.size() != signatureDigits || !fromHex(signer, open) || !fromHex(signature, bytes))
    return false;
  auto hash = message(object);
  return crypto_sign_verify_detached(bytes.data(), hash.data(), hash.size(), open.data()) == 0;
}

} // namespace zorse
