// RUN: zorse-opt %s -split-input-file -verify-diagnostics

// Every function breaks one rule and is named after its label.

func.func @zorse_c1_unknown_field(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.swiglu' op zorse_c1: $.width: unknown field of swiglu; legal fields: intermediate_size, dtype, tuning}}
  zorse.swiglu ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {intermediate_size = 8, width = 3}
  return
}

// -----

func.func @zorse_c1_missing_field(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.swiglu' op zorse_c1: $.intermediate_size: missing; swiglu requires an integer from 1 to 1048576 (width of the result)}}
  zorse.swiglu ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {dtype = bf16}
  return
}

// -----

func.func @zorse_c1_wrong_type(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.swiglu' op zorse_c1: $.intermediate_size: expected an integer from 1 to 1048576, found "8" (string)}}
  zorse.swiglu ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {intermediate_size = "8"}
  return
}

// -----

func.func @zorse_c1_out_of_range(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.swiglu' op zorse_c1: $.intermediate_size: expected an integer from 1 to 1048576, found 0}}
  zorse.swiglu ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {intermediate_size = 0}
  return
}

// -----

func.func @zorse_c1_unknown_dtype(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.swiglu' op zorse_c1: $.dtype: expected one of f32, f16, bf16, found "f64" (string)}}
  zorse.swiglu ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {intermediate_size = 8, dtype = f64}
  return
}

// -----

func.func @zorse_c1_no_value(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.swiglu' op zorse_c1: $.intermediate_size: expected a number, a boolean, a string or a type, found [8]}}
  zorse.swiglu ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {intermediate_size = [8]}
  return
}

// -----

func.func @zorse_c1_tuning(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.swiglu' op zorse_c1: $.tuning.tokens: expected an integer from 1 to 2147483648, found 0}}
  zorse.swiglu ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {intermediate_size = 8, tuning = {tokens = 0}}
  return
}

// -----

func.func @zorse_c1_tuning_no_dictionary(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.swiglu' op zorse_c1: $.tuning: expected a dictionary of sizes}}
  zorse.swiglu ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {intermediate_size = 8, tuning = 1}
  return
}

// -----

func.func @zorse_c1_tuning_no_integer(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.swiglu' op zorse_c1: $.tuning.tokens: expected an integer}}
  zorse.swiglu ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {intermediate_size = 8, tuning = {tokens = "1"}}
  return
}

// -----

func.func @causal_conv1d_c1(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.causal_conv1d' op zorse_c1: $: causal_conv1d_c1: x_offset + conv_dim must not exceed x_stride, found conv_dim = 10, x_offset = 3, x_stride = 12}}
  zorse.causal_conv1d ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {conv_dim = 10, x_stride = 12, x_offset = 3}
  return
}

// -----

func.func @causal_conv1d_update_c1(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.causal_conv1d_update' op zorse_c1: $: causal_conv1d_update_c1: x_offset + conv_dim must not exceed x_stride, found conv_dim = 10, x_offset = 0, x_stride = 9}}
  zorse.causal_conv1d_update ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {conv_dim = 10, x_stride = 9}
  return
}

// -----

func.func @gated_rmsnorm_c1(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.gated_rmsnorm' op zorse_c1: $: gated_rmsnorm_c1: z_offset + num_groups * group_size must not exceed z_stride, found group_size = 8, num_groups = 4, z_offset = 16, z_stride = 40}}
  zorse.gated_rmsnorm ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_groups = 4, group_size = 8, z_stride = 40, z_offset = 16}
  return
}

// -----

func.func @gqa_decode_c1(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.gqa_decode' op zorse_c1: $: gqa_decode_c1: num_heads must be a multiple of num_kv_heads, found num_heads = 30, num_kv_heads = 8}}
  zorse.gqa_decode ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 30, num_kv_heads = 8, head_dim = 64}
  return
}

// -----

func.func @gqa_prefill_c1(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.gqa_prefill' op zorse_c1: $: gqa_prefill_c1: num_heads must be a multiple of num_kv_heads, found num_heads = 30, num_kv_heads = 8}}
  zorse.gqa_prefill ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 30, num_kv_heads = 8, head_dim = 64}
  return
}

