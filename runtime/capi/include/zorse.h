/*===- zorse.h - run a hybrid model from C -----------------------*- C -*-===*\
|*                                                                            *|
|* Part of the Zorse project, under the Apache License v2.0 with LLVM         *|
|* Exceptions.                                                                *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* C11, also C++. Three kinds of handle:                                      *|
|*                                                                            *|
|*   zorse_model       a checkpoint on a device, and where its kernels come   *|
|*                     from: a database of tuned kernels, a bundle, or both   *|
|*   zorse_session     caches for a number of sequences of one model          *|
|*   zorse_generation  the finished continuation of one prompt                *|
|*                                                                            *|
|* The library compiles nothing. `zorse tune --model DIR` fills a database,   *|
|* `zorse bundle --model DIR -o FILE` puts all kernels of a model into one    *|
|* file; where a kernel is missing, the message says so.                      *|
|*                                                                            *|
|* Errors. Every function that can fail returns a zorse_status. Unless it is  *|
|* ZORSE_OK, zorse_last_error() of the same thread says what was expected,    *|
|* what was found and what to try, and what the function would have written   *|
|* is unchanged unless its comment says otherwise. NULL where a handle or a   *|
|* result is needed is ZORSE_ERROR_USAGE. No C++ exception leaves the         *|
|* library.                                                                   *|
|*                                                                            *|
|* Threads. A model and its sessions take one call at a time: calls from      *|
|* several threads wait for each other. A callback may use the functions      *|
|* that take a `const zorse_model *`; what else it calls on the same model    *|
|* returns ZORSE_ERROR_USAGE. Different models are independent. A handle must *|
|* not be in use anywhere else while it is released.                          *|
|*                                                                            *|
|* Structs of options and results begin with `struct_size`; set it to sizeof  *|
|* of the struct and everything else to 0 for the defaults:                   *|
|*   zorse_model_options options = {.struct_size = sizeof options};           *|
|* Later versions of the library append members. A struct that is larger than *|
|* the library knows is taken if what it does not know is 0.                  *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define ZORSE_API
#else
#define ZORSE_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** What became of a call. The values are the exit codes of the tool `zorse`. */
typedef enum zorse_status {
  ZORSE_OK = 0,
  ZORSE_ERROR_RUNTIME = 1,  /**< an operation failed: files, memory, a missing kernel */
  ZORSE_ERROR_USAGE = 2,    /**< the request itself is wrong */
  ZORSE_ERROR_DATABASE = 5, /**< locked, damaged, newer or not trusted */
  ZORSE_ERROR_DEVICE = 6,   /**< no such device, or kernels for another one */
  ZORSE_ERROR_CAPACITY = 7  /**< the caller's buffer is too small; the size needed is told */
} zorse_status;

typedef struct zorse_model zorse_model;
typedef struct zorse_session zorse_session;
typedef struct zorse_generation zorse_generation;

/** Version of the library, "0.1.0". Static. */
ZORSE_API const char *zorse_version(void);

/** Why the last call of this thread that failed did so; "" before the first. Valid until the next
 *  call of this thread. Never NULL. */
ZORSE_API const char *zorse_last_error(void);

/* ---- models ---------------------------------------------------------------------------------- */

typedef struct zorse_model_options {
  size_t struct_size;
  const char *device; /**< "host" (default) or "hip" */
  int32_t threads;    /**< of the host; 0: one for each hardware thread */
  int32_t pin;        /**< of the host: non-zero pins each thread to a core */
  const char *dtype;  /**< "f32", "f16", "bf16"; NULL: as most of the checkpoint is stored */
  /** A file that `zorse tune` or `zorse run` filled, read only. With a bundle too, winners of the
   *  database come first and the bundle has what it lacks. At least one of the two is needed. */
  const char *database;
  const char *bundle; /**< a file of `zorse bundle` */
  /** Text file of public keys whose code in a bundle is launched (`zorse key`); NULL: nobody's. */
  const char *trust_file;
  int32_t trust_unsigned; /**< non-zero: the caller vouches for the code of the bundle */
  int32_t reserved;       /**< 0 */
} zorse_model_options;

/** Reads a model folder (config.json, tokenizer.json, *.safetensors …) and puts its weights on the
 *  device. `options` may not be NULL, for kernels must come from somewhere. On success `*model` is
 *  owned by the caller: zorse_model_release(). May take seconds; blocks.
 *  Errors: USAGE (folder, options, bundle of another model), DATABASE, DEVICE, RUNTIME. */
ZORSE_API zorse_status zorse_model_open(const char *folder, const zorse_model_options *options,
                                        zorse_model **model);

