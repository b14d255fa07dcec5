//===- Weights.cpp - from checkpoint to device ----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Weights.h"

#include "PackCache.h"
#include "PanelPack.h"

#include "zorse/hybrid/OpList.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace zorse {

namespace {

/// Parameters and buffers that re-saved checkpoints carry and that follow from others.
bool isDerived(std::string_view name) {
  return name.ends_with(".rotary_emb.inv_freq") || name.ends_with(".mla.wk_b") ||
         name.ends_with(".mla.wv_b");
}

std::vector<uint8_t> pack(std::span<const float> values, DType dtype) {
  std::vector<uint8_t> bytes(values.size() * byteWidth(dtype));
  if (dtype == DType::F32) {
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t bits = dtype == DType::BF16 ? toBF16(values[i]) : toF16(values[i]);
    std::memcpy(bytes.data() + 2 * i, &bits, 2);
  }
  return bytes;
}

float roundTo(float value, DType dtype) {
  return dtype == DType::F32    ? value
         : dtype == DType::BF16 ? fromBF16(toBF16(value))
                                : fromF16(toF16(value));
}

/// Plans the tensors one after another, then fills them in pieces; remembers the first failure,
/// after which it does nothing. With a packed file it takes each tensor from there instead.
class WeightLoader {
public:
  WeightLoader(const Checkpoint &checkpoint, DType dtype, Device &device, ModelWeights &weights,
               std::shared_ptr<const PackedFile> packed)
      : checkpoint(checkpoint), dtype(dtype), device(device), weights(weights),
        packed(std::move(packed)) {}

  bool packs() const { return weights.panel != 0; }

  /// The tensors one below the other in one buffer.
  DeviceTensor rows(const std::vector<std::string> &names) {
    size_t bytes = 0;
    for (const std::string &name : names)
      bytes += static_cast<size_t>(checkpoint.find(name)->elements()) * byteWidth(dtype);
    DeviceTensor buffer = allocate(bytes);
    size_t at = 0;
    for (const std::string &name : names) {
      const TensorView &view = *checkpoint.find(name);
      weights.parameters += view.elements();
      planRows(buffer.get(), at, view);
      at += static_cast<size_t>(view.elements()) * byteWidth(dtype);
    }
    return buffer;
  }

  /// The same in panels where the model's weights are packed. `again`: they were loaded before.
  DeviceTensor panels(const std::vector<std::string> &names, bool again = false) {
    if (weights.panel == 0)
      return rows(names);
    std::vector<const TensorView *> views;
    for (const std::string &name : names)
      views.push_back(checkpoint.find(name));
    const auto stacked = std::make_shared<const StackedRows>(views);
    if (!again)
      weights.parameters += stacked->rows() * stacked->columns();
    const size_t each = panelBytes(weights.panel, stacked->columns(), dtype);
    const int64_t count = (stacked->rows() + weights.panel - 1) / weights.panel;
    DeviceTensor buffer = allocate(static_cast<size_t>(count) * each);
    const int64_t some = std::max<int64_t>(1, static_cast<int64_t>(pieceBytes / each));
    for (int64_t first = 0; buffer && !packed && first < count; first += some) {
      const int64_t last = std::min(count, first + some);
      plan(stacked->bytesOf(first * weights.panel, last * weights.panel),
           [this, stacked, first, last, each, to = buffer.get()] {
             // Packed weights are for the host alone, whose buffers are memory.
             packPanels(*stacked, first, last, weights.panel, dtype,
                        reinterpret_cast<uint8_t *>(to->address()) +
                            static_cast<size_t>(first) * each);
             return Status::success();
           });
    }
    return buffer;
  }

  /// A checkpoint in a 16-bit type is cast as a whole, these parameters included; the kernels then
  /// take them as f32.
  DeviceTensor roundedF32(const std::string &name) {
    std::vector<float> values = floats(name);
    for (float &value : values)
      value = roundTo(value, dtype);
    return store(pack(values, DType::F32));
  }

  /// [channels, 1, taps] to [taps, channels].
  DeviceTensor tapsFirst(const std::string &name) {
    const std::vector<float> values = floats(name);
    const size_t taps = static_cast<size_t>(checkpoint.find(name)->shape[2]);
    const size_t channels = values.size() / taps;
    std::vector<float> turned(values.size());
    for (size_t c = 0; c < channels; ++c)
      for (size_t j = 0; j < taps; ++j)
        turned[j * channels + c] = values[c * taps + j];
    return store(pack(turned, dtype));
  }

