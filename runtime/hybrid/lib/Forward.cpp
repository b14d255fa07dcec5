//===- Forward.cpp - one pass through the layers --------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Read top to bottom: this is the whole model. T is the number of new tokens of all
// sequences together, in one row after another; every launch takes the operands in
// the order of the op's spec in dialect/ops.
//
//===----------------------------------------------------------------------===//
#include "EngineState.h"

#include <fmt/format.h>

#include <algorithm>

namespace zorse {

namespace {

/// Launches kernels; after the first failure it does nothing, so that a pass reads as a list.
class Launcher {
public:
  Launcher(Engine::State &engine, const Pass &pass)
      : usual{pass.tokens(), pass.batch(), pass.contextBound(engine.options.maxLen)},
        engine(engine) {}

  void operator()(const PreparedOp &op, std::initializer_list<uint64_t> operands) {
    run(op, operands, usual);
  }

  void run(const PreparedOp &op, std::initializer_list<uint64_t> operands, PassSizes size) {
    if (!status)
      return;
    Sizes sizes;
    for (const SizeSpec &each : op.spec->sizes)
      sizes.emplace_hint(sizes.end(), each.name, valueOf(each.name, size));
    status = engine.dispatcher.launch(*op.kernel, {operands.begin(), operands.size()}, sizes);
  }

  Status status;
  const PassSizes usual;

private:
  int64_t valueOf(std::string_view name, const PassSizes &size) const {
    if (name == "tokens")
      return size.tokens;
    if (name == "batch")
      return size.batch;
    if (name == "context")
      return size.context;
    return name == "num_slots" ? engine.options.numSlots : engine.options.maxLen;
  }

  Engine::State &engine;
};

uint64_t at(const DeviceTensor &tensor) { return tensor ? tensor->address() : 0; }
uint64_t at(const CacheTensor &cache) { return at(cache.data); }

/// Where the rows of PassInputs::perToken begin in a pass of this many tokens.
struct TokenInputs {
  uint64_t ids, positions, slots;

