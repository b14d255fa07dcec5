//===- SharedObject.h - machine code from memory into this process -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Status.h"

#include <cstdint>
#include <span>
#include <string>

namespace zorse::host {

/// Checks that the bytes are a complete x86-64 ELF shared object that needs no other library and
/// runs no code when it is loaded. A file that passes may still compute nonsense; one that does not
/// never reaches the dynamic linker.
Status checkSharedObject(std::span<const uint8_t> bytes);

/// Code loaded through an anonymous file; no path on any file system is involved.
class SharedObject {
public:
  static Result<SharedObject> load(std::span<const uint8_t> bytes);
  SharedObject(SharedObject &&other) noexcept;
  SharedObject &operator=(SharedObject &&other) noexcept;
  ~SharedObject();

  /// The address of a symbol or null.
  void *find(const std::string &symbol) const;

private:
  SharedObject() = default;
  void *handle = nullptr;
  // Open as long as the code is loaded: the linker tells objects apart by their path, which holds
  // the number of the descriptor.
  int file = -1;
};

} // namespace zorse::host
