//===- Devices.cpp - which devices the suite runs on -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Devices.h"

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace zorse::cts {

const std::vector<DeviceUnderTest> &devices() {
  auto host = [](int threads, bool pinned) {
    return [=] { return createHostDevice({.threads = threads, .pinned = pinned}); };
  };
  static const std::vector<DeviceUnderTest> all = {
      {"host", host(0, false), "kernels.so", {}},
      {"host_single", host(1, false), "kernels.so", {}},
      {"host_crowded", host(9, false), "kernels.so", {}},
      {"host_pinned", host(2, true), "kernels.so", {}},
  };
  return all;
}

std::vector<uint8_t> readObject(const std::string &file) {
  std::ifstream stream(std::string(ZORSE_CTS_OBJECTS) + "/" + file, std::ios::binary);
  std::vector<uint8_t> bytes((std::istreambuf_iterator<char>(stream)), {});
  if (bytes.empty())
    throw std::runtime_error("the build did not make " + file);
  return bytes;
}

CodeObject
makeObject(const Device &device, const DeviceUnderTest &under,
           const std::vector<std::pair<std::string, std::array<std::string, 3>>> &kernels,
           const std::vector<std::string> &operands, const std::vector<std::string> &workspaces,
           const std::vector<std::string> &sizes) {
  CodeObject object;
  object.arch = device.target().arch;
  object.bytes = readObject(under.kernels);
  for (const auto &[symbol, grid] : kernels) {
    KernelInfo kernel;
    kernel.symbol = symbol;
    for (size_t d = 0; d < 3; ++d)
      kernel.grid[d] = Expr::parse(grid[d]).take();
    object.kernels.push_back(kernel);
  }
  for (const std::string &name : operands)
    object.arguments.push_back({KernelArgument::Kind::Operand, name, "f32"});
  for (const std::string &name : workspaces)
    object.arguments.push_back({KernelArgument::Kind::Workspace, name, "f32"});
  for (const std::string &name : sizes)
    object.arguments.push_back({KernelArgument::Kind::Size, name, "i64"});
  return object;
}

} // namespace zorse::cts
