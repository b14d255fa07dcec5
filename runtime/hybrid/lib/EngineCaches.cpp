//===- EngineCaches.cpp - rows and states of sequences --------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "EngineState.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace zorse {

namespace {

constexpr size_t mostBytesAtOnce = size_t{1} << 20;

/// Numbers of a reproducible stream, 64 bits at a time (splitmix64).
class RandomBits {
public:
  explicit RandomBits(uint64_t seed) : state(seed) {}
  uint64_t operator()() {
    uint64_t z = (state += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }

private:
  uint64_t state;
};

/// The bits of random values of both signs with magnitudes from 0.5 to 1: large enough for no
/// kernel to meet denormals, small enough for sums to stay tame.
void fillHalfToOne(DType dtype, RandomBits &random, std::span<uint8_t> to) {
  uint64_t keep = 0, set = 0;
  switch (dtype) {
  case DType::F32:
  case DType::I32:
    keep = 0x807FFFFF'807FFFFF, set = 0x3F000000'3F000000;
    break;
  case DType::F16:
    keep = 0x83FF83FF'83FF83FF, set = 0x38003800'38003800;
    break;
  case DType::BF16:
    keep = 0x807F807F'807F807F, set = 0x3F003F00'3F003F00;
    break;
  }
  for (size_t at = 0; at < to.size(); at += sizeof(uint64_t)) {
    const uint64_t bits = (random() & keep) | set;
    std::memcpy(to.data() + at, &bits, std::min(sizeof bits, to.size() - at));
  }
}

} // namespace

Status Engine::State::allocateCaches() {
  Status status;
  const int64_t rows =
      paged() ? options.numPages * options.pageSize : options.numSlots * options.maxLen;
  auto make = [&](CacheTensor &tensor, int64_t width, DType dtype, bool perToken) {
    tensor.width = width;
    tensor.dtype = dtype;
    tensor.perToken = perToken;
    const int64_t elements = (perToken ? rows : options.numSlots) * width;
    if (status)
      status = grow(tensor.data, elements, byteWidth(dtype));
    cacheBytes += elements * static_cast<int64_t>(byteWidth(dtype));
  };
  const DType cacheType = *options.cacheDType, stateType = *options.stateDType;
  for (const LayerConfig &layer : model.config().layers) {
    LayerCache &cache = caches.emplace_back();
    if (const MlaMixer *m = layer.mla()) {
      make(cache.latent, m->latentWidth(), cacheType, true);
    } else if (const MambaMixer *m = layer.mamba()) {
      make(cache.conv, m->dConv * m->convDim(), model.dtype(), false);
      make(cache.ssm, m->dInner() * m->dState, stateType, false);
    } else if (const GqaMixer *m = layer.gqa()) {
      make(cache.key, m->numKvHeads * m->headDim, cacheType, true);
      make(cache.value, m->numKvHeads * m->headDim, cacheType, true);
    }
  }
  pool = std::make_shared<PagePool>(paged() ? options.numPages : 0);
  if (!status || !paged())
    return status;
  const int64_t entries =
      options.numSlots * ((options.maxLen + options.pageSize - 1) / options.pageSize);
  if (status = grow(inputs.pageTable, entries, sizeof(int32_t)); !status)
    return status;
  return device().upload(*inputs.pageTable, 0,
                         std::vector<uint8_t>(static_cast<size_t>(entries) * sizeof(int32_t)));
}

std::vector<RowRange> Engine::State::rowsOf(int32_t slot, int64_t length) const {
  if (length == 0)
    return {};
  if (!paged())
    return {{slot * options.maxLen, length}};
  std::vector<RowRange> ranges;
  for (int32_t page : sequence(slot).pages) {
    if (length <= 0)
      break;
    const RowRange range = {page * options.pageSize, std::min(length, options.pageSize)};
    if (!ranges.empty() && ranges.back().first + ranges.back().count == range.first)
      ranges.back().count += range.count;
    else
      ranges.push_back(range);
    length -= range.count;
  }
  return ranges;
}

Result<std::vector<uint8_t>> Engine::State::download(const CacheTensor &tensor,
                                                     std::span<const RowRange> rows) {
  int64_t count = 0;
  for (const RowRange &range : rows)
    count += range.count;
  std::vector<uint8_t> bytes(static_cast<size_t>(count) * tensor.widthBytes());
  size_t done = 0;
  for (const RowRange &range : rows) {
    const size_t size = static_cast<size_t>(range.count) * tensor.widthBytes();
    if (Status status =
            device().download(*tensor.data, static_cast<size_t>(range.first) * tensor.widthBytes(),
                              std::span(bytes).subspan(done, size));
        !status)
      return status.takeError();
    done += size;
  }
  return bytes;
}

Status Engine::State::upload(const CacheTensor &tensor, std::span<const RowRange> rows,
                             std::span<const uint8_t> bytes) {
  size_t done = 0;
  for (const RowRange &range : rows) {
    const size_t size = static_cast<size_t>(range.count) * tensor.widthBytes();
    if (Status status =
            device().upload(*tensor.data, static_cast<size_t>(range.first) * tensor.widthBytes(),
                            bytes.subspan(done, size));
        !status)
      return status;
    done += size;
  }
  return Status::success();
}

std::vector<const CacheTensor *> Engine::State::copiedTensors() const {
  std::vector<const CacheTensor *> tensors;
  for (const LayerCache &cache : caches)
    for (const CacheTensor *tensor : cache.all())
      if (tensor->data && !(tensor->perToken && paged()))
        tensors.push_back(tensor);
  return tensors;
}

std::vector<RowRange> Engine::State::copiedRows(const CacheTensor &tensor, int32_t slot,
                                                int64_t length) const {
  if (tensor.perToken)
    return rowsOf(slot, length);
  return {{slot, 1}};
}

Status Engine::State::copyRows(int64_t first, int64_t to, int64_t count) {
  const RowRange source[] = {{first, count}}, target[] = {{to, count}};
  for (const LayerCache &cache : caches)
    for (const CacheTensor *tensor : cache.all()) {
      if (!tensor->data || !tensor->perToken)
        continue;
      Result<std::vector<uint8_t>> bytes = download(*tensor, source);
      if (!bytes)
        return bytes.takeError();
      if (Status status = upload(*tensor, target, *bytes); !status)
        return status;
    }
  return Status::success();
}

Status Engine::State::clearStates(int32_t slot) {
  // Latents, keys and values past the length are never read; states are, so they start from zero.
  const RowRange state[] = {{slot, 1}};
  for (const LayerCache &cache : caches)
    for (const CacheTensor *tensor : cache.all())
      if (tensor->data && !tensor->perToken)
        if (Status status = upload(*tensor, state, std::vector<uint8_t>(tensor->widthBytes()));
            !status)
          return status;
  return Status::success();
}

Status Engine::State::fillRandom(int32_t slot, uint64_t seed) {
  std::vector<uint8_t> bytes;
  uint64_t stream = seed;
  for (const LayerCache &cache : caches)
    for (const CacheTensor *tensor : cache.all()) {
      stream = RandomBits(stream)();
      if (!tensor->data)
        continue;
      // Some rows at a time. A row takes whole draws, so that the layout makes no difference.
      RandomBits random(stream);
      const int64_t most =
          std::max<int64_t>(1, static_cast<int64_t>(mostBytesAtOnce / tensor->widthBytes()));
      for (const RowRange &range : copiedRows(*tensor, slot, sequence(slot).length))
        for (int64_t done = 0; done < range.count; done += most) {
          const RowRange part[] = {{range.first + done, std::min(most, range.count - done)}};
          const size_t size = static_cast<size_t>(part[0].count) * tensor->widthBytes();
          bytes.resize(size);
          for (size_t row = 0; row < size; row += tensor->widthBytes())
            fillHalfToOne(tensor->dtype, random,
                          std::span(bytes).subspan(row, tensor->widthBytes()));
          if (Status status = upload(*tensor, part, bytes); !status)
            return status;
        }
    }
  return Status::success();
}

Result<std::vector<float>> Engine::readCache(int64_t layer, std::string_view kind, int32_t slot) {
  State &s = *state;
  if (layer < 0 || layer >= static_cast<int64_t>(s.caches.size()))
    return usageError(fmt::format("layer {} is out of range: [0, {}]", layer, s.caches.size() - 1));
  if (Status status = s.checkSlot(slot); !status)
    return status.takeError();
  const LayerCache &cache = s.caches[static_cast<size_t>(layer)];
  const CacheTensor *tensor = kind == "latent" ? &cache.latent
                              : kind == "k"    ? &cache.key
                              : kind == "v"    ? &cache.value
                              : kind == "conv" ? &cache.conv
                              : kind == "ssm"  ? &cache.ssm
                                               : nullptr;
  if (!tensor || !tensor->data)
    return usageError(fmt::format("layer {} has no cache \"{}\"; its kinds are latent (MLA), k and "
                                  "v (attention), conv and ssm (Mamba2)",
                                  layer, kind));
  Result<std::vector<uint8_t>> raw =
      s.download(*tensor, s.copiedRows(*tensor, slot, s.sequence(slot).length));
  if (!raw)
    return raw.takeError();
  std::vector<float> values(raw->size() / byteWidth(tensor->dtype));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(loadElement(tensor->dtype, raw->data(), i));
  return values;
}

} // namespace zorse
