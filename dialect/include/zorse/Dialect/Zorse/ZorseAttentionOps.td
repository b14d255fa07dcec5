//===- ZorseAttentionOps.td - attention and its caches -----*- tablegen -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ZORSE_DIALECT_ZORSE_ZORSEATTENTIONOPS_TD
#define ZORSE_DIALECT_ZORSE_ZORSEATTENTIONOPS_TD

include "zorse/Dialect/Zorse/ZorseDialect.td"

// With page_size the caches are pools of pages, [num_pages, page_size, ...], and an operand
// page_table follows them: row j of slot s is row j % page_size of page
// page_table[s, j / page_size].

def Zorse_GqaDecodeOp : Zorse_Op<"gqa_decode"> {
  let summary = "Attention of single tokens over the key and value cache; token t sees positions "
                "0 to positions[t].";
  let description = [{
    Formula: out[t,h,:] = sum_j softmax_j(scale * q[t,h,:] . k[j, h / rep, :]) * v[j, h / rep, :]

    Constraints, besides zorse_c1 to zorse_c5:
    * gqa_decode_c1: num_heads must be a multiple of num_kv_heads.
    * gqa_decode_c2: page_size must be 0 or a power of two from 16 to 4096.

    Example:
    ```mlir
    zorse.gqa_decode
        ins(%q, %k_cache, %v_cache, %slots, %positions :
            memref<?x24x128xbf16>, memref<?x?x8x128xbf16>, memref<?x?x8x128xbf16>, memref<?xi32>,
            memref<?xi32>)
        outs(%out : memref<?x24x128xbf16>)
        {num_heads = 24, num_kv_heads = 8, head_dim = 128}
        config = #zorse.config<"block_n=64,kv_splits=1">
    ```

    Available on: host, AMD.
  }];
}

def Zorse_GqaPrefillOp : Zorse_Op<"gqa_prefill"> {
  let summary = "Causal attention of a run of new tokens over the key and value cache.";
  let description = [{
    Formula: token i of sequence b sits at position p = context_lens[b] - q_len + i and sees j <= p:
      out = sum_j softmax_j(scale * q . k[j]) v[j]

    Constraints, besides zorse_c1 to zorse_c5:
    * gqa_prefill_c1: num_heads must be a multiple of num_kv_heads.
    * gqa_prefill_c2: page_size must be 0 or a power of two from 16 to 4096.

    Example:
    ```mlir
    zorse.gqa_prefill
        ins(%q, %k_cache, %v_cache, %cu_seqlens, %context_lens, %slots :
            memref<?x24x128xbf16>, memref<?x?x8x128xbf16>, memref<?x?x8x128xbf16>, memref<?xi32>,
            memref<?xi32>, memref<?xi32>)
        outs(%out : memref<?x24x128xbf16>)
        {num_heads = 24, num_kv_heads = 8, head_dim = 128}
        config = #zorse.config<"block_m=8,block_n=64">
    ```

    Available on: host, AMD.
  }];
}

def Zorse_GqaRopeAppendOp : Zorse_Op<"gqa_rope_append"> {
  let summary = "Rotates queries and keys (half-split pairs) and appends keys and values to the "
                "cache.";
  let description = [{
    Formula: with u = a head of q or k, c = cos[positions[t],i], s = sin[positions[t],i]: out[i] =
      u[i]*c - u[i + P/2]*s; out[i + P/2] = u[i + P/2]*c + u[i]*s

    Constraints, besides zorse_c1 to zorse_c5:
    * gqa_rope_append_c1: num_heads must be a multiple of num_kv_heads.
    * gqa_rope_append_c2: head_dim must be even.
    * gqa_rope_append_c3: page_size must be 0 or a power of two from 16 to 4096.

    Example:
    ```mlir
    zorse.gqa_rope_append
        ins(%qkv, %cos, %sin, %positions, %slots :
            memref<?x5120xbf16>, memref<?x64xbf16>, memref<?x64xbf16>, memref<?xi32>, memref<?xi32>)
        outs(%q, %k_cache, %v_cache :
            memref<?x24x128xbf16>, memref<?x?x8x128xbf16>, memref<?x?x8x128xbf16>)
        {num_heads = 24, num_kv_heads = 8, head_dim = 128}
        config = #zorse.config<"block_h=16">
    ```

    Available on: host, AMD.
  }];
}

