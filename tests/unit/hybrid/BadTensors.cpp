//===- BadTensors.cpp - weights and vocabularies that do not fit ----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "BadFile.h"

using nlohmann::json;

namespace zorse {

namespace {

constexpr const char *zebra = "zebra-stories-260k";

BadFile weights(const std::string &name, std::function<void(json &)> edit,
                const std::string &message) {
  return {name, zebra, [edit](const ScratchFolder &dir) { dir.editHeader(edit); },
          "DIR: " + message};
}

/// Gives a tensor another name, so that the data stay covered.
void rename(json &header, const char *from, const char *to) {
  header[to] = header[from];
  header.erase(from);
}

BadFile tokenizer(const std::string &name, std::function<void(json &)> edit,
                  const std::string &message) {
  return {name, zebra, [edit](const ScratchFolder &dir) { dir.editJson("tokenizer.json", edit); },
          "tokenizer.json: " + message};
}

} // namespace

std::vector<BadFile> badTensors() {
  return {
      weights(
          "missing_tensor",
          [](json &header) {
            rename(header, "model.layers.0.mla.q_a_proj.weight", "model.layers.0.mla.wk_b");
          },
          "tensor \"model.layers.0.mla.q_a_proj.weight\" is missing: expected shape [40, 64] = "
          "[q_lora_rank, hidden_size]; 1 of 59 tensors of this Zebra-Llama model are missing"),
      weights(
          "missing_embedding",
          [](json &header) { rename(header, "model.embed_tokens.weight", "other"); },
          "tensor \"model.embed_tokens.weight\" is missing: expected shape [512, 64] = "
          "[vocab_size, hidden_size]; 1 of 59 tensors of this Zebra-Llama model are missing"),
      weights(
          "wrong_shape",
          [](json &header) {
            header["model.layers.0.mla.kv_a_proj_with_mqa.weight"]["shape"] = {64, 20};
          },
          "tensor \"model.layers.0.mla.kv_a_proj_with_mqa.weight\": expected shape [20, 64] = "
          "[kv_lora_rank + qk_rope_head_dim, hidden_size], found [64, 20]"),
      weights(
          "wrong_rank",
          [](json &header) { header["model.layers.1.mamba.conv1d.weight"]["shape"] = {128, 4}; },
          "tensor \"model.layers.1.mamba.conv1d.weight\": expected shape [128, 1, 4] = "
          "[d_inner + 2 * d_xb, 1, d_conv], found [128, 4]"),
      weights(
          "wrong_head", [](json &header) { header["lm_head.weight"]["shape"] = {64, 512}; },
          "tensor \"lm_head.weight\": expected shape [512, 64] = [vocab_size, hidden_size], "
          "found [64, 512]"),
      weights(
          "unexpected_tensor",
          [](json &header) {
            header["model.layers.7.mlp.up_proj.weight"] = {
                {"dtype", "F32"}, {"shape", {0}}, {"data_offsets", {0, 0}}};
          },
          "tensor \"model.layers.7.mlp.up_proj.weight\" [0] belongs to no part of this "
          "Zebra-Llama model"),
      {"another_rank", zebra,
       [](const ScratchFolder &dir) {
         dir.editJson("hybrid_config.json", [](json &d) { d["q_lora_rank"] = 48; });
       },
       "DIR: tensor \"model.layers.0.mla.q_a_proj.weight\": expected shape [48, 64] = "
       "[q_lora_rank, hidden_size], found [40, 64]"},
      {"another_format", zebra, [](const ScratchFolder &dir) { dir.remove("hybrid_config.json"); },
       "DIR: tensor \"model.layers.0.self_attn.q_proj.weight\" is missing: expected shape [64, 64] "
       "= [num_attention_heads * head_dim, hidden_size]; 20 of 48 tensors of this Llama model are "
       "missing"},
  };
}

std::vector<BadFile> badTokenizers() {
  return {
      {"tokenizer_missing", zebra, [](const ScratchFolder &dir) { dir.remove("tokenizer.json"); },
       "DIR/tokenizer.json: cannot open: No such file or directory"},
      {"tokenizer_cut", zebra,
       [](const ScratchFolder &dir) {
         dir.write("tokenizer.json", dir.read("tokenizer.json").substr(0, 40));
       },
       "tokenizer.json: not valid JSON: unexpected end of text at byte 41"},
      {"tokenizer_deep", zebra,
       [](const ScratchFolder &dir) { dir.write("tokenizer.json", std::string(100'000, '[')); },
       "tokenizer.json: expected at most 64 levels of nesting, found more"},
      tokenizer(
          "tokenizer_wordpiece", [](json &d) { d["model"]["type"] = "WordPiece"; },
          "$.model.type: \"WordPiece\" is not supported; expected BPE"),
      tokenizer(
          "tokenizer_no_model", [](json &d) { d.erase("model"); }, "$.model: expected an object"),
      tokenizer(
          "tokenizer_empty_vocab", [](json &d) { d["model"]["vocab"] = json::object(); },
          "$.model.vocab: expected an object of tokens to ids"),
      tokenizer(
          "tokenizer_negative_id", [](json &d) { d["model"]["vocab"]["a"] = -1; },
          "$.model.vocab: expected an id in [0, 66051], found -1"),
      tokenizer(
          "tokenizer_far_id", [](json &d) { d["model"]["vocab"]["a"] = 16'000'000; },
          "$.model.vocab: expected an id in [0, 66051], found 16000000"),
      tokenizer(
          "tokenizer_shared_id", [](json &d) { d["model"]["vocab"]["zz"] = 0; },
          "$.model.vocab: id 0 belongs to \"<unk>\" and to \"zz\""),
      tokenizer(
          "tokenizer_no_byte", [](json &d) { d["model"]["vocab"].erase("<0x41>"); },
          "$.model.vocab: byte_fallback needs the token <0x41>"),
      tokenizer(
          "tokenizer_merge_unknown", [](json &d) { d["model"]["merges"][0] = "qq ww"; },
          "$.model.merges[0]: \"qq\" + \"ww\" uses or makes a token that is not in the "
          "vocabulary"),
      tokenizer(
          "tokenizer_merge_of_three", [](json &d) { d["model"]["merges"][0] = "a b c"; },
          "$.model.merges[0]: expected two tokens with one space between them"),
      tokenizer(
          "tokenizer_merge_number", [](json &d) { d["model"]["merges"][0] = 5; },
          "$.model.merges[0]: expected two tokens, found 5"),
      tokenizer(
          "tokenizer_normalizer", [](json &d) { d["normalizer"] = {{"type", "Lowercase"}}; },
          "$.normalizer.type: \"Lowercase\" is not supported; expected Prepend, Replace or a "
          "Sequence of them"),
      tokenizer(
          "tokenizer_pre_tokenizer", [](json &d) { d["pre_tokenizer"] = {{"type", "Whitespace"}}; },
          "$.pre_tokenizer.type: \"Whitespace\" is not supported; expected Split, Digits, "
          "ByteLevel, Metaspace or a Sequence of them"),
      tokenizer(
          "tokenizer_broken_pattern",
          [](json &d) {
            d["pre_tokenizer"] = {{"type", "Split"},
                                  {"pattern", {{"Regex", "("}}},
                                  {"behavior", "Isolated"},
                                  {"invert", false}};
          },
          "$.pre_tokenizer.pattern: the split pattern does not compile: missing closing "
          "parenthesis at byte 1"),
      tokenizer(
          "tokenizer_split_behaviour",
          [](json &d) {
            d["pre_tokenizer"] = {{"type", "Split"},
                                  {"pattern", {{"Regex", "a"}}},
                                  {"behavior", "Removed"},
                                  {"invert", false}};
          },
          "$.pre_tokenizer: expected behavior Isolated without invert"),
      tokenizer(
          "tokenizer_decoder", [](json &d) { d["decoder"]["decoders"][1] = {{"type", "CTC"}}; },
          "$.decoder.decoders[1].type: \"CTC\" is not supported; expected Replace, "
          "Metaspace, ByteFallback, Fuse, Strip, ByteLevel or a Sequence of them"),
      tokenizer(
          "tokenizer_template",
          [](json &d) { d["post_processor"]["single"][0]["SpecialToken"]["id"] = "<bos>"; },
          "$.post_processor.single: \"<bos>\" is not among the added tokens"),
      tokenizer(
          "tokenizer_dropout", [](json &d) { d["model"]["dropout"] = 0.5; },
          "$.model.dropout: expected null"),
      {"tokenizer_larger_than_model", zebra,
       [](const ScratchFolder &dir) {
         dir.editJson("tokenizer.json", [](json &d) { d["model"]["vocab"]["zzz"] = 600; });
       },
       "tokenizer.json: the largest id is 600, but the model has only 512 rows of embeddings "
       "(vocab_size)"},
  };
}

} // namespace zorse
