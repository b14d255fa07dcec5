//===- Requests.cpp - op requests of the models ---------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Requests.h"

namespace zorse {

// clang-format off
std::vector<std::string> tinyRequests() {
  return {
      R"({"op":"argmax","vocab_size":512})",
      R"({"op":"argmax","vocab_size":515,"dtype":"bf16"})",
      R"({"op":"causal_conv1d","conv_dim":128,"x_stride":200,"x_offset":64,"dtype":"f32"})",
      R"({"op":"causal_conv1d_update","conv_dim":128,"x_stride":200,"x_offset":64,"dtype":"f32"})",
      R"({"op":"embed","vocab_size":512,"hidden_size":64,"dtype":"f32"})",
      R"({"op":"embed","vocab_size":500,"hidden_size":67,"dtype":"f32","weight_dtype":"bf16","panel":32})",
      R"({"op":"embed","vocab_size":70,"hidden_size":300,"dtype":"bf16","panel":16})",
      R"({"op":"embed","vocab_size":70,"hidden_size":131,"dtype":"f16","panel":64})",
      R"({"op":"gated_rmsnorm","num_groups":8,"group_size":8,"z_stride":200,"dtype":"f32"})",
      R"({"op":"gqa_decode","num_heads":8,"num_kv_heads":4,"head_dim":8,"dtype":"f32"})",
      R"({"op":"gqa_decode","num_heads":8,"num_kv_heads":4,"head_dim":8,"dtype":"f32","page_size":16})",
      R"({"op":"gqa_prefill","num_heads":8,"num_kv_heads":4,"head_dim":8,"dtype":"f32"})",
      R"({"op":"gqa_prefill","num_heads":8,"num_kv_heads":4,"head_dim":8,"dtype":"f32","page_size":64})",
      R"({"op":"gqa_rope_append","num_heads":8,"num_kv_heads":4,"head_dim":8,"dtype":"f32"})",
      R"({"op":"gqa_rope_append","num_heads":8,"num_kv_heads":4,"head_dim":8,"dtype":"f32","page_size":16})",
      R"({"op":"linear","in_features":172,"out_features":64,"dtype":"f32","residual":true})",
      R"({"op":"linear","in_features":16,"out_features":48,"dtype":"f32","row_stride":20})",
      R"({"op":"linear","in_features":64,"out_features":36,"dtype":"bf16","bias":true,"tuning":{"tokens":24}})",
      R"({"op":"linear","in_features":64,"out_features":96,"dtype":"bf16","panel":32,"tuning":{"tokens":8}})",
      R"({"op":"linear","in_features":67,"out_features":40,"dtype":"bf16","panel":16,"bias":true,"residual":true,"tuning":{"tokens":16}})",
      R"({"op":"linear","in_features":33,"out_features":50,"dtype":"f32","panel":32,"residual":true})",
      R"({"op":"linear","in_features":45,"out_features":70,"dtype":"f16","weight_dtype":"bf16","out_dtype":"f32","row_stride":48,"panel":48,"tuning":{"tokens":5}})",
      R"({"op":"linear","in_features":40,"out_features":33,"dtype":"bf16","weight_dtype":"f16","panel":64,"tuning":{"tokens":24}})",
      R"({"op":"mamba2_step","num_heads":8,"num_kv_heads":4,"head_dim":8,"d_state":8,"row_stride":200,"x_offset":64,"dt_offset":192,"dtype":"f32"})",
      R"({"op":"mla_absorb","num_heads":8,"num_kv_heads":4,"qk_nope_head_dim":4,"qk_rope_head_dim":4,"v_head_dim":8,"kv_lora_rank":16,"dtype":"f32"})",
      R"({"op":"mla_decode","num_heads":8,"kv_lora_rank":16,"qk_rope_head_dim":4,"qk_nope_head_dim":4,"dtype":"f32"})",
      R"({"op":"mla_decode","num_heads":8,"kv_lora_rank":16,"qk_rope_head_dim":4,"qk_nope_head_dim":4,"dtype":"f32","page_size":64})",
      R"({"op":"mla_expand","num_heads":8,"num_kv_heads":8,"qk_nope_head_dim":4,"v_head_dim":8,"kv_lora_rank":24,"dtype":"f32"})",
      R"({"op":"mla_prefill","num_heads":8,"num_kv_heads":4,"qk_nope_head_dim":4,"qk_rope_head_dim":4,"v_head_dim":8,"kv_lora_rank":16,"dtype":"f32"})",
      R"({"op":"mla_prefill","num_heads":8,"num_kv_heads":4,"qk_nope_head_dim":4,"qk_rope_head_dim":4,"v_head_dim":8,"kv_lora_rank":16,"dtype":"f32","page_size":16})",
      R"({"op":"mla_rope_append","num_heads":8,"qk_nope_head_dim":4,"qk_rope_head_dim":4,"kv_lora_rank":16,"dtype":"f32"})",
      R"({"op":"mla_rope_append","num_heads":8,"qk_nope_head_dim":4,"qk_rope_head_dim":4,"kv_lora_rank":16,"dtype":"f32","page_size":64})",
      R"({"op":"rmsnorm","hidden_size":64,"dtype":"f32","rounding":"double"})",
      R"({"op":"ssd_scan","num_heads":8,"num_kv_heads":4,"head_dim":8,"d_state":8,"dt_stride":200,"dt_offset":192,"dtype":"f32"})",
      R"({"op":"ssm_update","num_heads":8,"num_kv_heads":4,"head_dim":8,"d_state":8,"dt_stride":200,"dt_offset":192,"dtype":"f32"})",
      R"({"op":"swiglu","intermediate_size":172,"dtype":"f32"})",
  };
}

std::vector<std::string> publishedRequests() {
  return {
      R"({"op":"argmax","vocab_size":128256})",
      R"({"op":"causal_conv1d","conv_dim":3072,"x_stride":5152,"x_offset":2048})",
      R"({"op":"causal_conv1d","conv_dim":5120,"x_stride":8216,"x_offset":3072,"dtype":"f16"})",
      R"({"op":"causal_conv1d_update","conv_dim":5120,"x_stride":8216,"x_offset":3072})",
      R"({"op":"embed","vocab_size":2048,"hidden_size":3072})",
      R"({"op":"gated_rmsnorm","num_groups":24,"group_size":128,"z_stride":8216})",
      R"({"op":"gqa_decode","num_heads":32,"num_kv_heads":8,"head_dim":64})",
      R"({"op":"gqa_decode","num_heads":24,"num_kv_heads":8,"head_dim":128,"dtype":"f16"})",
      R"({"op":"gqa_decode","num_heads":24,"num_kv_heads":8,"head_dim":128,"dtype":"f16","page_size":16})",
      R"({"op":"gqa_decode","num_heads":32,"num_kv_heads":8,"head_dim":64,"page_size":256})",
      R"({"op":"gqa_prefill","num_heads":24,"num_kv_heads":8,"head_dim":128})",
      R"({"op":"gqa_prefill","num_heads":24,"num_kv_heads":8,"head_dim":128,"dtype":"f16","page_size":256})",
      R"({"op":"gqa_rope_append","num_heads":24,"num_kv_heads":8,"head_dim":128})",
      R"({"op":"gqa_rope_append","num_heads":24,"num_kv_heads":8,"head_dim":128,"page_size":64})",
      R"({"op":"linear","in_features":2048,"out_features":1344,"panel":32})",
      R"({"op":"linear","in_features":2048,"out_features":160,"panel":32,"tuning":{"tokens":512}})",
      R"({"op":"linear","in_features":2048,"out_features":160})",
      R"({"op":"linear","in_features":816,"out_features":512,"dtype":"f16","tuning":{"tokens":8}})",
      R"({"op":"linear","in_features":512,"out_features":1000,"out_dtype":"f32","tuning":{"tokens":40}})",
      R"({"op":"linear","in_features":128,"out_features":1536,"row_stride":192,"tuning":{"tokens":300}})",
      R"({"op":"mamba2_step","num_heads":24,"num_kv_heads":8,"head_dim":128,"d_state":128,"row_stride":8216,"x_offset":3072,"dt_offset":8192})",
      R"({"op":"mamba2_step","num_heads":32,"num_kv_heads":8,"head_dim":64,"d_state":64,"row_stride":5152,"x_offset":2048,"dt_offset":5120,"state_dtype":"f32"})",
      R"({"op":"mla_absorb","num_heads":24,"num_kv_heads":8,"qk_nope_head_dim":64,"qk_rope_head_dim":64,"v_head_dim":128,"kv_lora_rank":128})",
      R"({"op":"mla_decode","num_heads":24,"kv_lora_rank":128,"qk_rope_head_dim":64,"qk_nope_head_dim":64})",
      R"({"op":"mla_decode","num_heads":32,"kv_lora_rank":160,"qk_rope_head_dim":64,"qk_nope_head_dim":64,"dtype":"f16"})",
      R"({"op":"mla_decode","num_heads":32,"kv_lora_rank":128,"qk_rope_head_dim":32,"qk_nope_head_dim":32,"dtype":"f32"})",
      R"({"op":"mla_decode","num_heads":32,"kv_lora_rank":48,"qk_rope_head_dim":32,"qk_nope_head_dim":32})",
      R"({"op":"mla_decode","num_heads":24,"kv_lora_rank":816,"qk_rope_head_dim":64,"qk_nope_head_dim":64})",
      R"({"op":"mla_decode","num_heads":24,"kv_lora_rank":128,"qk_rope_head_dim":64,"qk_nope_head_dim":64,"page_size":64})",
      R"({"op":"mla_decode","num_heads":32,"kv_lora_rank":128,"qk_rope_head_dim":32,"qk_nope_head_dim":32,"dtype":"f16","cache_dtype":"f32","page_size":16})",
      R"({"op":"mla_decode","num_heads":24,"kv_lora_rank":816,"qk_rope_head_dim":64,"qk_nope_head_dim":64,"dtype":"f16","page_size":256})",
      R"({"op":"mla_expand","num_heads":32,"num_kv_heads":8,"qk_nope_head_dim":64,"v_head_dim":128,"kv_lora_rank":160})",
      R"({"op":"mla_prefill","num_heads":24,"num_kv_heads":8,"qk_nope_head_dim":64,"qk_rope_head_dim":64,"v_head_dim":128,"kv_lora_rank":128})",
      R"({"op":"mla_prefill","num_heads":24,"num_kv_heads":8,"qk_nope_head_dim":64,"qk_rope_head_dim":64,"v_head_dim":128,"kv_lora_rank":128,"dtype":"f16","page_size":64})",
      R"({"op":"mla_rope_append","num_heads":24,"qk_nope_head_dim":64,"qk_rope_head_dim":64,"kv_lora_rank":128,"dtype":"f16","page_size":16})",
      R"({"op":"mla_rope_append","num_heads":24,"qk_nope_head_dim":64,"qk_rope_head_dim":64,"kv_lora_rank":128})",
      R"({"op":"rmsnorm","hidden_size":3072,"rounding":"double"})",
      R"({"op":"rmsnorm","hidden_size":2048,"dtype":"f16"})",
      R"({"op":"ssd_scan","num_heads":24,"num_kv_heads":8,"head_dim":128,"d_state":128,"dt_stride":8216,"dt_offset":8192})",
      R"({"op":"ssd_scan","num_heads":32,"num_kv_heads":8,"head_dim":64,"d_state":64,"dt_stride":5152,"dt_offset":5120,"state_dtype":"f32"})",
      R"({"op":"ssm_update","num_heads":24,"num_kv_heads":8,"head_dim":128,"d_state":128,"dt_stride":8216,"dt_offset":8192})",
      R"({"op":"ssm_update","num_heads":32,"num_kv_heads":8,"head_dim":64,"d_state":64,"dt_stride":5152,"dt_offset":5120,"state_dtype":"f32"})",
      R"({"op":"swiglu","intermediate_size":8192})",
  };
}
// clang-format on

} // namespace zorse