def Zorse_MlaDecodeOp : Zorse_Op<"mla_decode"> {
  let summary = "Attention of absorbed queries over the latent cache; token t sees positions 0 "
                "to positions[t] of its sequence.";
  let description = [{
    Formula: s[h,j] = scale * (q_latent[t,h,:] . c[j] + q[t,h,dn:] . k_pe[j]); out[t,h,:] = sum_j
      softmax_j(s[h,j]) * c[j], (c, k_pe) = cache[slots[t],j]

    Constraints, besides zorse_c1 to zorse_c5:
    * mla_decode_c1: page_size must be 0 or a power of two from 16 to 4096.

    Example:
    ```mlir
    zorse.mla_decode
        ins(%q_latent, %q, %cache, %slots, %positions :
            memref<?x24x128xbf16>, memref<?x24x128xbf16>, memref<?x?x192xbf16>, memref<?xi32>,
            memref<?xi32>)
        outs(%out : memref<?x24x128xbf16>)
        {num_heads = 24, kv_lora_rank = 128, qk_rope_head_dim = 64, qk_nope_head_dim = 64, dtype =
         bf16}
        config = #zorse.config<"block_h=24,block_n=64,kv_splits=2">
    ```

    Available on: host, AMD.
  }];
}

def Zorse_MlaPrefillOp : Zorse_Op<"mla_prefill"> {
  let summary = "Causal attention of a run of new tokens over keys and values expanded from the "
                "latents.";
  let description = [{
    Formula: token i of sequence b sits at position p = context_len - q_len + i and sees j <= p:
      s[j] = scale * (q_nope . k_nope[j] + q_pe . k_pe[j]); out = sum_j softmax_j(s) v[j]

    Constraints, besides zorse_c1 to zorse_c5:
    * mla_prefill_c1: num_heads must be a multiple of num_kv_heads.
    * mla_prefill_c2: page_size must be 0 or a power of two from 16 to 4096.

    Example:
    ```mlir
    zorse.mla_prefill
        ins(%q, %kv, %cache, %cu_seqlens, %cu_context, %slots :
            memref<?x24x128xbf16>, memref<?x8x192xbf16>, memref<?x?x192xbf16>, memref<?xi32>,
            memref<?xi32>, memref<?xi32>)
        outs(%out : memref<?x24x128xbf16>)
        {num_heads = 24, num_kv_heads = 8, qk_nope_head_dim = 64, qk_rope_head_dim = 64, v_head_dim
         = 128, kv_lora_rank = 128}
        config = #zorse.config<"block_m=8,block_n=64">
    ```

    Available on: host, AMD.
  }];
}

def Zorse_MlaRopeAppendOp : Zorse_Op<"mla_rope_append"> {
  let summary = "Rotates the rotary part of every query head and of the shared key, and appends "
                "latent and key to the cache.";
  let description = [{
    Formula: with u = q[t,h,dn:] or kv_a[t,r:], c = cos[positions[t],i], s = sin[positions[t],i]:
      out[i] = u[2i]*c - u[2i+1]*s; out[i + dr/2] = u[2i+1]*c + u[2i]*s

    Constraints, besides zorse_c1 to zorse_c5:
    * mla_rope_append_c1: qk_rope_head_dim must be even.
    * mla_rope_append_c2: page_size must be 0 or a power of two from 16 to 4096.

    Example:
    ```mlir
    zorse.mla_rope_append
        ins(%kv_a, %cos, %sin, %positions, %slots :
            memref<?x192xbf16>, memref<?x32xbf16>, memref<?x32xbf16>, memref<?xi32>, memref<?xi32>)
        outs(%q, %cache : memref<?x24x128xbf16>, memref<?x?x192xbf16>)
        {num_heads = 24, qk_nope_head_dim = 64, qk_rope_head_dim = 64, kv_lora_rank = 128}
        config = #zorse.config<"block_h=16">
    ```

    Available on: host, AMD.
  }];
}

#endif // ZORSE_DIALECT_ZORSE_ZORSEATTENTIONOPS_TD
