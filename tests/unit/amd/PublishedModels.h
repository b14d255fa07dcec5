//===- PublishedModels.h - the ops of the published models ------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/OpDesc.h"

#include <string>
#include <vector>

namespace zorse::test {

struct PublishedModel {
  std::string name;
  std::vector<OpDesc> ops; ///< with their tuning points
};

/// The ops that the engine launches for each published model: decode steps of 1 and 8 sequences at
/// a long and a short context, and a prefill of 512 tokens. An op that several models share stands
/// in the first of them only. Throws std::runtime_error if a model cannot be described.
std::vector<PublishedModel> publishedModels(DType dtype);

/// Models with a layer for each latent rank from 16 to 816 in steps of 8, which X-EcoMLA chooses
/// from layer by layer, in the shapes of its 1B and 3B models: a decode step of 8 sequences and a
/// prefill of 512 tokens.
std::vector<PublishedModel> modelsOfEveryRank(DType dtype);

} // namespace zorse::test