/** Gives a model back. Sessions of it stay valid; the weights go with the last of them. NULL is
 *  allowed. */
ZORSE_API void zorse_model_release(zorse_model *model);

typedef struct zorse_model_info {
  size_t struct_size;
  int64_t vocab_size, hidden_size, num_layers;
  int64_t max_positions;            /**< longest sequence the model was made for */
  int64_t parameters;               /**< as stored */
  int64_t weight_bytes;             /**< on the device */
  int64_t cache_bytes_per_token;    /**< of one sequence, all layers, in the type of the run */
  int64_t state_bytes_per_sequence; /**< whatever its length */
  double load_seconds;              /**< measured, wall clock */
  char dtype[8];                    /**< "bf16" */
  char device[128];                 /**< the device in words */
} zorse_model_info;

/** Facts about a model. `info->struct_size` says how much is written. */
ZORSE_API zorse_status zorse_model_get_info(const zorse_model *model, zorse_model_info *info);

/** Token ids of UTF-8 text. `add_special`: with what the tokenizer puts before every text (<s>).
 *  Special tokens spelled out in the text are plain text. Writes up to `capacity` ids and, also
 *  with CAPACITY, `*count`, the number of all. `ids` NULL with capacity 0 asks for the number.
 *  Errors: USAGE (no UTF-8), CAPACITY. */
ZORSE_API zorse_status zorse_tokenize(const zorse_model *model, const char *text, size_t text_bytes,
                                      int32_t add_special, int32_t *ids, size_t capacity,
                                      size_t *count);

/** UTF-8 text of ids; special tokens are left out. Writes up to `capacity` bytes with a
 *  terminating zero, which `*text_bytes` does not count. `text` NULL with capacity 0 asks for the
 *  number of bytes; CAPACITY tells it too. */
ZORSE_API zorse_status zorse_detokenize(const zorse_model *model, const int32_t *ids, size_t count,
                                        char *text, size_t capacity, size_t *text_bytes);

/** Ids after which the model ends, as its folder says. Same rules as zorse_tokenize(). */
ZORSE_API zorse_status zorse_model_end_ids(const zorse_model *model, int32_t *ids, size_t capacity,
                                           size_t *count);

typedef struct zorse_chat_message {
  const char *role;    /**< "system", "user" or "assistant" */
  const char *content; /**< UTF-8; special tokens spelled out in it stay plain text */
} zorse_chat_message;

/** Token ids of a conversation, as the model learnt to see them. `format`: NULL for the template of
 *  the model's folder, or llama3, llama3.1, llama3.2, chatml, smollm2. With
 *  `add_generation_prompt` the ids end where the answer begins. Same rules as zorse_tokenize().
 *  Errors: USAGE (no or an unknown template, roles, special tokens that the model lacks). */
ZORSE_API zorse_status zorse_chat_tokenize(const zorse_model *model, const char *format,
                                           const zorse_chat_message *messages, size_t message_count,
                                           int32_t add_generation_prompt, int32_t *ids,
                                           size_t capacity, size_t *count);

/** Ids that end an answer in that format. Same rules as zorse_tokenize(). */
ZORSE_API zorse_status zorse_chat_end_ids(const zorse_model *model, const char *format,
                                          int32_t *ids, size_t capacity, size_t *count);

/* ---- sessions -------------------------------------------------------------------------------- */

typedef struct zorse_session_options {
  size_t struct_size;
  int64_t slots;         /**< sequences that the caches have room for, 0: 1 */
  int64_t max_length;    /**< tokens of the longest sequence, 0: at most 4096 */
  int64_t prefill_chunk; /**< most tokens in one pass, 0: what the bundle was made for, or 512 */
} zorse_session_options;

/** Allocates caches. `options` NULL: the defaults. On success `*session` is owned by the caller:
 *  zorse_session_release(). Errors: USAGE (sizes, a bundle for other passes), RUNTIME (memory). */
ZORSE_API zorse_status zorse_session_create(zorse_model *model,
                                            const zorse_session_options *options,
                                            zorse_session **session);

/** Gives a session back; generations stay valid. NULL is allowed. */
ZORSE_API void zorse_session_release(zorse_session *session);

typedef struct zorse_session_info {
  size_t struct_size;
  int64_t slots, max_length, prefill_chunk;
  int64_t cache_bytes;    /**< of all slots */
  int64_t prefill_tokens; /**< since the start, of all calls */
  int64_t decode_tokens, decode_steps;
  double prefill_seconds, decode_seconds; /**< measured, wall clock, in the engine */
} zorse_session_info;

/** Sizes, memory and times of a session. */
ZORSE_API zorse_status zorse_session_get_info(zorse_session *session, zorse_session_info *info);

