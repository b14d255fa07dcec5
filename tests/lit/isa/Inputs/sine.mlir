func.func @zorse_sine(%x: memref<?xf32>) attributes {tile.waves = 1 : i64} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %a = tile.load %x[%zero] strides(%one) : memref<?xf32> -> tensor<64xf32>
  %s = math.sin %a : tensor<64xf32>
  tile.store %s, %x[%zero] strides(%one) : tensor<64xf32> -> memref<?xf32>
  return
}
