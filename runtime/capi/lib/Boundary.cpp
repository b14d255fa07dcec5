//===- Boundary.cpp - errors and structs at the border to C ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Boundary.h"

#include <algorithm>
#include <exception>
#include <new>

namespace zorse::capi {

namespace {

struct LastError {
  std::string text;
  const char *shown = "";
};
thread_local LastError last;

zorse_status statusOf(ErrorCode code) {
  switch (code) {
  case ErrorCode::Usage:
    return ZORSE_ERROR_USAGE;
  case ErrorCode::Database:
    return ZORSE_ERROR_DATABASE;
  case ErrorCode::Device:
    return ZORSE_ERROR_DEVICE;
  default:
    return ZORSE_ERROR_RUNTIME;
  }
}

} // namespace

zorse_status fail(zorse_status status, std::string_view message) noexcept {
  try {
    last.text = message;
    last.shown = last.text.c_str();
  } catch (...) {
    last.shown = "out of memory";
  }
  return status;
}

zorse_status fail(const Error &error) noexcept { return fail(statusOf(error.code), error.message); }

zorse_status failException() noexcept {
  try {
    throw;
  } catch (const std::bad_alloc &) {
    return fail(ZORSE_ERROR_RUNTIME, "out of memory; use fewer slots or shorter sequences");
  } catch (const std::exception &exception) {
    return fail(ZORSE_ERROR_RUNTIME, exception.what());
  } catch (...) {
    return fail(ZORSE_ERROR_RUNTIME, "an exception of an unknown type");
  }
}

const char *lastError() noexcept { return last.shown; }

zorse_status checkStruct(const void *given, size_t known, const char *name) noexcept {
  size_t size = 0;
  std::memcpy(&size, given, sizeof(size)); // every struct begins with it
  const std::string field = std::string(name) + ".struct_size";
  if (size < known || size > largestStruct)
    return failUsage(field + ": expected the size of the struct, " + std::to_string(known) +
                     " here, found " + std::to_string(size));
  const auto *bytes = static_cast<const unsigned char *>(given);
  if (std::any_of(bytes + known, bytes + size, [](unsigned char byte) { return byte != 0; }))
    return failUsage(std::string(name) +
                     " asks for something that this version of the library does not know; leave "
                     "the members after those of its zorse.h 0, or take a newer library");
  return ZORSE_OK;
}

} // namespace zorse::capi
