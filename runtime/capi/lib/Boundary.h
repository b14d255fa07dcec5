//===- Boundary.h - what every call of the C API does -----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse.h"

#include "zorse/desc/Status.h"

#include <cstring>
#include <span>
#include <string>

namespace zorse::capi {

/// Remembers why a call of this thread fails, and returns the status. Never throws.
zorse_status fail(zorse_status status, std::string_view message) noexcept;
zorse_status fail(const Error &error) noexcept;
inline zorse_status failUsage(std::string_view message) noexcept {
  return fail(ZORSE_ERROR_USAGE, message);
}
/// The status of the exception that is being handled.
zorse_status failException() noexcept;
const char *lastError() noexcept;

/// Runs the body of a call; nothing thrown in it leaves.
template <typename Body> zorse_status guarded(Body &&body) noexcept {
  try {
    return body();
  } catch (...) {
    return failException();
  }
}

inline constexpr size_t largestStruct = 4096; ///< that any later version may have

/// Whether a struct of the caller has a size that this version understands; what it does not know
/// must be 0. `known`: its size here.
zorse_status checkStruct(const void *given, size_t known, const char *name) noexcept;

/// Options of the caller: NULL is all zero, the defaults.
template <typename T> zorse_status readStruct(const T *given, T &to, const char *name) noexcept {
  to = T();
  if (!given)
    return ZORSE_OK;
  if (zorse_status status = checkStruct(given, sizeof(T), name); status != ZORSE_OK)
    return status;
  to = *given;
  return ZORSE_OK;
}

/// Results into the caller's struct, which keeps its size.
template <typename T> zorse_status writeStruct(T from, T *to, const char *name) noexcept {
  if (!to)
    return failUsage(std::string(name) + " is NULL");
  const size_t size = to->struct_size;
  if (size < sizeof(T) || size > largestStruct)
    return failUsage(std::string(name) + ".struct_size is not the size of the struct");
  std::memset(static_cast<void *>(to), 0, size);
  *to = from;
  to->struct_size = size;
  return ZORSE_OK;
}

/// Gives a row of values to a buffer of the caller, which may only ask for their number.
template <typename T>
zorse_status copyOut(std::span<const T> from, T *to, size_t capacity, size_t *count) noexcept {
  if (!count)
    return failUsage("there is nowhere to put the number of results: it is NULL");
  if (!to && capacity > 0)
    return failUsage("the buffer is NULL, but its capacity is not 0");
  *count = from.size();
  if (!to)
    return ZORSE_OK;
  if (capacity < from.size())
    return fail(ZORSE_ERROR_CAPACITY, "the buffer has room for " + std::to_string(capacity) +
                                          " values, " + std::to_string(from.size()) +
                                          " are needed");
  std::copy(from.begin(), from.end(), to);
  return ZORSE_OK;
}

} // namespace zorse::capi
