//===- Devices.cpp - code objects of the suite's kernels -===//
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
    kernel.block = under.block;
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
