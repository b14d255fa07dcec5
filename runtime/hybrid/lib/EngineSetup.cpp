//===- EngineSetup.cpp - kernels, caches and tables -----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "EngineState.h"

#include "RotaryTable.h"

#include <fmt/format.h>

#include <algorithm>

namespace zorse {

namespace {

/// Asks the dispatcher for handles; remembers the first failure.
class Preparer {
public:
  explicit Preparer(Dispatcher &dispatcher) : dispatcher(dispatcher) {}

  PreparedOp operator()(const OpDesc &op) {
    if (!status || op.canonicalJson().empty()) // an op that this model does not have
      return {};
    Result<Dispatcher::Kernel *> kernel = dispatcher.prepare(op);
    if (!kernel) {
      status = kernel.takeError();
      return {};
    }
    return {*kernel, op.sizes()};
  }

  Status status;

private:
  Dispatcher &dispatcher;
};

/// The most that any layer needs of each scratch tensor, in elements per token.
struct Widths {
  int64_t mixed = 1, qLow = 1, q = 1, kvA = 1, latent = 1, projected = 1, conv = 1, inner = 1;

  void include(const LayerConfig &layer) {
    auto raise = [](int64_t &width, int64_t to) { width = std::max(width, to); };
    if (const MlaMixer *m = layer.mla()) {
      raise(mixed, m->numHeads * m->vHeadDim);
      raise(qLow, m->qLoraRank);
      raise(q, m->numHeads * (m->qkNopeHeadDim + m->qkRopeHeadDim));
      raise(kvA, m->latentWidth());
      raise(latent, m->numHeads * m->kvLoraRank);
    } else if (const MambaMixer *m = layer.mamba()) {
      raise(mixed, m->dInner());
      raise(projected, m->projectedWidth());
      raise(conv, m->convDim());
      raise(inner, m->dInner());
    } else if (const GqaMixer *m = layer.gqa()) {
      raise(mixed, m->numHeads * m->headDim);
      raise(q, m->numHeads * m->headDim);
      raise(projected, m->qkvWidth());
    }
  }
};

} // namespace

OpTypes Engine::State::opTypes() const {
  OpTypes types = model.dtype();
  types.cache = *options.cacheDType;
  types.state = *options.stateDType;
  types.pageSize = options.pageSize;
  types.numPages = options.numPages;
  types.panel = model.panel();
  return types;
}

Status Engine::State::prepareKernels() {
  const int64_t passTokens = std::max(options.prefillChunk, options.numSlots);
  Result<ModelOps> ops = describeOps(model.config(), opTypes(), passTokens);
  if (!ops)
    return ops.takeError();
  Preparer get(dispatcher);
  kernels.embed = get(ops->embed);
  kernels.gather = get(ops->gather);
  kernels.finalNorm = get(ops->finalNorm);
  kernels.head = get(ops->head);
  kernels.argmax = get(ops->argmax);
  for (const LayerOps &layer : ops->layers) {
    PreparedLayer &to = kernels.layers.emplace_back();
    to.inputNorm = get(layer.inputNorm);
    to.postNorm = get(layer.postNorm);
    to.gateUp = get(layer.gateUp);
    to.swiglu = get(layer.swiglu);
    to.down = get(layer.down);
    if (const MlaOps *o = std::get_if<MlaOps>(&layer.mixer))
      to.mixer = PreparedMla{.qA = get(o->qA),
                             .qB = get(o->qB),
                             .kvA = get(o->kvA),
                             .ropeAppend = get(o->ropeAppend),
                             .absorb = get(o->absorb),
                             .decode = get(o->decode),
                             .expand = get(o->expand),
                             .gather = get(o->gather),
                             .expandCache = get(o->expandCache),
                             .prefill = get(o->prefill),
                             .out = get(o->out)};
    else if (const MambaOps *o = std::get_if<MambaOps>(&layer.mixer))
      to.mixer = PreparedMamba{.in = get(o->in),
                               .step = get(o->step),
                               .conv = get(o->conv),
                               .scan = get(o->scan),
                               .norm = get(o->norm),
                               .out = get(o->out)};
    else if (const GqaOps *o = std::get_if<GqaOps>(&layer.mixer))
      to.mixer = PreparedGqa{.qkv = get(o->qkv),
                             .ropeAppend = get(o->ropeAppend),
                             .decode = get(o->decode),
                             .prefill = get(o->prefill),
                             .out = get(o->out)};
  }
  return get.status;
}

Result<DeviceTensor> Engine::State::allocate(int64_t elements, size_t bytesEach) {
  size_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<size_t>(std::max<int64_t>(elements, 1)), bytesEach,
                             &bytes))
    return usageError("the size of a buffer overflows; use fewer slots or a smaller maxLen");
  return device().allocate(bytes);
}

