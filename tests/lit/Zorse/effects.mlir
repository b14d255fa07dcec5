// RUN: zorse-opt %s -canonicalize -cse | FileCheck %s

// An op writes to memory, so neither of two equal ones goes away, not even where its result is
// written twice, and a load after it is not replaced by a load before it.

// CHECK-LABEL: func.func @kept
func.func @kept(%a: memref<?x16xf32>, %b: memref<?x8xf32>, %i: index) -> (f32, f32) {
  // CHECK: memref.load
  // CHECK: zorse.swiglu
  // CHECK: zorse.swiglu
  // CHECK: memref.load
  %before = memref.load %b[%i, %i] : memref<?x8xf32>
  zorse.swiglu ins(%a : memref<?x16xf32>) outs(%b : memref<?x8xf32>)
      {intermediate_size = 8, dtype = f32}
  zorse.swiglu ins(%a : memref<?x16xf32>) outs(%b : memref<?x8xf32>)
      {intermediate_size = 8, dtype = f32}
  %after = memref.load %b[%i, %i] : memref<?x8xf32>
  return %before, %after : f32, f32
}
