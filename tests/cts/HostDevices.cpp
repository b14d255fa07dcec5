//===- HostDevices.cpp - the host in several shapes -----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Devices.h"

namespace zorse::cts {

const std::vector<DeviceUnderTest> &devices() {
  auto host = [](int threads, bool pinned) {
    return [=] { return createHostDevice({.threads = threads, .pinned = pinned}); };
  };
  static const std::vector<DeviceUnderTest> all = {
      {"host", host(0, false), "kernels.so"},
      {"host_single", host(1, false), "kernels.so"},
      {"host_crowded", host(9, false), "kernels.so"},
      {"host_pinned", host(2, true), "kernels.so"},
  };
  return all;
}

} // namespace zorse::cts