  TokenInputs(const PassInputs &inputs, const Pass &pass) {
    const uint64_t row = static_cast<uint64_t>(tokenRow(pass.tokens())) * sizeof(int32_t);
    ids = at(inputs.perToken);
    positions = ids + row;
    slots = positions + row;
  }
};

/// Multi-head latent attention: x += out(attention(normed)).
void runMla(Engine::State &e, Launcher &run, const Pass &pass, const MlaMixer &m,
            const PreparedMla &k, const MlaWeights &w, const LayerCache &cache) {
  const Activations &a = e.act;
  const PassInputs &in = e.inputs;
  const TokenInputs token(in, pass);
  if (w.qA) {
    run(k.qA, {at(a.normed), at(w.qA), at(a.qLow)}); // [T, h] -> [T, rq]
    run(k.qB, {at(a.qLow), at(w.qB), at(a.q)});      // -> [T, H, dn + dr]
  } else {
    run(k.qB, {at(a.normed), at(w.qB), at(a.q)});
  }
  run(k.kvA, {at(a.normed), at(w.kvA), at(a.kvA)}); // -> [T, r + dr]
  run(k.ropeAppend, {at(a.q), at(a.kvA), at(e.mlaCos), at(e.mlaSin), token.positions, token.slots,
                     at(cache.latent)});

  if (pass.decode) {
    // Attention in the latent space: the cache is read as it is.
    run(k.absorb, {at(a.q), at(w.kvB), at(a.qLatent)}); // -> [T, H, r]
    run(k.decode, {at(a.qLatent), at(a.q), at(cache.latent), token.slots, token.positions,
                   at(a.attended)});                         // -> [T, H, r]
    run(k.expand, {at(a.attended), at(w.kvB), at(a.mixed)}); // -> [T, H, dv]
  } else {
    // Keys and values of every cached token, sequence after sequence: [context, K, dn + dv].
    const uint64_t slotBytes = cache.latent.slotElements * e.elementBytes();
    const uint64_t rowBytes = m.numKvHeads * (m.qkNopeHeadDim + m.vHeadDim) * e.elementBytes();
    for (size_t s = 0; s < pass.slots.size(); ++s) {
      PassSizes size = run.usual;
      size.tokens = pass.contextLens[s];
      run.run(k.expandCache,
              {at(cache.latent) + pass.slots[s] * slotBytes, at(w.kvB),
               at(a.expanded) + pass.cuContext[s] * rowBytes},
              size);
    }
    PassSizes size = run.usual;
    size.context = pass.cuContext.back();
    run.run(k.prefill,
            {at(a.q), at(a.expanded), at(cache.latent), at(in.cuSeqlens), at(in.cuContext),
             at(in.slots), at(a.mixed)},
            size); // -> [T, H, dv]
  }
  run(k.out, {at(a.mixed), at(w.out), at(a.x), at(a.x)}); // x += [T, H dv] -> [T, h]
}

/// Mamba2 with shared x and B: x += out(norm(scan(conv(in(normed))))).
void runMamba(Engine::State &e, Launcher &run, const Pass &pass, const PreparedMamba &k,
              const MambaWeights &w, const LayerCache &cache) {
  const Activations &a = e.act;
  const PassInputs &in = e.inputs;
  const TokenInputs token(in, pass);
  run(k.in, {at(a.normed), at(w.in), at(a.projected)}); // [T, h] -> [T, z x B C dt]
  if (pass.decode) {
    run(k.convUpdate, {at(a.projected), at(w.convWeight), at(w.convBias), token.slots,
                       at(cache.conv), at(a.convolved)}); // -> [T, x B C]
    run(k.ssmUpdate, {at(a.convolved), at(a.projected), at(w.aLog), at(w.dtBias), at(w.d),
                      token.slots, at(cache.ssm), at(a.scanned)}); // -> [T, d_inner]
  } else {
    run(k.conv, {at(a.projected), at(w.convWeight), at(w.convBias), at(in.cuSeqlens), at(in.slots),
                 at(cache.conv), at(a.convolved)});
    run(k.scan, {at(a.convolved), at(a.projected), at(w.aLog), at(w.dtBias), at(w.d),
                 at(in.cuSeqlens), at(in.slots), at(cache.ssm), at(a.scanned)});
  }
  run(k.norm, {at(a.scanned), at(a.projected), at(w.norm), at(a.mixed)}); // gated by z
  run(k.out, {at(a.mixed), at(w.out), at(a.x), at(a.x)}); // x += [T, d_inner] -> [T, h]
}

/// Grouped-query attention: x += out(attention(normed)).
void runGqa(Engine::State &e, Launcher &run, const Pass &pass, const PreparedGqa &k,
            const GqaWeights &w, const LayerCache &cache) {
  const Activations &a = e.act;
  const PassInputs &in = e.inputs;
  const TokenInputs token(in, pass);
  run(k.qkv, {at(a.normed), at(w.qkv), at(a.projected)}); // [T, h] -> [T, q k v]
  run(k.ropeAppend, {at(a.projected), at(e.gqaCos), at(e.gqaSin), token.positions, token.slots,
                     at(a.q), at(cache.key), at(cache.value)});
  if (pass.decode)
    run(k.decode, {at(a.q), at(cache.key), at(cache.value), token.slots, token.positions,
                   at(a.mixed)}); // -> [T, H, P]
  else
    run(k.prefill, {at(a.q), at(cache.key), at(cache.value), at(in.cuSeqlens), at(in.contextLens),
                    at(in.slots), at(a.mixed)});
  run(k.out, {at(a.mixed), at(w.out), at(a.x), at(a.x)}); // x += [T, H P] -> [T, h]
}

Status uploadInts(Device &device, const DeviceTensor &to, const std::vector<int32_t> &values) {
  if (values.empty())
    return Status::success();
  return device.upload(
      *to, 0, {reinterpret_cast<const uint8_t *>(values.data()), values.size() * sizeof(int32_t)});
}

Status uploadInputs(Device &device, const PassInputs &inputs, const Pass &pass) {
  std::vector<int32_t> perToken;
  for (const std::vector<int32_t> *row : {&pass.ids, &pass.positions, &pass.tokenSlots}) {
    perToken.insert(perToken.end(), row->begin(), row->end());
    perToken.resize(perToken.size() + static_cast<size_t>(tokenRow(pass.tokens())) - row->size());
  }
  if (Status status = uploadInts(device, inputs.perToken, perToken); !status || pass.decode)
    return status;
  const std::pair<const DeviceTensor *, const std::vector<int32_t> *> all[] = {
      {&inputs.wanted, &pass.wanted},
      {&inputs.slots, &pass.slots},
      {&inputs.contextLens, &pass.contextLens},
      {&inputs.cuSeqlens, &pass.cuSeqlens},
      {&inputs.cuContext, &pass.cuContext}};
  for (const auto &[to, values] : all)
    if (Status status = uploadInts(device, *to, *values); !status)
      return status;
  return Status::success();
}

} // namespace

Status Engine::State::forward(const Pass &pass, int64_t firstRow) {
  if (Status status = uploadInputs(device(), inputs, pass); !status)
    return status;
  if (pass.decode)
    return launchDecode(pass);
  for (const LayerConfig &layer : model.config().layers)
    if (const MlaMixer *m = layer.mla()) {
      const int64_t width = m->numKvHeads * (m->qkNopeHeadDim + m->vHeadDim);
      if (Status status = grow(act.expanded, pass.cuContext.back() * width, elementBytes());
          !status)
        return status;
    }
  return launchLayers(pass, firstRow);
}

Status Engine::State::launchDecode(const Pass &pass) {
  const bool wanted =
      options.decodeGraphs.value_or(device().asynchronous() && !dispatcher.timesLaunches());
  if (!wanted)
    return launchLayers(pass, 0);
  // Each shape keeps a recording of some hundred launches; so many are more than a server meets.
  constexpr size_t mostGraphs = 64;
  const StepShape shape{pass.tokens(), pass.contextBound(options.maxLen)};
  if (stepGraphs.size() >= mostGraphs && !stepGraphs.contains(shape))
    stepGraphs.erase(
        std::min_element(stepGraphs.begin(), stepGraphs.end(), [](const auto &a, const auto &b) {
          return a.second.lastStep < b.second.lastStep;
        }));
  StepGraph &step = stepGraphs[shape];
  step.lastStep = ++stepsTaken;
  if (step.logits != at(act.logits)) {
    step.recording.reset();
    if (Status status = launchLayers(pass, 0); !status)
      return status;
    step.logits = at(act.logits);
    return Status::success();
  }
  if (!step.recording) {
    auto recording = dispatcher.record([&] { return launchLayers(pass, 0); });
    if (!recording)
      return recording.takeError();
    step.recording = recording.take();
  }
  ++times.replayedSteps;
  return dispatcher.replay(*step.recording);
}

Status Engine::State::launchLayers(const Pass &pass, int64_t firstRow) {
  const ModelConfig &config = model.config();
  const ModelWeights &w = model.weights();
  Launcher run(*this, pass);
  run(kernels.embed, {TokenInputs(inputs, pass).ids, at(w.embed), at(act.x)}); // [T] -> [T, h]

  for (size_t i = 0; i < config.layers.size(); ++i) {
    const PreparedLayer &k = kernels.layers[i];
    const LayerWeights &layer = w.layers[i];
    run(k.inputNorm, {at(act.x), at(layer.inputNorm), at(act.normed)});
    if (const MlaMixer *m = config.layers[i].mla())
      runMla(*this, run, pass, *m, std::get<PreparedMla>(k.mixer),
             std::get<MlaWeights>(layer.mixer), caches[i]);
    else if (config.layers[i].mamba())
      runMamba(*this, run, pass, std::get<PreparedMamba>(k.mixer),
               std::get<MambaWeights>(layer.mixer), caches[i]);
    else
      runGqa(*this, run, pass, std::get<PreparedGqa>(k.mixer), std::get<GqaWeights>(layer.mixer),
             caches[i]);

    run(k.postNorm, {at(act.x), at(layer.postNorm), at(act.normed)});
    run(k.gateUp, {at(act.normed), at(layer.gateUp), at(act.gateUp)});  // [T, h] -> [T, 2 I]
    run(k.swiglu, {at(act.gateUp), at(act.gated)});                     // -> [T, I]
    run(k.down, {at(act.gated), at(layer.down), at(act.x), at(act.x)}); // x += -> [T, h]
  }

  // Logits of the wanted rows alone; the head is the widest product of all.
  PassSizes size = run.usual;
  size.tokens = static_cast<int64_t>(pass.wanted.size());
  if (size.tokens == 0)
    return run.status;
  uint64_t x = at(act.x);
  if (size.tokens != pass.tokens()) {
    run.run(kernels.gather, {at(inputs.wanted), x, at(act.rows)}, size); // [T, h] -> [rows, h]
    x = at(act.rows);
  }
  run.run(kernels.finalNorm, {x, at(w.finalNorm), at(act.normed)}, size);
  run.run(kernels.head,
          {at(act.normed), w.headAddress(),
           at(act.logits) + static_cast<uint64_t>(firstRow * config.vocabSize) * sizeof(float)},
          size); // [rows, h] -> [rows, V]
  return run.status;
}

} // namespace zorse
