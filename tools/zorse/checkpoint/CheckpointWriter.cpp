//===- CheckpointWriter.cpp - a folder of random weights ------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tensors are those that the loader asks for, so the two cannot disagree.
//
//===----------------------------------------------------------------------===//
#include "CheckpointWriter.h"

#include "ConfigFiles.h"
#include "RandomTensor.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <unistd.h>

using nlohmann::json;

namespace zorse::tool {

namespace {

namespace fs = std::filesystem;

/// Hugging Face's own limit, which the folders of Llama have.
constexpr int64_t publishedShardBytes = 5'000'000'000;

/// Zebra-Llama's and MambaInLlama's files hold the head even where the base has none; the others
/// follow their base.
bool storesHead(const Preset &preset, const CheckpointOptions &options) {
  const bool hybrid =
      preset.format == ModelFormat::ZebraLlama || preset.format == ModelFormat::MambaInLlama;
  return options.separateHead.value_or(hybrid || !preset.base.tied);
}

/// The published loaders of Zebra-Llama and X-EcoMLA want one model.safetensors.
int64_t shardLimit(const Preset &preset, const CheckpointOptions &options) {
  const bool single =
      preset.format == ModelFormat::ZebraLlama || preset.format == ModelFormat::XEcoMla;
  return options.shardBytes.value_or(single ? 0 : publishedShardBytes);
}

/// A folder beside the wanted one, removed unless it is put in its place.
class Workplace {
public:
  explicit Workplace(const std::string &dir) : target(fs::absolute(dir).lexically_normal()) {
    if (!target.has_filename()) // "folder/"
      target = target.parent_path();
    place = target.parent_path() /
            fmt::format(".{}.writing-{}", target.filename().string(), ::getpid());
  }
  ~Workplace() {
    std::error_code ignored;
    fs::remove_all(place, ignored);
  }

  Status create() const {
    std::error_code failed;
    const bool exists = fs::exists(target, failed);
    if (exists && !(fs::is_directory(target, failed) && fs::is_empty(target, failed)))
      return usageError(fmt::format("{}: expected a folder that does not exist yet or is empty; "
                                    "choose another name or remove it",
                                    target.string()));
    fs::create_directories(target.parent_path(), failed);
    if (!failed)
      fs::create_directory(place, failed);
    return failed ? Status(runtimeError(
                        fmt::format("{}: cannot create: {}", target.string(), failed.message())))
                  : Status::success();
  }

  Status finish() const {
    std::error_code failed;
    fs::rename(place, target, failed); // an empty folder gives way
    return failed ? Status(runtimeError(fmt::format("{}: cannot put it in place: {}",
                                                    target.string(), failed.message())))
                  : Status::success();
  }

  Status expectRoom(int64_t bytes) const {
    std::error_code failed;
    const fs::space_info room = fs::space(place, failed);
    if (failed || room.available >= static_cast<uintmax_t>(bytes))
      return Status::success(); // unknown room shows while writing
    return runtimeError(fmt::format(
        "{}: expected room for {} bytes, found {} on its file system; free some, choose another "
        "folder, or write less with --layers or --dtype bf16",
        target.string(), bytes, room.available));
  }

