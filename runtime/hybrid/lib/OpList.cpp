//===- OpList.cpp - from configuration to op descriptions -----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hybrid/OpList.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <optional>

namespace zorse {

namespace {

using Fields = std::map<std::string, OpDesc::FieldValue>;

/// Makes op descriptions; remembers the first failure.
class OpMaker {
public:
  explicit OpMaker(const OpTypes &types)
      : dtypeName(zorse::name(types.dtype)), cacheName(zorse::name(types.cache)),
        stateName(zorse::name(types.state)), pageSize(types.pageSize), numPages(types.numPages),
        panel(types.panel) {}

  OpDesc make(std::string_view kind, Fields fields) {
    fields.try_emplace("dtype", dtypeName);
    Result<OpDesc> op = OpDesc::create(kind, fields);
    if (op)
      return op.take();
    if (!fault)
      fault = op.takeError();
    return OpDesc();
  }

  OpDesc norm(int64_t width, double eps, bool doubleRounding) {
    return make("rmsnorm", {{"hidden_size", width},
                            {"eps", eps},
                            {"rounding", std::string(doubleRounding ? "double" : "single")}});
  }

  OpDesc linear(int64_t in, int64_t out, bool residual = false, int64_t rowStride = 0) {
    return make("linear", {{"in_features", in},
                           {"out_features", out},
                           {"residual", residual},
                           {"row_stride", rowStride ? rowStride : in},
                           {"panel", panel}});
  }