// -----

func.func @gqa_rope_append_c1(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.gqa_rope_append' op zorse_c1: $: gqa_rope_append_c1: num_heads must be a multiple of num_kv_heads, found num_heads = 30, num_kv_heads = 8}}
  zorse.gqa_rope_append ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 30, num_kv_heads = 8, head_dim = 64}
  return
}

// -----

func.func @gqa_rope_append_c2(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.gqa_rope_append' op zorse_c1: $: gqa_rope_append_c2: head_dim must be even, found head_dim = 63}}
  zorse.gqa_rope_append ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 8, num_kv_heads = 8, head_dim = 63}
  return
}

// -----

func.func @linear_c1(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.linear' op zorse_c1: $: linear_c1: row_stride must be at least in_features, found in_features = 64, row_stride = 32}}
  zorse.linear ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {in_features = 64, out_features = 8, row_stride = 32}
  return
}

// -----

func.func @mamba2_step_c1(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.mamba2_step' op zorse_c1: $: mamba2_step_c1: num_heads must be a multiple of num_kv_heads, found num_heads = 9, num_kv_heads = 2}}
  zorse.mamba2_step ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 9, num_kv_heads = 2, head_dim = 8, d_state = 8, row_stride = 300, x_offset = 100, dt_offset = 290, z_offset = 0}
  return
}

// -----

func.func @mamba2_step_c2(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.mamba2_step' op zorse_c1: $: mamba2_step_c2: z_offset + num_heads * head_dim must not exceed row_stride, found head_dim = 8, num_heads = 8, row_stride = 200, z_offset = 137}}
  zorse.mamba2_step ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 8, num_kv_heads = 2, head_dim = 8, d_state = 8, row_stride = 200, x_offset = 64, dt_offset = 160, z_offset = 137}
  return
}

// -----

func.func @mamba2_step_c3(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.mamba2_step' op zorse_c1: $: mamba2_step_c3: x_offset and the channels of the convolution must not exceed row_stride, found d_state = 8, head_dim = 8, num_heads = 8, num_kv_heads = 2, row_stride = 200, x_offset = 105}}
  zorse.mamba2_step ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 8, num_kv_heads = 2, head_dim = 8, d_state = 8, row_stride = 200, x_offset = 105, dt_offset = 160, z_offset = 0}
  return
}

// -----

func.func @mamba2_step_c4(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.mamba2_step' op zorse_c1: $: mamba2_step_c4: dt_offset + num_heads must not exceed row_stride, found dt_offset = 193, num_heads = 8, row_stride = 200}}
  zorse.mamba2_step ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 8, num_kv_heads = 2, head_dim = 8, d_state = 8, row_stride = 200, x_offset = 64, dt_offset = 193, z_offset = 0}
  return
}

// -----

func.func @mla_absorb_c1(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.mla_absorb' op zorse_c1: $: mla_absorb_c1: num_heads must be a multiple of num_kv_heads, found num_heads = 24, num_kv_heads = 7}}
  zorse.mla_absorb ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 24, num_kv_heads = 7, qk_nope_head_dim = 64, qk_rope_head_dim = 64, v_head_dim = 128, kv_lora_rank = 128}
  return
}

// -----

func.func @mla_expand_c1(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.mla_expand' op zorse_c1: $: mla_expand_c1: num_heads must be a multiple of num_kv_heads, found num_heads = 24, num_kv_heads = 7}}
  zorse.mla_expand ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 24, num_kv_heads = 7, qk_nope_head_dim = 64, v_head_dim = 128, kv_lora_rank = 128}
  return
}

// -----

func.func @mla_prefill_c1(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.mla_prefill' op zorse_c1: $: mla_prefill_c1: num_heads must be a multiple of num_kv_heads, found num_heads = 24, num_kv_heads = 7}}
  zorse.mla_prefill ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 24, num_kv_heads = 7, qk_nope_head_dim = 64, qk_rope_head_dim = 64, v_head_dim = 128, kv_lora_rank = 128}
  return
}