  /// Fills what was planned, in the order of the file, so that it is read from end to end.
  Status finish() {
    std::sort(pieces.begin(), pieces.end(), [](const Piece &a, const Piece &b) {
      return a.from.front().data() < b.from.front().data();
    });
    std::atomic<size_t> next = 0;
    std::mutex failing;
    const auto work = [&] {
      for (size_t i; (i = next.fetch_add(1)) < pieces.size();) {
        for (std::span<const uint8_t> bytes : pieces[i].from)
          expectRead(bytes);
        Status done = pieces[i].fill();
        for (std::span<const uint8_t> bytes : pieces[i].from)
          doneReading(bytes);
        std::lock_guard lock(failing);
        if (!done && status)
          status = std::move(done);
        if (!status)
          return;
      }
    };
    // Other devices take uploads from one thread.
    const int threads = device.target().isHost() ? std::max(1, device.target().computeUnits) : 1;
    std::vector<std::thread> helpers;
    for (int i = 1; i < threads && static_cast<size_t>(i) < pieces.size(); ++i)
      helpers.emplace_back(work);
    if (status)
      work();
    for (std::thread &helper : helpers)
      helper.join();
    if (status && packed && taken != packed->entries())
      status = runtimeError(
          fmt::format("the packed file has {} tensors, expected {}", packed->entries(), taken));
    return std::move(status);
  }

  Status status;
  std::vector<const Buffer *> made; ///< in order, for the packed file

private:
  /// Large enough that reading ahead pays, small enough that neither the file's pages nor a
  /// converted copy pile up beside the weights.
  static constexpr size_t pieceBytes = 8u << 20;

  struct Piece {
    std::vector<std::span<const uint8_t>> from; ///< in the mapped checkpoint
    std::function<Status()> fill;
  };

  void plan(std::vector<std::span<const uint8_t>> from, std::function<Status()> fill) {
    if (!from.empty() && !from.front().empty())
      pieces.push_back({std::move(from), std::move(fill)});
  }

  std::vector<float> floats(const std::string &name) {
    weights.parameters += checkpoint.find(name)->elements();
    return checkpoint.find(name)->toFloats();
  }

  void planRows(Buffer *buffer, size_t at, const TensorView &view) {
    for (size_t from = 0; buffer && !packed && from < view.bytes.size(); from += pieceBytes) {
      TensorView part = view;
      part.bytes = view.bytes.subspan(from, std::min(pieceBytes, view.bytes.size() - from));
      const size_t to = at + from / byteWidth(view.dtype) * byteWidth(dtype);
      plan({part.bytes}, [this, buffer, to, part] {
        if (part.dtype == dtype)
          return device.upload(*buffer, to, part.bytes);
        return device.upload(*buffer, to, pack(part.toFloats(), dtype));
      });
    }
  }

  DeviceTensor allocate(size_t bytes) {
    if (!status)
      return nullptr;
    weights.bytes += static_cast<int64_t>(bytes);
    if (packed) {
      Result<DeviceTensor> mapped = packed->tensor(packed, taken++, bytes);
      if (mapped)
        return mapped.take();
      status = mapped.takeError();
      return nullptr;
    }
    Result<DeviceTensor> buffer = device.allocate(bytes);
    if (!buffer) {
      status = buffer.takeError();
      return nullptr;
    }
    made.push_back(buffer->get());
    return buffer.take();
  }

  DeviceTensor store(const std::vector<uint8_t> &bytes) {
    DeviceTensor buffer = allocate(bytes.size());
    if (status && !packed)
      status = device.upload(*buffer, 0, bytes);
    return buffer;
  }

  const Checkpoint &checkpoint;
  DType dtype;
  Device &device;
  ModelWeights &weights;
  std::shared_ptr<const PackedFile> packed;
  size_t taken = 0;
  std::vector<Piece> pieces;
};

LayerWeights loadLayer(WeightLoader &load, const LayerConfig &layer, size_t index) {
  const std::string at = fmt::format("model.layers.{}.", index);
  LayerWeights w;
  w.inputNorm = load.rows({at + "input_layernorm.weight"});
  w.postNorm = load.rows({at + "post_attention_layernorm.weight"});
  w.gateUp = load.panels({at + "mlp.gate_proj.weight", at + "mlp.up_proj.weight"});
  w.down = load.panels({at + "mlp.down_proj.weight"});
  if (const MlaMixer *mixer = layer.mla()) {
    MlaWeights mla;
    if (mixer->qLoraRank)
      mla.qA = load.panels({at + "mla.q_a_proj.weight"});
    mla.qB = load.panels({at + (mixer->qLoraRank ? "mla.q_b_proj.weight" : "mla.q_proj.weight")});
    mla.kvA = load.panels({at + "mla.kv_a_proj_with_mqa.weight"});
    mla.kvB = load.rows({at + "mla.kv_b_proj.weight"});
    if (load.packs())
      mla.kvBPacked = load.panels({at + "mla.kv_b_proj.weight"}, /*again=*/true);
    mla.out = load.panels({at + "mla.out_proj.weight"});
    w.mixer = std::move(mla);
  } else if (layer.mamba()) {
    MambaWeights mamba;
    mamba.in = load.panels({at + "mamba.in_proj.weight"});
    mamba.convWeight = load.tapsFirst(at + "mamba.conv1d.weight");
    mamba.convBias = load.rows({at + "mamba.conv1d.bias"});
    mamba.aLog = load.roundedF32(at + "mamba.A_log");
    mamba.dtBias = load.roundedF32(at + "mamba.dt_bias");
    mamba.d = load.roundedF32(at + "mamba.D");
    mamba.norm = load.rows({at + "mamba.norm.weight"});
    mamba.out = load.panels({at + "mamba.out_proj.weight"});
    w.mixer = std::move(mamba);
  } else {
    GqaWeights gqa;
    gqa.qkv = load.panels({at + "self_attn.q_proj.weight", at + "self_attn.k_proj.weight",
                           at + "self_attn.v_proj.weight"});
    gqa.out = load.panels({at + "self_attn.o_proj.weight"});
    w.mixer = std::move(gqa);
  }
  return w;
}

} // namespace

