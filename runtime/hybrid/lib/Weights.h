//===- Weights.h - the weights of a model on a device -----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/device/Device.h"
#include "zorse/hybrid/ModelConfig.h"
#include "zorse/hybrid/Safetensors.h"

#include <memory>
#include <variant>
#include <vector>

namespace zorse {

using DeviceTensor = std::unique_ptr<Buffer>;

// All in the run dtype unless another is named. Where ModelWeights::panel is not 0, the weights of
// `linear` and the embedding table are packed in panels of so many rows (PanelPack.h); the shapes
// below say what is in them.

struct MlaWeights {
  DeviceTensor qA;  ///< [rq, h], absent without a query rank
  DeviceTensor qB;  ///< [H (dn + dr), rq], or [H (dn + dr), h]
  DeviceTensor kvA; ///< [r + dr, h]
  DeviceTensor kvB; ///< [K, dn + dv, r], rows always: absorb and expand take parts of a head
  DeviceTensor kvBPacked; ///< the same in panels, for the product over a cache; absent without them
  DeviceTensor out; ///< [h, H dv]

  uint64_t expandAddress() const { return (kvBPacked ? kvBPacked : kvB)->address(); }
};

struct MambaWeights {
  DeviceTensor in;         ///< [d_inner + conv + H, h]: rows z, x, B, C, dt
  DeviceTensor convWeight; ///< [d_conv, conv], taps first
  DeviceTensor convBias;   ///< [conv]
  DeviceTensor aLog;       ///< [H] f32, rounded to the run dtype first
  DeviceTensor dtBias;     ///< [H] f32, the same
  DeviceTensor d;          ///< [H] f32, the same
  DeviceTensor norm;       ///< [d_inner]
  DeviceTensor out;        ///< [h, d_inner]
};

struct GqaWeights {
  DeviceTensor qkv; ///< [(H + 2 K) P, h]: q rows, k rows, v rows
  DeviceTensor out; ///< [h, H P]
};

struct LayerWeights {
  DeviceTensor inputNorm, postNorm; ///< [h]
  DeviceTensor gateUp;              ///< [2 I, h]: gate rows, then up rows
  DeviceTensor down;                ///< [h, I]
  std::variant<MlaWeights, MambaWeights, GqaWeights> mixer;
};

struct ModelWeights {
  DeviceTensor embed;     ///< [V, h]
  DeviceTensor head;      ///< [V, h], absent where the embedding table serves
  DeviceTensor finalNorm; ///< [h]
  std::vector<LayerWeights> layers;
  int64_t panel = 0;      ///< rows of a packed panel; 0: rows as they are stored
  int64_t bytes = 0;      ///< on the device
  int64_t parameters = 0; ///< stored

  uint64_t headAddress() const { return (head ? head : embed)->address(); }
};

/// Compares the checkpoint with what the configuration asks for: missing tensors, wrong shapes,
/// tensors that belong to no part of the model.
Status checkTensors(const ModelConfig &config, const Checkpoint &checkpoint);

/// Converts every tensor once, rounding to nearest even, packs what weightPanel() of OpList.h says,
/// and moves it to the device. On the host as many threads as the device has share the work, and
/// the pages of the checkpoint are given back as they are consumed. With `cacheFolder` the result
/// is kept in a file there and mapped the next time (PackCache.h); `note` then says why a file was
/// not taken, if there was one.
Result<std::unique_ptr<ModelWeights>> loadWeights(const ModelConfig &config,
                                                  const Checkpoint &checkpoint, DType dtype,
                                                  Device &device, const std::string &cacheFolder,
                                                  std::string &note);

} // namespace zorse
