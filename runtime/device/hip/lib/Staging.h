//===- Staging.h - uploads that need not wait -------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The caller's memory may change as soon as upload() returns, while the copy takes
// its turn on the stream. Small uploads, such as the token ids of a decode step, are
// therefore first copied into pinned memory: two halves that are filled in turn,
// each used again only after the copies from it have taken place. A large upload
// waits.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "HipLibrary.h"

#include <array>
#include <cstdint>
#include <span>

namespace zorse::hip {

class Staging {
public:
  Staging(const Library &library, StreamHandle stream) : library(library), stream(stream) {}
  ~Staging();
  /// The device of the calling thread must be set.
  Status allocate();
  Status upload(uint64_t to, std::span<const uint8_t> from);

private:
  static constexpr size_t halfBytes = size_t(1) << 19, largest = size_t(1) << 16;
  Status copy(uint64_t to, const uint8_t *from, size_t bytes);
  /// Leaves the half in use for the other one.
  Status turn();

  const Library &library;
  StreamHandle stream;
  uint8_t *memory = nullptr;
  std::array<EventHandle, 2> left = {}; ///< when the copies from each half are done
  std::array<bool, 2> pending = {};
  size_t half = 0, used = 0;
};

} // namespace zorse::hip
