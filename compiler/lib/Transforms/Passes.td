//===- Passes.td - the lowering, pass by pass --------------*- tablegen -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ZORSE_COMPILER_TRANSFORMS_PASSES_TD
#define ZORSE_COMPILER_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

class Zorse_TargetPass<string flag> : Pass<flag, "::mlir::ModuleOp"> {
  let options = [Option<"arch", "arch", "std::string", /*default=*/"\"host\"",
                        "The target by name, or \"host\" for the CPU of this machine">];
}

def ZorseScheduleOps : Zorse_TargetPass<"zorse-schedule"> {
  let summary = "Write the tile program of a zorse op";
  let description = [{
    Replaces a module with one zorse op by the tile kernels that its schedule writes for the
    configuration of the op (#zorse.config), or for the default one.

    Requires: exactly one op of the zorse dialect. Ensures: only tile kernels. No-op when: never.

    ```mlir
    zorse.rmsnorm ins(%x, %w : …) outs(%out : …) {hidden_size = 64}
    // becomes
    func.func @zorse_rmsnorm(…) attributes {tile.grid = ["tokens", "1", "1"], tile.waves = 1} { … }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
                           "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect",
                           "::zorse::tile::TileDialect"];
}

def TileToHost : Zorse_TargetPass<"tile-to-host"> {
  let summary = "Lower tile kernels to vectors and first-level-cache buffers";
  let description = [{
    Requires: tile kernels. Ensures: no op of the tile dialect; one function a kernel, as
    CodeObject.h says. No-op when: the module has no function with `tile.grid`.

    ```mlir
    %x = tile.load %in[%o] strides(%one) : memref<?xf32> -> tensor<16xf32>
    %y = arith.mulf %x, %x : tensor<16xf32>
    tile.store %y, %out[%o] strides(%one) : tensor<16xf32> -> memref<?xf32>
    // becomes
    %x = llvm.load %p : !llvm.ptr -> vector<16xf32>
    %y = arith.mulf %x, %x : vector<16xf32>
    llvm.store %y, %q : vector<16xf32>, !llvm.ptr
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def TileToAmd : Zorse_TargetPass<"tile-to-amd"> {
  let summary = "Lower tile kernels to the lanes of AMD waves";
  let description = [{
    Requires: tile kernels and an AMD target. Ensures: no op of the tile dialect; one
    `rocdl.kernel` function a kernel. No-op when: the module has no function with `tile.grid`.

    ```mlir
    %s = tile.dot %a, %b transpose_b, %c : tensor<16x16xbf16>, tensor<16x16xbf16>, tensor<16x16xf32>
    // becomes
    %s = rocdl.mfma.f32.16x16x16bf16.1k %a, %b, %c, 0, 0, 0 : (vector<4xi16>, …) -> vector<4xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
                           "::mlir::ROCDL::ROCDLDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

#endif // ZORSE_COMPILER_TRANSFORMS_PASSES_TD