  std::string path(const std::string &file) const { return (place / file).string(); }
  std::string name() const { return target.string(); }

private:
  fs::path target, place;
};

Status cannotWrite(const std::string &dir, const std::string &file, int error) {
  return runtimeError(fmt::format("{}: cannot write {}: {}; nothing is left of it", dir, file,
                                  std::strerror(error)));
}

/// One file of weights: its header, then its tensors one after another.
struct Shard {
  std::string file, header;
  int64_t dataBytes = 0;
  int descriptor = -1;
};

/// A tensor and where it goes.
struct Placed {
  std::string name;
  RandomTensor values;
  size_t shard;
  int64_t offset; ///< in the data of the shard
  int64_t firstBlock;
};

struct Layout {
  std::vector<Shard> shards;
  std::vector<Placed> tensors;
  int64_t blocks = 0, parameters = 0, bytes = 0;
};

Layout layOut(const std::vector<TensorSpec> &specs, int64_t numLayers,
              const CheckpointOptions &options, int64_t limit) {
  Layout layout;
  const int64_t width = static_cast<int64_t>(byteWidth(options.dtype));
  const char *type = options.dtype == DType::F32   ? "F32"
                     : options.dtype == DType::F16 ? "F16"
                                                   : "BF16";
  std::vector<json> headers;
  for (const TensorSpec &spec : specs) {
    RandomTensor values(spec.name, spec.shape, numLayers, options.dtype, options.seed);
    const int64_t bytes = values.elements() * width;
    if (layout.shards.empty() || (limit > 0 && layout.shards.back().dataBytes > 0 &&
                                  layout.shards.back().dataBytes + bytes > limit)) {
      layout.shards.emplace_back();
      headers.push_back({{"__metadata__", {{"format", "pt"}}}});
    }
    int64_t &at = layout.shards.back().dataBytes;
    headers.back()[spec.name] = {
        {"dtype", type}, {"shape", spec.shape}, {"data_offsets", {at, at + bytes}}};
    layout.parameters += values.elements();
    const int64_t blocks = values.blocks();
    layout.tensors.push_back(
        {spec.name, std::move(values), layout.shards.size() - 1, at, layout.blocks});
    layout.blocks += blocks;
    at += bytes;
  }
  for (size_t i = 0; i < layout.shards.size(); ++i) {
    Shard &shard = layout.shards[i];
    shard.file = layout.shards.size() == 1
                     ? "model.safetensors"
                     : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, layout.shards.size());
    std::string text = headers[i].dump();
    text.append((8 - text.size() % 8) % 8, ' '); // the data begin aligned
    for (int byte = 0; byte < 8; ++byte)
      shard.header += static_cast<char>(text.size() >> (8 * byte) & 0xFF);
    shard.header += text;
    layout.bytes += static_cast<int64_t>(shard.header.size()) + shard.dataBytes;
  }
  return layout;
}

std::string indexText(const Layout &layout) {
  json map = json::object();
  int64_t data = 0;
  for (const Placed &tensor : layout.tensors)
    map[tensor.name] = layout.shards[tensor.shard].file;
  for (const Shard &shard : layout.shards)
    data += shard.dataBytes;
  return json({{"metadata", {{"total_size", data}}}, {"weight_map", map}}).dump(2);
}

/// Draws and writes blocks on all cores until none is left, one fails, or it is stopped.
class WeightWriter {
public:
  WeightWriter(Layout &layout, DType dtype, const std::atomic<bool> &stop)
      : layout(layout), width(static_cast<int64_t>(byteWidth(dtype))), stop(stop) {}
  ~WeightWriter() {
    for (Shard &shard : layout.shards)
      if (shard.descriptor >= 0)
        ::close(shard.descriptor);
  }