// -----

func.func @mla_rope_append_c1(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.mla_rope_append' op zorse_c1: $: mla_rope_append_c1: qk_rope_head_dim must be even, found qk_rope_head_dim = 63}}
  zorse.mla_rope_append ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 24, qk_nope_head_dim = 64, qk_rope_head_dim = 63, kv_lora_rank = 128}
  return
}

// -----

func.func @ssd_scan_c1(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.ssd_scan' op zorse_c1: $: ssd_scan_c1: num_heads must be a multiple of num_kv_heads, found num_heads = 9, num_kv_heads = 2}}
  zorse.ssd_scan ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 9, num_kv_heads = 2, head_dim = 8, d_state = 8, dt_stride = 16}
  return
}

// -----

func.func @ssd_scan_c2(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.ssd_scan' op zorse_c1: $: ssd_scan_c2: dt_offset + num_heads must not exceed dt_stride, found dt_offset = 9, dt_stride = 16, num_heads = 8}}
  zorse.ssd_scan ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 8, num_kv_heads = 2, head_dim = 8, d_state = 8, dt_stride = 16, dt_offset = 9}
  return
}

// -----

func.func @ssm_update_c1(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.ssm_update' op zorse_c1: $: ssm_update_c1: num_heads must be a multiple of num_kv_heads, found num_heads = 9, num_kv_heads = 2}}
  zorse.ssm_update ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 9, num_kv_heads = 2, head_dim = 8, d_state = 8, dt_stride = 16}
  return
}

// -----

func.func @ssm_update_c2(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.ssm_update' op zorse_c1: $: ssm_update_c2: dt_offset + num_heads must not exceed dt_stride, found dt_offset = 9, dt_stride = 16, num_heads = 8}}
  zorse.ssm_update ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 8, num_kv_heads = 2, head_dim = 8, d_state = 8, dt_stride = 16, dt_offset = 9}
  return
}

// -----

func.func @zorse_c2_ins(%a: memref<?x16xbf16>, %b: memref<?x8xbf16>) {
  // expected-error @below {{'zorse.swiglu' op zorse_c2: expected 1 operands in ins (gate_up), found 2}}
  zorse.swiglu ins(%a, %a : memref<?x16xbf16>, memref<?x16xbf16>) outs(%b : memref<?x8xbf16>)
      {intermediate_size = 8}
  return
}

// -----

func.func @zorse_c2_outs(%x: memref<?x8xbf16>, %w: memref<4x8xbf16>, %bias: memref<8xbf16>,
                         %slots: memref<?xi32>, %state: memref<?x4x8xbf16>) {
  // expected-error @below {{'zorse.causal_conv1d_update' op zorse_c2: expected 2 operands in outs (conv_state, out), found 1}}
  zorse.causal_conv1d_update
      ins(%x, %w, %bias, %slots : memref<?x8xbf16>, memref<4x8xbf16>, memref<8xbf16>, memref<?xi32>)
      outs(%state : memref<?x4x8xbf16>)
      {conv_dim = 8, x_stride = 8}
  return
}

// -----

func.func @zorse_c2_operand_switched_off(%x: memref<?x8xbf16>, %w: memref<4x8xbf16>,
                                         %bias: memref<4xbf16>, %y: memref<?x4xbf16>) {
  // expected-error @below {{'zorse.linear' op zorse_c2: expected 2 operands in ins (x, weight), found 3}}
  zorse.linear
      ins(%x, %w, %bias : memref<?x8xbf16>, memref<4x8xbf16>, memref<4xbf16>)
      outs(%y : memref<?x4xbf16>)
      {in_features = 8, out_features = 4, bias = false}
  return
}

// -----

func.func @zorse_c3_element_type(%a: memref<?x16xf32>, %b: memref<?x8xbf16>) {
  // expected-error @below {{'zorse.swiglu' op zorse_c3: expected elements of type 'bf16' in gate_up, found 'f32'}}
  zorse.swiglu ins(%a : memref<?x16xf32>) outs(%b : memref<?x8xbf16>) {intermediate_size = 8}
  return
}

