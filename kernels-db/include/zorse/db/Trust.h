//===- Trust.h - whose code is launched ---------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Machine code from another database runs with the rights of the user, so it is
// launched only if a key signed it that the user trusts. Keys are Ed25519 (libsodium).
// What is signed is a code object with what it was compiled for: bytes, launch
// geometry, op, architecture and configuration.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/CodeObject.h"
#include "zorse/desc/Status.h"

#include <string>
#include <vector>

namespace zorse {

/// A key pair; the secret half is a file of mode 0600.
struct SigningKey {
  std::string publicKey, secretKey; ///< hex, 64 and 128 digits

  static SigningKey generate();
  /// Errors: Usage if the file is no key, or others may read it.
  static Result<SigningKey> read(const std::string &path);
  /// Refuses to replace a file.
  Status write(const std::string &path) const;
  /// 128 hex digits.
  std::string sign(const CodeObject &object) const;
};

/// The public keys that are believed: a text file, one key a line, `# comment` behind it.
class TrustStore {
public:
  TrustStore() = default; ///< trusts nobody
  explicit TrustStore(std::vector<std::string> keys) : keys(std::move(keys)) {}
  /// A file that does not exist trusts nobody.
  static Result<TrustStore> read(const std::string &path);
  /// Adds a key to the file, atomically.
  static Status add(const std::string &path, const std::string &publicKey,
                    const std::string &comment);

  /// Whether `signer` is believed and the signature is its own.
  bool accepts(const CodeObject &object, const std::string &signer,
               const std::string &signature) const;
  const std::vector<std::string> &publicKeys() const { return keys; }

private:
  std::vector<std::string> keys;
};

} // namespace zorse
