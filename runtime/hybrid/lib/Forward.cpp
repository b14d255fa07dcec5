//===- Forward.cpp - one pass through the layers --------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Read top to bottom: this is the whole model. T is the number of new tokens of all
// sequences together, in one row after another: first D rows that continue a sequence
// by one token each, then S prompts, or pieces of them. Products and norms see all
// rows; what looks at a sequence has a kernel for each of the two parts. Every launch
// takes the operands in the order of the op's spec in dialect/ops.
//
//===----------------------------------------------------------------------===//
#include "EngineState.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>

namespace zorse {

namespace {

/// An address, or nothing where the op does not have this operand.
using Operand = std::optional<uint64_t>;

/// Launches kernels; after the first failure it does nothing, so that a pass reads as a list.
class Launcher {
public:
  Launcher(Engine::State &engine, const Pass &pass, int64_t decodeContext)
      : all{pass.tokens(), pass.prompts(), std::max(decodeContext, pass.promptContext())},
        decode{pass.decodeRows, pass.decodeRows, decodeContext},
        prompts{pass.promptTokens(), pass.prompts(), pass.promptContext()}, engine(engine) {}

  /// Over all rows.
  void operator()(const PreparedOp &op, std::initializer_list<Operand> operands) {
    run(op, operands, all);
  }

  void run(const PreparedOp &op, std::initializer_list<Operand> operands, PassSizes size) {
    if (!status)
      return;
    Sizes sizes;
    for (const SizeSpec *each : op.sizes)
      sizes.emplace(each->name, valueOf(each->name, size));
    std::vector<uint64_t> addresses;
    for (const Operand &operand : operands)
      if (operand)
        addresses.push_back(*operand);
    status = engine.dispatcher.launch(*op.kernel, addresses, sizes);
  }

  Status status;
  const PassSizes all, decode, prompts;

private:
  int64_t valueOf(std::string_view name, const PassSizes &size) const {
    if (name == "tokens")
      return size.tokens;
    if (name == "batch")
      return size.batch;
    if (name == "context")
      return size.context;
    if (name == "num_slots")
      return engine.options.numSlots;
    return name == "num_pages" ? engine.options.numPages : engine.options.maxLen;
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

/// The operand `page_table`, which only ops over paged caches have.
Operand pageTable(const Engine::State &e) {
  return e.paged() ? Operand(at(e.inputs.pageTable)) : std::nullopt;
}

/// Row `row` of an activation of `width` elements a row.
uint64_t rowOf(const Engine::State &e, const DeviceTensor &tensor, int64_t row, int64_t width) {
  return at(tensor) + static_cast<uint64_t>(row * width) * e.elementBytes();
}

/// Keys and values of every cached token of the prompts, sequence after sequence: [context, K,
/// dn + dv].
void expandCache(Engine::State &e, Launcher &run, const Pass &pass, const MlaMixer &m,
                 const PreparedMla &k, const MlaWeights &w, const LayerCache &cache) {
  const Activations &a = e.act;
  PassSizes size = run.prompts;
  if (e.paged()) {
    size.tokens = pass.cuContext.back();
    run.run(k.gather, {at(e.inputs.cacheRows), at(cache.latent), at(a.latents)}, size);
    run.run(k.expandCache, {at(a.latents), w.expandAddress(), at(a.expanded)}, size);
    return;
  }
  const uint64_t slotBytes = static_cast<uint64_t>(e.options.maxLen) * cache.latent.widthBytes();
  const int64_t width = m.numKvHeads * (m.qkNopeHeadDim + m.vHeadDim);
  for (size_t s = 0; s < pass.slots.size(); ++s) {
    size.tokens = pass.contextLens[s];
    run.run(k.expandCache,
            {at(cache.latent) + static_cast<uint64_t>(pass.slots[s]) * slotBytes, w.expandAddress(),
             rowOf(e, a.expanded, pass.cuContext[s], width)},
            size);
  }
}

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
                     at(cache.latent), pageTable(e)});

