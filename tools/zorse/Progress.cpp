//===- Progress.cpp - one line that tells how far it is -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Progress.h"

#include <cstdio>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace zorse::tool {

void Progress::show(const std::string &line) {
  using namespace std::chrono_literals;
  auto now = std::chrono::steady_clock::now();
  bool isFirst = last.time_since_epoch().count() == 0;
  if (isSilent || (!isFirst && now - last < (overwrites ? 50ms : 10000ms)))
    return;
  last = now;
  if (!overwrites) {
    fmt::print(stderr, "zorse: {}\n", line);
    return;
  }
  winsize window = {};
  size_t width = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1
                     ? window.ws_col - 1u
                     : 79u;
  fmt::print(stderr, "\r\x1b[K{}", line.substr(0, width));
  std::fflush(stderr);
  isShown = true;
}

void Progress::clear() {
  if (!isShown)
    return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  isShown = false;
}

} // namespace zorse::tool
