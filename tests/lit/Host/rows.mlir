// RUN: zorse-opt %s --tile-to-host=arch=x86_64-avx512 --canonicalize --cse | FileCheck %s

// A matrix that is stored and summed is no buffer: one line holds a row until both have read it.
// Lines so far ahead are asked for, four rows of two lines each.
// CHECK-LABEL: func.func @update
// CHECK-NOT: llvm.mlir.constant(256 : i64)
// CHECK: %[[LINE:.*]] = llvm.alloca %{{.*}} x f32 {alignment = 64 : i64}
// CHECK: scf.for %[[ROW:.*]] = %c0 to %c8 step %c1
// CHECK-COUNT-2: "llvm.intr.prefetch"
// CHECK: llvm.store {{.*}} vector<16xf32>
// CHECK: llvm.store {{.*}} vector<16xf32>
// CHECK: vector.reduction <add>
// CHECK-NOT: scf.for
// CHECK: return
func.func @update(%state: memref<?xf32>, %out: memref<?xf32>) attributes {tile.grid = ["n", "1", "1"], tile.waves = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %half = arith.constant dense<0.5> : tensor<8x32xf32>
  %x = tile.load %state[%c0] strides(%c32, %c1) {prefetch = 1024 : i64} : memref<?xf32> -> tensor<8x32xf32>
  %y = arith.mulf %x, %half : tensor<8x32xf32>
  tile.store %y, %state[%c0] strides(%c32, %c1) : tensor<8x32xf32> -> memref<?xf32>
  %s = tile.reduce add %y dim 1 : tensor<8x32xf32> -> tensor<8xf32>
  tile.store %s, %out[%c0] strides(%c1) : tensor<8xf32> -> memref<?xf32>
  return
}

// The store moves the rows, so what is read later would be overwritten: a buffer it is.
// CHECK-LABEL: func.func @moves
// CHECK: llvm.mlir.constant(256 : i64)
// CHECK-COUNT-3: scf.for
func.func @moves(%state: memref<?xf32>, %out: memref<?xf32>) attributes {tile.grid = ["n", "1", "1"], tile.waves = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %half = arith.constant dense<0.5> : tensor<8x32xf32>
  %x = tile.load %state[%c0] strides(%c32, %c1) : memref<?xf32> -> tensor<8x32xf32>
  %y = arith.mulf %x, %half : tensor<8x32xf32>
  tile.store %y, %state[%c32] strides(%c32, %c1) : tensor<8x32xf32> -> memref<?xf32>
  %s = tile.reduce add %y dim 1 : tensor<8x32xf32> -> tensor<8xf32>
  tile.store %s, %out[%c0] strides(%c1) : tensor<8xf32> -> memref<?xf32>
  return
}