  std::optional<Error> fault;
  const std::string dtypeName, cacheName, stateName;
  const int64_t pageSize, numPages, panel;
};

MlaOps describeMla(OpMaker &maker, const MlaMixer &m, int64_t h) {
  const int64_t dn = m.qkNopeHeadDim, dr = m.qkRopeHeadDim, dv = m.vHeadDim, r = m.kvLoraRank;
  auto heads = [&](Fields more) {
    more.insert({{"num_heads", m.numHeads}, {"qk_nope_head_dim", dn}, {"kv_lora_rank", r}});
    return more;
  };
  MlaOps ops;
  if (m.qLoraRank)
    ops.qA = maker.linear(h, m.qLoraRank);
  ops.qB = maker.linear(m.qLoraRank ? m.qLoraRank : h, m.numHeads * (dn + dr));
  ops.kvA = maker.linear(h, r + dr);
  const Fields cached = heads(
      {{"qk_rope_head_dim", dr}, {"cache_dtype", maker.cacheName}, {"page_size", maker.pageSize}});
  ops.ropeAppend = maker.make("mla_rope_append", cached);
  ops.absorb = maker.make(
      "mla_absorb",
      heads({{"num_kv_heads", m.numKvHeads}, {"qk_rope_head_dim", dr}, {"v_head_dim", dv}}));
  ops.decode = maker.make("mla_decode", cached);
  ops.expand =
      maker.make("mla_expand", heads({{"num_kv_heads", m.numKvHeads}, {"v_head_dim", dv}}));
  if (maker.pageSize)
    ops.gather = maker.make("embed", {{"vocab_size", maker.numPages * maker.pageSize},
                                      {"hidden_size", r + dr},
                                      {"dtype", maker.cacheName}});
  ops.expandCache = maker.make("linear", {{"in_features", r},
                                          {"out_features", m.numKvHeads * (dn + dv)},
                                          {"row_stride", r + dr},
                                          {"dtype", maker.cacheName},
                                          {"weight_dtype", maker.dtypeName},
                                          {"out_dtype", maker.dtypeName},
                                          {"panel", maker.panel}});
  ops.prefill = maker.make("mla_prefill", heads({{"num_kv_heads", m.numKvHeads},
                                                 {"qk_rope_head_dim", dr},
                                                 {"v_head_dim", dv},
                                                 {"cache_dtype", maker.cacheName},
                                                 {"page_size", maker.pageSize}}));
  ops.out = maker.linear(m.numHeads * dv, h, true);
  return ops;
}

MambaOps describeMamba(OpMaker &maker, const MambaMixer &m, int64_t h) {
  const int64_t width = m.projectedWidth();
  const Fields conv = {{"conv_dim", m.convDim()},
                       {"d_conv", m.dConv},
                       {"x_stride", width},
                       {"x_offset", m.dInner()}};
  const Fields scan = {{"num_heads", m.numHeads},
                       {"num_kv_heads", m.numKvHeads},
                       {"head_dim", m.headDim},
                       {"d_state", m.dState},
                       {"dt_stride", width},
                       {"dt_offset", width - m.numHeads},
                       {"state_dtype", maker.stateName}};
  MambaOps ops;
  ops.in = maker.linear(h, width);
  ops.step = maker.make("mamba2_step", {{"num_heads", m.numHeads},
                                        {"num_kv_heads", m.numKvHeads},
                                        {"head_dim", m.headDim},
                                        {"d_state", m.dState},
                                        {"d_conv", m.dConv},
                                        {"row_stride", width},
                                        {"x_offset", m.dInner()},
                                        {"dt_offset", width - m.numHeads},
                                        {"state_dtype", maker.stateName},
                                        {"eps", m.normEps}});
  ops.conv = maker.make("causal_conv1d", conv);
  ops.scan = maker.make("ssd_scan", scan);
  ops.norm = maker.make("gated_rmsnorm", {{"num_groups", m.numHeads},
                                          {"group_size", m.headDim},
                                          {"z_stride", width},
                                          {"eps", m.normEps}});
  ops.out = maker.linear(m.dInner(), h, true);
  return ops;
}

GqaOps describeGqa(OpMaker &maker, const GqaMixer &m, int64_t h) {
  const Fields heads = {{"num_heads", m.numHeads},
                        {"num_kv_heads", m.numKvHeads},
                        {"head_dim", m.headDim},
                        {"cache_dtype", maker.cacheName},
                        {"page_size", maker.pageSize}};
  GqaOps ops;
  ops.qkv = maker.linear(h, m.qkvWidth());
  ops.ropeAppend = maker.make("gqa_rope_append", heads);
  ops.decode = maker.make("gqa_decode", heads);
  ops.prefill = maker.make("gqa_prefill", heads);
  ops.out = maker.linear(m.numHeads * m.headDim, h, true);
  return ops;
}

/// What one pass through the model holds; see Pass of the engine.
struct PassPlan {
  int64_t decodeRows = 0, decodeContext = 1;
  int64_t promptTokens = 0, promptContext = 1; ///< of one sequence
  int64_t rows = 0;                            ///< of logits

  int64_t tokens() const { return decodeRows + promptTokens; }
};

/// Collects (op, tuning point) pairs in order of first use, each once, and counts them.
class OpCollector {
public:
  OpCollector(const OpListOptions &options, const OpTypes &types)
      : options(options), numPages(types.numPages) {}

  void addPass(const ModelOps &ops, const PassPlan &pass) {
    all = {pass.tokens(), pass.decodeRows + (pass.promptTokens > 0),
           std::max(pass.decodeContext, pass.promptContext)};
    decode = {pass.decodeRows, pass.decodeRows, pass.decodeContext};
    prompt = {pass.promptTokens, 1, pass.promptContext};
    add(ops.embed, all);
    for (const LayerOps &layer : ops.layers)
      addLayer(layer);
    if (pass.rows == 0)
      return;
    Part rows = all;
    rows.tokens = pass.rows;
    if (pass.rows != pass.tokens())
      add(ops.gather, rows);
    for (const OpDesc *op : {&ops.finalNorm, &ops.head, &ops.argmax})
      add(*op, rows);
  }

  std::vector<OpUse> uses;

private:
  /// The sizes of the launches over a part of a pass; without tokens there are none.
  struct Part {
    int64_t tokens = 0, batch = 1, context = 1;
  };

