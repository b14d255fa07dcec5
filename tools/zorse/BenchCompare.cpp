//===- BenchCompare.cpp - zorse bench --against ---------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "BenchRun.h"
#include "Interrupt.h"

#include "bench/Comparison.h"
#include "bench/Work.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace zorse::tool {

namespace {

constexpr int64_t leastSteps = 6; ///< an interval needs six samples
constexpr int64_t mostSteps = 64;

struct Place {
  int64_t batch, context;
};

} // namespace

static Result<std::vector<Place>> placesOf(const BenchArguments &arguments) {
  Result<std::vector<int64_t>> batches =
      parseBenchSizes(arguments.batches.empty() ? "1,8,48" : arguments.batches, "--batch");
  if (!batches)
    return batches.takeError();
  Result<std::vector<int64_t>> contexts =
      parseBenchSizes(arguments.depths.empty() ? "1K,8K,32K" : arguments.depths, "--depth");
  if (!contexts)
    return contexts.takeError();
  std::vector<Place> places;
  for (int64_t context : *contexts)
    for (int64_t batch : *batches) {
      if (batch < 1 || batch > 4096 || context < 1)
        return usageError(fmt::format("a comparison takes batches from 1 to 4096 and depths from "
                                      "1, found batch {} and depth {}",
                                      batch, context));
      places.push_back({batch, context});
    }
  return places;
}

static std::string folderName(const std::string &dir) {
  std::filesystem::path folder = std::filesystem::path(dir).lexically_normal();
  return (folder.has_filename() ? folder : folder.parent_path()).filename().string();
}

/// Steps of one cell until its time is over, the first not counted.
static Status measureSteps(Engine &engine, const BenchArguments &arguments, ComparedCell &cell) {
  Result<std::unique_ptr<RandomSequences>> sequences =
      RandomSequences::open(engine, cell.batch, cell.context, arguments.seed);
  if (!sequences)
    return sequences.takeError();
  std::vector<double> seconds;
  double sum = 0;
  for (int64_t step = -1; step < mostSteps; ++step) {
    if (stopRequested)
      return Error{ErrorCode::Interrupted, "stopped before the end; nothing was printed"};
    Result<double> one = (*sequences)->step();
    if (!one)
      return one.takeError();
    if (step < 0)
      continue;
    seconds.push_back(*one);
    sum += *one;
    if (sum >= arguments.cellSeconds && step + 1 >= leastSteps)
      break;
  }
  const tuner::Summary summary = tuner::summarise(seconds);
  cell.seconds = summary.median;
  cell.low = summary.low;
  cell.high = summary.high;
  cell.steps = summary.samples;
  return Status();
}

static Status measureCell(const Tool &tool, const BenchArguments &arguments, Runner &runner,
                          const ComparedModel &model, ComparedCell &cell) {
  const int64_t length = cell.context + mostSteps + 2;
  if (length > model.config.maxPositions) {
    cell.reason = fmt::format("the model was made for {} positions", model.config.maxPositions);
    return Status();
  }
  if (cell.neededBytes - model.weightBytes > cell.availableBytes) {
    cell.reason = fmt::format("needs {} bytes ({}) beside {} of weights, {} are free",
                              cell.neededBytes - model.weightBytes,
                              formatBytes(double(cell.neededBytes - model.weightBytes)),
                              formatBytes(double(model.weightBytes)),
                              formatBytes(double(cell.availableBytes)));
    return Status();
  }
  EngineOptions options;
  options.numSlots = cell.batch;
  options.maxLen = length;
  options.prefillChunk = arguments.prefillChunk;
  Result<std::unique_ptr<Engine>> engine =
      Engine::create(*runner.model, *runner.dispatcher, options);
  if (!engine)
    return engine.takeError();
  runner.engine = engine.take();
  Result<std::vector<OpDesc>> ops = opsToCome(runner, 0, mostSteps, cell.batch, cell.context);
  if (!ops)
    return ops.takeError();
  if (Status status = prepareKernels(tool, arguments, *ops, runner); !status)
    return status;
  return measureSteps(*runner.engine, arguments, cell);
}

static Result<std::vector<ComparedCell>> measureModel(const Tool &tool,
                                                      const BenchArguments &arguments,
                                                      const std::vector<Place> &places,
                                                      Comparison &comparison) {
  Runner runner;
  if (Status status = openModel(tool, arguments, runner); !status)
    return status.takeError();
  const Device &device = *runner.opened.device;
  if (comparison.models.empty()) {
    Result<BenchPeaks> peaks = peaksOf(device);
    if (!peaks)
      return peaks.takeError();
    comparison.setting.peaks = peaks.take();
    comparison.setting.dtype = name(runner.model->dtype());
    comparison.setting.device = device.description();
    comparison.setting.machine = systemLine();
  }
  if (Status status = makeDispatcher(arguments, arguments.prefillChunk, runner); !status)
    return status.takeError();
  ComparedModel model;
  model.name = folderName(arguments.dir);
  model.config = runner.model->config();
  const DType dtype = runner.model->dtype();
  model.types = {dtype, dtype, dtype};
  model.weightBytes = runner.model->weightBytes();
  model.parameters = runner.model->parameterCount();
  comparison.models.push_back(model);
  const CacheCosts costs = cacheCosts(model.config, model.types);
  std::vector<ComparedCell> cells;
  for (const Place &place : places) {
    ComparedCell cell{.batch = place.batch, .context = place.context};
    cell.cacheBytes = cell.batch * (cell.context * costs.bytesPerToken + costs.stateBytes);
    cell.neededBytes =
        neededBytes(model, cell.batch, cell.context + mostSteps + 2, arguments.prefillChunk);
    runner.engine.reset();
    // A twentieth stays for the system.
    cell.availableBytes = availableMemory() / 20 * 19;
    spdlog::info("{}: batch {}, context {}", model.name, cell.batch, cell.context);
    if (Status status = measureCell(tool, arguments, runner, model, cell); !status)
      return status.takeError();
    cells.push_back(std::move(cell));
  }
  reportKernels(runner);
  return cells;
}

VerbResult compareModels(const Tool &tool, const BenchArguments &arguments) {
  Result<TableFormats> formats = TableFormats::parse(arguments.format, arguments.also);
  if (!formats)
    return formats.takeError();
  if (!arguments.prompts.empty() || !arguments.generated.empty() || arguments.firstToken)
    return usageError("a comparison times decode steps alone: --batch, --depth and --seconds; "
                      "leave --prompt, --gen and --first-token out");
  if (!arguments.bundle.empty())
    return usageError("a bundle is made for one model; a comparison takes its kernels from --db");
  Result<std::vector<Place>> places = placesOf(arguments);
  if (!places)
    return places.takeError();
  Comparison comparison;
  std::vector<std::string> folders = {arguments.dir};
  folders.insert(folders.end(), arguments.against.begin(), arguments.against.end());
  // A wrong folder shall not be found after minutes of measuring the others.
  for (const std::string &folder : folders)
    if (Result<ModelConfig> config = ModelConfig::read(folder); !config)
      return config.takeError();
  for (const std::string &folder : folders) {
    BenchArguments one = arguments;
    one.dir = folder;
    Result<std::vector<ComparedCell>> cells = measureModel(tool, one, *places, comparison);
    if (!cells)
      return cells.takeError();
    comparison.cells.push_back(cells.take());
  }
  formats->print([&](TableFormat format) { return formatComparison(format, comparison); });
  return 0;
}

} // namespace zorse::tool
