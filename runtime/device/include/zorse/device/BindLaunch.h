//===- BindLaunch.h - the argument row of a launch --------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/CodeObject.h"
#include "zorse/desc/OpDesc.h"

#include <functional>
#include <optional>
#include <span>

namespace zorse {

/// Bytes of each workspace of `object`, in its order. Errors: a size is missing or negative.
Result<std::vector<size_t>> workspaceBytes(const CodeObject &object, const Sizes &sizes);

/// The address of an operand or a workspace by name, if there is one.
using AddressOf =
    std::function<std::optional<uint64_t>(KernelArgument::Kind kind, const std::string &name)>;

/// One slot for each argument of `object`. Errors name the argument that nobody supplies.
Result<std::vector<uint64_t>> bindLaunch(const CodeObject &object, const Sizes &sizes,
                                         const AddressOf &addressOf);

/// Of addresses in the order of op.operands() and of object.workspaces. The result holds copies.
AddressOf addressesInOrder(const OpDesc &op, const CodeObject &object,
                           std::span<const uint64_t> operands,
                           std::span<const uint64_t> workspaces);

} // namespace zorse