  Status run(const Workplace &place, const std::function<void(int64_t, int64_t)> &progress) {
    for (Shard &shard : layout.shards) {
      shard.descriptor =
          ::open(place.path(shard.file).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (shard.descriptor < 0)
        return cannotWrite(place.name(), shard.file, errno);
      put(shard, shard.header.data(), shard.header.size(), 0);
    }
    std::vector<std::thread> threads;
    const unsigned count = std::clamp(std::thread::hardware_concurrency(), 1u, 16u);
    std::atomic<unsigned> busy = count;
    for (unsigned i = 0; i < count; ++i)
      threads.emplace_back([&] {
        work();
        --busy;
      });
    while (busy > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      progress(written, layout.bytes);
    }
    for (std::thread &thread : threads)
      thread.join();
    for (Shard &shard : layout.shards)
      if (::close(std::exchange(shard.descriptor, -1)) != 0)
        fail(shard, errno);
    if (failure != 0)
      return cannotWrite(place.name(), failedFile, failure);
    return stop ? Status(runtimeError("stopped")) : Status::success();
  }

private:
  void work() {
    std::vector<uint8_t> block(static_cast<size_t>(RandomTensor::blockElements * width));
    size_t tensor = 0;
    for (int64_t index; (index = next++) < layout.blocks && !stop && failure == 0;) {
      while (tensor + 1 < layout.tensors.size() && layout.tensors[tensor + 1].firstBlock <= index)
        ++tensor;
      const Placed &placed = layout.tensors[tensor];
      const int64_t local = index - placed.firstBlock;
      placed.values.draw(local, block.data());
      const Shard &shard = layout.shards[placed.shard];
      put(shard, block.data(), static_cast<size_t>(placed.values.elementsOf(local) * width),
          static_cast<int64_t>(shard.header.size()) + placed.offset +
              local * RandomTensor::blockElements * width);
    }
  }

  void put(const Shard &shard, const void *bytes, size_t size, int64_t offset) {
    const char *from = static_cast<const char *>(bytes);
    while (size > 0 && failure == 0) {
      const ssize_t done = ::pwrite(shard.descriptor, from, size, offset);
      if (done < 0 && errno == EINTR)
        continue;
      if (done <= 0)
        return fail(shard, done < 0 ? errno : ENOSPC);
      from += done;
      offset += done;
      size -= static_cast<size_t>(done);
      written += done;
    }
  }

  void fail(const Shard &shard, int error) {
    std::lock_guard lock(mutex);
    if (failure == 0) {
      failedFile = shard.file;
      failure = error;
    }
  }

  Layout &layout;
  const int64_t width;
  const std::atomic<bool> &stop;
  std::atomic<int64_t> next = 0, written = 0;
  std::atomic<int> failure = 0; ///< the first errno
  std::string failedFile;
  std::mutex mutex;
};

Status writeTexts(const Workplace &place,
                  const std::vector<std::pair<std::string, std::string>> &files) {
  for (const auto &[name, text] : files) {
    std::ofstream out(place.path(name), std::ios::binary | std::ios::trunc);
    out << text << '\n';
    out.close();
    if (!out)
      return cannotWrite(place.name(), name, errno);
  }
  return Status::success();
}

} // namespace

Result<CheckpointSummary> writeCheckpoint(const Preset &preset, const std::string &dir,
                                          const CheckpointOptions &options,
                                          const std::function<void(int64_t, int64_t)> &progress,
                                          const std::atomic<bool> &stop) {
  const Workplace place(dir);
  if (Status status = place.create(); !status)
    return status.takeError();
  // A Zebra-Llama's config.json is a copy of its base's and says tied whatever the file holds.
  const bool head = storesHead(preset, options);
  const bool tied = preset.format == ModelFormat::Llama ? !head : preset.base.tied;
  if (Status status = writeTexts(place, configFiles(preset, options.dtype, tied)); !status)
    return status.takeError();
  Result<ModelConfig> config = ModelConfig::read(place.path(""));
  if (!config)
    return config.takeError();
  CheckpointSummary summary;
  if (!options.configOnly) {
    std::vector<TensorSpec> tensors = expectedTensors(*config);
    if (head)
      tensors.push_back(
          {"lm_head.weight", {config->vocabSize, config->hiddenSize}, "[vocab_size, hidden_size]"});
    Layout layout = layOut(tensors, preset.base.layers, options, shardLimit(preset, options));
    if (Status status = place.expectRoom(layout.bytes); !status)
      return status.takeError();
    if (Status status = writeTexts(place, tokenizerFiles(preset)); !status)
      return status.takeError();
    if (layout.shards.size() > 1)
      if (Status status = writeTexts(place, {{"model.safetensors.index.json", indexText(layout)}});
          !status)
        return status.takeError();
    if (Status status = WeightWriter(layout, options.dtype, stop).run(place, progress); !status)
      return status.takeError();
    summary = {static_cast<int64_t>(layout.tensors.size()), layout.parameters, layout.bytes,
               static_cast<int64_t>(layout.shards.size())};
  }
  if (Status status = place.finish(); !status)
    return status.takeError();
  return summary;
}

} // namespace zorse::tool
