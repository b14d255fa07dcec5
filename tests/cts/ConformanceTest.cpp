//===- ConformanceTest.cpp - what every device must do -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Conformance.h"

#include <atomic>
#include <random>
#include <thread>

using namespace zorse;
using namespace zorse::cts;

namespace {

TEST_P(Conformance, SaysWhatItIs) {
  EXPECT_FALSE(device->description().empty());
  EXPECT_FALSE(device->target().arch.empty());
  EXPECT_GT(device->target().computeUnits, 0);
}

TEST_P(Conformance, BuffersAreAlignedAndApart) {
  std::vector<std::unique_ptr<Buffer>> buffers;
  for (size_t bytes : {0, 1, 63, 64, 65, 4096, 1 << 20, 9 << 20}) {
    buffers.push_back(buffer(bytes));
    EXPECT_EQ(buffers.back()->size(), bytes);
    EXPECT_EQ(buffers.back()->address() % 64, 0u);
    EXPECT_NE(buffers.back()->address(), 0u);
  }
  for (size_t i = 0; i < buffers.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      EXPECT_TRUE(buffers[i]->address() >= buffers[j]->address() + buffers[j]->size() ||
                  buffers[j]->address() >= buffers[i]->address() + buffers[i]->size());
}

TEST_P(Conformance, CopiesKeepBytesAndOffsets) {
  std::mt19937 random(5);
  std::vector<uint8_t> bytes(100000);
  for (uint8_t &byte : bytes)
    byte = uint8_t(random());
  std::unique_ptr<Buffer> to = buffer(bytes.size());
  ASSERT_TRUE(device->upload(*to, 0, bytes));
  ASSERT_TRUE(device->upload(*to, 777, std::span(bytes).first(99)));
  std::vector<uint8_t> back(50);
  ASSERT_TRUE(device->download(*to, 760, back));
  std::vector<uint8_t> want(bytes.begin() + 760, bytes.begin() + 810);
  std::copy(bytes.begin(), bytes.begin() + 33, want.begin() + 17);
  EXPECT_EQ(back, want);
}

TEST_P(Conformance, CopiesOutsideTheBufferAreErrors) {
  std::unique_ptr<Buffer> small = buffer(10);
  std::vector<uint8_t> bytes(4);
  Status up = device->upload(*small, 7, bytes);
  ASSERT_FALSE(up);
  EXPECT_EQ(up.error().message, "upload of 4 bytes at offset 7 exceeds the buffer of 10 bytes");
  Status down = device->download(*small, SIZE_MAX, bytes);
  ASSERT_FALSE(down);
  EXPECT_EQ(down.error().code, ErrorCode::Usage);
}

TEST_P(Conformance, KernelsRunInOrderOverTheWholeGrid) {
  CodeObject object = makeObject(
      *device, GetParam(), {{"add_one", {"ceildiv(n, 4)", "1", "1"}}, {"twice", {"3", "1", "1"}}},
      {"x", "y"}, {}, {"n"});
  std::unique_ptr<Module> module = load(object);
  ASSERT_TRUE(module);
  EXPECT_EQ(module->object().kernels[1].symbol, "twice");
  for (int64_t n : {1, 4, 5, 1003, 70000}) {
    std::vector<float> values(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i)
      values[i] = float(i % 1000);
    std::unique_ptr<Buffer> x = bufferOf(values), y = buffer(size_t(n) * 4);
    uint64_t slots[] = {x->address(), y->address(), uint64_t(n)};
    ASSERT_TRUE(device->launch(*module, slots, {{"n", n}}));
    std::vector<float> got = contents<float>(*y);
    for (int64_t i = 0; i < n; ++i)
      ASSERT_EQ(got[i], 2 * (float(i % 1000) + 1)) << i << " of " << n;
  }
}

TEST_P(Conformance, EveryWorkgroupRunsOnceInAllThreeDimensions) {
  std::unique_ptr<Module> module = load(visitObject());
  ASSERT_TRUE(module);
  for (std::array<int64_t, 3> grid : {std::array<int64_t, 3>{1, 1, 1},
                                      {7, 1, 1},
                                      {1, 5, 1},
                                      {1, 1, 9},
                                      {3, 4, 5},
                                      {64, 33, 2},
                                      {1, 1, 5000}}) {
    size_t count = size_t(grid[0] * grid[1] * grid[2]);
    std::unique_ptr<Buffer> seen = bufferOf(std::vector<int32_t>(count, 0));
    uint64_t slots[] = {seen->address(), uint64_t(grid[0]), uint64_t(grid[1]), uint64_t(grid[2])};
    ASSERT_TRUE(device->launch(*module, slots, {{"a", grid[0]}, {"b", grid[1]}, {"c", grid[2]}}));
    EXPECT_EQ(contents<int32_t>(*seen), std::vector<int32_t>(count, 1));
  }
}

TEST_P(Conformance, AnEmptyGridRunsNothing) {
  std::unique_ptr<Module> module = load(visitObject());
  ASSERT_TRUE(module);
  std::unique_ptr<Buffer> seen = bufferOf(std::vector<int32_t>(4, 0));
  uint64_t slots[] = {seen->address(), 4, 0, 1};
  ASSERT_TRUE(device->launch(*module, slots, {{"a", 4}, {"b", 0}, {"c", 1}}));
  EXPECT_EQ(contents<int32_t>(*seen), std::vector<int32_t>(4, 0));
}

/// Many small launches back to back: the place where a thread pool loses or repeats work.
TEST_P(Conformance, TenThousandLaunchesLoseNothing) {
  std::unique_ptr<Module> module = load(visitObject());
  ASSERT_TRUE(module);
  std::mt19937 random(11);
  std::vector<int32_t> want(64, 0);
  std::unique_ptr<Buffer> seen = bufferOf(want);
  for (int i = 0; i < 10000; ++i) {
    int64_t a = 1 + int64_t(random() % 64);
    for (int64_t w = 0; w < a; ++w)
      ++want[size_t(w)];
    uint64_t slots[] = {seen->address(), uint64_t(a), 1, 1};
    ASSERT_TRUE(device->launch(*module, slots, {{"a", a}, {"b", 1}, {"c", 1}}));
    if (i % 2500 == 0) // long enough for workers to fall asleep
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_EQ(contents<int32_t>(*seen), want);
}

TEST_P(Conformance, LaunchesFromSeveralThreadsDoNotMix) {
  std::unique_ptr<Module> module = load(visitObject());
  ASSERT_TRUE(module);
  std::vector<std::unique_ptr<Buffer>> seen;
  for (int i = 0; i < 4; ++i)
    seen.push_back(bufferOf(std::vector<int32_t>(40, 0)));
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 200; ++round) {
        uint64_t slots[] = {seen[size_t(i)]->address(), 8, 5, 1};
        failures += !device->launch(*module, slots, {{"a", 8}, {"b", 5}, {"c", 1}});
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(failures, 0);
  for (auto &buffer : seen)
    EXPECT_EQ(contents<int32_t>(*buffer), std::vector<int32_t>(40, 200));
}

TEST_P(Conformance, WorkspacesAreArguments) {
  CodeObject object = makeObject(
      *device, GetParam(), {{"fill_scratch", {"n", "1", "1"}}, {"read_scratch", {"n", "1", "1"}}},
      {"out", "in"}, {"scratch"}, {"n"});
  std::unique_ptr<Module> module = load(object);
  ASSERT_TRUE(module);
  std::unique_ptr<Buffer> out = buffer(12), in = bufferOf(std::vector<float>{1, 2, 3}),
                          scratch = buffer(12);
  uint64_t slots[] = {out->address(), in->address(), scratch->address(), 3};
  ASSERT_TRUE(device->launch(*module, slots, {{"n", 3}}));
  EXPECT_EQ(contents<float>(*out), (std::vector<float>{15, 25, 35}));
}

TEST_P(Conformance, ModulesOfTheSameSymbolsLiveSideBySide) {
  std::vector<std::unique_ptr<Module>> modules;
  for (int i = 0; i < 20; ++i)
    modules.push_back(load(visitObject()));
  modules.erase(modules.begin() + 3, modules.begin() + 9);
  modules.push_back(load(visitObject()));
  std::unique_ptr<Buffer> seen = bufferOf(std::vector<int32_t>(1, 0));
  uint64_t slots[] = {seen->address(), 1, 1, 1};
  for (auto &module : modules)
    ASSERT_TRUE(device->launch(*module, slots, {{"a", 1}, {"b", 1}, {"c", 1}}));
  EXPECT_EQ(contents<int32_t>(*seen)[0], 15);
}

TEST_P(Conformance, WrongLaunchesAreErrors) {
  std::unique_ptr<Module> module = load(visitObject());
  ASSERT_TRUE(module);
  uint64_t slots[] = {0, 1, 1};
  Status few = device->launch(*module, slots, {{"a", 1}, {"b", 1}, {"c", 1}});
  ASSERT_FALSE(few);
  EXPECT_EQ(few.error().message, "a launch of 'visit' takes 4 argument slots, 3 were given");
  std::unique_ptr<Buffer> seen = bufferOf(std::vector<int32_t>(1, 0));
  uint64_t four[] = {seen->address(), 1, 1, 1};
  Status unnamed = device->launch(*module, four, {{"a", 1}});
  ASSERT_FALSE(unnamed);
  EXPECT_EQ(unnamed.error().message.rfind("grid of kernel 'visit': ", 0), 0u)
      << unnamed.error().message;
  Status negative = device->launch(*module, four, {{"a", 1}, {"b", -2}, {"c", 1}});
  ASSERT_FALSE(negative);
  EXPECT_EQ(negative.error().message, "grid of kernel 'visit' is b = -2, must not be negative");
  EXPECT_EQ(contents<int32_t>(*seen)[0], 0);
}

TEST_P(Conformance, RefusesAnotherArchitecture) {
  CodeObject object = visitObject();
  object.arch = device->target().isHost() ? "gfx942" : "x86_64-avx2";
  Result<std::unique_ptr<Module>> module = device->load(object);
  ASSERT_FALSE(module);
  EXPECT_EQ(module.error().code, ErrorCode::Device);
  EXPECT_NE(module.error().message.find(object.arch), std::string::npos);
  EXPECT_NE(module.error().message.find(device->target().arch), std::string::npos);
}

TEST_P(Conformance, RefusesASymbolThatIsNotThere) {
  CodeObject object = visitObject();
  object.kernels[0].symbol = "absent";
  Result<std::unique_ptr<Module>> module = device->load(object);
  ASSERT_FALSE(module);
  EXPECT_EQ(module.error().message,
            "damaged code object: it has no symbol 'absent'; compile it again");
}

INSTANTIATE_TEST_SUITE_P(Devices, Conformance, testing::ValuesIn(devices()),
                         [](const auto &info) { return info.param.name; });

} // namespace
