//===- Weights.cpp - from checkpoint to device ----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

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

/// Loads tensors one after another; remembers the first failure, after which it does nothing.
class WeightLoader {
public:
  WeightLoader(const Checkpoint &checkpoint, DType dtype, Device &device, ModelWeights &weights)
      : checkpoint(checkpoint), dtype(dtype), device(device), weights(weights) {}

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
      at += convert(buffer, at, view);
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

  Status status;

private:
  std::vector<float> floats(const std::string &name) {
    weights.parameters += checkpoint.find(name)->elements();
    return checkpoint.find(name)->toFloats();
  }

  /// In pieces, so that neither the file's pages nor a converted copy pile up beside the weights.
  size_t convert(const DeviceTensor &buffer, size_t at, const TensorView &view) {
    constexpr size_t piece = 16u << 20;
    size_t done = 0;
    for (size_t from = 0; from < view.bytes.size() && status; from += piece) {
      TensorView part = view;
      part.bytes = view.bytes.subspan(from, std::min(piece, view.bytes.size() - from));
      expectRead(part.bytes);
      if (view.dtype == dtype)
        done += upload(buffer, at + done, part.bytes);
      else
        done += upload(buffer, at + done, pack(part.toFloats(), dtype));
      doneReading(part.bytes);
    }
    return done;
  }

  DeviceTensor allocate(size_t bytes) {
    if (!status)
      return nullptr;
    Result<DeviceTensor> buffer = device.allocate(bytes);
    if (!buffer) {
      status = buffer.takeError();
      return nullptr;
    }
    weights.bytes += static_cast<int64_t>(bytes);
    return buffer.take();
  }

  size_t upload(const DeviceTensor &buffer, size_t at, std::span<const uint8_t> bytes) {
    if (status)
      status = device.upload(*buffer, at, bytes);
    return bytes.size();
  }

  DeviceTensor store(const std::vector<uint8_t> &bytes) {
    DeviceTensor buffer = allocate(bytes.size());
    upload(buffer, 0, bytes);
    return buffer;
  }

  const Checkpoint &checkpoint;
  DType dtype;
  Device &device;
  ModelWeights &weights;
};

LayerWeights loadLayer(WeightLoader &load, const LayerConfig &layer, size_t index) {
  const std::string at = fmt::format("model.layers.{}.", index);
  LayerWeights w;
  w.inputNorm = load.rows({at + "input_layernorm.weight"});
  w.postNorm = load.rows({at + "post_attention_layernorm.weight"});
  w.gateUp = load.rows({at + "mlp.gate_proj.weight", at + "mlp.up_proj.weight"});
  w.down = load.rows({at + "mlp.down_proj.weight"});
  if (const MlaMixer *mixer = layer.mla()) {
    MlaWeights mla;
    if (mixer->qLoraRank)
      mla.qA = load.rows({at + "mla.q_a_proj.weight"});
    mla.qB = load.rows({at + (mixer->qLoraRank ? "mla.q_b_proj.weight" : "mla.q_proj.weight")});
    mla.kvA = load.rows({at + "mla.kv_a_proj_with_mqa.weight"});
    mla.kvB = load.rows({at + "mla.kv_b_proj.weight"});
    mla.out = load.rows({at + "mla.out_proj.weight"});
    w.mixer = std::move(mla);
  } else if (layer.mamba()) {
    MambaWeights mamba;
    mamba.in = load.rows({at + "mamba.in_proj.weight"});
    mamba.convWeight = load.tapsFirst(at + "mamba.conv1d.weight");
    mamba.convBias = load.rows({at + "mamba.conv1d.bias"});
    mamba.aLog = load.roundedF32(at + "mamba.A_log");
    mamba.dtBias = load.roundedF32(at + "mamba.dt_bias");
    mamba.d = load.roundedF32(at + "mamba.D");
    mamba.norm = load.rows({at + "mamba.norm.weight"});
    mamba.out = load.rows({at + "mamba.out_proj.weight"});
    w.mixer = std::move(mamba);
  } else {
    GqaWeights gqa;
    gqa.qkv = load.rows({at + "self_attn.q_proj.weight", at + "self_attn.k_proj.weight",
                         at + "self_attn.v_proj.weight"});
    gqa.out = load.rows({at + "self_attn.o_proj.weight"});
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

Result<std::unique_ptr<ModelWeights>>
loadWeights(const ModelConfig &config, const Checkpoint &checkpoint, DType dtype, Device &device) {
  if (Status status = checkTensors(config, checkpoint); !status)
    return status.takeError();
  auto weights = std::make_unique<ModelWeights>();
  WeightLoader load(checkpoint, dtype, device, *weights);
  weights->embed = load.rows({"model.embed_tokens.weight"});
  // Never assume that the head is tied: it is whenever the file holds none.
  if (checkpoint.find("lm_head.weight"))
    weights->head = load.rows({"lm_head.weight"});
  weights->finalNorm = load.rows({"model.norm.weight"});
  for (size_t i = 0; i < config.layers.size() && load.status; ++i)
    weights->layers.push_back(loadLayer(load, config.layers[i], i));
  if (!load.status)
    return load.status.takeError();
  return weights;
}

} // namespace zorse