  void add(const OpDesc &op, const Part &part) {
    if (part.tokens == 0 || op.canonicalJson().empty()) // or an op that this model does not have
      return;
    const int64_t length = std::max(options.maxLen, part.context);
    const Sizes known = {{"tokens", part.tokens},
                         {"batch", part.batch},
                         {"context", part.context},
                         {"max_len", length},
                         {"max_positions", length},
                         {"num_slots", std::max(options.numSlots, part.batch)},
                         {"num_pages", std::max<int64_t>(numPages, 1)}};
    Sizes point;
    for (const SizeSpec *size : op.sizes())
      point[size->name] = known.at(size->name);
    OpDesc tuned = op.withTuningPoint(point);
    auto [place, isNew] =
        places.try_emplace(tuned.canonicalJson() + tuned.tuningPointJson(), uses.size());
    if (isNew)
      uses.push_back({std::move(tuned), 0});
    ++uses[place->second].launches;
  }

  void addLayer(const LayerOps &layer) {
    add(layer.inputNorm, all);
    if (const MlaOps *mla = std::get_if<MlaOps>(&layer.mixer)) {
      for (const OpDesc *op : {&mla->qA, &mla->qB, &mla->kvA, &mla->ropeAppend})
        add(*op, all);
      for (const OpDesc *op : {&mla->absorb, &mla->decode, &mla->expand})
        add(*op, decode);
      Part cached = prompt;
      cached.tokens = prompt.tokens ? prompt.context : 0;
      add(mla->gather, cached);
      add(mla->expandCache, cached);
      add(mla->prefill, prompt);
      add(mla->out, all);
    } else if (const MambaOps *mamba = std::get_if<MambaOps>(&layer.mixer)) {
      add(mamba->in, all);
      add(mamba->step, decode);
      for (const OpDesc *op : {&mamba->conv, &mamba->scan, &mamba->norm})
        add(*op, prompt);
      add(mamba->out, all);
    } else if (const GqaOps *gqa = std::get_if<GqaOps>(&layer.mixer)) {
      add(gqa->qkv, all);
      add(gqa->ropeAppend, all);
      add(gqa->decode, decode);
      add(gqa->prefill, prompt);
      add(gqa->out, all);
    }
    for (const OpDesc *op : {&layer.postNorm, &layer.gateUp, &layer.swiglu, &layer.down})
      add(*op, all);
  }