/* ---- generating ------------------------------------------------------------------------------ */

typedef struct zorse_generate_options {
  size_t struct_size;
  int64_t max_new_tokens;    /**< 0: 128 */
  int32_t ignore_end;        /**< non-zero: go on after an end-of-sequence token */
  int32_t reserved;          /**< 0 */
  double temperature;        /**< 0: greedy; else up to 100 */
  int64_t top_k;             /**< 0: all */
  double top_p;              /**< (0, 1]; 0: 1 */
  double min_p;              /**< [0, 1] */
  double repetition_penalty; /**< 0: 1 */
  uint64_t seed;
} zorse_generate_options;

/** Called for each new token with the text that it adds, `text_bytes` bytes of UTF-8 with a zero
 *  behind them, valid during the call. Text that waits for the rest of a character comes later; a
 *  last call with the id -1 brings what is left. Return 0 to go on, anything else to stop. */
typedef int32_t (*zorse_token_callback)(void *user, int32_t id, const char *text,
                                        size_t text_bytes);

/** Continues a prompt of `count` >= 1 tokens until the end of the sequence, max_new_tokens, a full
 *  cache, or the callback. Takes a free slot for the time. `options`, `callback` and `generation`
 *  may be NULL; otherwise `*generation` is owned by the caller: zorse_generation_release().
 *  Errors: USAGE (ids, options, prompt longer than max_length, no free slot), RUNTIME. */
ZORSE_API zorse_status zorse_generate(zorse_session *session, const int32_t *prompt, size_t count,
                                      const zorse_generate_options *options,
                                      zorse_token_callback callback, void *user,
                                      zorse_generation **generation);

typedef enum zorse_stop {
  ZORSE_STOP_MAX_TOKENS = 0,
  ZORSE_STOP_END_OF_SEQUENCE = 1,
  ZORSE_STOP_CACHE_FULL = 2,
  ZORSE_STOP_CALLBACK = 3
} zorse_stop;

typedef struct zorse_generation_info {
  size_t struct_size;
  const int32_t *ids; /**< the new tokens; an end-of-sequence token is not among them */
  size_t count;
  const char *text; /**< of these tokens on their own, UTF-8 with a zero behind it */
  size_t text_bytes;
  int32_t stop; /**< a zorse_stop */
  int32_t reserved;
  int64_t prefill_tokens, decode_tokens;
  double prefill_seconds, decode_seconds; /**< measured, wall clock, choosing tokens included */
} zorse_generation_info;

/** What was generated. Pointers belong to the generation and are valid until it is released. */
ZORSE_API zorse_status zorse_generation_get_info(const zorse_generation *generation,
                                                 zorse_generation_info *info);

/** NULL is allowed. */
ZORSE_API void zorse_generation_release(zorse_generation *generation);

/* ---- token by token: for servers with a sampler and a scheduler of their own ------------------
 */

/** Takes a free slot and clears it. USAGE when all are taken. */
ZORSE_API zorse_status zorse_slot_open(zorse_session *session, int32_t *slot);
/** Gives it back. USAGE if it is not open. */
ZORSE_API zorse_status zorse_slot_close(zorse_session *session, int32_t slot);
/** Tokens of its sequence so far. */
ZORSE_API zorse_status zorse_slot_length(zorse_session *session, int32_t slot, int64_t *length);

/** Appends tokens to one sequence, in passes of at most prefill_chunk. Then there is one row of
 *  logits, that of the last token. After RUNTIME the sequence may hold a part of them: close it.
 *  Errors: USAGE (slot, ids, no room; nothing changed), RUNTIME (a missing kernel). */
ZORSE_API zorse_status zorse_prefill(zorse_session *session, int32_t slot, const int32_t *ids,
                                     size_t count);
/** Appends one token to each of `count` different sequences. Then there are `count` rows of logits,
 *  in this order. Errors as zorse_prefill(). */
ZORSE_API zorse_status zorse_decode(zorse_session *session, const int32_t *slots,
                                    const int32_t *ids, size_t count);
/** Logits of the last zorse_prefill() or zorse_decode(), [rows][vocab_size]. Writes up to
 *  `capacity` floats and, also with CAPACITY, `*rows`. `logits` NULL with capacity 0 asks for the
 *  rows. USAGE before the first. */
ZORSE_API zorse_status zorse_logits(zorse_session *session, float *logits, size_t capacity,
                                    size_t *rows);
/** The token of the largest logit of each row, the first of equals. Rules as zorse_logits(). */
ZORSE_API zorse_status zorse_argmax(zorse_session *session, int32_t *ids, size_t capacity,
                                    size_t *rows);

#ifdef __cplusplus
} // extern "C"
#endif
