// RUN: zorse-opt %s | zorse-opt | FileCheck %s

// A configuration is judged only where a target is known, and knobs left out take their defaults.

// CHECK: module attributes {zorse.target = "gfx90a"}
module attributes {zorse.target = "gfx90a"} {
  // CHECK-LABEL: func.func @legal
  // CHECK: {intermediate_size = 8, tuning = {tokens = 4}} config = #zorse.config<"block_n=128,waves=2">
  func.func @legal(%a: memref<?x16xbf16>, %b: memref<?x8xbf16>) {
    zorse.swiglu ins(%a : memref<?x16xbf16>) outs(%b : memref<?x8xbf16>)
        {intermediate_size = 8, tuning = {tokens = 4}} config = #zorse.config<"block_n=128,waves=2">
    return
  }
  // CHECK-LABEL: func.func @partly
  func.func @partly(%a: memref<?x16xbf16>, %b: memref<?x8xbf16>) {
    zorse.swiglu ins(%a : memref<?x16xbf16>) outs(%b : memref<?x8xbf16>)
        {intermediate_size = 8} config = #zorse.config<"waves=8">
    return
  }
}

// CHECK-LABEL: func.func @no_target
// CHECK: config = #zorse.config<"block_n=100">
func.func @no_target(%a: memref<?x16xbf16>, %b: memref<?x8xbf16>) {
  zorse.swiglu ins(%a : memref<?x16xbf16>) outs(%b : memref<?x8xbf16>)
      {intermediate_size = 8} config = #zorse.config<"block_n=100">
  return
}

// CHECK-LABEL: func.func @values
// CHECK: {dtype = f32, eps = 5.000000e-01, hidden_size = 64, rounding = "double"} attributes {note = "kept"}
func.func @values(%x: memref<?x64xf32>, %w: memref<64xf32>, %out: memref<?x64xf32>) {
  zorse.rmsnorm ins(%x, %w : memref<?x64xf32>, memref<64xf32>) outs(%out : memref<?x64xf32>)
      {hidden_size = 64, dtype = f32, eps = 0.5, rounding = "double"} attributes {note = "kept"}
  return
}
