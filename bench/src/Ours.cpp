//===- Ours.cpp - the side that Zorse compiled --------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Ours.h"

#include "zorse/compiler/Compile.h"
#include "zorse/device/BindLaunch.h"
#include "zorse/reference/Fill.h"
#include "zorse/tuner/Tuner.h"

#include <fmt/format.h>

#include <chrono>

namespace zorse::bench {

namespace {

using Clock = std::chrono::steady_clock;

class OurSide : public Side {
public:
  std::string name() const override { return "zorse"; }

  Result<double> round(double targetUs) override {
    const auto start = Clock::now();
    for (int64_t launches = 1;; ++launches) {
      Status status = device->launch(*module, rows[next], sizes);
      if (!status)
        return status.takeError();
      next = (next + 1) % rows.size();
      if (status = device->synchronize(); !status)
        return status.takeError();
      const double us = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
      if (us >= targetUs)
        return us / static_cast<double>(launches);
    }
  }

  Status prepare(const Case &benchCase, const Setup &setup, Device &on, const CodeObject &object) {
    device = &on;
    sizes = benchCase.sizes;
    Result<std::unique_ptr<Module>> loaded = on.load(object);
    if (!loaded)
      return loaded.takeError();
    module = loaded.take();

    Result<OperandSet> first = OperandSet::create(benchCase.op, sizes);
    if (!first)
      return first.takeError();
    if (Status status =
            fillOperands(benchCase.op, sizes, /*seed=*/1, first->pointers(), Lengths::Full);
        !status)
      return status;
    int64_t bytes = 0;
    for (size_t i = 0; i < first->count(); ++i)
      bytes += static_cast<int64_t>(first->bytes(i));
    const int64_t copies = std::max<int64_t>(1, (setup.rotateBytes + bytes - 1) / bytes);
    sets.push_back(first->clone());
    while (static_cast<int64_t>(sets.size()) < copies)
      sets.push_back(sets.front().clone());
    return makeRows(benchCase.op, object);
  }

private:
  /// One row of argument slots for each copy of the operands; the workspace is shared.
  Status makeRows(const OpDesc &op, const CodeObject &object) {
    std::vector<uint64_t> workspacesAt;
    Result<std::vector<size_t>> bytes = workspaceBytes(object, sizes);
    if (!bytes)
      return bytes.takeError();
    for (size_t each : *bytes) {
      Result<std::unique_ptr<Buffer>> buffer = device->allocate(each);
      if (!buffer)
        return buffer.takeError();
      workspacesAt.push_back((*buffer)->address());
      workspaces.push_back(buffer.take());
    }
    for (const OperandSet &set : sets) {
      std::vector<uint64_t> operandsAt;
      for (void *pointer : set.pointers())
        operandsAt.push_back(reinterpret_cast<uint64_t>(pointer));
      Result<std::vector<uint64_t>> row =
          bindLaunch(object, sizes, addressesInOrder(op, object, operandsAt, workspacesAt));
      if (!row)
        return row.takeError();
      rows.push_back(row.take());
    }
    return Status::success();
  }

  Device *device = nullptr;
  Sizes sizes;
  std::unique_ptr<Module> module;
  std::vector<OperandSet> sets;
  std::vector<std::unique_ptr<Buffer>> workspaces;
  std::vector<std::vector<uint64_t>> rows;
  size_t next = 0;
};

Result<KernelConfig> chooseConfig(const Case &benchCase, Device &device, const Choice &choice,
                                  std::string &note) {
  const TargetDesc &target = device.target();
  if (choice.database && choice.tuneSeconds > 0) {
    TuneOptions options;
    options.budgetSeconds = choice.tuneSeconds;
    auto compileHere = [](const OpDesc &op, const TargetDesc &on,
                          const KernelConfig &config) -> Result<CodeObject> {
      Result<CompileOutput> output = compile(op, on, config);
      if (!output)
        return output.takeError();
      return std::move(output->object);
    };
    const std::unique_ptr<Laboratory> laboratory =
        createDirectLaboratory({.compile = compileHere,
                                .compilerRevision = compilerRevision(),
                                .device = &device,
                                .threads = target.computeUnits});
    Result<TuneOutcome> outcome =
        tune({benchCase.op, target}, *laboratory, *choice.database, options);
    if (!outcome)
      return outcome.takeError();
  }
  if (choice.database) {
    Result<std::optional<KernelRecord>> best =
        choice.database->best(benchCase.op, target, benchCase.op.tuningPointJson());
    if (!best)
      return best.takeError();
    if (*best) {
      note = "tuned";
      return KernelConfig::parse((*best)->configText, benchCase.op, target);
    }
  }
  note = "default";
  return KernelConfig::defaults(benchCase.op, target);
}

} // namespace

Result<std::unique_ptr<Side>> ourSide(const Case &benchCase, const Setup &setup, Device &device,
                                      const Choice &choice, std::string &note) {
  Result<KernelConfig> config = chooseConfig(benchCase, device, choice, note);
  if (!config)
    return config.takeError();
  note += ": " + config->text();
  Result<CompileOutput> output = compile(benchCase.op, device.target(), *config);
  if (!output)
    return output.takeError();
  auto side = std::make_unique<OurSide>();
  if (Status status = side->prepare(benchCase, setup, device, output->object); !status)
    return status.takeError();
  return std::unique_ptr<Side>(std::move(side));
}

} // namespace zorse::bench
