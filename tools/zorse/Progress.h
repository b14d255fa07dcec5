//===- Progress.h - one line that tells how far it is -----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Tool.h"

#include <chrono>

namespace zorse::tool {

/// On a terminal a line of stderr that overwrites itself; elsewhere a line now and then.
class Progress {
public:
  explicit Progress(const Tool &tool)
      : overwrites(tool.showsProgress()), isSilent(tool.environment.logLevel == "off") {}
  ~Progress() { clear(); }
  Progress(const Progress &) = delete;

  void show(const std::string &line);
  /// Takes the line away before something else is printed.
  void clear();

private:
  bool overwrites, isSilent, isShown = false;
  std::chrono::steady_clock::time_point last{};
};

} // namespace zorse::tool
