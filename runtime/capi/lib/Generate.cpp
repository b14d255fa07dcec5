//===- Generate.cpp - continuing a prompt through the C API ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Handles.h"

#include "zorse/hybrid/Generator.h"

using namespace zorse;
using namespace zorse::capi;

struct zorse_generation {
  GeneratedRow row;
  zorse_generation_info facts;
};

static zorse_stop stopOf(StopReason reason) {
  switch (reason) {
  case StopReason::MaxTokens:
    return ZORSE_STOP_MAX_TOKENS;
  case StopReason::EndOfSequence:
    return ZORSE_STOP_END_OF_SEQUENCE;
  case StopReason::CacheFull:
    return ZORSE_STOP_CACHE_FULL;
  case StopReason::Cancelled:
    break;
  }
  return ZORSE_STOP_CALLBACK;
}

static GenerateOptions optionsOf(const zorse_generate_options &given) {
  GenerateOptions options;
  options.maxNewTokens = given.max_new_tokens ? given.max_new_tokens : 128;
  options.ignoreEos = given.ignore_end != 0;
  options.sampling.temperature = given.temperature;
  options.sampling.topK = given.top_k;
  options.sampling.topP = given.top_p != 0 ? given.top_p : 1;
  options.sampling.minP = given.min_p;
  options.sampling.repetitionPenalty = given.repetition_penalty != 0 ? given.repetition_penalty : 1;
  options.sampling.seed = given.seed;
  return options;
}

static std::unique_ptr<zorse_generation> makeGeneration(GenerateResult result) {
  auto made = std::make_unique<zorse_generation>();
  made->row = std::move(result.rows[0]);
  zorse_generation_info &facts = made->facts;
  facts = {};
  facts.ids = made->row.outputIds.data();
  facts.count = made->row.outputIds.size();
  facts.text = made->row.text.c_str();
  facts.text_bytes = made->row.text.size();
  facts.stop = stopOf(made->row.stop);
  facts.prefill_tokens = result.prefillTokens;
  facts.decode_tokens = result.decodeTokens;
  facts.prefill_seconds = result.prefillSeconds;
  facts.decode_seconds = result.decodeSeconds;
  return made;
}

extern "C" {

zorse_status zorse_generate(zorse_session *session, const int32_t *prompt, size_t count,
                            const zorse_generate_options *given, zorse_token_callback callback,
                            void *user, zorse_generation **generation) {
  return onSession(session, [&](Engine &engine) -> zorse_status {
    if (!prompt || count == 0)
      return failUsage("zorse_generate() needs a prompt of at least one token");
    zorse_generate_options options;
    if (zorse_status status = readStruct(given, options, "zorse_generate_options");
        status != ZORSE_OK)
      return status;
    TokenCallback onToken;
    if (callback)
      onToken = [&](size_t, int32_t id, std::string_view fresh) {
        const std::string text(fresh); // with a zero behind it
        return callback(user, id, text.c_str(), text.size()) == 0;
      };
    Result<GenerateResult> result = generate(engine, {std::vector<int32_t>(prompt, prompt + count)},
                                             optionsOf(options), onToken);
    if (!result)
      return fail(result.error());
    if (generation)
      *generation = makeGeneration(result.take()).release();
    return ZORSE_OK;
  });
}

zorse_status zorse_generation_get_info(const zorse_generation *generation,
                                       zorse_generation_info *info) {
  return guarded([&]() -> zorse_status {
    if (!generation)
      return failUsage("the generation is NULL; zorse_generate() makes one");
    return writeStruct(generation->facts, info, "zorse_generation_info");
  });
}

void zorse_generation_release(zorse_generation *generation) { delete generation; }

} // extern "C"
