//===- CheckpointWriter.h - a folder of random weights ----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Presets.h"

#include <atomic>
#include <functional>
#include <optional>

namespace zorse::tool {

struct CheckpointOptions {
  uint64_t seed = 0;
  DType dtype = DType::BF16; ///< F32, BF16 or F16
  /// Whether lm_head.weight is stored; default: as published.
  std::optional<bool> separateHead;
  bool configOnly = false; ///< neither weights nor tokenizer
  /// Most bytes of tensors in one file, 0: all in one; default: as published. A larger tensor has
  /// a file of its own.
  std::optional<int64_t> shardBytes;
};

/// What was written.
struct CheckpointSummary {
  int64_t tensors = 0, parameters = 0, bytes = 0, files = 0; ///< all 0 with configOnly
};

/// Writes a model folder in the preset's format. The folder appears under its name when it is
/// complete: until then its files lie in one beside it, which is removed on any failure. The
/// weights are drawn by all cores as they are written, so memory stays small at any size.
///
/// `progress` hears the bytes done and the total; the writing stops soon after `stop` is set,
/// with nothing left behind (an error that the caller need not show).
/// Errors: Usage for a folder that exists and is not empty; Runtime where the disk is too small or
/// cannot be written.
Result<CheckpointSummary> writeCheckpoint(const Preset &preset, const std::string &dir,
                                          const CheckpointOptions &options,
                                          const std::function<void(int64_t, int64_t)> &progress,
                                          const std::atomic<bool> &stop);

} // namespace zorse::tool
