//===- Status.h - errors as values ------------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every fallible function returns a Result. A message says what was expected,
// what was found, the legal range and what to try; it starts in lower case and
// ends without a period. The code decides the exit code of the tool.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace zorse {

/// The kinds of failure, in the order of the tool's exit codes.
enum class ErrorCode {
  Runtime = 1,      ///< an operation failed (I/O, memory, codegen)
  Usage = 2,        ///< the request itself is wrong: fields, flags, files given
  PartlyFailed = 3, ///< finished, but some trials failed
  Wrong = 4,        ///< a result differs from the reference
  Database = 5,     ///< locked, corrupt or newer database
  Device = 6,       ///< no such device, or the architecture is unsupported
  Interrupted = 75, ///< stopped early, can be resumed
};

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::Runtime;
  std::string message;
};

inline Error usageError(std::string message) { return {ErrorCode::Usage, std::move(message)}; }
inline Error runtimeError(std::string message) { return {ErrorCode::Runtime, std::move(message)}; }

/// A value or the reason why there is none.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : state(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state.index() == 0; }
  explicit operator bool() const { return ok(); }
  T &operator*() { return std::get<0>(state); }
  const T &operator*() const { return std::get<0>(state); }
  T *operator->() { return &std::get<0>(state); }
  const T *operator->() const { return &std::get<0>(state); }
  const Error &error() const { return std::get<1>(state); }
  Error takeError() { return std::move(std::get<1>(state)); }
  T take() { return std::move(std::get<0>(state)); }

private:
  std::variant<T, Error> state;
};

/// Success, or the reason of failure.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(Error error) : failure(std::move(error)), failed(true) {}
  static Status success() { return {}; }

  bool ok() const { return !failed; }
  explicit operator bool() const { return ok(); }
  const Error &error() const { return failure; }
  Error takeError() { return std::move(failure); }

private:
  Error failure;
  bool failed = false;
};

} // namespace zorse