// -----

func.func @zorse_c3_layout(%a: memref<?x16xbf16, strided<[32, 1]>>, %b: memref<?x8xbf16>) {
  // expected-error @below {{'zorse.swiglu' op zorse_c3: expected gate_up to be dense and row-major, found 'memref<?x16xbf16, strided<[32, 1]>>'}}
  zorse.swiglu ins(%a : memref<?x16xbf16, strided<[32, 1]>>) outs(%b : memref<?x8xbf16>) {intermediate_size = 8}
  return
}

// -----

func.func @zorse_c4_rank(%a: memref<?xbf16>, %b: memref<?x8xbf16>) {
  // expected-error @below {{'zorse.swiglu' op zorse_c4: expected 2 dimensions of gate_up, found 1}}
  zorse.swiglu ins(%a : memref<?xbf16>) outs(%b : memref<?x8xbf16>) {intermediate_size = 8}
  return
}

// -----

func.func @zorse_c4_static_extent(%a: memref<?x16xbf16>, %b: memref<?x9xbf16>) {
  // expected-error @below {{'zorse.swiglu' op zorse_c4: expected dimension 1 of out to be 8 (intermediate_size), found 9}}
  zorse.swiglu ins(%a : memref<?x16xbf16>) outs(%b : memref<?x9xbf16>) {intermediate_size = 8}
  return
}

// -----

func.func @zorse_c4_not_static(%a: memref<?x?xbf16>, %b: memref<?x8xbf16>) {
  // expected-error @below {{'zorse.swiglu' op zorse_c4: expected dimension 1 of gate_up to be 16 (2 * intermediate_size), found ?}}
  zorse.swiglu ins(%a : memref<?x?xbf16>) outs(%b : memref<?x8xbf16>) {intermediate_size = 8}
  return
}

// -----

func.func @zorse_c4_not_dynamic(%a: memref<4x16xbf16>, %b: memref<?x8xbf16>) {
  // expected-error @below {{'zorse.swiglu' op zorse_c4: expected dimension 0 of gate_up to be ? (tokens), found 4}}
  zorse.swiglu ins(%a : memref<4x16xbf16>) outs(%b : memref<?x8xbf16>) {intermediate_size = 8}
  return
}

// -----

module attributes {zorse.target = "gfx942"} {
  func.func @zorse_c5(%a: memref<?x16xbf16>, %b: memref<?x8xbf16>) {
    // expected-error @below {{'zorse.swiglu' op zorse_c5: configuration: block_n: expected one of 128, 256, 512, 1024, 2048, found 100}}
    zorse.swiglu ins(%a : memref<?x16xbf16>) outs(%b : memref<?x8xbf16>)
        {intermediate_size = 8} config = #zorse.config<"block_n=100">
    return
  }
}

// -----

module attributes {zorse.target = "x86_64-avx2"} {
  func.func @zorse_c5_knob_of_another_family(%a: memref<?x16xbf16>, %b: memref<?x8xbf16>) {
    // expected-error @below {{'zorse.swiglu' op zorse_c5: configuration: unknown knob waves of swiglu on x86_64-avx2; legal knobs: block_n}}
    zorse.swiglu ins(%a : memref<?x16xbf16>) outs(%b : memref<?x8xbf16>)
        {intermediate_size = 8} config = #zorse.config<"block_n=128,waves=4">
    return
  }
}

// -----

// expected-error @below {{zorse.target: unknown target "gfx9"; did you mean gfx90a? legal targets: host, x86_64-avx2, x86_64-avx512, x86_64-avx512bf16, gfx90a, gfx942, gfx950}}
module attributes {zorse.target = "gfx9"} {
}

// -----

// expected-error @below {{zorse.target: expected a string, found 9 : i64}}
module attributes {zorse.target = 9} {
}

// -----

// expected-error @below {{unknown attribute "zorse.arch"; zorse knows zorse.target}}
module attributes {zorse.arch = "gfx942"} {
}

// -----

// expected-error @below {{expected knob=integer, found "block_n"}}
#config = #zorse.config<"block_m=1,block_n">
