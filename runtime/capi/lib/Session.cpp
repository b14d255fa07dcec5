//===- Session.cpp - sessions of the C API --------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Handles.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

using namespace zorse;
using namespace zorse::capi;

/// Tokens of a pass that the bundle's kernels were made for.
static int64_t passTokensOf(const Bundle &bundle) {
  const std::string text = bundle.fact(fact::passTokens);
  int64_t tokens = 0;
  std::from_chars(text.data(), text.data() + text.size(), tokens);
  return tokens;
}

static Result<std::unique_ptr<Engine>> makeEngine(OpenModel &open,
                                                  const zorse_session_options &given) {
  EngineOptions options;
  if (given.slots)
    options.numSlots = given.slots;
  options.maxLen = given.max_length;
  if (given.prefill_chunk)
    options.prefillChunk = given.prefill_chunk;
  else if (int64_t tokens = open.bundle ? passTokensOf(*open.bundle) : 0; tokens > 0)
    options.prefillChunk = tokens;
  const TargetDesc &target = open.device->target();
  if (open.bundle)
    if (Status status =
            open.bundle->checkFor(open.model->config(), {open.model->dtype(), target},
                                  std::max(options.prefillChunk, options.numSlots), target);
        !status)
      return status.takeError();
  return Engine::create(*open.model, *open.dispatcher, options);
}

extern "C" {

zorse_status zorse_session_create(zorse_model *model, const zorse_session_options *given,
                                  zorse_session **session) {
  return guarded([&]() -> zorse_status {
    if (!model || !session)
      return failUsage("zorse_session_create() needs a model and a place for the session, found "
                       "NULL");
    zorse_session_options options;
    if (zorse_status status = readStruct(given, options, "zorse_session_options");
        status != ZORSE_OK)
      return status;
    Turn turn(*model->open);
    if (turn.isNested())
      return failUsage("a callback may not create a session; return from it first");
    Result<std::unique_ptr<Engine>> engine = makeEngine(*model->open, options);
    if (!engine)
      return fail(engine.error());
    *session = new zorse_session{model->open, engine.take(), {}};
    return ZORSE_OK;
  });
}

void zorse_session_release(zorse_session *session) {
  if (!session)
    return;
  guarded([&] {
    // The model may go with its last session, but not while its turn is held.
    std::shared_ptr<OpenModel> home = session->home;
    Turn turn(*home);
    delete session;
    return ZORSE_OK;
  });
}

zorse_status zorse_session_get_info(zorse_session *session, zorse_session_info *info) {
  return onSession(session, [&](Engine &engine) {
    zorse_session_info facts = {};
    facts.slots = engine.options().numSlots;
    facts.max_length = engine.options().maxLen;
    facts.prefill_chunk = engine.options().prefillChunk;
    facts.cache_bytes = engine.cacheBytes();
    const EngineTimes times = engine.times();
    facts.prefill_tokens = times.prefillTokens;
    facts.decode_tokens = times.decodeTokens;
    facts.decode_steps = times.decodeSteps;
    facts.prefill_seconds = times.prefillSeconds;
    facts.decode_seconds = times.decodeSeconds;
    return writeStruct(facts, info, "zorse_session_info");
  });
}

zorse_status zorse_slot_open(zorse_session *session, int32_t *slot) {
  return onSession(session, [&](Engine &engine) -> zorse_status {
    if (!slot)
      return failUsage("there is nowhere to put the slot: it is NULL");
    Result<int32_t> opened = engine.open();
    if (!opened)
      return fail(opened.error());
    session->slots.insert(*opened);
    *slot = *opened;
    return ZORSE_OK;
  });
}

zorse_status zorse_slot_close(zorse_session *session, int32_t slot) {
  return onSession(session, [&](Engine &engine) -> zorse_status {
    if (session->slots.erase(slot) == 0)
      return failUsage(fmt::format("slot {} is not open", slot));
    engine.close(slot);
    return ZORSE_OK;
  });
}

zorse_status zorse_slot_length(zorse_session *session, int32_t slot, int64_t *length) {
  return onSession(session, [&](Engine &engine) -> zorse_status {
    if (!length)
      return failUsage("there is nowhere to put the length: it is NULL");
    if (!session->slots.contains(slot))
      return failUsage(fmt::format("slot {} is not open", slot));
    *length = engine.length(slot);
    return ZORSE_OK;
  });
}

zorse_status zorse_prefill(zorse_session *session, int32_t slot, const int32_t *ids, size_t count) {
  return onSession(session, [&](Engine &engine) -> zorse_status {
    if (!ids && count > 0)
      return failUsage("the ids are NULL, but their number is not 0");
    const Engine::Run run = {slot, {ids, count}};
    return toStatus(engine.prefill({&run, 1}));
  });
}

zorse_status zorse_decode(zorse_session *session, const int32_t *slots, const int32_t *ids,
                          size_t count) {
  return onSession(session, [&](Engine &engine) -> zorse_status {
    if ((!slots || !ids) && count > 0)
      return failUsage("slots or ids are NULL, but their number is not 0");
    return toStatus(engine.decodeStep({slots, count}, {ids, count}));
  });
}

zorse_status zorse_logits(zorse_session *session, float *logits, size_t capacity, size_t *rows) {
  return onSession(session, [&](Engine &engine) -> zorse_status {
    if (!rows)
      return failUsage("there is nowhere to put the number of rows: it is NULL");
    Result<std::vector<float>> values = engine.logits();
    if (!values)
      return fail(values.error());
    size_t count = 0;
    zorse_status status = copyOut(std::span<const float>(*values), logits, capacity, &count);
    *rows = static_cast<size_t>(engine.logitRows());
    return status;
  });
}

zorse_status zorse_argmax(zorse_session *session, int32_t *ids, size_t capacity, size_t *rows) {
  return onSession(session, [&](Engine &engine) -> zorse_status {
    Result<std::vector<int32_t>> found = engine.argmax();
    if (!found)
      return fail(found.error());
    return copyOut(std::span<const int32_t>(*found), ids, capacity, rows);
  });
}

} // extern "C"
