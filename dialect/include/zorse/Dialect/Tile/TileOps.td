//===- TileOps.td - the program of one workgroup -----------*- tablegen -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ZORSE_DIALECT_TILE_TILEOPS_TD
#define ZORSE_DIALECT_TILE_TILEOPS_TD

include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let cppNamespace = "::zorse::tile";
  let summary = "What one workgroup does with tiles of tensors";
  let useDefaultAttributePrinterParser = 1;
  let description = [{
    A tile is a ranked tensor of static shape that a whole workgroup holds together. Where its
    elements live is the lowering's business: in the lanes' registers on a GPU, in vectors and
    first-level cache on a CPU. Elementwise work is `arith` and `math` on tiles, control flow is
    `scf` with tiles as loop-carried values, numbers are `tensor.splat`. This dialect has only what
    upstream lacks: moving tiles between memory and workgroup, staging, products, reductions.

    A kernel is a `func.func` with the attributes `tile.grid` (workgroups, three formulas over the
    sizes) and `tile.waves`. Its arguments are one-dimensional memrefs (operands, workspaces) and
    the sizes as `index`.
  }];
}

class Tile_Op<string mnemonic, list<Trait> traits = []> : Op<Tile_Dialect, mnemonic, traits>;

def Tile_Buffer : MemRefRankOf<[F32, F16, BF16, I32], [1]>;
def Tile_Tile : StaticShapeTensorOf<[F32, F16, BF16, I32, I1]>;
def Tile_Float : StaticShapeTensorOf<[F32, F16, BF16]>;
def Tile_F32 : StaticShapeTensorOf<[F32]>;

def Tile_ReduceKind : I32EnumAttr<"ReduceKind", "how a reduction combines", [
    I32EnumAttrCase<"Add", 0, "add">, I32EnumAttrCase<"Max", 1, "max">,
    I32EnumAttrCase<"Min", 2, "min">]> {
  let cppNamespace = "::zorse::tile";
  let genSpecializedAttr = 0;
}
def Tile_ReduceKindAttr : EnumAttr<Tile_Dialect, Tile_ReduceKind, "reduce_kind">;

def Tile_ProgramIdOp : Tile_Op<"program_id", [Pure]> {
  let summary = "The index of this workgroup in the grid.";
  let description = [{
    Result in [0, grid[dim]).

    Constraints: C1. dim is 0, 1 or 2.

    Example:
    ```mlir
    %row = tile.program_id 0
    ```
    Available on: host, AMD.
  }];
  let arguments = (ins ConfinedAttr<I32Attr, [IntMinValue<0>, IntMaxValue<2>]>:$dim);
  let results = (outs Index:$result);
  let assemblyFormat = "$dim attr-dict";
}

