//===- Bucket.h - which sizes count as alike --------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/OpDesc.h"

namespace zorse::dispatch {

/// One size rounded up to its bucket, at most the size's maximum.
int64_t bucketOf(const SizeSpec &spec, int64_t size);

/// Sum of |log2(a / b)| over the sizes of both; a size that one of them lacks counts as infinite.
double distance(const Sizes &a, const Sizes &b);

} // namespace zorse::dispatch
