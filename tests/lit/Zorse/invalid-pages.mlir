// RUN: zorse-opt %s -split-input-file -verify-diagnostics

// What page_size may be, and what comes and goes with it.

func.func @zorse_c1_size_switched_off(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.gqa_decode' op zorse_c1: $.tuning.num_pages: unknown size of gqa_decode}}
  zorse.gqa_decode ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 8, num_kv_heads = 4, head_dim = 64, tuning = {num_pages = 4}}
  return
}

// -----

func.func @gqa_decode_c2(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.gqa_decode' op zorse_c1: $: gqa_decode_c2: page_size must be 0 or a power of two from 16 to 4096, found page_size = 48}}
  zorse.gqa_decode ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 24, num_kv_heads = 8, head_dim = 64, page_size = 48}
  return
}

// -----

func.func @gqa_prefill_c2(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.gqa_prefill' op zorse_c1: $: gqa_prefill_c2: page_size must be 0 or a power of two from 16 to 4096, found page_size = 8}}
  zorse.gqa_prefill ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 24, num_kv_heads = 8, head_dim = 64, page_size = 8}
  return
}

// -----

func.func @gqa_rope_append_c3(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.gqa_rope_append' op zorse_c1: $: gqa_rope_append_c3: page_size must be 0 or a power of two from 16 to 4096, found page_size = 1}}
  zorse.gqa_rope_append ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 24, num_kv_heads = 8, head_dim = 64, page_size = 1}
  return
}

// -----

func.func @mla_decode_c1(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.mla_decode' op zorse_c1: $: mla_decode_c1: page_size must be 0 or a power of two from 16 to 4096, found page_size = 100}}
  zorse.mla_decode ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 24, qk_nope_head_dim = 64, qk_rope_head_dim = 64, kv_lora_rank = 128, page_size = 100}
  return
}

// -----

func.func @mla_prefill_c2(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.mla_prefill' op zorse_c1: $: mla_prefill_c2: page_size must be 0 or a power of two from 16 to 4096, found page_size = 4095}}
  zorse.mla_prefill ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 24, qk_nope_head_dim = 64, qk_rope_head_dim = 64, kv_lora_rank = 128, num_kv_heads = 8, v_head_dim = 128, page_size = 4095}
  return
}

// -----

func.func @mla_rope_append_c2(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.mla_rope_append' op zorse_c1: $: mla_rope_append_c2: page_size must be 0 or a power of two from 16 to 4096, found page_size = 17}}
  zorse.mla_rope_append ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {num_heads = 24, qk_nope_head_dim = 64, qk_rope_head_dim = 64, kv_lora_rank = 128, page_size = 17}
  return
}

// -----

func.func @zorse_c2_no_page_table(%q: memref<?x8x64xbf16>, %cache: memref<?x?x4x64xbf16>,
                                  %ints: memref<?xi32>, %out: memref<?x8x64xbf16>) {
  // expected-error @below {{'zorse.gqa_decode' op zorse_c2: expected 6 operands in ins (q, k_cache, v_cache, page_table, slots, positions), found 5}}
  zorse.gqa_decode
      ins(%q, %cache, %cache, %ints, %ints :
          memref<?x8x64xbf16>, memref<?x?x4x64xbf16>, memref<?x?x4x64xbf16>, memref<?xi32>, memref<?xi32>)
      outs(%out : memref<?x8x64xbf16>)
      {num_heads = 8, num_kv_heads = 4, head_dim = 64, page_size = 64}
  return
}
