//===- EmulatedKernelsTest.cpp - AMD code objects against the oracle ------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every op kind, compiled for AMD targets and executed instruction by instruction
// with all checks on: random ops, ragged lengths, and every second configuration drawn
// from the whole space. ZORSE_KERNEL_CASES sets how many of each kind and dtype.
//
//===----------------------------------------------------------------------===//
#include "RandomOps.h"

#include "zorse/compiler/Compile.h"
#include "zorse/emulator/EmulatorDevice.h"
#include "zorse/reference/Reference.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fmt/format.h>

namespace zorse {
namespace {

constexpr uint64_t firstSeed = 20'261'121;
constexpr double maxFlops = 1.5e7;

int casesOfEach() {
  const char *text = std::getenv("ZORSE_KERNEL_CASES");
  return text ? std::atoi(text) : 3;
}

/// The worst error of each kind on each target, as a share of what is allowed.
struct Tally {
  int cases = 0;
  double worst = 0;
  std::string where;
};
std::map<std::pair<std::string, std::string>, Tally> tallies;

class EmulatedKernels : public testing::TestWithParam<std::tuple<std::string, std::string, DType>> {
protected:
  static void TearDownTestSuite() {
    for (const auto &[key, tally] : tallies)
      fmt::print("{:<8} {:<22} {:4} cases, worst error {:.3f} of the tolerance: {}\n", key.first,
                 key.second, tally.cases, tally.worst, tally.where);
  }

  static EmulatorDevice &device(const std::string &arch) {
    static std::map<std::string, std::unique_ptr<EmulatorDevice>> devices;
    std::unique_ptr<EmulatorDevice> &device = devices[arch];
    if (!device)
      device = createEmulatorDevice(findTarget(arch).take(), {.threads = 0, .checks = true}).take();
    return *device;
  }
};

std::string describe(const Sizes &sizes) {
  std::string text;
  for (const auto &[name, value] : sizes)
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", name, value);
  return text;
}

/// Runs one code object on fresh buffers and compares every result. Buffers are exactly as large
/// as their operands, so that the machine sees every stray access.
Result<Comparison> runAndCompare(EmulatorDevice &device, const CodeObject &object,
                                 const RandomOp &random, uint64_t seed, Lengths lengths) {
  const OpDesc &op = random.op;
  Result<OperandSet> inputs = OperandSet::create(op, random.sizes);
  if (!inputs)
    return inputs.takeError();
  if (Status status = fillOperands(op, random.sizes, seed, inputs->pointers(), lengths); !status)
    return status.takeError();
  std::vector<std::unique_ptr<Buffer>> buffers;
  std::vector<uint64_t> slots;
  auto add = [&](size_t bytes, const void *contents) -> Status {
    Result<std::unique_ptr<Buffer>> buffer = device.allocate(bytes);
    if (!buffer)
      return buffer.takeError();
    std::vector<uint8_t> poison(contents ? 0 : bytes, poisonByte);
    std::span<const uint8_t> from =
        contents ? std::span(static_cast<const uint8_t *>(contents), bytes) : std::span(poison);
    slots.push_back((*buffer)->address());
    buffers.push_back(buffer.take());
    return device.upload(*buffers.back(), 0, from);
  };
  for (size_t i = 0; i < inputs->count(); ++i)
    if (Status status = add(inputs->bytes(i), inputs->pointers()[i]); !status)
      return status.takeError();
  for (const WorkspaceInfo &workspace : object.workspaces) {
    Result<int64_t> bytes = workspace.bytes.evaluate(op.scope(random.sizes));
    if (!bytes)
      return bytes.takeError();
    if (Status status = add(static_cast<size_t>(*bytes), nullptr); !status)
      return status.takeError();
  }
  for (const KernelArgument &argument : object.arguments)
    if (argument.kind == KernelArgument::Kind::Size)
      slots.push_back(static_cast<uint64_t>(random.sizes.at(argument.name)));
  Result<std::unique_ptr<Module>> module = device.load(object);
  if (!module)
    return module.takeError();
  if (Status status = device.launch(**module, slots, random.sizes); !status)
    return status.takeError();

  std::vector<std::vector<uint8_t>> results(inputs->count());
  std::vector<void *> got;
  for (size_t i = 0; i < inputs->count(); ++i) {
    results[i].resize(inputs->bytes(i));
    if (Status status = device.download(*buffers[i], 0, results[i]); !status)
      return status.takeError();
    got.push_back(results[i].data());
  }
  if (Status status = runReference(op, inputs->pointers(), random.sizes); !status)
    return status.takeError();
  return compareOperands(op, random.sizes, got, inputs->pointers(),
                         device.target().matrixFlushesSubnormals);
}

TEST_P(EmulatedKernels, AgreeWithTheOracle) {
  const auto &[arch, kind, dtype] = GetParam();
  const TargetDesc target = findTarget(arch).take();
  Tally &tally = tallies[{arch, kind}];
  for (int i = 0; i < casesOfEach(); ++i) {
    uint64_t seed =
        firstSeed + static_cast<uint64_t>(i) * 1000 + static_cast<uint64_t>(dtype) * 100;
    for (char letter : arch + kind)
      seed = seed * 31 + static_cast<uint64_t>(letter);
    std::mt19937_64 random(seed);
    RandomOp drawn = drawOp(kind, dtype, random, maxFlops);
    Result<KernelConfig> config = KernelConfig::defaults(drawn.op, target);
    ASSERT_TRUE(config) << config.error().message;
    if (i % 2 == 1) {
      std::vector<KernelConfig> all = enumerateConfigs(drawn.op, target);
      config = all[random() % all.size()];
    }
    // Some launches have sequences that bring no token.
    Lengths lengths = i % 3 == 2 ? Lengths::Sparse : Lengths::Ragged;
    std::string what = fmt::format("{} for {} at {} with {}, seed {}{}", drawn.op.canonicalJson(),
                                   arch, describe(drawn.sizes), config->text(), seed,
                                   lengths == Lengths::Sparse ? ", empty sequences" : "");
    SCOPED_TRACE(what);
    Result<CompileOutput> compiled = compile(drawn.op, target, *config);
    ASSERT_TRUE(compiled) << compiled.error().message;
    Result<Comparison> comparison =
        runAndCompare(device(arch), compiled->object, drawn, seed, lengths);
    if (!comparison) {
      ADD_FAILURE() << comparison.error().message;
      continue;
    }
    EXPECT_TRUE(comparison->passed) << comparison->wrong << " of " << comparison->elements
                                    << " elements are wrong, worst " << comparison->detail;
    ++tally.cases;
    if (comparison->maxError >= tally.worst) {
      tally.worst = comparison->maxError;
      tally.where = comparison->detail;
    }
  }
}

std::vector<std::string> kinds() {
  std::vector<std::string> names;
  for (const OpSpec &spec : allOpSpecs())
    names.push_back(spec.kind);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Random, EmulatedKernels,
                         testing::Combine(testing::Values("gfx90a", "gfx942"),
                                          testing::ValuesIn(kinds()),
                                          testing::Values(DType::BF16, DType::F16, DType::F32)),
                         [](const auto &info) {
                           return std::get<0>(info.param) + "_" + std::get<1>(info.param) + "_" +
                                  std::string(name(std::get<2>(info.param)));
                         });

} // namespace
} // namespace zorse
