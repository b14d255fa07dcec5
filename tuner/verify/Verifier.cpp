//===- Verifier.cpp - a candidate against the reference -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "verify/Verifier.h"

#include "zorse/reference/Reference.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <limits>
#include <spdlog/spdlog.h>

namespace zorse::tuner {

namespace {

std::string describe(const Sizes &sizes) {
  std::string text;
  for (const auto &[name, value] : sizes)
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", name, value);
  return text;
}

double flopsAt(const OpDesc &op, const Sizes &sizes) {
  Result<int64_t> flops = op.spec().flops.evaluate(op.scope(sizes));
  return flops ? double(*flops) : 0;
}

/// The tuning point, the largest of `tokens` and `context` halved until it is cheap enough.
Sizes affordablePoint(const OpDesc &op, double maxFlops) {
  Sizes sizes = consistentSizes(op, {});
  while (flopsAt(op, sizes) > maxFlops) {
    auto largest = sizes.find("tokens");
    auto context = sizes.find("context");
    if (context != sizes.end() && context->second > largest->second)
      largest = context;
    if (largest->second <= 1)
      break;
    largest->second /= 2;
    if (auto batch = sizes.find("batch"); batch != sizes.end())
      batch->second = std::min(batch->second, sizes["tokens"]);
    sizes = consistentSizes(op, sizes);
  }
  return sizes;
}

bool isNaN(DType type, const uint8_t *element) {
  auto of = [&](auto bits) {
    std::memcpy(&bits, element, sizeof bits);
    return bits;
  };
  switch (type) {
  case DType::F32:
    return (of(uint32_t()) & 0x7fffffff) > 0x7f800000;
  case DType::F16:
    return (of(uint16_t()) & 0x7fff) > 0x7c00;
  case DType::BF16:
    return (of(uint16_t()) & 0x7fff) > 0x7f80;
  case DType::I32:
    return false;
  }
  return false;
}

} // namespace

std::string madeNaN(const OpDesc &op, const OperandSet &inputs,
                    const std::vector<std::vector<uint8_t>> &wanted) {
  std::vector<const OperandSpec *> specs = op.operands();
  for (size_t i = 0; i < specs.size(); ++i) {
    DType type = op.operandDType(*specs[i]);
    size_t width = byteWidth(type);
    auto *before = static_cast<const uint8_t *>(inputs.pointers()[i]);
    for (size_t at = 0; at + width <= wanted[i].size(); at += width)
      if (isNaN(type, wanted[i].data() + at) &&
          std::memcmp(before + at, wanted[i].data() + at, width) != 0)
        return fmt::format("{}, element {}", specs[i]->name, at / width);
  }
  return "";
}

Verifier::Verifier(Device &device, const OpDesc &op, uint64_t seed, VerifyLimits limits)
    : device(device), op(op), seed(seed), limits(limits) {}

Result<Verifier::Case> Verifier::makeCase(const Sizes &sizes, Lengths lengths, uint64_t caseSeed) {
  Result<OperandSet> inputs = OperandSet::create(op, sizes);
  if (!inputs)
    return inputs.takeError();
  if (Status status = fillOperands(op, sizes, caseSeed, inputs->pointers(), lengths); !status)
    return status.takeError();

  // The reference works on copies of what it changes.
  Case made{sizes, inputs.take(), {}, {}, true};
  std::vector<void *> operands(made.inputs.pointers().begin(), made.inputs.pointers().end());
  std::vector<const OperandSpec *> specs = op.operands();
  made.wanted.resize(specs.size());
  for (size_t i = 0; i < specs.size(); ++i) {
    if (specs[i]->role == OperandSpec::Role::In)
      continue;
    auto *from = static_cast<const uint8_t *>(operands[i]);
    made.wanted[i].assign(from, from + made.inputs.bytes(i));
    operands[i] = made.wanted[i].data();
  }
  if (Status status = runReference(op, operands, sizes); !status)
    return status.takeError();
  if (std::string where = madeNaN(op, made.inputs, made.wanted); !where.empty())
    return runtimeError(fmt::format("could not be judged: the reference is NaN at {} with {} and "
                                    "seed {}; expected inputs that keep it finite",
                                    where, describe(sizes), caseSeed));
  Result<DeviceOperands> onDevice = DeviceOperands::create(device, op, sizes);
  if (!onDevice)
    return onDevice.takeError();
  made.onDevice = onDevice.take();
  return made;
}

Status Verifier::prepare() {
  auto start = std::chrono::steady_clock::now();
  std::vector<std::pair<Sizes, Lengths>> points = {
      {affordablePoint(op, limits.flops), Lengths::Full}};
  for (const Sizes &sizes : raggedSizes(op, limits.flops))
    points.push_back({sizes, Lengths::Ragged});
  size_t bytes = 0;
  for (const auto &[sizes, lengths] : points) {
    Result<int64_t> more = op.operandBytes(sizes);
    if (!more)
      return more.takeError();
    if (!cases.empty() && bytes + size_t(*more) > limits.inputBytes)
      continue;
    bytes += size_t(*more);
    Result<Case> made = makeCase(sizes, lengths, seed + cases.size());
    if (!made)
      return made.takeError();
    cases.push_back(made.take());
  }
  prepared = true;
  spdlog::debug("{}: {} cases to verify by, {:.1f} MB of operands, prepared in {:.2f} s", op.kind(),
                cases.size(), double(bytes) * 1e-6,
                std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return Status::success();
}

Result<std::optional<std::string>> Verifier::runCase(Case &test, Module &module,
                                                     Verification &worst) {
  using Fault = std::optional<std::string>;
  std::vector<std::vector<uint8_t>> first(test.onDevice.count());
  for (bool again : {false, true}) {
    Status ready = test.dirty ? test.onDevice.upload(device, test.inputs)
                              : test.onDevice.restore(device, test.inputs);
    if (!ready)
      return ready.takeError();
    test.dirty = true; // until all of the checks below have passed
    Result<Binding> binding = test.onDevice.bind(device, module.object());
    if (!binding)
      return binding.takeError();
    if (Status status = device.launch(module, binding->slots, test.sizes); !status)
      return status.takeError();

    Result<Fault> guards = test.onDevice.checkGuards(device, *binding);
    if (!guards || *guards)
      return guards;
    std::vector<void *> got(test.onDevice.count()), want(test.onDevice.count());
    std::vector<std::vector<uint8_t>> results(test.onDevice.count());
    for (size_t i = 0; i < test.onDevice.count(); ++i) {
      got[i] = want[i] = test.inputs.pointers()[i];
      if (test.onDevice.role(i) == OperandSpec::Role::In) {
        Result<bool> same = test.onDevice.holds(
            device, i, {static_cast<const uint8_t *>(got[i]), test.onDevice.bytes(i)});
        if (!same)
          return same.takeError();
        if (!*same)
          return Fault(fmt::format("changes its input '{}'", test.onDevice.name(i)));
        continue;
      }
      std::vector<uint8_t> &bytes = results[i];
      bytes.resize(test.onDevice.bytes(i));
      if (Status status = test.onDevice.download(device, i, bytes); !status)
        return status.takeError();
      got[i] = bytes.data();
      want[i] = test.wanted[i].data();
      if (again && bytes != first[i])
        return Fault(fmt::format("two runs leave different bytes in '{}'", test.onDevice.name(i)));
    }
    test.dirty = false;
    if (again)
      return Fault();
    Result<Comparison> comparison =
        compareOperands(op, test.sizes, got, want, device.target().matrixFlushesSubnormals);
    if (!comparison)
      return comparison.takeError();
    if (!comparison->passed || comparison->maxError > worst.maxError) {
      worst.maxError = comparison->maxError;
      worst.detail = fmt::format("{} at {}", comparison->detail, describe(test.sizes));
    }
    if (!comparison->passed)
      return Fault(fmt::format("{} of {} elements are wrong, worst {}", comparison->wrong,
                               comparison->elements, comparison->detail));
    first = std::move(results);
  }
  return Fault();
}

Result<Verification> Verifier::verify(Module &module) {
  if (!prepared)
    if (Status status = prepare(); !status)
      return status.takeError();
  Verification result;
  for (Case &test : cases) {
    ++result.cases;
    Result<std::optional<std::string>> found = runCase(test, module, result);
    if (!found)
      return found.takeError();
    if (*found) {
      // A fault that no number measures is worse than any number.
      if (result.maxError <= 1)
        result.maxError = std::numeric_limits<double>::infinity();
      result.detail = fmt::format("{} at {}", **found, describe(test.sizes));
      return result;
    }
  }
  result.passed = true;
  return result;
}

} // namespace zorse::tuner
