// RUN: zorse-opt %s --tile-to-host=arch=x86_64-avx512bf16 --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,PAIRS
// RUN: zorse-opt %s --tile-to-host=arch=x86_64-avx2 --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,WIDEN

// A stage in a loop says which rows the next round reads: those behind its own, here the 16 rows of
// 64 bytes from element 512 on. The product after it fetches them, and only it does.
// CHECK-LABEL: func.func @sweep
// CHECK: scf.for
// PAIRS: scf.for %[[K:.*]] = %c0 to %c16
// WIDEN: scf.for %[[K:.*]] = %c0 to %c32
// CHECK: "llvm.intr.prefetch"(%{{.*}}) <{cache = 1 : i32, hint = 2 : i32, rw = 0 : i32}>
// PAIRS: llvm.call_intrinsic
// WIDEN: vector.fma
// CHECK-NOT: "llvm.intr.prefetch"
// CHECK: return
func.func @sweep(%a: memref<?xbf16>, %b: memref<?xbf16>, %out: memref<?xf32>, %n: index) attributes {tile.grid = ["n", "1", "1"], tile.waves = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %zero = arith.constant dense<0.0> : tensor<2x16xf32>
  %x = tile.load %a[%c0] strides(%c32, %c1) : memref<?xbf16> -> tensor<2x32xbf16>
  %p = tile.stage %x : tensor<2x32xbf16> -> tensor<2x32xbf16>
  %sum = scf.for %j = %c0 to %n step %c16 iter_args(%acc = %zero) -> tensor<2x16xf32> {
    %at = arith.muli %j, %c32 : index
    %y = tile.load %b[%at] strides(%c32, %c1) : memref<?xbf16> -> tensor<16x32xbf16>
    %s = tile.stage %y : tensor<16x32xbf16> -> tensor<16x32xbf16>
    %d = tile.dot %p, %s transpose_b, %acc : tensor<2x32xbf16>, tensor<16x32xbf16>, tensor<2x16xf32>
    %e = tile.dot %p, %s transpose_b, %d : tensor<2x32xbf16>, tensor<16x32xbf16>, tensor<2x16xf32>
    scf.yield %e : tensor<2x16xf32>
  }
  tile.store %sum, %out[%c0] strides(%c16, %c1) : tensor<2x16xf32> -> memref<?xf32>
  return
}
