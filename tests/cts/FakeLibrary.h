//===- FakeLibrary.h - the fake HIP library, opened by a test ---*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/hip/HipDevice.h"

#include <string>
#include <vector>

namespace zorse::cts {

/// The functions of fakehip/FakeHip.h in the library that a HIP device opens.
class FakeLibrary {
public:
  /// Starts over with one GPU each of these architectures.
  explicit FakeLibrary(const std::string &archs, bool old = false);
  const std::string &path() const { return file; }
  void failNext(const std::string &function, int code, int nth = 1) const;
  /// Calls since the last clear, one a line.
  std::vector<std::string> calls() const;
  void clearCalls() const;
  size_t liveObjects() const;

private:
  template <typename T> T *find(const char *name) const;
  std::string file;
  void *handle;
};

/// How often a function was called.
size_t countOf(const std::vector<std::string> &calls, const std::string &function);
/// The functions that were called, without arguments; hipSetDevice, which begins every call of the
/// device, is left out.
std::vector<std::string> namesOf(const std::vector<std::string> &calls);

} // namespace zorse::cts
