//===- Conformance.h - one device under test --------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Devices.h"

#include <gtest/gtest.h>

namespace zorse::cts {

class Conformance : public testing::TestWithParam<DeviceUnderTest> {
protected:
  void SetUp() override {
    std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
    test = test.substr(0, test.find('/'));
    for (const auto &[name, reason] : GetParam().skips)
      if (name == test)
        GTEST_SKIP() << reason;
    Result<std::unique_ptr<Device>> made = GetParam().create();
    ASSERT_TRUE(made) << made.error().message;
    device = made.take();
  }

  std::unique_ptr<Buffer> buffer(size_t bytes) {
    Result<std::unique_ptr<Buffer>> made = device->allocate(bytes);
    EXPECT_TRUE(made) << made.error().message;
    return made.take();
  }
  template <typename T> std::unique_ptr<Buffer> bufferOf(const std::vector<T> &values) {
    std::unique_ptr<Buffer> made = buffer(values.size() * sizeof(T));
    EXPECT_TRUE(device->upload(
        *made, 0, {reinterpret_cast<const uint8_t *>(values.data()), values.size() * sizeof(T)}));
    return made;
  }
  template <typename T> std::vector<T> contents(const Buffer &from) {
    std::vector<T> values(from.size() / sizeof(T));
    EXPECT_TRUE(device->download(
        from, 0, {reinterpret_cast<uint8_t *>(values.data()), values.size() * sizeof(T)}));
    return values;
  }
  std::unique_ptr<Module> load(const CodeObject &object) {
    Result<std::unique_ptr<Module>> made = device->load(object);
    EXPECT_TRUE(made) << made.error().message;
    return made ? made.take() : nullptr;
  }
  /// One kernel that counts visits: [seen | a, b, c] over a grid of a x b x c.
  CodeObject visitObject() {
    return makeObject(*device, GetParam(), {{"visit", {"a", "b", "c"}}}, {"seen"}, {},
                      {"a", "b", "c"});
  }

  std::unique_ptr<Device> device;
};

} // namespace zorse::cts
