//===- StreamTest.cpp - order, events and graphs on every device ----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Conformance.h"

#include <gmock/gmock.h>

using namespace zorse;
using namespace zorse::cts;

namespace {

std::string messageOf(const Status &status) { return status ? "" : status.error().message; }
template <typename T> std::string messageOf(const Result<T> &result) {
  return result ? "" : result.error().message;
}

class Stream : public Conformance {
protected:
  /// [x, y | n]: y = 2 (x + 1)
  CodeObject pairObject() {
    return makeObject(*device, GetParam(),
                      {{"add_one", {"ceildiv(n, 4)", "1", "1"}}, {"twice", {"3", "1", "1"}}},
                      {"x", "y"}, {}, {"n"});
  }
  std::unique_ptr<Graph> captured(const std::function<Status()> &body) {
    Result<std::unique_ptr<Graph>> graph = device->capture(body);
    EXPECT_EQ(messageOf(graph), "");
    return graph ? graph.take() : nullptr;
  }
};

TEST_P(Stream, SynchronizeWaitsAndSaysThatAllIsWell) {
  EXPECT_EQ(messageOf(device->synchronize()), "");
  std::unique_ptr<Module> module = load(visitObject());
  ASSERT_TRUE(module);
  std::unique_ptr<Buffer> seen = bufferOf(std::vector<int32_t>(8, 0));
  uint64_t slots[] = {seen->address(), 8, 1, 1};
  ASSERT_TRUE(device->launch(*module, slots, {{"a", 8}, {"b", 1}, {"c", 1}}));
  EXPECT_EQ(messageOf(device->synchronize()), "");
  EXPECT_EQ(messageOf(device->synchronize()), "");
  EXPECT_EQ(contents<int32_t>(*seen), std::vector<int32_t>(8, 1));
}

TEST_P(Stream, UploadsTakePlaceBetweenTheLaunchesAroundThem) {
  std::unique_ptr<Module> module = load(pairObject());
  ASSERT_TRUE(module);
  for (size_t n : {size_t(5), size_t(70001)}) { // a small copy and one of some hundred KiB
    std::unique_ptr<Buffer> x = buffer(n * 4), first = buffer(n * 4), second = buffer(n * 4);
    std::vector<float> values(n);
    for (auto [value, out] : {std::pair(3.0f, first.get()), {10.0f, second.get()}}) {
      values.assign(n, value);
      ASSERT_TRUE(device->upload(*x, 0, {reinterpret_cast<uint8_t *>(values.data()), n * 4}));
      values.assign(n, -1); // the caller's memory is its own again
      uint64_t slots[] = {x->address(), out->address(), n};
      ASSERT_TRUE(device->launch(*module, slots, {{"n", int64_t(n)}}));
      slots[1] = 0; // and so is the row
    }
    EXPECT_EQ(contents<float>(*first), std::vector<float>(n, 8));
    EXPECT_EQ(contents<float>(*second), std::vector<float>(n, 22));
  }
}

TEST_P(Stream, ManySmallUploadsStayInOrder) {
  std::unique_ptr<Module> module = load(pairObject());
  ASSERT_TRUE(module);
  constexpr int rounds = 600;
  constexpr size_t n = 3000;
  std::unique_ptr<Buffer> x = buffer(n * 4), y = buffer(rounds * n * 4);
  for (int i = 0; i < rounds; ++i) {
    const std::vector<float> values(n, float(i));
    ASSERT_TRUE(device->upload(*x, 0, {reinterpret_cast<const uint8_t *>(values.data()), n * 4}));
    uint64_t slots[] = {x->address(), y->address() + size_t(i) * n * 4, 1};
    ASSERT_TRUE(device->launch(*module, slots, {{"n", 1}}));
  }
  const std::vector<float> got = contents<float>(*y);
  for (int i = 0; i < rounds; ++i)
    ASSERT_EQ(got[size_t(i) * n], 2 * (float(i) + 1));
}

TEST_P(Stream, EventsAreMomentsOfOneClock) {
  std::unique_ptr<Module> module = load(visitObject());
  ASSERT_TRUE(module);
  std::unique_ptr<Buffer> seen = bufferOf(std::vector<int32_t>(8, 0));
  uint64_t slots[] = {seen->address(), 8, 1, 1};
  std::vector<std::unique_ptr<Event>> events;
  for (int i = 0; i < 3; ++i) {
    Result<std::unique_ptr<Event>> event = device->record();
    ASSERT_TRUE(event) << messageOf(event);
    events.push_back(event.take());
    ASSERT_TRUE(device->launch(*module, slots, {{"a", 8}, {"b", 1}, {"c", 1}}));
  }
  Result<double> none = device->seconds(*events[0], *events[0]);
  Result<double> first = device->seconds(*events[0], *events[1]);
  Result<double> second = device->seconds(*events[1], *events[2]);
  Result<double> both = device->seconds(*events[0], *events[2]);
  for (const Result<double> *each : {&none, &first, &second, &both})
    ASSERT_TRUE(*each) << messageOf(*each);
  EXPECT_EQ(*none, 0);
  EXPECT_GE(*first, 0);
  EXPECT_GE(*second, 0);
  // To the resolution of a clock in f32 milliseconds.
  EXPECT_NEAR(*both, *first + *second, 2e-6 + 1e-6 * *both);
}

TEST_P(Stream, AGraphRunsWhenItIsReplayed) {
  std::unique_ptr<Module> module = load(visitObject());
  ASSERT_TRUE(module);
  std::unique_ptr<Buffer> seen = bufferOf(std::vector<int32_t>(40, 0));
  std::vector<uint64_t> slots = {seen->address(), 8, 5, 1};
  std::unique_ptr<Graph> graph =
      captured([&] { return device->launch(*module, slots, {{"a", 8}, {"b", 5}, {"c", 1}}); });
  ASSERT_TRUE(graph);
  slots.assign(4, 0); // the graph has its own
  EXPECT_EQ(graph->kernels(), 1u);
  EXPECT_EQ(contents<int32_t>(*seen), std::vector<int32_t>(40, 0));
  for (int i = 1; i <= 50; ++i)
    ASSERT_EQ(messageOf(device->replay(*graph)), "");
  EXPECT_EQ(contents<int32_t>(*seen), std::vector<int32_t>(40, 50));
}

TEST_P(Stream, AGraphKeepsTheOrderAndReadsTheBuffersOfTheMoment) {
  std::unique_ptr<Module> module = load(pairObject());
  ASSERT_TRUE(module);
  std::unique_ptr<Buffer> x = buffer(44), y = buffer(44), z = buffer(44);
  std::unique_ptr<Graph> graph = captured([&] {
    uint64_t first[] = {x->address(), y->address(), 11},
             second[] = {y->address(), z->address(), 11};
    Status status = device->launch(*module, first, {{"n", 11}});
    return status ? device->launch(*module, second, {{"n", 11}}) : status;
  });
  ASSERT_TRUE(graph);
  EXPECT_EQ(graph->kernels(), 4u);
  for (float value : {1.0f, 5.0f, -2.0f}) {
    const std::vector<float> values(11, value);
    ASSERT_TRUE(device->upload(*x, 0, {reinterpret_cast<const uint8_t *>(values.data()), 44}));
    ASSERT_EQ(messageOf(device->replay(*graph)), "");
    EXPECT_EQ(contents<float>(*z), std::vector<float>(11, 2 * (2 * (value + 1) + 1)));
  }
}

TEST_P(Stream, GraphsLiveSideBySideAndMixWithLaunches) {
  std::unique_ptr<Module> module = load(visitObject());
  ASSERT_TRUE(module);
  std::unique_ptr<Buffer> seen = bufferOf(std::vector<int32_t>(6, 0));
  std::vector<std::unique_ptr<Graph>> graphs;
  for (int64_t a = 1; a <= 6; ++a)
    graphs.push_back(captured([&] {
      uint64_t slots[] = {seen->address(), uint64_t(a), 1, 1};
      return device->launch(*module, slots, {{"a", a}, {"b", 1}, {"c", 1}});
    }));
  uint64_t slots[] = {seen->address(), 6, 1, 1};
  for (auto &graph : graphs) {
    ASSERT_EQ(messageOf(device->replay(*graph)), "");
    ASSERT_TRUE(device->launch(*module, slots, {{"a", 6}, {"b", 1}, {"c", 1}}));
  }
  graphs.erase(graphs.begin() + 1, graphs.begin() + 4);
  for (auto &graph : graphs)
    ASSERT_EQ(messageOf(device->replay(*graph)), "");
  EXPECT_EQ(contents<int32_t>(*seen), (std::vector<int32_t>{15, 13, 12, 11, 10, 8}));
}

TEST_P(Stream, AnEmptyGraphRunsNothing) {
  std::unique_ptr<Module> module = load(visitObject());
  ASSERT_TRUE(module);
  std::unique_ptr<Buffer> seen = bufferOf(std::vector<int32_t>(4, 0));
  std::unique_ptr<Graph> none = captured([] { return Status::success(); });
  std::unique_ptr<Graph> empty = captured([&] {
    uint64_t slots[] = {seen->address(), 4, 0, 1};
    return device->launch(*module, slots, {{"a", 4}, {"b", 0}, {"c", 1}});
  });
  for (Graph *graph : {none.get(), empty.get()}) {
    ASSERT_TRUE(graph);
    EXPECT_EQ(graph->kernels(), 0u);
    EXPECT_EQ(messageOf(device->replay(*graph)), "");
  }
  EXPECT_EQ(contents<int32_t>(*seen), std::vector<int32_t>(4, 0));
}

TEST_P(Stream, AFailedCaptureLeavesNothingBehind) {
  std::unique_ptr<Module> module = load(visitObject());
  ASSERT_TRUE(module);
  std::unique_ptr<Buffer> seen = bufferOf(std::vector<int32_t>(4, 0));
  uint64_t slots[] = {seen->address(), 4, 1, 1};
  const Sizes sizes = {{"a", 4}, {"b", 1}, {"c", 1}};
  Result<std::unique_ptr<Graph>> failed = device->capture([&] {
    EXPECT_TRUE(device->launch(*module, slots, sizes));
    return Status(usageError("changed my mind"));
  });
  EXPECT_EQ(messageOf(failed), "changed my mind");
  Result<std::unique_ptr<Graph>> wrong =
      device->capture([&] { return device->launch(*module, std::span(slots).first(3), sizes); });
  EXPECT_EQ(messageOf(wrong), "a launch of 'visit' takes 4 argument slots, 3 were given");
  wrong = device->capture([&] { return device->launch(*module, slots, {{"a", -1}}); });
  EXPECT_EQ(messageOf(wrong), "grid of kernel 'visit' is a = -1, must not be negative");
  EXPECT_EQ(contents<int32_t>(*seen), std::vector<int32_t>(4, 0));
  ASSERT_TRUE(device->launch(*module, slots, sizes));
  EXPECT_EQ(contents<int32_t>(*seen), std::vector<int32_t>(4, 1));
}

TEST_P(Stream, OnlyLaunchesCanBeCaptured) {
  const CodeObject object = visitObject();
  std::unique_ptr<Module> module = load(object);
  ASSERT_TRUE(module);
  std::unique_ptr<Buffer> seen = bufferOf(std::vector<int32_t>(4, 0));
  uint64_t slots[] = {seen->address(), 4, 1, 1};
  std::vector<uint8_t> bytes(16, 1);
  std::unique_ptr<Graph> before = captured([] { return Status::success(); });
  std::unique_ptr<Event> event = device->record().take();
  std::unique_ptr<Graph> graph = captured([&] {
    auto refused = [](const std::string &call) {
      return call + " inside of a capture; only launches can be recorded, do it before";
    };
    EXPECT_EQ(messageOf(device->allocate(16)), refused("allocate"));
    EXPECT_EQ(messageOf(device->upload(*seen, 0, bytes)), refused("upload"));
    EXPECT_EQ(messageOf(device->download(*seen, 0, bytes)), refused("download"));
    EXPECT_EQ(messageOf(device->load(object)), refused("load"));
    EXPECT_EQ(messageOf(device->synchronize()), refused("synchronize"));
    EXPECT_EQ(messageOf(device->record()), refused("record"));
    EXPECT_EQ(messageOf(device->seconds(*event, *event)), refused("seconds"));
    EXPECT_EQ(messageOf(device->replay(*before)), refused("replay"));
    EXPECT_EQ(messageOf(device->capture([] { return Status::success(); })), refused("capture"));
    return device->launch(*module, slots, {{"a", 4}, {"b", 1}, {"c", 1}});
  });
  ASSERT_TRUE(graph); // the refusals did no harm
  ASSERT_EQ(messageOf(device->replay(*graph)), "");
  EXPECT_EQ(contents<int32_t>(*seen), std::vector<int32_t>(4, 1));
}

INSTANTIATE_TEST_SUITE_P(Devices, Stream, testing::ValuesIn(devices()),
                         [](const auto &info) { return info.param.name; });

} // namespace
