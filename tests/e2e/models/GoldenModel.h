//===- GoldenModel.h - the small checkpoints and their numbers --*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/hybrid/Engine.h"
#include "zorse/hybrid/Safetensors.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace zorse {

/// One prompt of a golden.json; see tests/golden/README.md.
struct GoldenCase {
  std::string prompt;
  std::vector<int32_t> promptIds, greedyIds;
  std::string greedyText;
  std::vector<float> firstLogits; ///< of the last prompt position
  double logSumExp = 0;
  std::vector<std::pair<int32_t, double>> best; ///< five ids and logits
  double smallestGap = 0;                       ///< between the two best logits on the greedy path
};

/// The folders under tests/golden.
const std::vector<std::string> &goldenModels();
std::string goldenDir(const std::string &model);
std::vector<GoldenCase> goldenCases(const std::string &model);
/// trace/trace.safetensors of a model.
std::unique_ptr<SafetensorsFile> goldenTrace(const std::string &model);

/// Makes the engine's numbers comparable on any device; each is one gtest-reported check and used
/// by the reference run and by the run of compiled kernels.
struct EngineSetup {
  Device &device;
  Dispatcher &dispatcher;
  DType dtype = DType::F32;
  int64_t pageSize = 0;                        ///< of the caches, in every check
  std::optional<DType> cache = {}, state = {}; ///< their types, likewise
};

/// Greedy continuations of all golden prompts in one ragged batch: 64 ids and the text.
void checkGreedy(const std::string &model, EngineSetup setup);
/// First 32 logits, logsumexp and five best of the last prompt position; largest error allowed.
void checkPromptLogits(const std::string &model, EngineSetup setup, double tolerance);
/// All logits and every cache after prefill of the traced prompt.
void checkTrace(const std::string &model, EngineSetup setup, double tolerance);
/// Prompts taken in pieces of several sizes, and token by token through decode steps, give the
/// logits of one long prefill.
void checkPieces(const std::string &model, EngineSetup setup, double tolerance);
/// Steps that mix pieces of prompts with single tokens of other sequences at random give the logits
/// of each sequence alone.
void checkMixedSteps(const std::string &model, EngineSetup setup, double tolerance);
/// Golden prompts that arrive one after another at a batcher with too few pages for all: each is
/// continued as golden, though rows wait, mix with others, and are put back.
void checkBatcher(const std::string &model, EngineSetup setup);
/// Golden tokens, the trace, mixed and recorded steps and the batcher, all on pages of 16 tokens.
void checkPages(const std::string &model, EngineSetup setup, double tolerance);
/// An f32 model whose caches are in other types (of `setup`), against f32 caches. The first layer
/// of the rounded kind holds the f32 values rounded once. Along the golden path every rounded layer
/// adds at most 80 unit roundoffs to the error of the logits: keys and values are off by one each,
/// the layers after it may double that, and logits reach 20. The token that the run chooses is
/// behind the golden one by no more than twice the error seen. `largest` is the largest error.
void checkCacheTypes(const std::string &model, EngineSetup setup, double &largest);
/// checkCacheTypes() for caches, then states, in f16 and bf16; the largest errors become properties
/// of the test.
void checkSixteenBitCaches(const std::string &model, EngineSetup setup);
/// Decode steps that are recorded and replayed give the logits of plain ones bit by bit, with as
/// many launches, over a ragged batch that shrinks and contexts that pass powers of two.
void checkGraphs(const std::string &model, EngineSetup setup);
/// A run in a 16-bit type against the golden f32 numbers. Logits of the last prompt position lie
/// within 128 unit roundoffs of the type (0.5 in bf16, 0.0625 in f16; logits reach 20). Along the
/// golden path the run's best logit exceeds that of the golden token by at most 16 of them, so it
/// chooses the golden token wherever the gap is wider than that.
void checkSixteenBit(const std::string &model, EngineSetup setup);
/// Two devices in the same type, both taken along the greedy path of the first. They choose the
/// same token, or one that the first device's own logits put behind by no more than the devices'
/// logits differ in that step; `differing` counts those.
void checkSameTokens(const std::string &model, EngineSetup first, EngineSetup second,
                     int &differing);

} // namespace zorse
