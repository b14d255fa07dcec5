/* Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * A program of somebody else: golden MODEL BUNDLE PROMPT COUNT. Continues the prompt greedily in
 * three ways that must agree, holds the rules of zorse.h against the library, and prints the ids.
 */
#include <zorse.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 512

static int failures;

static void expect(int holds, const char *what) {
  if (!holds) {
    fprintf(stderr, "expected: %s; the last error is: %s\n", what, zorse_last_error());
    ++failures;
  }
}

static void need(zorse_status status, const char *call) {
  if (status == ZORSE_OK)
    return;
  fprintf(stderr, "%s: status %d: %s\n", call, (int)status, zorse_last_error());
  exit((int)status);
}

typedef struct {
  zorse_session *session;
  int32_t ids[MOST];
  size_t count, most;
  char text[1 << 14];
} Stream;

static int32_t onToken(void *user, int32_t id, const char *text, size_t bytes) {
  Stream *stream = user;
  expect(strlen(text) == bytes, "a zero behind the text of a token");
  strncat(stream->text, text, sizeof stream->text - strlen(stream->text) - 1);
  if (id < 0)
    return 0;
  int32_t slot = 0;
  expect(zorse_slot_open(stream->session, &slot) == ZORSE_ERROR_USAGE,
         "a call on the session from its own callback is refused");
  stream->ids[stream->count++] = id;
  return stream->most > 0 && stream->count >= stream->most;
}

static void stepByStep(zorse_session *session, const int32_t *prompt, size_t length, int32_t *ids,
                       size_t count, size_t vocabulary) {
  int32_t slot = -1;
  size_t rows = 0;
  need(zorse_slot_open(session, &slot), "zorse_slot_open");
  need(zorse_prefill(session, slot, prompt, length), "zorse_prefill");
  float *logits = malloc(vocabulary * sizeof *logits);
  for (size_t i = 0; i < count; ++i) {
    need(zorse_argmax(session, &ids[i], 1, &rows), "zorse_argmax");
    expect(rows == 1, "one row of logits for one sequence");
    need(zorse_logits(session, logits, vocabulary, &rows), "zorse_logits");
    for (size_t k = 0; k < vocabulary; ++k)
      if (logits[k] > logits[ids[i]]) {
        expect(0, "argmax is the largest logit");
        break;
      }
    if (i + 1 < count)
      need(zorse_decode(session, &slot, &ids[i], 1), "zorse_decode");
  }
  free(logits);
  expect(zorse_logits(session, NULL, 0, &rows) == ZORSE_OK && rows == 1, "logits can be counted");
  float few[2];
  expect(zorse_logits(session, few, 2, &rows) == ZORSE_ERROR_CAPACITY, "a small buffer is told");
  int64_t now = 0;
  need(zorse_slot_length(session, slot, &now), "zorse_slot_length");
  expect(now == (int64_t)(length + count - 1), "the length counts prompt and steps");
  const int32_t wrong = (int32_t)vocabulary;
  expect(zorse_decode(session, &slot, &wrong, 1) == ZORSE_ERROR_USAGE, "a wrong id is refused");
  need(zorse_slot_close(session, slot), "zorse_slot_close");
}

int main(int argc, char **argv) {
  if (argc != 5)
    return 2;
  const size_t count = (size_t)atoi(argv[4]);
  const zorse_model_options options = {
      .struct_size = sizeof options, .dtype = "f32", .bundle = argv[2], .trust_unsigned = 1};
  zorse_model_options strict = options;
  strict.trust_unsigned = 0;
  zorse_model *model = NULL;
  zorse_session *session = NULL;
  need(zorse_model_open(argv[1], &strict, &model), "zorse_model_open");
  expect(zorse_session_create(model, NULL, &session) == ZORSE_ERROR_DATABASE && session == NULL,
         "unsigned code needs the caller's word");
  zorse_model_release(model);
  need(zorse_model_open(argv[1], &options, &model), "zorse_model_open");

  zorse_model_info info = {.struct_size = sizeof info};
  need(zorse_model_get_info(model, &info), "zorse_model_get_info");
  int32_t prompt[MOST];
  size_t length = 0;
  need(zorse_tokenize(model, argv[3], strlen(argv[3]), 1, prompt, MOST, &length), "zorse_tokenize");

  const zorse_session_options sizes = {
      .struct_size = sizeof sizes, .slots = 2, .max_length = MOST / 2};
  need(zorse_session_create(model, &sizes, &session), "zorse_session_create");
  zorse_model_release(model); /* the session keeps what it needs */

  static Stream stream, stopped;
  stream.session = stopped.session = session;
  stopped.most = 3;
  zorse_generate_options greedy = {
      .struct_size = sizeof greedy, .max_new_tokens = (int64_t)count, .ignore_end = 1};
  zorse_generation *generation = NULL;
  need(zorse_generate(session, prompt, length, &greedy, onToken, &stream, &generation),
       "zorse_generate");
  zorse_generation_info made = {.struct_size = sizeof made};
  need(zorse_generation_get_info(generation, &made), "zorse_generation_get_info");
  expect(made.count == count && made.stop == ZORSE_STOP_MAX_TOKENS, "as many tokens as asked for");
  expect(stream.count == made.count && !memcmp(stream.ids, made.ids, count * sizeof *made.ids),
         "the callback sees every token");
  expect(strlen(made.text) == made.text_bytes && strstr(stream.text, made.text) != NULL,
         "the stream has the text");
  expect(made.prefill_tokens == (int64_t)length && made.decode_seconds > 0, "times are told");

  static int32_t steps[MOST];
  stepByStep(session, prompt, length, steps, count, (size_t)info.vocab_size);
  expect(!memcmp(steps, made.ids, count * sizeof *made.ids), "step by step gives the same tokens");

  zorse_generation *early = NULL;
  need(zorse_generate(session, prompt, length, &greedy, onToken, &stopped, &early),
       "zorse_generate");
  zorse_generation_info few = {.struct_size = sizeof few};
  need(zorse_generation_get_info(early, &few), "zorse_generation_get_info");
  expect(few.stop == ZORSE_STOP_CALLBACK && few.count == 3, "a callback stops");

  zorse_generate_options warm = greedy;
  warm.temperature = 0.9;
  warm.top_p = 0.95;
  warm.seed = 7;
  zorse_generation *one = NULL, *two = NULL;
  need(zorse_generate(session, prompt, length, &warm, NULL, NULL, &one), "zorse_generate");
  need(zorse_generate(session, prompt, length, &warm, NULL, NULL, &two), "zorse_generate");
  zorse_generation_info first = {.struct_size = sizeof first},
                        second = {.struct_size = sizeof second};
  need(zorse_generation_get_info(one, &first), "zorse_generation_get_info");
  need(zorse_generation_get_info(two, &second), "zorse_generation_get_info");
  expect(first.count == second.count &&
             !memcmp(first.ids, second.ids, first.count * sizeof *first.ids),
         "a seed gives the same tokens again");

  zorse_session_info facts = {.struct_size = sizeof facts};
  need(zorse_session_get_info(session, &facts), "zorse_session_get_info");
  expect(facts.slots == 2 && facts.decode_steps > 0 && facts.cache_bytes > 0, "a session's facts");
  zorse_session_release(session);
  printf("%s", zorse_version());
  for (size_t i = 0; i < made.count; ++i)
    printf(" %d", (int)made.ids[i]);
  printf("\n");
  zorse_generation_release(generation); /* after its session */
  zorse_generation_release(early);
  zorse_generation_release(one);
  zorse_generation_release(two);
  return failures > 0;
}
