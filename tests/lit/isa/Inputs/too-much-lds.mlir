// Two staged tiles of 64 x 256 f32, each line with 16 bytes of padding.
func.func @zorse_wide(%x: memref<?xf32>, %y: memref<?xf32>) attributes {tile.waves = 4 : i64} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %width = arith.constant 256 : index
  %rows = arith.constant 64 : index
  %number = arith.constant 0.0 : f32
  %none = tensor.splat %number : tensor<64x64xf32>
  %a = tile.load %x[%zero] strides(%width, %one) : memref<?xf32> -> tensor<64x256xf32>
  %b = tile.load %x[%rows] strides(%width, %one) : memref<?xf32> -> tensor<64x256xf32>
  %sa = tile.stage %a : tensor<64x256xf32> -> tensor<64x256xf32>
  %sb = tile.stage %b : tensor<64x256xf32> -> tensor<64x256xf32>
  %c = tile.dot %sa, %sb transpose_b, %none
      : tensor<64x256xf32>, tensor<64x256xf32>, tensor<64x64xf32>
  tile.store %c, %y[%zero] strides(%rows, %one) : tensor<64x64xf32> -> memref<?xf32>
  return
}
