// RUN: zorse-opt %s | FileCheck %s
// RUN: zorse-opt %s | zorse-opt | FileCheck %s
// RUN: zorse-opt %s --mlir-print-op-generic | zorse-opt | FileCheck %s

// What is printed can be read again, in either form.

// CHECK-LABEL: func.func @memory
// CHECK-SAME: tile.grid = ["ceildiv(tokens, 16)", "1", "1"], tile.waves = 4 : i64
func.func @memory(%in: memref<?xbf16>, %ids: memref<?xi32>, %out: memref<?xbf16>, %tokens: index)
    attributes {tile.grid = ["ceildiv(tokens, 16)", "1", "1"], tile.waves = 4 : i64} {
  // CHECK: %[[ID:.*]] = tile.program_id 0
  %id = tile.program_id 0
  %one = arith.constant 1 : index
  %width = arith.constant 64 : index
  // CHECK: tile.load %{{.*}}[%[[ID]]] strides(%{{.*}}, %{{.*}}) valid(%{{.*}}, %{{.*}}) : memref<?xbf16> -> tensor<16x64xbf16>
  %x = tile.load %in[%id] strides(%width, %one) valid(%tokens, %width)
      : memref<?xbf16> -> tensor<16x64xbf16>
  // CHECK: tile.load %{{.*}}[%{{.*}}] strides(%{{.*}}) : memref<?xi32> -> tensor<24xi32>
  %row = tile.load %ids[%one] strides(%one) : memref<?xi32> -> tensor<24xi32>
  // CHECK: tile.load %{{.*}}[%{{.*}}] strides(%{{.*}}) valid(%{{.*}}) : memref<?xi32> -> tensor<5xi32>
  %few = tile.load %ids[%one] strides(%one) valid(%tokens) : memref<?xi32> -> tensor<5xi32>
  // CHECK: tile.store %{{.*}}, %{{.*}}[%[[ID]]] strides(%{{.*}}, %{{.*}}) : tensor<16x64xbf16> -> memref<?xbf16>
  tile.store %x, %out[%id] strides(%width, %one) : tensor<16x64xbf16> -> memref<?xbf16>
  // CHECK: tile.store %{{.*}} strides(%{{.*}}) valid(%{{.*}}) : tensor<24xi32> -> memref<?xi32>
  tile.store %row, %ids[%id] strides(%one) valid(%tokens) : tensor<24xi32> -> memref<?xi32>
  return
}

// CHECK-LABEL: func.func @products
func.func @products(%q: tensor<32x48xbf16>, %k: tensor<64x48xbf16>, %v: tensor<64x80xbf16>,
                    %p: tensor<32x64xbf16>, %s: tensor<32x64xf32>, %o: tensor<32x80xf32>) {
  // CHECK: tile.stage %{{.*}} : tensor<64x48xbf16> -> tensor<64x48xbf16>
  %keys = tile.stage %k : tensor<64x48xbf16> -> tensor<64x48xbf16>
  // CHECK: tile.stage %{{.*}} transpose : tensor<64x48xbf16> -> tensor<48x64xbf16>
  %turned = tile.stage %k transpose : tensor<64x48xbf16> -> tensor<48x64xbf16>
  // CHECK: tile.dot %{{.*}}, %{{.*}} transpose_b, %{{.*}} : tensor<32x48xbf16>, tensor<64x48xbf16>, tensor<32x64xf32>
  %a = tile.dot %q, %keys transpose_b, %s
      : tensor<32x48xbf16>, tensor<64x48xbf16>, tensor<32x64xf32>
  // CHECK: tile.dot %{{.*}}, %{{.*}}, %{{.*}} : tensor<32x48xbf16>, tensor<48x64xbf16>, tensor<32x64xf32>
  %b = tile.dot %q, %turned, %a : tensor<32x48xbf16>, tensor<48x64xbf16>, tensor<32x64xf32>
  // CHECK: tile.dot %{{.*}}, %{{.*}}, %{{.*}} : tensor<32x64xbf16>, tensor<64x80xbf16>, tensor<32x80xf32>
  %c = tile.dot %p, %v, %o : tensor<32x64xbf16>, tensor<64x80xbf16>, tensor<32x80xf32>
  return
}

// CHECK-LABEL: func.func @vectors
func.func @vectors(%s: tensor<24x64xf32>, %n: tensor<24x64xi32>) {
  // CHECK: %[[MAX:.*]] = tile.reduce{{ +}}max %{{.*}} dim 1 : tensor<24x64xf32> -> tensor<24xf32>
  %max = tile.reduce max %s dim 1 : tensor<24x64xf32> -> tensor<24xf32>
  // CHECK: tile.reduce{{ +}}add %{{.*}} dim 0 : tensor<24x64xf32> -> tensor<64xf32>
  %sum = tile.reduce add %s dim 0 : tensor<24x64xf32> -> tensor<64xf32>
  // CHECK: tile.reduce{{ +}}min %{{.*}} dim 1 : tensor<24x64xi32> -> tensor<24xi32>
  %min = tile.reduce min %n dim 1 : tensor<24x64xi32> -> tensor<24xi32>
  // CHECK: tile.broadcast %[[MAX]] dim 0 : tensor<24xf32> -> tensor<24x64xf32>
  %rows = tile.broadcast %max dim 0 : tensor<24xf32> -> tensor<24x64xf32>
  // CHECK: tile.broadcast %{{.*}} dim 1 : tensor<64xf32> -> tensor<24x64xf32>
  %columns = tile.broadcast %sum dim 1 : tensor<64xf32> -> tensor<24x64xf32>
  // CHECK: tile.iota 0 : tensor<24xi32>
  %i = tile.iota 0 : tensor<24xi32>
  // CHECK: tile.iota 1 : tensor<24x64xi32>
  %j = tile.iota 1 : tensor<24x64xi32>
  return
}
