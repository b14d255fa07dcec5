//===- EngineFixture.h - a small model on the oracle ------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ReferenceDevice.h"

#include "zorse/hybrid/Engine.h"

#include <gtest/gtest.h>

#include <set>

namespace zorse {

inline std::string golden(const std::string &model) {
  return std::string(ZORSE_SOURCE_DIR) + "/tests/golden/" + model;
}

inline std::string messageOf(const Status &status) { return status ? "" : status.error().message; }

/// A golden model in f32 on the reference device, whose kernels give a row the same numbers in any
/// batch.
class EngineFixture : public testing::Test {
protected:
  void SetUp() override { load("zebra-stories-260k"); }

  void load(const std::string &name) {
    auto loaded = Model::load(golden(name), *device, {.dtype = DType::F32});
    ASSERT_TRUE(loaded) << loaded.error().message;
    model = loaded.take();
  }

  std::unique_ptr<Engine> create(EngineOptions options) {
    auto engine = Engine::create(*model, dispatcher, options);
    EXPECT_TRUE(engine) << (engine ? "" : engine.error().message);
    return engine.take();
  }

  std::vector<int32_t> prompt(const std::string &text) { return *model->tokenizer().encode(text); }

  std::unique_ptr<Device> device = createReferenceDevice();
  Dispatcher dispatcher{*device, nullptr, [this](const OpDesc &op, const Sizes &sizes) {
                          asked.insert(op.canonicalJson());
                          return describeAsCode(op, device->target());
                        }};
  std::set<std::string> asked; ///< every op that the engine needed
  std::unique_ptr<Model> model;
};

} // namespace zorse