Status Engine::State::grow(DeviceTensor &tensor, int64_t elements, size_t bytesEach) {
  if (tensor && tensor->size() >= static_cast<size_t>(elements) * bytesEach)
    return Status::success();
  tensor.reset();
  Result<DeviceTensor> larger = allocate(elements, bytesEach);
  if (!larger)
    return larger.takeError();
  tensor = larger.take();
  return Status::success();
}

Status Engine::State::allocateActivations() {
  const ModelConfig &config = model.config();
  const int64_t tokens = std::max(options.prefillChunk, options.numSlots);
  const int64_t sequenceCount = options.numSlots;
  Widths widths;
  for (const LayerConfig &layer : config.layers)
    widths.include(layer);
  const std::pair<DeviceTensor *, int64_t> floats[] = {{&act.x, config.hiddenSize},
                                                       {&act.normed, config.hiddenSize},
                                                       {&act.rows, config.hiddenSize},
                                                       {&act.gateUp, 2 * config.intermediateSize},
                                                       {&act.gated, config.intermediateSize},
                                                       {&act.mixed, widths.mixed},
                                                       {&act.qLow, widths.qLow},
                                                       {&act.q, widths.q},
                                                       {&act.kvA, widths.kvA},
                                                       {&act.qLatent, widths.latent},
                                                       {&act.attended, widths.latent},
                                                       {&act.projected, widths.projected},
                                                       {&act.convolved, widths.conv},
                                                       {&act.scanned, widths.inner}};
  for (const auto &[tensor, width] : floats)
    if (Status status = grow(*tensor, tokens * width, elementBytes()); !status)
      return status;
  const std::pair<DeviceTensor *, int64_t> integers[] = {
      {&inputs.perToken, 3 * tokenRow(tokens)}, {&inputs.wanted, tokens},
      {&inputs.slots, sequenceCount},           {&inputs.contextLens, sequenceCount},
      {&inputs.cuSeqlens, sequenceCount + 1},   {&inputs.cuContext, sequenceCount + 1}};
  for (const auto &[tensor, elements] : integers)
    if (Status status = grow(*tensor, elements, sizeof(int32_t)); !status)
      return status;
  return Status::success();
}

Status Engine::State::buildTables() {
  auto build = [&](const RotaryConfig &rotary, int64_t dim, DeviceTensor &cos,
                   DeviceTensor &sin) -> Status {
    const RotaryTable table = buildRotaryTable(rotary, dim, options.maxLen, model.dtype());
    for (auto [tensor, bytes] : {std::pair(&cos, &table.cos), std::pair(&sin, &table.sin)}) {
      if (Status status = grow(*tensor, static_cast<int64_t>(bytes->size()), 1); !status)
        return status;
      if (Status status = device().upload(**tensor, 0, *bytes); !status)
        return status;
    }
    return Status::success();
  };
  // All layers of a kind share one rotary size.
  for (const LayerConfig &layer : model.config().layers) {
    Status status;
    if (const MlaMixer *m = layer.mla(); m && !mlaCos)
      status = build(model.config().mlaRotary, m->qkRopeHeadDim, mlaCos, mlaSin);
    else if (const GqaMixer *g = layer.gqa(); g && !gqaCos)
      status = build(model.config().gqaRotary, g->headDim, gqaCos, gqaSin);
    if (!status)
      return status;
  }
  return Status::success();
}

} // namespace zorse