DType storedDType(const Checkpoint &checkpoint) {
  std::map<DType, int64_t> elements;
  for (const std::string &name : checkpoint.names())
    elements[checkpoint.find(name)->dtype] += checkpoint.find(name)->elements();
  DType most = DType::F32;
  for (const auto &[dtype, count] : elements)
    if (count > elements[most])
      most = dtype;
  return most;
}

Status checkTensors(const ModelConfig &config, const Checkpoint &checkpoint) {
  std::vector<TensorSpec> expected = expectedTensors(config);
  if (checkpoint.find("lm_head.weight"))
    expected.push_back(
        {"lm_head.weight", {config.vocabSize, config.hiddenSize}, "[vocab_size, hidden_size]"});
  std::set<std::string_view> known;
  const TensorSpec *missing = nullptr;
  size_t missingCount = 0;
  for (const TensorSpec &tensor : expected) {
    known.insert(tensor.name);
    const TensorView *found = checkpoint.find(tensor.name);
    if (!found) {
      missing = missing ? missing : &tensor;
      ++missingCount;
    } else if (found->shape != tensor.shape) {
      return usageError(fmt::format("tensor \"{}\": expected shape {} = {}, found {}", tensor.name,
                                    shapeText(tensor.shape), tensor.why, shapeText(found->shape)));
    }
  }
  if (missing)
    return usageError(fmt::format("tensor \"{}\" is missing: expected shape {} = {}; {} of {} "
                                  "tensors of this {} model are missing",
                                  missing->name, shapeText(missing->shape), missing->why,
                                  missingCount, expected.size(), name(config.format)));
  for (const std::string &found : checkpoint.names())
    if (!known.contains(found) && !isDerived(found))
      return usageError(fmt::format("tensor \"{:.128}\" {} belongs to no part of this {} model",
                                    found, shapeText(checkpoint.find(found)->shape),
                                    name(config.format)));
  return Status::success();
}

namespace {

/// The tensors of a model, planned in one order: from `packed` where there is one, else from the
/// checkpoint; then `made` has the buffers.
Result<std::unique_ptr<ModelWeights>> fill(const ModelConfig &config, const Checkpoint &checkpoint,
                                           DType dtype, Device &device,
                                           std::shared_ptr<const PackedFile> packed,
                                           std::vector<const Buffer *> &made) {
  auto weights = std::make_unique<ModelWeights>();
  weights->panel = weightPanel(device.target());
  WeightLoader load(checkpoint, dtype, device, *weights, std::move(packed));
  weights->embed = load.panels({"model.embed_tokens.weight"});
  // Never assume that the head is tied: it is whenever the file holds none.
  if (checkpoint.find("lm_head.weight"))
    weights->head = load.panels({"lm_head.weight"});
  weights->finalNorm = load.rows({"model.norm.weight"});
  for (size_t i = 0; i < config.layers.size() && load.status; ++i)
    weights->layers.push_back(loadLayer(load, config.layers[i], i));
  if (Status status = load.finish(); !status)
    return status.takeError();
  made = std::move(load.made);
  return weights;
}

} // namespace

Result<std::unique_ptr<ModelWeights>> loadWeights(const ModelConfig &config,
                                                  const Checkpoint &checkpoint, DType dtype,
                                                  Device &device, const std::string &cacheFolder,
                                                  std::string &note) {
  if (Status status = checkTensors(config, checkpoint); !status)
    return status.takeError();
  std::vector<const Buffer *> made;
  const int64_t panel = weightPanel(device.target());
  if (cacheFolder.empty() || panel == 0)
    return fill(config, checkpoint, dtype, device, nullptr, made);

  const PackCache cache(cacheFolder, checkpoint, fmt::format("{} panel {}", name(dtype), panel));
  if (std::shared_ptr<const PackedFile> packed = cache.open(note)) {
    auto weights = fill(config, checkpoint, dtype, device, packed, made);
    if (weights)
      return weights;
    note = fmt::format("{}: {}; packed again", cache.path(), weights.error().message);
  }
  auto weights = fill(config, checkpoint, dtype, device, nullptr, made);
  if (!weights)
    return weights;
  // The model runs without the file, so a full disk is worth a note and no more.
  if (Status status = cache.write(made); !status)
    note = fmt::format("packed weights were not kept: {}", status.error().message);
  return weights;
}

} // namespace zorse
