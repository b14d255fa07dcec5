// RUN: zorse-opt %s --tile-to-host=arch=x86_64-avx512 --canonicalize --cse | FileCheck %s

// A staged right side is packed so that its columns are contiguous, whole squares by the shared
// transposing function; the product then reads the packed buffer.
// CHECK-LABEL: func.func @staged
// CHECK: call @transpose_square_32
// CHECK: scf.for {{.*}} iter_args
// CHECK: vector.fma
func.func @staged(%a: memref<?xf32>, %b: memref<?xf32>, %out: memref<?xf32>) attributes {tile.grid = ["n", "1", "1"], tile.waves = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %zero = arith.constant dense<0.0> : tensor<2x16xf32>
  %x = tile.load %a[%c0] strides(%c32, %c1) : memref<?xf32> -> tensor<2x32xf32>
  %y = tile.load %b[%c0] strides(%c32, %c1) : memref<?xf32> -> tensor<16x32xf32>
  %s = tile.stage %y : tensor<16x32xf32> -> tensor<16x32xf32>
  %d = tile.dot %x, %s transpose_b, %zero : tensor<2x32xf32>, tensor<16x32xf32>, tensor<2x16xf32>
  tile.store %d, %out[%c0] strides(%c32, %c1) : tensor<2x16xf32> -> memref<?xf32>
  return
}

// A right side that is read where it lies is walked along k, with a sum over lanes at the end.
// CHECK-LABEL: func.func @unstaged
// CHECK-NOT: transpose_square
// CHECK: scf.for
// CHECK: arith.extf {{.*}} : vector<16xbf16> to vector<16xf32>
// CHECK: vector.fma
// CHECK: vector.reduction <add>
func.func @unstaged(%a: memref<?xf32>, %b: memref<?xbf16>, %out: memref<?xf32>) attributes {tile.grid = ["n", "1", "1"], tile.waves = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant dense<0.0> : tensor<1x4xf32>
  %x = tile.load %a[%c0] strides(%c64, %c1) : memref<?xf32> -> tensor<1x64xf32>
  %y = tile.load %b[%c0] strides(%c64, %c1) : memref<?xbf16> -> tensor<4x64xbf16>
  %w = arith.extf %y : tensor<4x64xbf16> to tensor<4x64xf32>
  %d = tile.dot %x, %w transpose_b, %zero : tensor<1x64xf32>, tensor<4x64xf32>, tensor<1x4xf32>
  tile.store %d, %out[%c0] strides(%c64, %c1) : tensor<1x4xf32> -> memref<?xf32>
  return
}

// 16-bit floats under a mask move as integers.
// CHECK-LABEL: func.func @masked
// CHECK: llvm.intr.masked.load {{.*}} -> vector<16xi16>
// CHECK: llvm.intr.masked.gather {{.*}} -> vector<16xi16>
func.func @masked(%a: memref<?xbf16>, %out: memref<?xbf16>, %n: index) attributes {tile.grid = ["n", "1", "1"], tile.waves = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %x = tile.load %a[%c0] strides(%c1) valid(%n) : memref<?xbf16> -> tensor<16xbf16>
  %y = tile.load %a[%c1] strides(%c2) valid(%n) : memref<?xbf16> -> tensor<16xbf16>
  tile.store %x, %out[%c0] strides(%c1) : tensor<16xbf16> -> memref<?xbf16>
  tile.store %y, %out[%n] strides(%c1) : tensor<16xbf16> -> memref<?xbf16>
  return
}
