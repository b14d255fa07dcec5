//===- ZorseProjectionOps.td - products with weights -------*- tablegen -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ZORSE_DIALECT_ZORSE_ZORSEPROJECTIONOPS_TD
#define ZORSE_DIALECT_ZORSE_ZORSEPROJECTIONOPS_TD

include "zorse/Dialect/Zorse/ZorseDialect.td"

def Zorse_LinearOp : Zorse_Op<"linear"> {
  let summary = "Multiplies rows of activations by a weight matrix.";
  let description = [{
    Formula: y[t,n] = sum_k x[t,k] * weight[n,k] (+ bias[n]) (+ residual[t,n])

    Constraints, besides zorse_c1 to zorse_c5:
    * linear_c1: row_stride must be at least in_features.
    * linear_c2: panel must be 0 or a multiple of 16.

    Example:
    ```mlir
    zorse.linear
        ins(%x, %weight : memref<?x3072xbf16>, memref<8192x3072xbf16>)
        outs(%y : memref<?x8192xbf16>)
        {in_features = 3072, out_features = 8192}
        config = #zorse.config<"block_m=1,block_n=16,block_k=0,stage_b=0">
    ```

    Available on: host, AMD.
  }];
}

def Zorse_MlaAbsorbOp : Zorse_Op<"mla_absorb"> {
  let summary = "Moves the queries into the latent space.";
  let description = [{
    Formula: q_latent[t,h,j] = sum_i q[t,h,i] * kv_b[h / rep, i, j], i < dn

    Constraints, besides zorse_c1 to zorse_c5:
    * mla_absorb_c1: num_heads must be a multiple of num_kv_heads.

    Example:
    ```mlir
    zorse.mla_absorb
        ins(%q, %kv_b : memref<?x24x128xbf16>, memref<8x192x128xbf16>)
        outs(%q_latent : memref<?x24x128xbf16>)
        {num_heads = 24, num_kv_heads = 8, qk_nope_head_dim = 64, qk_rope_head_dim = 64, v_head_dim
         = 128, kv_lora_rank = 128}
        config = #zorse.config<"block_m=1">
    ```

    Available on: host, AMD.
  }];
}

def Zorse_MlaExpandOp : Zorse_Op<"mla_expand"> {
  let summary = "Moves the attention result from the latent space to the value heads.";
  let description = [{
    Formula: out[t,h,i] = sum_j u[t,h,j] * kv_b[h / rep, dn + i, j]

    Constraints, besides zorse_c1 to zorse_c5:
    * mla_expand_c1: num_heads must be a multiple of num_kv_heads.

    Example:
    ```mlir
    zorse.mla_expand
        ins(%u, %kv_b : memref<?x24x128xbf16>, memref<8x192x128xbf16>)
        outs(%out : memref<?x24x128xbf16>)
        {num_heads = 24, num_kv_heads = 8, qk_nope_head_dim = 64, v_head_dim = 128, kv_lora_rank =
         128}
        config = #zorse.config<"block_m=1">
    ```

    Available on: host, AMD.
  }];
}

#endif // ZORSE_DIALECT_ZORSE_ZORSEPROJECTIONOPS_TD
