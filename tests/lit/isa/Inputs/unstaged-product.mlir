// The sum is in the accumulator's layout; only staging makes an operand of it.
func.func @zorse_twice(%x: memref<?xf32>, %y: memref<?xf32>) attributes {tile.waves = 1 : i64} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %width = arith.constant 16 : index
  %number = arith.constant 0.0 : f32
  %none = tensor.splat %number : tensor<16x16xf32>
  %a = tile.load %x[%zero] strides(%width, %one) : memref<?xf32> -> tensor<16x16xf32>
  %b = tile.load %x[%width] strides(%width, %one) : memref<?xf32> -> tensor<16x16xf32>
  %c = tile.dot %a, %b transpose_b, %none
      : tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>
  %sum = arith.addf %c, %c : tensor<16x16xf32>
  %d = tile.dot %a, %sum, %none
      : tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>
  tile.store %d, %y[%zero] strides(%width, %one) : tensor<16x16xf32> -> memref<?xf32>
  return
}
