//===- Requests.h - op requests of the models -------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <string>
#include <vector>

namespace zorse {

/// Every kind at the sizes of the 260k checkpoints: heads of 8, rope 4, state 8, odd widths.
std::vector<std::string> tinyRequests();
/// Every kind at the sizes of the published models, in bf16 and partly f16 and f32.
std::vector<std::string> publishedRequests();

} // namespace zorse
