// RUN: zorse-opt %s --tile-to-host=arch=x86_64-avx512bf16 --canonicalize --cse | FileCheck %s
// RUN: zorse-opt %s --tile-to-host=arch=x86_64-avx512 --canonicalize --cse | FileCheck %s --check-prefix=WIDEN

// Without the instruction, bf16 is widened and goes through fma.
// WIDEN-NOT: dpbf16ps
// WIDEN: vector.fma

// A transposed right side is packed in pairs by transposing 32-bit elements where they lie in
// memory, with no copy before; a pair of the left side is one number that is spread.
// CHECK-LABEL: func.func @keys
// CHECK: %[[PACKED:.*]] = llvm.alloca {{.*}} x i32
// CHECK: %[[SLOT:.*]] = llvm.getelementptr {{.*}}[1] : (!llvm.ptr) -> !llvm.ptr, i64
// CHECK: %[[B:.*]] = llvm.load %[[SLOT]] : !llvm.ptr -> !llvm.ptr
// CHECK: call @transpose_square_32(%[[B]], %c64{{.*}}, %[[PACKED]], %{{.*}})
// CHECK: scf.for %[[PAIR:.*]] = %c0 to %c16 step %c1 iter_args
// CHECK: llvm.load {{.*}} -> vector<16xi32>
// CHECK: vector.bitcast {{.*}} : vector<16xi32> to vector<32xbf16>
// CHECK: %[[TWO:.*]] = llvm.load {{.*}} {alignment = 2 : i64} : !llvm.ptr -> i32
// CHECK: vector.broadcast %[[TWO]] : i32 to vector<16xi32>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
func.func @keys(%a: memref<?xbf16>, %b: memref<?xbf16>, %out: memref<?xf32>) attributes {tile.grid = ["n", "1", "1"], tile.waves = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %zero = arith.constant dense<0.0> : tensor<2x16xf32>
  %x = tile.load %a[%c0] strides(%c32, %c1) : memref<?xbf16> -> tensor<2x32xbf16>
  %y = tile.load %b[%c0] strides(%c32, %c1) : memref<?xbf16> -> tensor<16x32xbf16>
  %s = tile.stage %y : tensor<16x32xbf16> -> tensor<16x32xbf16>
  %d = tile.dot %x, %s transpose_b, %zero : tensor<2x32xbf16>, tensor<16x32xbf16>, tensor<2x16xf32>
  tile.store %d, %out[%c0] strides(%c32, %c1) : tensor<2x16xf32> -> memref<?xf32>
  return
}

// Rows of a straight right side are interleaved; the odd one out meets zeros, and so does the left
// side. Columns that no instruction has the width of take the next wider.
// CHECK-LABEL: func.func @values
// CHECK: vector.interleave {{.*}} : vector<16xbf16> -> vector<32xbf16>
// CHECK: vector.interleave {{.*}} : vector<4xbf16> -> vector<8xbf16>
// CHECK: vector.interleave %{{.*}}, %cst{{.*}} : vector<16xbf16> -> vector<32xbf16>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.128"
func.func @values(%a: memref<?xbf16>, %b: memref<?xbf16>, %out: memref<?xf32>) attributes {tile.grid = ["n", "1", "1"], tile.waves = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %c20 = arith.constant 20 : index
  %zero = arith.constant dense<0.0> : tensor<4x20xf32>
  %x = tile.load %a[%c0] strides(%c5, %c1) : memref<?xbf16> -> tensor<4x5xbf16>
  %y = tile.load %b[%c0] strides(%c20, %c1) : memref<?xbf16> -> tensor<5x20xbf16>
  %p = tile.stage %x : tensor<4x5xbf16> -> tensor<4x5xbf16>
  %s = tile.stage %y : tensor<5x20xbf16> -> tensor<5x20xbf16>
  %d = tile.dot %p, %s, %zero : tensor<4x5xbf16>, tensor<5x20xbf16>, tensor<4x20xf32>
  tile.store %d, %out[%c0] strides(%c20, %c1) : tensor<4x20xf32> -> memref<?xf32>
  return
}

// Both sides where they lie: 32 elements at a time along k, and the sums of lanes at the end.
// CHECK-LABEL: func.func @inner
// CHECK-NOT: transpose_square
// CHECK: llvm.load {{.*}} -> vector<32xbf16>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
// CHECK: vector.reduction <add>
func.func @inner(%a: memref<?xbf16>, %b: memref<?xbf16>, %out: memref<?xf32>) attributes {tile.grid = ["n", "1", "1"], tile.waves = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant dense<0.0> : tensor<1x4xf32>
  %x = tile.load %a[%c0] strides(%c64, %c1) : memref<?xbf16> -> tensor<1x64xbf16>
  %y = tile.load %b[%c0] strides(%c64, %c1) : memref<?xbf16> -> tensor<4x64xbf16>
  %d = tile.dot %x, %y transpose_b, %zero : tensor<1x64xbf16>, tensor<4x64xbf16>, tensor<1x4xf32>
  tile.store %d, %out[%c0] strides(%c64, %c1) : tensor<1x4xf32> -> memref<?xf32>
  return
}