  const OpListOptions &options;
  const int64_t numPages;
  Part all, decode, prompt; ///< of the pass that is being added
  std::map<std::string, size_t> places;
};

/// The pool that an engine makes if nobody says how large.
OpTypes withPool(OpTypes types, const OpListOptions &options) {
  if (types.pageSize && !types.numPages)
    types.numPages = options.numSlots * ((options.maxLen + types.pageSize - 1) / types.pageSize);
  return types;
}

} // namespace

int64_t weightPanel(const TargetDesc &target) {
  // Two vectors of AVX-512 or four of AVX2: eight rows of results beside them fill the registers,
  // and narrow products still divide among the threads.
  return target.isHost() ? 32 : 0;
}

Result<ModelOps> describeOps(const ModelConfig &config, const OpTypes &types, int64_t passTokens) {
  OpMaker maker(types);
  const int64_t h = config.hiddenSize;
  ModelOps ops;
  ops.embed = maker.make(
      "embed", {{"vocab_size", config.vocabSize}, {"hidden_size", h}, {"panel", maker.panel}});
  ops.gather = maker.make("embed", {{"vocab_size", passTokens}, {"hidden_size", h}});
  ops.finalNorm = maker.norm(h, config.finalNormEps, true);
  // Logits stay f32: rounding them to a 16-bit type makes ties that argmax would decide by chance.
  ops.head = maker.make("linear", {{"in_features", h},
                                   {"out_features", config.vocabSize},
                                   {"out_dtype", std::string("f32")},
                                   {"panel", maker.panel}});
  ops.argmax =
      maker.make("argmax", {{"vocab_size", config.vocabSize}, {"dtype", std::string("f32")}});
  for (const LayerConfig &layer : config.layers) {
    LayerOps each;
    each.inputNorm = maker.norm(h, layer.normEps, layer.doubleRoundingNorm);
    each.postNorm = each.inputNorm;
    each.gateUp = maker.linear(h, 2 * config.intermediateSize);
    each.swiglu = maker.make("swiglu", {{"intermediate_size", config.intermediateSize}});
    each.down = maker.linear(config.intermediateSize, h, true);
    if (const MlaMixer *mla = layer.mla())
      each.mixer = describeMla(maker, *mla, h);
    else if (const MambaMixer *mamba = layer.mamba())
      each.mixer = describeMamba(maker, *mamba, h);
    else
      each.mixer = describeGqa(maker, *layer.gqa(), h);
    ops.layers.push_back(std::move(each));
  }
  if (maker.fault)
    return *maker.fault;
  return ops;
}

Result<std::vector<OpDesc>> listOps(const ModelConfig &config, const OpTypes &types,
                                    const OpListOptions &options) {
  const OpTypes pooled = withPool(types, options);
  Result<ModelOps> ops =
      describeOps(config, pooled, std::max(options.passTokens, options.numSlots));
  if (!ops)
    return ops.takeError();
  OpCollector collector(options, pooled);
  for (int64_t batch : options.decodeBatches)
    collector.addPass(*ops, {.decodeRows = batch, .decodeContext = options.context, .rows = batch});
  for (int64_t tokens : options.prefillTokens) // of a prompt from its beginning
    collector.addPass(*ops, {.promptTokens = tokens, .promptContext = tokens, .rows = 1});
  std::vector<OpDesc> listed;
  for (OpUse &use : collector.uses)
    listed.push_back(std::move(use.op));
  return listed;
}

Result<std::vector<OpUse>> listUses(const ModelConfig &config, const OpTypes &types,
                                    const EngineStep &step, const OpListOptions &options) {
  if (step.batch < 1 || step.batch > options.numSlots || (!step.decode && step.batch != 1))
    return usageError(fmt::format("a step takes 1 to {} sequences (a prefill 1), found {}",
                                  options.numSlots, step.batch));
  if (step.context < 1 || step.context > options.maxLen)
    return usageError(fmt::format("a step has 1 to {} tokens of context, found {}", options.maxLen,
                                  step.context));
  const int64_t room = std::max(options.passTokens, options.numSlots) - step.batch;
  if (step.promptTokens < 0 || step.promptTokens > (step.decode ? room : 0))
    return usageError(fmt::format("promptTokens: expected [0, {}] beside the decode rows of a "
                                  "step, found {}",
                                  step.decode ? room : 0, step.promptTokens));
  const OpTypes pooled = withPool(types, options);
  Result<ModelOps> ops =
      describeOps(config, pooled, std::max(options.passTokens, options.numSlots));
  if (!ops)
    return ops.takeError();
  OpCollector collector(options, pooled);
  if (step.decode) {
    collector.addPass(*ops, {.decodeRows = step.batch,
                             .decodeContext = step.context,
                             .promptTokens = step.promptTokens,
                             .promptContext = std::max<int64_t>(step.promptTokens, 1),
                             .rows = step.batch + (step.promptTokens > 0)});
    return std::move(collector.uses);
  }
  for (int64_t done = 0; done < step.context;) {
    const int64_t tokens = std::min(options.passTokens, step.context - done);
    done += tokens;
    PassPlan pass = {.promptTokens = tokens, .promptContext = done};
    if (tokens == 1 && done > 1) // what continues a sequence by one token decodes
      pass = {.decodeRows = 1, .decodeContext = done};
    pass.rows = done == step.context;
    collector.addPass(*ops, pass);
  }
  return std::move(collector.uses);
}

} // namespace zorse
