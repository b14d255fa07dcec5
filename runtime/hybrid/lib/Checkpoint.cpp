//===- Checkpoint.cpp - the weights of a model folder ---------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "JsonFile.h"

#include "zorse/hybrid/Safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

using nlohmann::json;

namespace zorse {

namespace {

constexpr size_t indexBytes = 16u << 20;

/// A plain relative name: shards must not lead out of the folder.
bool isSafeName(const std::string &name) {
  if (name.empty() || name.size() > 255 || name.front() == '/' ||
      name.find('\0') != std::string::npos || name.find('\\') != std::string::npos)
    return false;
  for (const auto &part : std::filesystem::path(name))
    if (part == ".." || part == "." || part.empty())
      return false;
  return name.ends_with(".safetensors");
}

std::string findPickle(const std::string &dir) {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto &entry : std::filesystem::directory_iterator(dir, ignored)) {
    std::string ending = entry.path().extension().string();
    if (ending == ".bin" || ending == ".pt" || ending == ".pth" || ending == ".ckpt")
      found.push_back(entry.path().filename().string());
  }
  std::sort(found.begin(), found.end());
  return found.empty() ? std::string() : found.front();
}

} // namespace

Status Checkpoint::add(std::unique_ptr<SafetensorsFile> file, const std::string &fileName) {
  for (const auto &[name, view] : file->tensors())
    if (!places.try_emplace(name, &view).second)
      return usageError(
          fmt::format("{}: tensor \"{:.128}\" is also in another shard", fileName, name));
  files.push_back(std::move(file));
  return Status::success();
}

Result<Checkpoint> Checkpoint::open(const std::string &dir, const SafetensorsLimits &limits) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (!fs::is_directory(dir, ignored))
    return usageError(fmt::format("{}: expected a model folder", dir));
  Checkpoint checkpoint;
  std::string single = dir + "/model.safetensors", index = single + ".index.json";

  if (fs::exists(single, ignored)) {
    auto file = SafetensorsFile::open(single, limits);
    if (!file)
      return file.takeError();
    if (Status status = checkpoint.add(file.take(), single); !status)
      return status.takeError();
    return checkpoint;
  }

  if (!fs::exists(index, ignored)) {
    std::string pickle = findPickle(dir);
    if (pickle.empty())
      return usageError(fmt::format(
          "{}: no weights: expected model.safetensors or model.safetensors.index.json", dir));
    return usageError(fmt::format(
        "{}/{}: a pickle can run code when it is read and is never opened; convert it where it is "
        "trusted: safetensors.torch.save_file(torch.load(\"{}\", weights_only=True), "
        "\"model.safetensors\")",
        dir, pickle, pickle));
  }

  Result<json> parsed = readJsonObject(index, indexBytes);
  if (!parsed)
    return parsed.takeError();
  const std::string where = "model.safetensors.index.json: $.weight_map";
  auto map = parsed->find("weight_map");
  if (map == parsed->end() || !map->is_object() || map->empty())
    return usageError(where + ": expected an object of tensor names to file names");
  if (map->size() > limits.tensors)
    return usageError(
        fmt::format("{}: {} tensors exceed the limit of {}", where, map->size(), limits.tensors));
  std::set<std::string> shards;
  for (const auto &[name, file] : map->items()) {
    if (!file.is_string() || !isSafeName(file.get_ref<const std::string &>()))
      return usageError(fmt::format("{}: tensor \"{:.128}\": expected the name of a .safetensors "
                                    "file inside the folder",
                                    where, name));
    shards.insert(file.get<std::string>());
  }
  for (const std::string &shard : shards) {
    auto file = SafetensorsFile::open(dir + "/" + shard, limits);
    if (!file)
      return file.takeError();
    for (const auto &[name, unused] : (*file)->tensors())
      if (auto listed = map->find(name); listed == map->end() || *listed != shard)
        return usageError(
            fmt::format("{}: tensor \"{:.128}\" is in {} but not listed so", where, name, shard));
    if (Status status = checkpoint.add(file.take(), shard); !status)
      return status.takeError();
  }
  for (const auto &[name, file] : map->items())
    if (!checkpoint.find(name))
      return usageError(fmt::format("{}: tensor \"{:.128}\" is not in {}", where, name,
                                    file.get_ref<const std::string &>()));
  return checkpoint;
}

const TensorView *Checkpoint::find(std::string_view name) const {
  auto found = places.find(name);
  return found == places.end() ? nullptr : found->second;
}

std::vector<std::string> Checkpoint::names() const {
  std::vector<std::string> all;
  for (const auto &[name, unused] : places)
    all.push_back(name);
  return all;
}

Hash128 Checkpoint::hashTensors(size_t bytesOfEach) const {
  constexpr size_t piece = 16u << 20;
  std::string all;
  for (const auto &[tensorName, view] : places) {
    all += fmt::format("{}\n{} {}\n", tensorName, zorse::name(view->dtype), shapeText(view->shape));
    const std::span<const uint8_t> bytes =
        view->bytes.first(std::min(bytesOfEach, view->bytes.size()));
    for (size_t from = 0; from < bytes.size(); from += piece) {
      const auto part = bytes.subspan(from, std::min(piece, bytes.size() - from));
      if (part.size() == piece)
        expectRead(part);
      all += hashBytes(part.data(), part.size()).hex();
      if (part.size() == piece)
        doneReading(part);
    }
  }
  return hashText(all);
}

Hash128 Checkpoint::outline() const { return hashTensors(1024); }

Hash128 Checkpoint::contentHash() const { return hashTensors(SIZE_MAX); }

Hash128 Checkpoint::stamp() const {
  std::string all;
  for (const std::unique_ptr<SafetensorsFile> &file : files)
    all += fmt::format("{} {}\n", file->bytes(), file->changedNanos());
  return hashText(all);
}

} // namespace zorse
