// RUN: zorse-opt %s --split-input-file --verify-diagnostics

func.func @programIdDim() {
  // expected-error@+1 {{attribute 'dim' failed to satisfy constraint: 32-bit signless integer attribute whose minimum value is 0 whose maximum value is 2}}
  %0 = tile.program_id 3
  return
}

// -----

func.func @loadRank(%buffer: memref<?xf32>, %i: index) {
  // expected-error@+1 {{'tile.load' op expected a tile of rank 1 or 2, got rank 3}}
  %0 = tile.load %buffer[%i] strides(%i, %i, %i) : memref<?xf32> -> tensor<2x4x8xf32>
  return
}

// -----

func.func @loadStrides(%buffer: memref<?xf32>, %i: index) {
  // expected-error@+1 {{'tile.load' op expected 2 strides, got 1}}
  %0 = tile.load %buffer[%i] strides(%i) : memref<?xf32> -> tensor<4x8xf32>
  return
}

// -----

func.func @loadBounds(%buffer: memref<?xf32>, %i: index) {
  // expected-error@+1 {{'tile.load' op expected no bounds or 2, got 1}}
  %0 = tile.load %buffer[%i] strides(%i, %i) valid(%i) : memref<?xf32> -> tensor<4x8xf32>
  return
}

// -----

func.func @loadType(%buffer: memref<?xbf16>, %i: index) {
  // expected-error@+1 {{'tile.load' op expected a tile of 'bf16' like the buffer, got 'f32'}}
  %0 = tile.load %buffer[%i] strides(%i) : memref<?xbf16> -> tensor<8xf32>
  return
}

// -----

func.func @loadDynamic(%buffer: memref<?xf32>, %i: index) {
  // expected-error@+1 {{op result #0 must be statically shaped tensor}}
  %0 = tile.load %buffer[%i] strides(%i) : memref<?xf32> -> tensor<?xf32>
  return
}

// -----

func.func @storeStrides(%tile: tensor<8xf32>, %buffer: memref<?xf32>, %i: index) {
  // expected-error@+1 {{'tile.store' op expected 1 strides, got 2}}
  tile.store %tile, %buffer[%i] strides(%i, %i) : tensor<8xf32> -> memref<?xf32>
  return
}

// -----

func.func @storeBounds(%tile: tensor<8xf32>, %buffer: memref<?xf32>, %i: index) {
  // expected-error@+1 {{'tile.store' op expected no bounds or 1, got 2}}
  tile.store %tile, %buffer[%i] strides(%i) valid(%i, %i) : tensor<8xf32> -> memref<?xf32>
  return
}

// -----

func.func @storeType(%tile: tensor<8xf32>, %buffer: memref<?xf16>, %i: index) {
  // expected-error@+1 {{'tile.store' op expected a tile of 'f16' like the buffer, got 'f32'}}
  tile.store %tile, %buffer[%i] strides(%i) : tensor<8xf32> -> memref<?xf16>
  return
}

// -----

func.func @stageRank(%tile: tensor<8xf32>) {
  // expected-error@+1 {{'tile.stage' op expected a tile of rank 2, got rank 1}}
  %0 = tile.stage %tile : tensor<8xf32> -> tensor<8xf32>
  return
}

// -----

func.func @stageShape(%tile: tensor<4x8xf32>) {
  // expected-error@+1 {{'tile.stage' op expected a result of type 'tensor<8x4xf32>', got 'tensor<4x8xf32>'}}
  %0 = tile.stage %tile transpose : tensor<4x8xf32> -> tensor<4x8xf32>
  return
}

// -----

func.func @stageType(%tile: tensor<4x8xf32>) {
  // expected-error@+1 {{'tile.stage' op expected a result of type 'tensor<4x8xf32>', got 'tensor<4x8xbf16>'}}
  %0 = tile.stage %tile : tensor<4x8xf32> -> tensor<4x8xbf16>
  return
}

// -----

func.func @dotRank(%a: tensor<4x8xf32>, %b: tensor<8xf32>, %c: tensor<4x4xf32>) {
  // expected-error@+1 {{'tile.dot' op expected tiles of rank 2, got ranks 2, 1, 2}}
  %0 = tile.dot %a, %b, %c : tensor<4x8xf32>, tensor<8xf32>, tensor<4x4xf32>
  return
}

