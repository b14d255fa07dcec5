//===- Fill.cpp - operands for tests and tuning -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "zorse/reference/Fill.h"

#include "Plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <limits>

namespace zorse {
using reference::Plan;
using reference::Random;

void OperandSet::Free::operator()(void *p) const { std::free(p); }

Result<OperandSet> OperandSet::create(const OpDesc &op, const Sizes &sizes) {
  OperandSet set;
  for (const OperandSpec *operand : op.operands()) {
    Result<std::vector<int64_t>> shape = op.operandShape(*operand, sizes);
    if (!shape)
      return shape.takeError();
    size_t bytes = byteWidth(op.operandDType(*operand));
    for (int64_t extent : *shape)
      bytes *= size_t(extent);
    void *memory = std::aligned_alloc(64, (bytes / 64 + 1) * 64);
    if (!memory)
      return runtimeError(fmt::format("no memory for operand '{}' of {} ({} bytes)", operand->name,
                                      op.kind(), bytes));
    std::memset(memory, 0, bytes);
    set.storage.emplace_back(memory);
    set.addresses.push_back(memory);
    set.lengths.push_back(bytes);
  }
  return set;
}

OperandSet OperandSet::clone() const {
  OperandSet copy;
  for (size_t i = 0; i < count(); ++i) {
    void *memory = std::aligned_alloc(64, (lengths[i] / 64 + 1) * 64);
    if (!memory)
      std::abort();
    std::memcpy(memory, addresses[i], lengths[i]);
    copy.storage.emplace_back(memory);
    copy.addresses.push_back(memory);
  }
  copy.lengths = lengths;
  return copy;
}

/// The pages that the sequences of a launch have when each is as long as it may be, and one that
/// nobody has.
static int64_t pagesWanted(const OpDesc &op, const Sizes &sizes) {
  auto size = [&](const char *name) { return sizes.find(name)->second; };
  bool batched = sizes.contains("batch"), joint = op.spec().operand("cu_context");
  int64_t rows = op.get("page_size");
  int64_t owners = std::min(size("num_slots"), size(batched ? "batch" : "tokens"));
  if (joint)
    return size("context") / rows + owners + 1;
  return owners * ((size(sizes.contains("context") ? "context" : "max_len") + rows - 1) / rows) + 1;
}

Sizes consistentSizes(const OpDesc &op, const Sizes &given) {
  Sizes sizes;
  for (const SizeSpec *size : op.sizes())
    sizes[size->name] = op.tuningPoint().at(size->name);
  for (const auto &[name, value] : given)
    sizes[name] = value;

  auto has = [&](std::string_view name) { return sizes.find(name) != sizes.end(); };
  auto raise = [&](const char *name, int64_t value) { sizes[name] = std::max(sizes[name], value); };
  auto ceilDiv = [](int64_t a, int64_t b) { return (a + b - 1) / b; };
  if (has("batch"))
    raise("tokens", sizes["batch"]);
  int64_t tokens = sizes["tokens"], sequences = has("batch") ? sizes["batch"] : tokens;
  bool joint = std::any_of(op.spec().operands.begin(), op.spec().operands.end(),
                           [](const OperandSpec &o) { return o.fill == "context_offsets"; });
  if (joint) {
    raise("context", tokens);
    raise("max_len", ceilDiv(sizes["context"], sequences));
  } else if (has("context")) {
    if (has("batch"))
      raise("context", ceilDiv(tokens, sequences));
    raise("max_len", sizes["context"]);
  }
  if (has("max_positions")) {
    raise("max_positions", sizes["max_len"]);
    raise("num_slots", ceilDiv(tokens, sizes["max_len"]));
  } else if (has("num_slots")) {
    raise("num_slots", sequences);
  }
  if (has("num_pages"))
    raise("num_pages", pagesWanted(op, sizes));
  return sizes;
}

std::vector<Sizes> raggedSizes(const OpDesc &op, double maxFlops) {
  const OpSpec &spec = op.spec();
  std::vector<Sizes> candidates;
  if (spec.size("batch")) {
    bool joint = spec.operand("cu_context") != nullptr;
    // batch, tokens, context before the new tokens
    for (auto [batch, tokens, cached] :
         {std::array<int64_t, 3>{1, 1, 0}, {1, 67, 0}, {3, 41, 57}, {4, 150, 170}}) {
      Sizes sizes = {{"batch", batch}, {"tokens", tokens}, {"num_slots", batch + 2}};
      if (spec.size("context")) {
        sizes["context"] = tokens + cached;
        sizes["max_len"] = joint ? tokens + cached + 5 : tokens + cached + 3;
      }
      candidates.push_back(sizes);
    }
  } else if (spec.size("context")) {
    for (auto [tokens, context] :
         {std::array<int64_t, 2>{1, 1}, {3, 77}, {1, 129}, {5, 301}, {2, 1000}})
      candidates.push_back({{"tokens", tokens},
                            {"context", context},
                            {"max_len", context + 3},
                            {"num_slots", tokens + 2}});
  } else if (spec.size("max_positions")) {
    for (auto [tokens, slots] : {std::array<int64_t, 2>{1, 1}, {3, 5}, {17, 19}, {37, 2}})
      candidates.push_back(
          {{"tokens", tokens}, {"num_slots", slots}, {"max_len", 61}, {"max_positions", 67}});
  } else {
    for (int64_t tokens : {1, 3, 17, 37}) {
      Sizes sizes = {{"tokens", tokens}};
      if (spec.size("num_slots"))
        sizes["num_slots"] = tokens + 3;
      candidates.push_back(sizes);
    }
  }
  if (op.tuningPoint().contains("num_pages"))
    for (Sizes &sizes : candidates)
      sizes["num_pages"] = pagesWanted(op, sizes) + 2;
  // The smallest always stays: something must be checked whatever it costs.
  auto tooLarge = [&](const Sizes &sizes) {
    Result<int64_t> flops = spec.flops.evaluate(op.scope(sizes));
    return flops && double(*flops) > maxFlops;
  };
  candidates.erase(std::remove_if(candidates.begin() + 1, candidates.end(), tooLarge),
                   candidates.end());
  return candidates;
}

namespace {

struct Target {
  DType type;
  void *data;
  int64_t count;
  void set(int64_t i, double value) const { storeElement(type, data, size_t(i), value); }
};

void fillIndices(const Target &to, const std::vector<int64_t> &values) {
  for (int64_t i = 0; i < to.count; ++i)
    to.set(i, double(values[size_t(i)]));
}

void fillNormal(const Target &to, Random &random, double mean, double deviation) {
  for (int64_t i = 0; i < to.count; ++i)
    to.set(i, mean + deviation * random.normal());
}

void fillAngles(const Target &to, int64_t pairs, bool cosine) {
  for (int64_t i = 0; i < to.count; ++i) {
    double angle = double(i / pairs) * std::pow(10000.0, -double(i % pairs) / double(pairs));
    to.set(i, cosine ? std::cos(angle) : std::sin(angle));
  }
}

/// Whether the operand holds rows of cached tokens, in slots or in pages.
bool isCache(const OperandSpec &operand) {
  if (operand.shape.size() < 3)
    return false;
  std::vector<std::string> names = operand.shape[1].names();
  return std::find(names.begin(), names.end(), "max_len") != names.end();
}

/// Multiplies the rows that no sequence has filled; a page that nobody has becomes NaN.
void spoilUnreadRows(const Target &to, const std::vector<int64_t> &shape, const Plan &plan) {
  int64_t rows = shape[1], width = to.count / (shape[0] * rows);
  for (int64_t block = 0; block < shape[0]; ++block) {
    int64_t filled = plan.filledRows[size_t(block)];
    bool nobodys = filled == 0 && !plan.pages.empty();
    for (int64_t i = (block * rows + filled) * width; i < (block + 1) * rows * width; ++i)
      to.set(i, nobodys ? std::numeric_limits<double>::quiet_NaN()
                        : 64 * loadElement(to.type, to.data, size_t(i)));
  }
}

} // namespace

Status fillOperands(const OpDesc &op, const Sizes &sizes, uint64_t seed,
                    std::span<void *const> operands, Lengths lengths) {
  std::vector<const OperandSpec *> specs = op.operands();
  if (specs.size() != operands.size())
    return usageError(
        fmt::format("{} has {} operands, {} were given", op.kind(), specs.size(), operands.size()));
  Result<Plan> plan = reference::makePlan(op, sizes, Random(seed), lengths);
  if (!plan)
    return plan.takeError();
  for (size_t k = 0; k < specs.size(); ++k) {
    const OperandSpec &operand = *specs[k];
    Result<std::vector<int64_t>> shape = op.operandShape(operand, sizes);
    if (!shape)
      return shape.takeError();
    Target to{op.operandDType(operand), operands[k], 1};
    for (int64_t extent : *shape)
      to.count *= extent;
    Random random(seed ^ hashText(operand.name).low);
    const std::string &fill = operand.fill;
    if (operand.role == OperandSpec::Role::Out) {
      std::memset(to.data, poisonByte, size_t(to.count) * byteWidth(to.type));
    } else if (fill == "normal") {
      fillNormal(to, random, 0, 1);
      if (operand.role == OperandSpec::Role::In && isCache(operand))
        spoilUnreadRows(to, *shape, *plan);
    } else if (fill == "weight") {
      Result<int64_t> length = op.spec().reductionLength.evaluate(op.scope(sizes));
      if (!length)
        return length.takeError();
      if (shape->size() == 1)
        fillNormal(to, random, 1, 0.25);
      else
        fillNormal(to, random, 0, 1 / std::sqrt(double(std::max<int64_t>(*length, 1))));
    } else if (fill == "slots") {
      fillIndices(to, plan->slots);
    } else if (fill == "page_table") {
      fillIndices(to, plan->pages);
    } else if (fill == "positions") {
      fillIndices(to, plan->positions);
    } else if (fill == "lengths") {
      fillIndices(to, plan->lengths);
    } else if (fill == "offsets") {
      fillIndices(to, plan->offsets);
    } else if (fill == "context_offsets") {
      fillIndices(to, plan->contextOffsets);
    } else if (fill == "ids") {
      for (int64_t i = 0; i < to.count; ++i)
        to.set(i, double(random.between(0, op.get("vocab_size") - 1)));
    } else if (fill == "a_log") {
      for (int64_t i = 0; i < to.count; ++i)
        to.set(i, std::log(1 + 15 * random.unit()));
    } else if (fill == "dt_bias") {
      for (int64_t i = 0; i < to.count; ++i) {
        double dt = std::max(1e-4, 1e-3 * std::pow(100.0, random.unit()));
        to.set(i, dt + std::log(-std::expm1(-dt)));
      }
    } else if (fill == "angles_cos" || fill == "angles_sin") {
      fillAngles(to, shape->back(), fill == "angles_cos");
    } else if (fill == "zero") {
      std::memset(to.data, 0, size_t(to.count) * byteWidth(to.type));
    } else {
      return usageError(fmt::format("operand '{}' of {} has the unknown fill '{}'", operand.name,
                                    op.kind(), fill));
    }
  }
  return Status::success();
}

} // namespace zorse