  if (pass.decodeRows > 0) {
    // Attention in the latent space: the cache is read as it is.
    run.run(k.absorb, {at(a.q), at(w.kvB), at(a.qLatent)}, run.decode); // -> [D, H, r]
    run.run(k.decode,
            {at(a.qLatent), at(a.q), at(cache.latent), pageTable(e), token.slots, token.positions,
             at(a.attended)},
            run.decode);                                                     // -> [D, H, r]
    run.run(k.expand, {at(a.attended), at(w.kvB), at(a.mixed)}, run.decode); // -> [D, H, dv]
  }
  if (pass.prompts() > 0) {
    expandCache(e, run, pass, m, k, w, cache);
    PassSizes size = run.prompts;
    size.context = pass.cuContext.back();
    const int64_t d = pass.decodeRows;
    run.run(k.prefill,
            {rowOf(e, a.q, d, m.numHeads * (m.qkNopeHeadDim + m.qkRopeHeadDim)), at(a.expanded),
             at(cache.latent), pageTable(e), at(in.cuSeqlens), at(in.cuContext), at(in.slots),
             rowOf(e, a.mixed, d, m.numHeads * m.vHeadDim)},
            size); // -> [T - D, H, dv]
  }
  run(k.out, {at(a.mixed), at(w.out), at(a.x), at(a.x)}); // x += [T, H dv] -> [T, h]
}

/// Mamba2 with shared x and B: x += out(norm(scan(conv(in(normed))))).
void runMamba(Engine::State &e, Launcher &run, const Pass &pass, const MambaMixer &m,
              const PreparedMamba &k, const MambaWeights &w, const LayerCache &cache) {
  const Activations &a = e.act;
  const PassInputs &in = e.inputs;
  const TokenInputs token(in, pass);
  run(k.in, {at(a.normed), at(w.in), at(a.projected)}); // [T, h] -> [T, z x B C dt]
  if (pass.decodeRows > 0)
    run.run(k.step,
            {at(a.projected), at(w.convWeight), at(w.convBias), at(w.aLog), at(w.dtBias), at(w.d),
             at(w.norm), token.slots, at(cache.conv), at(cache.ssm), at(a.mixed)},
            run.decode); // -> [D, d_inner], convolved, scanned, gated by z and normed
  if (pass.prompts() > 0) {
    const int64_t d = pass.decodeRows;
    const uint64_t projected = rowOf(e, a.projected, d, m.projectedWidth());
    run.run(k.conv,
            {projected, at(w.convWeight), at(w.convBias), at(in.cuSeqlens), at(in.slots),
             at(cache.conv), at(a.convolved)},
            run.prompts); // -> [T - D, x B C]
    run.run(k.scan,
            {at(a.convolved), projected, at(w.aLog), at(w.dtBias), at(w.d), at(in.cuSeqlens),
             at(in.slots), at(cache.ssm), at(a.scanned)},
            run.prompts); // -> [T - D, d_inner]
    run.run(k.norm, {at(a.scanned), projected, at(w.norm), rowOf(e, a.mixed, d, m.dInner())},
            run.prompts); // gated by z
  }
  run(k.out, {at(a.mixed), at(w.out), at(a.x), at(a.x)}); // x += [T, d_inner] -> [T, h]
}

/// Grouped-query attention: x += out(attention(normed)).
void runGqa(Engine::State &e, Launcher &run, const Pass &pass, const GqaMixer &m,
            const PreparedGqa &k, const GqaWeights &w, const LayerCache &cache) {
  const Activations &a = e.act;
  const PassInputs &in = e.inputs;
  const TokenInputs token(in, pass);
  run(k.qkv, {at(a.normed), at(w.qkv), at(a.projected)}); // [T, h] -> [T, q k v]
  run(k.ropeAppend, {at(a.projected), at(e.gqaCos), at(e.gqaSin), token.positions, token.slots,
                     at(a.q), at(cache.key), at(cache.value), pageTable(e)});
  if (pass.decodeRows > 0)
    run.run(k.decode,
            {at(a.q), at(cache.key), at(cache.value), pageTable(e), token.slots, token.positions,
             at(a.mixed)},
            run.decode); // -> [D, H, P]
  if (pass.prompts() > 0) {
    const int64_t d = pass.decodeRows, width = m.numHeads * m.headDim;
    run.run(k.prefill,
            {rowOf(e, a.q, d, width), at(cache.key), at(cache.value), pageTable(e),
             at(in.cuSeqlens), at(in.contextLens), at(in.slots), rowOf(e, a.mixed, d, width)},
            run.prompts); // -> [T - D, H, P]
  }
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
  if (Status status = uploadInts(device, inputs.perToken, perToken); !status || pass.decodesAll())
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

/// The size `context` of decode launches that are recorded. It is an upper bound, so that
/// neighbouring steps are equal and share a recording; in steps of an eighth of the next power of
/// two, because kernels that split a cache divide this size and not the true one.
int64_t recordedContext(int64_t longest, int64_t maxLen) {
  const auto above = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(longest)));
  const int64_t grain = std::max<int64_t>(above / 8, 32);
  return std::min((longest + grain - 1) / grain * grain, maxLen);
}

} // namespace

Status Engine::State::forward(const Pass &pass, int64_t firstRow) {
  if (Status status = uploadInputs(device(), inputs, pass); !status)
    return status;
  if (pass.decodesAll())
    return launchDecode(pass, firstRow);
  if (Status status = growExpanded(pass); !status)
    return status;
  return launchLayers(pass, pass.decodeContext, firstRow);
}