// -----

func.func @dotType(%a: tensor<4x8xf32>, %b: tensor<8x4xbf16>, %c: tensor<4x4xf32>) {
  // expected-error@+1 {{'tile.dot' op expected a and b of one element type, got 'f32' and 'bf16'}}
  %0 = tile.dot %a, %b, %c : tensor<4x8xf32>, tensor<8x4xbf16>, tensor<4x4xf32>
  return
}

// -----

func.func @dotInner(%a: tensor<4x8xf32>, %b: tensor<8x16xf32>, %c: tensor<4x8xf32>) {
  // expected-error@+1 {{'tile.dot' op expected 8 as inner extent of b, like a, got 16}}
  %0 = tile.dot %a, %b transpose_b, %c : tensor<4x8xf32>, tensor<8x16xf32>, tensor<4x8xf32>
  return
}

// -----

func.func @dotAccumulator(%a: tensor<4x8xf32>, %b: tensor<8x16xf32>, %c: tensor<4x8xf32>) {
  // expected-error@+1 {{'tile.dot' op expected an accumulator of 4x16, got 4x8}}
  %0 = tile.dot %a, %b, %c : tensor<4x8xf32>, tensor<8x16xf32>, tensor<4x8xf32>
  return
}

// -----

func.func @reduceRank(%tile: tensor<8xf32>) {
  // expected-error@+1 {{'tile.reduce' op expected a tile of rank 2, got rank 1}}
  %0 = tile.reduce add %tile dim 0 : tensor<8xf32> -> tensor<8xf32>
  return
}

// -----

func.func @reduceType(%tile: tensor<4x8xbf16>) {
  // expected-error@+1 {{'tile.reduce' op expected f32 or i32, got 'bf16'}}
  %0 = tile.reduce add %tile dim 0 : tensor<4x8xbf16> -> tensor<8xbf16>
  return
}

// -----

func.func @reduceResult(%tile: tensor<4x8xf32>) {
  // expected-error@+1 {{'tile.reduce' op expected a result of type 'tensor<4xf32>', got 'tensor<8xf32>'}}
  %0 = tile.reduce add %tile dim 1 : tensor<4x8xf32> -> tensor<8xf32>
  return
}

// -----

func.func @broadcastRank(%tile: tensor<4x8xf32>) {
  // expected-error@+1 {{'tile.broadcast' op expected rank 1 to rank 2, got 2 to 2}}
  %0 = tile.broadcast %tile dim 0 : tensor<4x8xf32> -> tensor<4x8xf32>
  return
}

// -----

func.func @broadcastExtent(%tile: tensor<8xf32>) {
  // expected-error@+1 {{'tile.broadcast' op expected a value of 4 x 'f32', got 'tensor<8xf32>'}}
  %0 = tile.broadcast %tile dim 0 : tensor<8xf32> -> tensor<4x8xf32>
  return
}

// -----

func.func @iotaDim() {
  // expected-error@+1 {{'tile.iota' op expected a rank of 1 or 2 above dim 1, got rank 1}}
  %0 = tile.iota 1 : tensor<8xi32>
  return
}

// -----

func.func @iotaType() {
  // expected-error@+1 {{op result #0 must be statically shaped tensor}}
  %0 = tile.iota 0 : tensor<8xf32>
  return
}

// -----

func.func @dotPairedLines(%a: tensor<4x7xbf16>, %b: tensor<3x32xbf16>, %c: tensor<4x16xf32>) {
  // expected-error@+1 {{'tile.dot' op expected 4 rows of pairs in b, got 3x32}}
  %0 = tile.dot %a, %b paired, %c : tensor<4x7xbf16>, tensor<3x32xbf16>, tensor<4x16xf32>
  return
}

// -----

func.func @dotPairedTransposed(%a: tensor<4x8xbf16>, %b: tensor<32x4xbf16>, %c: tensor<4x16xf32>) {
  // expected-error@+1 {{'tile.dot' op expected paired or transpose_b, got both}}
  %0 = tile.dot %a, %b transpose_b paired, %c : tensor<4x8xbf16>, tensor<32x4xbf16>, tensor<4x16xf32>
  return
}
