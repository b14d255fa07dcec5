//===- ZorseElementwiseOps.td - norms, lookups and other elementwise ops -*- tablegen -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ZORSE_DIALECT_ZORSE_ZORSEELEMENTWISEOPS_TD
#define ZORSE_DIALECT_ZORSE_ZORSEELEMENTWISEOPS_TD

include "zorse/Dialect/Zorse/ZorseDialect.td"

def Zorse_ArgmaxOp : Zorse_Op<"argmax"> {
  let summary = "Finds the position of the largest logit of each row; the first of equals. NaN counts as minus infinity.";
  let description = [{
    Formula: ids[t] = min { i : l[t,i] = max_j l[t,j] }, l = logits, or -infinity where they are NaN

    Constraints: zorse_c1 to zorse_c5.

    Example:
    ```mlir
    zorse.argmax
        ins(%logits : memref<?x128256xf32>)
        outs(%ids : memref<?xi32>)
        {vocab_size = 128256}
        config = #zorse.config<"block_n=512">
    ```

    Available on: host, AMD.
  }];
}

def Zorse_EmbedOp : Zorse_Op<"embed"> {
  let summary = "Copies the rows of an embedding table that the ids name.";
  let description = [{
    Formula: out[t,:] = table[ids[t],:]

    Constraints, besides zorse_c1 to zorse_c5:
    * embed_c1: panel must be 0 or a multiple of 16.

    Example:
    ```mlir
    zorse.embed
        ins(%ids, %table : memref<?xi32>, memref<128256x2048xbf16>)
        outs(%out : memref<?x2048xbf16>)
        {vocab_size = 128256, hidden_size = 2048}
        config = #zorse.config<"block_n=1024">
    ```

    Available on: host, AMD.
  }];
}

def Zorse_GatedRmsnormOp : Zorse_Op<"gated_rmsnorm"> {
  let summary = "Gates, then scales each group of channels to unit root mean square.";
  let description = [{
    Formula: g = y * silu(z); out = g * rsqrt(mean over the group of g^2 + eps) * weight

    Constraints, besides zorse_c1 to zorse_c5:
    * gated_rmsnorm_c1: z_offset + num_groups * group_size must not exceed z_stride.

    Example:
    ```mlir
    zorse.gated_rmsnorm
        ins(%y, %z, %weight : memref<?x3072xbf16>, memref<?x8216xbf16>, memref<3072xbf16>)
        outs(%out : memref<?x3072xbf16>)
        {num_groups = 24, group_size = 128, z_stride = 8216}
        config = #zorse.config<"block_g=8">
    ```

    Available on: host, AMD.
  }];
}

def Zorse_RmsnormOp : Zorse_Op<"rmsnorm"> {
  let summary = "Scales each row to unit root mean square, then by a weight.";
  let description = [{
    Formula: out[t,i] = x[t,i] * rsqrt(mean_i(x[t,i]^2) + eps) * weight[i]

    Constraints: zorse_c1 to zorse_c5.

    Example:
    ```mlir
    zorse.rmsnorm
        ins(%x, %weight : memref<?x3072xbf16>, memref<3072xbf16>)
        outs(%out : memref<?x3072xbf16>)
        {hidden_size = 3072}
        config = #zorse.config<"block_m=1">
    ```

    Available on: host, AMD.
  }];
}

def Zorse_SwigluOp : Zorse_Op<"swiglu"> {
  let summary = "Multiplies the up projection by the SiLU of the gate projection.";
  let description = [{
    Formula: out[t,i] = silu(gate_up[t,i]) * gate_up[t,intermediate_size + i]

    Constraints: zorse_c1 to zorse_c5.

    Example:
    ```mlir
    zorse.swiglu
        ins(%gate_up : memref<?x16384xbf16>)
        outs(%out : memref<?x8192xbf16>)
        {intermediate_size = 8192}
        config = #zorse.config<"block_n=1024">
    ```

    Available on: host, AMD.
  }];
}

#endif // ZORSE_DIALECT_ZORSE_ZORSEELEMENTWISEOPS_TD
