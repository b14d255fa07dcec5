//===- ZorseOps.td - every op of the zorse dialect ---------*- tablegen -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ZORSE_DIALECT_ZORSE_ZORSEOPS_TD
#define ZORSE_DIALECT_ZORSE_ZORSEOPS_TD

include "zorse/Dialect/Zorse/ZorseAttentionOps.td"
include "zorse/Dialect/Zorse/ZorseElementwiseOps.td"
include "zorse/Dialect/Zorse/ZorseProjectionOps.td"
include "zorse/Dialect/Zorse/ZorseStateSpaceOps.td"

#endif // ZORSE_DIALECT_ZORSE_ZORSEOPS_TD