Status Engine::State::growExpanded(const Pass &pass) {
  // In steps, so that a long prompt does not move them with every piece.
  const auto context = static_cast<int64_t>(pass.cuContext.back());
  const int64_t rows = (context + 1'023) / 1'024 * 1'024;
  bool collected = false;
  for (const LayerConfig &layer : model.config().layers) {
    const MlaMixer *m = layer.mla();
    if (!m)
      continue;
    const int64_t width = m->numKvHeads * (m->qkNopeHeadDim + m->vHeadDim);
    if (Status status = grow(act.expanded, rows * width, elementBytes()); !status)
      return status;
    collected |= paged();
    if (paged())
      if (Status status =
              grow(act.latents, rows * m->latentWidth(), byteWidth(*options.cacheDType));
          !status)
        return status;
  }
  if (!collected)
    return Status::success();
  std::vector<int32_t> cacheRows;
  for (size_t s = 0; s < pass.slots.size(); ++s)
    for (const RowRange &range : rowsOf(pass.slots[s], pass.contextLens[s]))
      for (int64_t row = range.first; row < range.first + range.count; ++row)
        cacheRows.push_back(static_cast<int32_t>(row));
  if (Status status = grow(inputs.cacheRows, rows, sizeof(int32_t)); !status)
    return status;
  return uploadInts(device(), inputs.cacheRows, cacheRows);
}

Status Engine::State::launchDecode(const Pass &pass, int64_t firstRow) {
  const bool wanted =
      options.decodeGraphs.value_or(device().asynchronous() && !dispatcher.timesLaunches());
  // A later pass of a step writes to other rows than the recordings do.
  if (!wanted || firstRow != 0)
    return launchLayers(pass, pass.decodeContext, firstRow);
  // Each shape keeps a recording of some hundred launches; so many are more than a server meets.
  constexpr size_t mostGraphs = 64;
  const int64_t context = recordedContext(pass.decodeContext, options.maxLen);
  const StepShape shape{pass.tokens(), context};
  if (stepGraphs.size() >= mostGraphs && !stepGraphs.contains(shape))
    stepGraphs.erase(
        std::min_element(stepGraphs.begin(), stepGraphs.end(), [](const auto &a, const auto &b) {
          return a.second.lastStep < b.second.lastStep;
        }));
  StepGraph &step = stepGraphs[shape];
  step.lastStep = ++stepsTaken;
  if (step.logits != at(act.logits)) {
    step.recording.reset();
    if (Status status = launchLayers(pass, context, 0); !status)
      return status;
    step.logits = at(act.logits);
    return Status::success();
  }
  if (!step.recording) {
    auto recording = dispatcher.record([&] { return launchLayers(pass, context, 0); });
    if (!recording)
      return recording.takeError();
    step.recording = recording.take();
  }
  ++times.replayedSteps;
  return dispatcher.replay(*step.recording);
}

Status Engine::State::launchLayers(const Pass &pass, int64_t decodeContext, int64_t firstRow) {
  const ModelConfig &config = model.config();
  const ModelWeights &w = model.weights();
  Launcher run(*this, pass, decodeContext);
  run(kernels.embed, {TokenInputs(inputs, pass).ids, at(w.embed), at(act.x)}); // [T] -> [T, h]

  for (size_t i = 0; i < config.layers.size(); ++i) {
    const PreparedLayer &k = kernels.layers[i];
    const LayerWeights &layer = w.layers[i];
    run(k.inputNorm, {at(act.x), at(layer.inputNorm), at(act.normed)});
    if (const MlaMixer *m = config.layers[i].mla())
      runMla(*this, run, pass, *m, std::get<PreparedMla>(k.mixer),
             std::get<MlaWeights>(layer.mixer), caches[i]);
    else if (const MambaMixer *m = config.layers[i].mamba())
      runMamba(*this, run, pass, *m, std::get<PreparedMamba>(k.mixer),
               std::get<MambaWeights>(layer.mixer), caches[i]);
    else
      runGqa(*this, run, pass, *config.layers[i].gqa(), std::get<PreparedGqa>(k.mixer),
             std::get<GqaWeights>(layer.mixer), caches[i]);

    run(k.postNorm, {at(act.x), at(layer.postNorm), at(act.normed)});
    run(k.gateUp, {at(act.normed), at(layer.gateUp), at(act.gateUp)});  // [T, h] -> [T, 2 I]
    run(k.swiglu, {at(act.gateUp), at(act.gated)});                     // -> [T, I]
    run(k.down, {at(act.gated), at(layer.down), at(act.x), at(act.x)}); // x += -> [T, h]
  }

  // Logits of the wanted rows alone; the head is the widest product of all.
  PassSizes size = run.all;
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
