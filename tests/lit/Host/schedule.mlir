// The configuration decides the tiles: two values of a knob, two programs.
// RUN: zorse-opt %s --zorse-schedule=arch=x86_64-avx512 | FileCheck %s
// RUN: sed 's/block_n=16/block_n=64/' %s | zorse-opt --zorse-schedule=arch=x86_64-avx512 | FileCheck %s --check-prefix=WIDE
// RUN: not zorse-opt %s --zorse-schedule=arch=gfx1 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// CHECK: func.func @zorse_linear
// CHECK-SAME: tile.grid = ["ceildiv(tokens, 1)", "8", "1"]
// CHECK: tile.dot {{.*}} : tensor<1x64xf32>, tensor<16x64xf32>, tensor<1x16xf32>
// WIDE: tile.grid = ["ceildiv(tokens, 1)", "2", "1"]
// WIDE: tensor<1x64xf32>, tensor<64x64xf32>, tensor<1x64xf32>
// UNKNOWN: unknown target
func.func @f(%x: memref<?x64xf32>, %w: memref<128x64xf32>, %y: memref<?x128xf32>) {
  zorse.linear ins(%x, %w : memref<?x64xf32>, memref<128x64xf32>) outs(%y : memref<?x128xf32>)
      {in_features = 64, out_features = 128, dtype = f32}
      config = #zorse.config<"block_m=1,block_n=16,block_k=0,stage_b=0">
  return
}
