//===- BindLaunch.cpp - the argument row of a launch ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/device/BindLaunch.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace zorse {

Result<std::vector<size_t>> workspaceBytes(const CodeObject &object, const Sizes &sizes) {
  ExprScope scope;
  for (const auto &[name, value] : sizes)
    scope[name] = value;
  std::vector<size_t> all;
  for (const WorkspaceInfo &workspace : object.workspaces) {
    Result<int64_t> bytes = workspace.bytes.evaluate(scope);
    if (!bytes)
      return bytes.takeError();
    if (*bytes < 0)
      return runtimeError(fmt::format("workspace '{}' is {} = {} bytes, must not be negative",
                                      workspace.name, workspace.bytes.text(), *bytes));
    all.push_back(size_t(*bytes));
  }
  return all;
}

Result<std::vector<uint64_t>> bindLaunch(const CodeObject &object, const Sizes &sizes,
                                         const AddressOf &addressOf) {
  std::vector<uint64_t> slots;
  for (const KernelArgument &argument : object.arguments) {
    if (argument.kind == KernelArgument::Kind::Size) {
      auto found = sizes.find(argument.name);
      if (found == sizes.end())
        return runtimeError(
            fmt::format("the kernel takes the size '{}', which the op lacks", argument.name));
      slots.push_back(uint64_t(found->second));
      continue;
    }
    std::optional<uint64_t> address = addressOf(argument.kind, argument.name);
    if (!address) {
      bool operand = argument.kind == KernelArgument::Kind::Operand;
      return runtimeError(fmt::format("the kernel takes the {} '{}', which {} lacks",
                                      operand ? "operand" : "workspace", argument.name,
                                      operand ? "the op" : "the code object"));
    }
    slots.push_back(*address);
  }
  return slots;
}

AddressOf addressesInOrder(const OpDesc &op, const CodeObject &object,
                           std::span<const uint64_t> operands,
                           std::span<const uint64_t> workspaces) {
  std::map<std::pair<KernelArgument::Kind, std::string>, uint64_t> addresses;
  std::vector<const OperandSpec *> specs = op.operands();
  for (size_t i = 0; i < std::min(specs.size(), operands.size()); ++i)
    addresses[{KernelArgument::Kind::Operand, specs[i]->name}] = operands[i];
  for (size_t i = 0; i < std::min(object.workspaces.size(), workspaces.size()); ++i)
    addresses[{KernelArgument::Kind::Workspace, object.workspaces[i].name}] = workspaces[i];
  return
      [addresses](KernelArgument::Kind kind, const std::string &name) -> std::optional<uint64_t> {
        auto found = addresses.find({kind, name});
        return found == addresses.end() ? std::nullopt : std::optional(found->second);
      };
}

} // namespace zorse
