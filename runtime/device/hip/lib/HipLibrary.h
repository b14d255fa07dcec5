//===- HipLibrary.h - the HIP library in this process -----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "HipApi.h"

#include "zorse/desc/Status.h"

#include <fmt/format.h>
#include <string>

namespace zorse::hip {

/// An opened HIP library. It is never closed: it has threads of its own.
class Library {
public:
  /// `name` empty: the usual names, newest first.
  static Result<Library> open(const std::string &name);

  const Functions *operator->() const { return &functions; }
  const std::string &name() const { return opened; }
  /// Whether it has the properties of ROCm 5.
  bool isOld() const { return old; }

  /// Success, or what the call was, what the library answered and what to try. The text of the call
  /// is made only for an error.
  template <typename... Args>
  Status check(int code, fmt::format_string<Args...> call, Args &&...args) const {
    if (code == Success)
      return Status::success();
    return failure(code, fmt::format(call, std::forward<Args>(args)...));
  }

private:
  Error failure(int code, const std::string &call) const;

  Functions functions;
  std::string opened;
  bool old = false;
};

} // namespace zorse::hip
