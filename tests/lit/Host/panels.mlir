// RUN: zorse-opt %s --tile-to-host=arch=x86_64-avx512bf16 --canonicalize --cse | FileCheck %s
// RUN: zorse-opt %s --tile-to-host=arch=x86_64-avx512 --canonicalize --cse | FileCheck %s --check-prefix=WIDEN
// RUN: zorse-opt %s --tile-to-host=arch=x86_64-avx2 --canonicalize --cse | FileCheck %s --check-prefix=WIDEN

// A packed weight is read where it lies: a line of pairs goes to the dot instruction as it is, two
// elements of a row of the left side are one number that is spread, and what comes next is asked
// for. Without the instruction the halves are widened by a shift and a mask.
// CHECK-LABEL: func.func @packed
// CHECK-NOT: llvm.intr.masked
// CHECK: scf.for {{.*}} iter_args
// CHECK: llvm.intr.prefetch
// CHECK: llvm.load {{.*}} -> vector<32xbf16>
// CHECK: llvm.load {{.*}} {alignment = 2 : i64} : !llvm.ptr -> i32
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
// WIDEN-LABEL: func.func @packed
// WIDEN: scf.for {{.*}} iter_args
// WIDEN: arith.shli
// WIDEN: arith.andi
// WIDEN: vector.fma
func.func @packed(%a: memref<?xbf16>, %b: memref<?xbf16>, %out: memref<?xf32>, %rows: index) attributes {tile.grid = ["n", "1", "1"], tile.waves = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant dense<0.0> : tensor<4x32xf32>
  %x = tile.load %a[%c0] strides(%c64, %c1) valid(%rows, %c64) : memref<?xbf16> -> tensor<4x64xbf16>
  %w = tile.load %b[%c0] strides(%c64, %c1) {prefetch = 4096 : i64} : memref<?xbf16> -> tensor<32x64xbf16>
  %d = tile.dot %x, %w paired, %zero : tensor<4x64xbf16>, tensor<32x64xbf16>, tensor<4x32xf32>
  tile.store %d, %out[%c0] strides(%c32, %c1) valid(%rows, %c32) : tensor<4x32xf32> -> memref<?xf32>
  return
}

// Rows of columns of f32 take the same path; the last of an odd number of k has no neighbour, and
// what lies beside it in a pair is not read.
// CHECK-LABEL: func.func @plain
// CHECK: llvm.load {{.*}} -> vector<16xf32>
// CHECK: vector.fma
func.func @plain(%a: memref<?xf32>, %b: memref<?xf32>, %out: memref<?xf32>) attributes {tile.grid = ["n", "1", "1"], tile.waves = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant dense<0.0> : tensor<1x32xf32>
  %x = tile.load %a[%c0] strides(%c64, %c1) : memref<?xf32> -> tensor<1x7xf32>
  %w = tile.load %b[%c0] strides(%c32, %c1) : memref<?xf32> -> tensor<7x32xf32>
  %d = tile.dot %x, %w, %zero : tensor<1x7xf32>, tensor<7x32xf32>, tensor<1x32xf32>
  tile.store %d, %out[%c0] strides(%c32, %c1) : tensor<1x32xf32> -> memref<?xf32>
  return
}

// CHECK-LABEL: func.func @odd
// CHECK: llvm.load {{.*}} {alignment = 2 : i64} : !llvm.ptr -> i16
// CHECK: arith.extui
func.func @odd(%a: memref<?xbf16>, %b: memref<?xbf16>, %out: memref<?xf32>) attributes {tile.grid = ["n", "1", "1"], tile.waves = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant dense<0.0> : tensor<1x32xf32>
  %x = tile.load %a[%c0] strides(%c64, %c1) : memref<?xbf16> -> tensor<1x7xbf16>
  %w = tile.load %b[%c0] strides(%c64, %c1) : memref<?xbf16> -> tensor<4x64xbf16>
  %d = tile.dot %x, %w paired, %zero : tensor<1x7xbf16>, tensor<4x64xbf16>, tensor<1x32xf32>
  tile.store %d, %out[%c0] strides(%c32, %c1) : tensor<1x32xf32> -> memref<?xf32>
  return
}
