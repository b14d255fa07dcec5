//===- ModelRunner.h - a model with its device and kernels ------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "DatabaseChoice.h"
#include "DeviceChoice.h"

#include "zorse/bundle/Bundle.h"
#include "zorse/device/Device.h"
#include "zorse/dispatch/Dispatcher.h"
#include "zorse/hybrid/Engine.h"

#ifdef ZORSE_HAS_COMPILER
#include "KernelMaker.h"
#endif

namespace zorse::tool {

/// Which model, where it runs, and where its kernels come from.
struct ModelChoice {
  std::string dir, dtype, bundle, trust, packCache;
  DeviceChoice device;
  bool trustUnsigned = false;
};

/// The argument DIR and the options --dtype, --pack-cache, --bundle, --trust, --trust-unsigned and those of
/// addDeviceOptions().
void addModelOptions(CLI::App &verb, ModelChoice &choice);

/// What stands between the model and the kernels in one run.
struct Runner {
  OpenedDevice opened;
  std::unique_ptr<Database> database;
  std::vector<std::string> layersLeftOut;
  std::optional<Bundle> bundle; ///< instead of a database
  size_t otherCode = 0;         ///< winners of the bundle that are other code than was measured
  std::unique_ptr<Model> model;
#ifdef ZORSE_HAS_COMPILER
  std::optional<KernelMaker> maker; ///< without a bundle
#endif
  std::optional<Dispatcher> dispatcher;
  std::unique_ptr<Engine> engine;

  double compileSeconds() const;   ///< spent so far
  int64_t kernelsCompiled() const; ///< with default configurations
};

/// Opens the device, the bundle or the databases, and the model.
Status openModel(const Tool &tool, const ModelChoice &choice, Runner &runner);

/// Kernels that the database lacks are compiled; those that a bundle lacks are an error. `runner`
/// has a model and stays where it is. `passTokens`: as EngineOptions::prefillChunk.
Status makeDispatcher(const ModelChoice &choice, int64_t passTokens, Runner &runner);

/// Every op at every bucket of sizes that the engine of `runner` meets in a prompt of
/// `promptTokens` behind `depth` cached tokens and in `newTokens` decode steps after it, of `batch`
/// sequences. Nothing where nothing is compiled ahead.
Result<std::vector<OpDesc>> opsToCome(const Runner &runner, int64_t promptTokens, int64_t newTokens,
                                      int64_t batch = 1, int64_t depth = 0);

/// Compiles what launches of `ops` at their tuning points will lack, ahead and on several threads;
/// nothing to do with a bundle or without a compiler.
Status prepareKernels(const Tool &tool, const ModelChoice &choice, const std::vector<OpDesc> &ops,
                      Runner &runner);

/// Says on stderr what was compiled, built again or passed over.
void reportKernels(const Runner &runner);

} // namespace zorse::tool
