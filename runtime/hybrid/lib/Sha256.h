//===- Sha256.h - the hash that names published texts -----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <string>
#include <string_view>

namespace zorse {

/// SHA-256 (FIPS 180-4) in 64 lower-case hexadecimal digits. For texts of up to megabytes.
std::string sha256Hex(std::string_view text);

} // namespace zorse
