// RUN: zorse-opt %s --tile-to-host=arch=x86_64-avx512 --canonicalize --cse | FileCheck %s
// RUN: zorse-opt %s --tile-to-host=arch=x86_64-avx2 --canonicalize --cse | FileCheck %s --check-prefix=AVX2

// A chain of elementwise ops with one use each is one pass over vectors: no buffer in between.
// CHECK-LABEL: func.func @fused
// CHECK-NOT: llvm.alloca
// CHECK: math.exp {{.*}} : vector<16xf32>
// CHECK: math.exp {{.*}} : vector<16xf32>
// CHECK: math.exp {{.*}} : vector<8xf32>
// AVX2-LABEL: func.func @fused
// AVX2-COUNT-5: math.exp {{.*}} : vector<8xf32>
func.func @fused(%in: memref<?xf32>, %w: memref<?xf32>, %out: memref<?xf32>, %n: index) attributes {tile.grid = ["n", "1", "1"], tile.waves = 1 : i64} {
  %c1 = arith.constant 1 : index
  %c0 = arith.constant 0 : index
  %x = tile.load %in[%c0] strides(%c1) : memref<?xf32> -> tensor<40xf32>
  %y = tile.load %w[%c0] strides(%c1) : memref<?xf32> -> tensor<40xf32>
  %z = arith.mulf %x, %y : tensor<40xf32>
  %e = math.exp %z : tensor<40xf32>
  tile.store %e, %out[%c0] strides(%c1) : tensor<40xf32> -> memref<?xf32>
  return
}

// What a load reads is kept before a store to the same memory can change it.
// CHECK-LABEL: func.func @shift
// CHECK: %[[KEPT:.*]] = llvm.alloca
// CHECK: scf.for
// CHECK: llvm.store %{{.*}}, %[[SLOT:.*]] {alignment
// CHECK: %[[LAST:.*]] = llvm.getelementptr %{{.*}}[48]
// CHECK-NEXT: llvm.store %{{.*}}, %[[LAST]]
// CHECK: scf.for
// CHECK: llvm.getelementptr %[[KEPT]]
// CHECK-NEXT: llvm.load
func.func @shift(%s: memref<?xf32>, %x: memref<?xf32>) attributes {tile.grid = ["n", "1", "1"], tile.waves = 1 : i64} {
  %c1 = arith.constant 1 : index
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c48 = arith.constant 48 : index
  %old = tile.load %s[%c16] strides(%c16, %c1) : memref<?xf32> -> tensor<3x16xf32>
  %new = tile.load %x[%c0] strides(%c1) : memref<?xf32> -> tensor<16xf32>
  tile.store %new, %s[%c48] strides(%c1) : tensor<16xf32> -> memref<?xf32>
  tile.store %old, %s[%c0] strides(%c16, %c1) : tensor<3x16xf32> -> memref<?xf32>
  return
}

// A product accumulates into the carried buffer in place, the scaling of the old sum within its loads;
// the four rows stay in registers while k runs, in three sums each, since four chains would wait.
// CHECK-LABEL: func.func @carried
// CHECK-COUNT-1: llvm.alloca
// CHECK-NOT: llvm.alloca
// CHECK: scf.for
// CHECK: scf.for
// CHECK-COUNT-4: arith.mulf {{.*}} : vector<16xf32>
// CHECK: :12 = scf.for
// CHECK-COUNT-12: vector.fma
// CHECK: scf.yield
// The bound of the rows ends the loop, the bound of the columns is a mask.
// CHECK: arith.minsi
// CHECK: llvm.intr.masked.store
func.func @carried(%a: memref<?xf32>, %b: memref<?xf32>, %out: memref<?xf32>, %n: index) attributes {tile.grid = ["n", "1", "1"], tile.waves = 1 : i64} {
  %c1 = arith.constant 1 : index
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant dense<0.0> : tensor<4x16xf32>
  %half = arith.constant dense<0.5> : tensor<4x16xf32>
  %acc = scf.for %k = %c0 to %n step %c8 iter_args(%s = %zero) -> (tensor<4x16xf32>) {
    %x = tile.load %a[%k] strides(%n, %c1) : memref<?xf32> -> tensor<4x8xf32>
    %o = arith.muli %k, %c16 : index
    %y = tile.load %b[%o] strides(%c16, %c1) : memref<?xf32> -> tensor<8x16xf32>
    %h = arith.mulf %s, %half : tensor<4x16xf32>
    %d = tile.dot %x, %y, %h : tensor<4x8xf32>, tensor<8x16xf32>, tensor<4x16xf32>
    scf.yield %d : tensor<4x16xf32>
  }
  tile.store %acc, %out[%c0] strides(%c16, %c1) valid(%n, %n) : tensor<4x16xf32> -> memref<?xf32>
  return
}
