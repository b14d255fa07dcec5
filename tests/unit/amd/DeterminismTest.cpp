//===- DeterminismTest.cpp - the same request gives the same bytes --------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Code objects are database entries and are compared by their bytes, so they must
// not depend on what was compiled before, on addresses, or on other threads.
//
//===----------------------------------------------------------------------===//

#include "InParallel.h"

#include "zorse/compiler/Compile.h"

#include <gtest/gtest.h>

#include <random>

namespace zorse::test {
namespace {

struct Request {
  const OpSpec *spec;
  TargetDesc target;
};

/// The bytes, or the message of an error.
std::string codeOf(const Request &request) {
  Result<OpDesc> op = OpDesc::parse(request.spec->exampleJson);
  if (!op)
    return op.error().message;
  Result<KernelConfig> config = KernelConfig::defaults(*op, request.target);
  if (!config)
    return config.error().message;
  Result<CompileOutput> output = compile(*op, request.target, *config);
  if (!output)
    return output.error().message;
  return {output->object.bytes.begin(), output->object.bytes.end()};
}

TEST(Determinism, RepeatedAndParallelCompilesGiveTheSameBytes) {
  std::vector<Request> requests;
  for (const char *arch : {"gfx90a", "gfx942"})
    for (const OpSpec &spec : allOpSpecs()) {
      Result<TargetDesc> target = findTarget(arch);
      ASSERT_TRUE(target);
      requests.push_back({&spec, *target});
    }
  std::vector<std::string> alone(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    alone[i] = codeOf(requests[i]);
    ASSERT_TRUE(alone[i].starts_with("\x7f"
                                     "ELF"))
        << requests[i].spec->kind << ": " << alone[i];
  }

  // Each four times, in an order drawn with a fixed seed, on more threads than there are cores.
  std::vector<size_t> order;
  for (int repeat = 0; repeat < 4; ++repeat)
    for (size_t i = 0; i < requests.size(); ++i)
      order.push_back(i);
  constexpr unsigned seed = 7;
  std::shuffle(order.begin(), order.end(), std::mt19937(seed));
  std::vector<char> same(order.size());
  inParallel(
      order.size(), [&](size_t i) { same[i] = codeOf(requests[order[i]]) == alone[order[i]]; },
      /*threads=*/4);
  for (size_t i = 0; i < order.size(); ++i)
    EXPECT_TRUE(same[i]) << requests[order[i]].spec->kind << " for "
                         << requests[order[i]].target.arch
                         << " got other bytes than alone, order of seed " << seed;
}

} // namespace
} // namespace zorse::test
