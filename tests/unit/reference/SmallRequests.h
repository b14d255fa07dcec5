//===- SmallRequests.h - one small op of every kind -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <string_view>

namespace zorse::test {

/// Odd head counts, ranks and widths, so that no power of two hides a mistake.
inline constexpr std::string_view smallRequests[] = {
    R"({"op":"argmax","vocab_size":301})",
    R"({"op":"causal_conv1d","conv_dim":40,"x_stride":57,"x_offset":9})",
    R"({"op":"causal_conv1d_update","conv_dim":40,"x_stride":57,"x_offset":9})",
    R"({"op":"embed","vocab_size":97,"hidden_size":48})",
    R"({"op":"gated_rmsnorm","num_groups":3,"group_size":24,"z_stride":100,"z_offset":5})",
    R"({"op":"gqa_decode","num_heads":6,"num_kv_heads":2,"head_dim":24})",
    R"({"op":"gqa_decode","num_heads":6,"num_kv_heads":2,"head_dim":24,"page_size":32})",
    R"({"op":"gqa_prefill","num_heads":6,"num_kv_heads":2,"head_dim":24})",
    R"({"op":"gqa_prefill","num_heads":6,"num_kv_heads":2,"head_dim":24,"page_size":16})",
    R"({"op":"gqa_rope_append","num_heads":6,"num_kv_heads":2,"head_dim":24})",
    R"({"op":"gqa_rope_append","num_heads":6,"num_kv_heads":2,"head_dim":24,"page_size":16})",
    R"({"op":"linear","in_features":72,"out_features":56})",
    R"({"op":"mamba2_step","num_heads":6,"num_kv_heads":2,"head_dim":16,"d_state":24,
        "row_stride":340,"z_offset":1,"x_offset":101,"dt_offset":329})",
    R"({"op":"mla_absorb","num_heads":6,"num_kv_heads":2,"qk_nope_head_dim":24,
        "qk_rope_head_dim":16,"v_head_dim":40,"kv_lora_rank":48})",
    R"({"op":"mla_decode","num_heads":6,"kv_lora_rank":48,"qk_rope_head_dim":16,"qk_nope_head_dim":24})",
    R"({"op":"mla_decode","num_heads":6,"kv_lora_rank":48,"qk_rope_head_dim":16,"qk_nope_head_dim":24,
        "page_size":16})",
    R"({"op":"mla_expand","num_heads":6,"num_kv_heads":2,"qk_nope_head_dim":24,"v_head_dim":40,
        "kv_lora_rank":48})",
    R"({"op":"mla_prefill","num_heads":6,"num_kv_heads":2,"qk_nope_head_dim":24,
        "qk_rope_head_dim":16,"v_head_dim":40,"kv_lora_rank":48})",
    R"({"op":"mla_prefill","num_heads":6,"num_kv_heads":2,"qk_nope_head_dim":24,
        "qk_rope_head_dim":16,"v_head_dim":40,"kv_lora_rank":48,"page_size":32})",
    R"({"op":"mla_rope_append","num_heads":6,"qk_nope_head_dim":24,"qk_rope_head_dim":16,
        "kv_lora_rank":48})",
    R"({"op":"mla_rope_append","num_heads":6,"qk_nope_head_dim":24,"qk_rope_head_dim":16,
        "kv_lora_rank":48,"page_size":32})",
    R"({"op":"rmsnorm","hidden_size":72})",
    R"({"op":"ssd_scan","num_heads":6,"num_kv_heads":2,"head_dim":16,"d_state":24,"dt_stride":11,
        "dt_offset":3})",
    R"({"op":"ssm_update","num_heads":6,"num_kv_heads":2,"head_dim":16,"d_state":24,"dt_stride":11,
        "dt_offset":3})",
    R"({"op":"swiglu","intermediate_size":72})",
};

} // namespace zorse::test