def Tile_LoadOp : Tile_Op<"load", [AttrSizedOperandSegments, MemoryEffects<[MemRead]>]> {
  let summary = "Reads a tile from memory.";
  let description = [{
    ```
    result[i,j] = i < valid[0] && j < valid[1] ? buffer[offset + i*strides[0] + j*strides[1]] : 0
    ```
    Elements outside `valid` are not touched in memory. A rank-1 tile has one stride and one bound.
    Without `valid` the whole tile lies inside the buffer. `prefetch` is a hint: what
    streams this tile from memory may ask for the lines so many bytes ahead.

    Constraints: C1. as many strides as the rank (1 or 2). C2. no or as many bounds as the rank.
    C3. the element types agree. C4. prefetch is not negative.

    Example:
    ```mlir
    %x = tile.load %buffer[%offset] strides(%s, %one) valid(%m, %n)
        : memref<?xbf16> -> tensor<16x64xbf16>
    ```
    Available on: host, AMD.
  }];
  let arguments = (ins Tile_Buffer:$buffer, Index:$offset, Variadic<Index>:$strides,
                       Variadic<Index>:$valid,
                       OptionalAttr<ConfinedAttr<I64Attr, [IntNonNegative]>>:$prefetch);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = [{
    $buffer `[` $offset `]` `strides` `(` $strides `)` (`valid` `(` $valid^ `)`)?
    attr-dict `:` type($buffer) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_StoreOp : Tile_Op<"store", [AttrSizedOperandSegments, MemoryEffects<[MemWrite]>]> {
  let summary = "Writes a tile to memory.";
  let description = [{
    ```
    buffer[offset + i*strides[0] + j*strides[1]] = value[i,j]   for i < valid[0], j < valid[1]
    ```
    Constraints: C1, C2, C3 as for `tile.load`.

    Example:
    ```mlir
    tile.store %y, %buffer[%offset] strides(%s, %one) valid(%m, %n)
        : tensor<16x64xbf16> -> memref<?xbf16>
    ```
    Available on: host, AMD.
  }];
  let arguments = (ins Tile_Tile:$value, Tile_Buffer:$buffer, Index:$offset,
                       Variadic<Index>:$strides, Variadic<Index>:$valid);
  let assemblyFormat = [{
    $value `,` $buffer `[` $offset `]` `strides` `(` $strides `)` (`valid` `(` $valid^ `)`)?
    attr-dict `:` type($value) `->` type($buffer)
  }];
  let hasVerifier = 1;
}

def Tile_StageOp : Tile_Op<"stage", [Pure]> {
  let summary = "Puts a tile into fast memory, in the form that a product reads.";
  let description = [{
    ```
    result = transpose ? value^T : value
    ```
    The value is the same; where it lies is up to the lowering, which looks at how products use it. On
    AMD the tile is written to LDS, with the reduction dimension contiguous and padded against bank
    conflicts, and the workgroup waits for it. On the host it is packed into an f32 buffer in the
    first-level cache, with the columns of the product contiguous. A tile that was computed (not
    loaded) must be staged before a product reads it.

    Constraints: C1. rank 2; the shape of the result is that of the value, reversed if transposed.

    Example:
    ```mlir
    %kt = tile.stage %k transpose : tensor<64x192xbf16> -> tensor<192x64xbf16>
    ```
    Available on: host, AMD.
  }];
  let arguments = (ins Tile_Float:$value, UnitAttr:$transpose);
  let results = (outs Tile_Float:$result);
  let assemblyFormat = "$value (`transpose` $transpose^)? attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_DotOp : Tile_Op<"dot", [Pure, AllTypesMatch<["accumulator", "result"]>]> {
  let summary = "Adds a matrix product to an accumulator.";
  let description = [{
    ```
    result[m,n] = accumulator[m,n] + sum_k a[m,k] * (transpose_b ? b[n,k] : b[k,n])
    ```
    Products and sums in f32. Operands are loads or staged tiles, of one float type.

    With `paired`, b holds two values of k side by side, as an instruction that multiplies pairs
    wants them: it has ceil(K / 2) rows of 2 N columns and b[k / 2, 2 n + k % 2] stands for b[k, n].
    If K is odd the last of each pair counts as zero, whatever lies there. It must be a load.

    Constraints: C1. rank 2 and matching extents. C2. a and b have the same element type.
    C3. paired excludes transpose_b.

    Example:
    ```mlir
    %s = tile.dot %q, %k transpose_b, %zero
        : tensor<32x192xbf16>, tensor<64x192xbf16>, tensor<32x64xf32>
    ```
    Available on: host, AMD (matrix instructions: M and N multiples of 16, K of the instruction's k;
    not paired).
  }];
  let arguments = (ins Tile_Float:$a, Tile_Float:$b, Tile_F32:$accumulator, UnitAttr:$transpose_b,
                       UnitAttr:$paired);
  let results = (outs Tile_F32:$result);
  let assemblyFormat = [{
    $a `,` $b (`transpose_b` $transpose_b^)? (`paired` $paired^)? `,` $accumulator attr-dict
    `:` type($a) `,` type($b) `,` type($accumulator)
  }];
  let hasVerifier = 1;
}

def Tile_ReduceOp : Tile_Op<"reduce", [Pure]> {
  let summary = "Combines a tile along one dimension.";
  let description = [{
    ```
    dim = 1: result[i] = kind over j of value[i,j];   dim = 0: result[j] = kind over i of value[i,j]
    ```
    The order of additions is free.

    Constraints: C1. value is f32 or i32 of rank 2. C2. result is the other extent. C3. dim is 0 or 1.

    Example:
    ```mlir
    %m = tile.reduce max %s dim 1 : tensor<32x64xf32> -> tensor<32xf32>
    ```
    Available on: host, AMD.
  }];
  let arguments = (ins Tile_ReduceKindAttr:$kind, Tile_Tile:$value,
                       ConfinedAttr<I32Attr, [IntMinValue<0>, IntMaxValue<1>]>:$dim);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = "$kind $value `dim` $dim attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_BroadcastOp : Tile_Op<"broadcast", [Pure]> {
  let summary = "Repeats a vector along the other dimension of a matrix.";
  let description = [{
    ```
    dim = 0: result[i,j] = value[i] (a value for each row);   dim = 1: result[i,j] = value[j]
    ```
    Constraints: C1. value has rank 1 and the extent of dimension `dim` of the result.

    Example:
    ```mlir
    %mm = tile.broadcast %m dim 0 : tensor<32xf32> -> tensor<32x64xf32>
    ```
    Available on: host, AMD.
  }];
  let arguments = (ins Tile_Tile:$value,
                       ConfinedAttr<I32Attr, [IntMinValue<0>, IntMaxValue<1>]>:$dim);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = "$value `dim` $dim attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_IotaOp : Tile_Op<"iota", [Pure]> {
  let summary = "The position of each element along one dimension.";
  let description = [{
    ```
    dim = 0: result[i,j] = i;   dim = 1: result[i,j] = j
    ```
    Constraints: C1. i32, rank 1 (dim 0) or 2.

    Example:
    ```mlir
    %j = tile.iota 1 : tensor<32x64xi32>
    ```
    Available on: host, AMD.
  }];
  let arguments = (ins ConfinedAttr<I32Attr, [IntMinValue<0>, IntMaxValue<1>]>:$dim);
  let results = (outs StaticShapeTensorOf<[I32]>:$result);
  let assemblyFormat = "$dim attr-dict `:` type($result)";
  let hasVerifier = 1;
}

#endif // ZORSE_DIALECT_TILE_TILEOPS_TD
