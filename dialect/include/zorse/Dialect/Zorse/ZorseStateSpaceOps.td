//===- ZorseStateSpaceOps.td - convolution and state space -*- tablegen -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ZORSE_DIALECT_ZORSE_ZORSESTATESPACEOPS_TD
#define ZORSE_DIALECT_ZORSE_ZORSESTATESPACEOPS_TD

include "zorse/Dialect/Zorse/ZorseDialect.td"

def Zorse_CausalConv1dOp : Zorse_Op<"causal_conv1d"> {
  let summary = "Depthwise causal convolution over time, then SiLU; continues from the stored "
                "inputs and stores the last ones.";
  let description = [{
    Formula: out[t,c] = silu(bias[c] + sum_j weight[j,c] * x[t - d_conv + 1 + j, c])

    Constraints, besides zorse_c1 to zorse_c5:
    * causal_conv1d_c1: x_offset + conv_dim must not exceed x_stride.

    Example:
    ```mlir
    zorse.causal_conv1d
        ins(%x, %weight, %bias, %cu_seqlens, %slots :
            memref<?x8216xbf16>, memref<4x5120xbf16>, memref<5120xbf16>, memref<?xi32>,
            memref<?xi32>)
        outs(%conv_state, %out : memref<?x4x5120xbf16>, memref<?x5120xbf16>)
        {conv_dim = 5120, x_stride = 8216, x_offset = 3072}
        config = #zorse.config<"block_c=128,block_t=16">
    ```

    Available on: host, AMD.
  }];
}

def Zorse_CausalConv1dUpdateOp : Zorse_Op<"causal_conv1d_update"> {
  let summary = "One step of the causal convolution for each token, each of another sequence; "
                "shifts the stored inputs.";
  let description = [{
    Formula: out[t,c] = silu(bias[c] + sum_j weight[j,c] * w[j,c]), w = the last d_conv - 1 stored
      inputs and x[t,c]

    Constraints, besides zorse_c1 to zorse_c5:
    * causal_conv1d_update_c1: x_offset + conv_dim must not exceed x_stride.

    Example:
    ```mlir
    zorse.causal_conv1d_update
        ins(%x, %weight, %bias, %slots :
            memref<?x8216xbf16>, memref<4x5120xbf16>, memref<5120xbf16>, memref<?xi32>)
        outs(%conv_state, %out : memref<?x4x5120xbf16>, memref<?x5120xbf16>)
        {conv_dim = 5120, x_stride = 8216, x_offset = 3072}
        config = #zorse.config<"block_c=128">
    ```

    Available on: host, AMD.
  }];
}

def Zorse_Mamba2StepOp : Zorse_Op<"mamba2_step"> {
  let summary = "One decode step of a Mamba2 layer between its two projections: convolution, "
                "recurrence, gated norm; each token of another sequence.";
  let description = [{
    Formula: xbc = silu(conv(x, B, C)); dt' = softplus(dt + dt_bias); state = exp(-dt' * exp(a_log))
      * state + dt' * x (outer) B; y = state . C + d * x; g = y * silu(z); out = g * rsqrt(mean over
      the head of g^2 + eps) * norm_weight; xbc and y are rounded to dtype

    Constraints, besides zorse_c1 to zorse_c5:
    * mamba2_step_c1: num_heads must be a multiple of num_kv_heads.
    * mamba2_step_c2: z_offset + num_heads * head_dim must not exceed row_stride.
    * mamba2_step_c3: x_offset and the channels of the convolution must not exceed row_stride.
    * mamba2_step_c4: dt_offset + num_heads must not exceed row_stride.

    Example:
    ```mlir
    zorse.mamba2_step
        ins(%projected, %conv_weight, %conv_bias, %a_log, %dt_bias, %d, %norm_weight, %slots :
            memref<?x8216xbf16>, memref<4x5120xbf16>, memref<5120xbf16>, memref<24xf32>,
            memref<24xf32>, memref<24xf32>, memref<3072xbf16>, memref<?xi32>)
        outs(%conv_state, %state, %out :
            memref<?x4x5120xbf16>, memref<?x24x128x128xbf16>, memref<?x3072xbf16>)
        {num_heads = 24, num_kv_heads = 8, head_dim = 128, d_state = 128, row_stride = 8216,
         x_offset = 3072, dt_offset = 8192}
        config = #zorse.config<"conv_first=1,prefetch=4096">
    ```

    Available on: host, AMD.
  }];
}

def Zorse_SsdScanOp : Zorse_Op<"ssd_scan"> {
  let summary = "The Mamba2 recurrence over runs of tokens, by chunks; continues from the stored "
                "state and stores the last one.";
  let description = [{
    Formula: dt' = softplus(dt + dt_bias); state = exp(-dt' * exp(a_log)) * state + dt' * x (outer)
      B; y = state . C + d * x

    Constraints, besides zorse_c1 to zorse_c5:
    * ssd_scan_c1: num_heads must be a multiple of num_kv_heads.
    * ssd_scan_c2: dt_offset + num_heads must not exceed dt_stride.

    Example:
    ```mlir
    zorse.ssd_scan
        ins(%xbc, %dt, %a_log, %dt_bias, %d, %cu_seqlens, %slots :
            memref<?x5120xbf16>, memref<?x8216xbf16>, memref<24xf32>, memref<24xf32>,
            memref<24xf32>, memref<?xi32>, memref<?xi32>)
        outs(%state, %y : memref<?x24x128x128xbf16>, memref<?x3072xbf16>)
        {num_heads = 24, num_kv_heads = 8, head_dim = 128, d_state = 128, dt_stride = 8216,
         dt_offset = 8192}
        config = #zorse.config<"chunk=64,block_p=128">
    ```

    Available on: host, AMD.
  }];
}

def Zorse_SsmUpdateOp : Zorse_Op<"ssm_update"> {
  let summary = "One step of the Mamba2 recurrence for each token, each of another sequence, in "
                "place.";
  let description = [{
    Formula: dt' = softplus(dt + dt_bias); state = exp(-dt' * exp(a_log)) * state + dt' * x (outer)
      B; y = state . C + d * x

    Constraints, besides zorse_c1 to zorse_c5:
    * ssm_update_c1: num_heads must be a multiple of num_kv_heads.
    * ssm_update_c2: dt_offset + num_heads must not exceed dt_stride.

    Example:
    ```mlir
    zorse.ssm_update
        ins(%xbc, %dt, %a_log, %dt_bias, %d, %slots :
            memref<?x5120xbf16>, memref<?x8216xbf16>, memref<24xf32>, memref<24xf32>,
            memref<24xf32>, memref<?xi32>)
        outs(%state, %y : memref<?x24x128x128xbf16>, memref<?x3072xbf16>)
        {num_heads = 24, num_kv_heads = 8, head_dim = 128, d_state = 128, dt_stride = 8216,
         dt_offset = 8192}
        config = #zorse.config<"block_p=32,prefetch=4096">
    ```

    Available on: host, AMD.
  }];
}

#endif // ZORSE_DIALECT_ZORSE_ZORSESTATESPACEOPS_TD
