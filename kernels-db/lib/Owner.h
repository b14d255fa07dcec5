//===- Owner.h - which process runs a trial ---------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <string>
#include <string_view>

namespace zorse::db {

/// "host boot pid start": this process, told apart from any other one that ever had its number.
std::string currentOwner();

/// Whether the owner ran on this machine and is no more. A process of another machine is never
/// known to be gone.
bool isGone(std::string_view owner);

} // namespace zorse::db
