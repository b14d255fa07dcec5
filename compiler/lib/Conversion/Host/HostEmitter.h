//===- HostEmitter.h - tiles as vectors and L1 buffers ----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How a tile lives on the host. A workgroup is one call on one core, so a tile
// is either a *formula* that is evaluated where it is used, one vector at a
// time, or a *buffer* of f32 in the stack, which the first-level cache keeps.
//
//   formula  constants, splats, iotas, broadcasts, loads (a formula that reads
//            memory), and elementwise ops with one use
//   buffer   staged tiles, products, reductions, values carried by loops, and
//            whatever elementwise result is used twice, in another block, or
//            repeated by a broadcast
//
// So a chain like rmsnorm's x * scale * weight becomes one loop over vectors
// with no intermediate buffer, and a product is a register-blocked loop that
// reads its operands from buffers or straight from memory. A formula that reads
// memory is frozen into a buffer before a store that could change what it reads.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/Dialect/Tile/Tile.h"
#include "zorse/desc/TargetDesc.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"

#include <functional>

namespace zorse::host {

/// A tile in memory of the workgroup: element (i, j) at pointer[i * rowStride + j].
struct TileBuffer {
  mlir::Value pointer;
  int64_t rowStride = 0;
  mlir::Type element;
};

/// Rows of elements in any memory.
struct MemoryRows {
  mlir::Value pointer;
  mlir::Value stride; ///< bytes from one row to the next, i64
};

/// Rows and columns of a tile; a vector has one row.
struct Extent {
  int64_t rows, columns;
};
Extent extentOf(mlir::Value tile);

class HostEmitter {
public:
  HostEmitter(mlir::func::FuncOp source, const TargetDesc &target);
  mlir::LogicalResult run();

private:
  // Control (HostEmitter.cpp)
  mlir::LogicalResult emitBlock(mlir::Block &block);
  mlir::LogicalResult emitOp(mlir::Operation *op);
  mlir::LogicalResult emitFor(mlir::scf::ForOp loop);
  mlir::LogicalResult emitIf(mlir::scf::IfOp branch);
  void emitScalarLoad(mlir::Operation *op);
  /// The element at `index` of what `load` reads.
  mlir::Value loadScalar(mlir::memref::LoadOp load, mlir::Value index);
  void bindArguments(mlir::func::FuncOp target);

  // Which values become buffers (HostPlacement.cpp)
  bool isTrivial(mlir::Value tile) const;
  bool needsBuffer(mlir::Operation *op) const;
  /// The last op of `block` at which the formula `tile` is read.
  mlir::Operation *lastRead(mlir::Value tile, mlir::Block *block) const;
  bool readsBuffer(mlir::Value tile, mlir::Value of, bool pointwiseOnly) const;
  void freezeLoadsBefore(tile::StoreOp store);
  /// The loop-carried buffer that `result` may be computed into directly, if any.
  std::optional<TileBuffer> destinationInPlace(mlir::Operation *op, mlir::Value result);

  // Matrices that are read row by row (HostRows.cpp)
  struct RowGroup {
    mlir::Operation *maker;
    llvm::SmallVector<mlir::Operation *> readers; ///< stores and row sums, in their order
  };
  bool collectRowReaders(mlir::Value tile, mlir::Block *block,
                         llvm::SmallVectorImpl<mlir::Operation *> &readers) const;
  /// Whether the matrix that `op` makes is left to its readers; they are then emitted together.
  bool startRows(mlir::Operation *op);
  /// Whether `op` is one of those readers; emits all at the last of them.
  bool takeIntoRows(mlir::Operation *op);
  void emitRows(const RowGroup &group);
  void prefetchRow(mlir::Value tile, mlir::Value row);

  // Formulas (HostFormula.cpp)
  /// Elements [column, column + width) of a row, as a vector; width 0 gives one scalar.
  mlir::Value evaluate(mlir::Value tile, mlir::Value row, mlir::Value column, int64_t width);
  mlir::Value evaluateLoad(tile::LoadOp load, mlir::Value row, mlir::Value column, int64_t width);
  void materialize(mlir::Value tile, const TileBuffer &into);
  /// The buffer of a tile, made now if it is still a formula.
  TileBuffer bufferOf(mlir::Value tile);
  void emitStore(tile::StoreOp store);
  void storeRow(tile::StoreOp store, mlir::Value row);
  /// The bound of the rows that are stored, where it may be less than the tile has.
  mlir::Value rowLimitOf(tile::StoreOp store);
  void emitReduce(tile::ReduceOp reduce);
  /// The combined elements of one row.
  mlir::Value reduceRow(tile::ReduceOp reduce, mlir::Value row);

  // Packing for products (HostStage.cpp)
  void emitStage(tile::StageOp stage);
  void transposeSquare(llvm::SmallVectorImpl<mlir::Value> &rows);
  mlir::func::FuncOp transposer(mlir::Type element);
  void packTransposed(const MemoryRows &from, Extent extent, const TileBuffer &into);
  MemoryRows rowsOf(const TileBuffer &buffer);
  mlir::Value addressIn(const MemoryRows &rows, mlir::Type element, mlir::Value row,
                        mlir::Value column);

  // Products (HostDot.cpp)
  /// Vectors of a result that fit the registers, and which of such blocks it is.
  struct ResultBlock {
    mlir::Value row, column; ///< where it starts
    int64_t rows;
    llvm::ArrayRef<int64_t> widths; ///< of the vectors in a row
    mlir::Value number;             ///< of the block, counted from 0
    int64_t count;                  ///< of all blocks
  };
  void emitDot(tile::DotOp dot);
  void emitColumnKernel(tile::DotOp dot, const TileBuffer &into);
  void emitColumnBlock(tile::DotOp dot, const TileBuffer &into, const ResultBlock &block);
  void emitInnerKernel(tile::DotOp dot, const TileBuffer &into);
  void emitInnerBlock(tile::DotOp dot, const TileBuffer &into, mlir::Value row, int64_t rows,
                      mlir::Value column, int64_t columns);
  void forResultBlocks(Extent extent, const std::function<void(const ResultBlock &)> &body);
  /// An operand of a product as f32.
  mlir::Value evaluateF32(mlir::Value tile, mlir::Value row, mlir::Value column, int64_t width);
  /// body(start, size) for blocks of \`step\` over [0, count), then one smaller block.
  void forBlocks(int64_t count, int64_t step,
                 const std::function<void(mlir::Value, int64_t)> &body);

  // Products whose b is streamed from memory (HostPanelDot.cpp)
  bool isStreamed(tile::DotOp dot) const;
  void emitPanelKernel(tile::DotOp dot, const TileBuffer &into);

  // Products of bf16 by pairs (HostPairs.cpp)
  bool takesPairs(tile::DotOp dot) const;
  /// The rows of a bf16 tile in memory, copied if need be. `wholePairs`: an odd row ends in a zero.
  MemoryRows memoryRows(mlir::Value tile, bool wholePairs);
  std::optional<MemoryRows> rowsInPlace(mlir::Value tile);
  /// into[k][n] = (from[2 k][n], from[2 k + 1][n]) as i32, zero beyond the last row.
  void packPairs(const MemoryRows &from, Extent extent, const TileBuffer &into);
  TileBuffer pairsOfRows(mlir::Value tile);
  TileBuffer pairsOfColumns(mlir::Value tile);
  /// The pairs `pair` of `width` columns of b, as many of bf16 as the next larger instruction
  /// takes.
  using PairLine = std::function<mlir::Value(mlir::Value pair, mlir::Value column, int64_t width)>;
  PairLine pairLine(const TileBuffer &packed);
  void emitPairKernel(tile::DotOp dot, const TileBuffer &into);
  /// The product of rows of a and any source of pairs of b.
  void emitPairProduct(tile::DotOp dot, const TileBuffer &into, const PairLine &line);
  void emitPairBlock(tile::DotOp dot, const MemoryRows &a, const PairLine &line,
                     const TileBuffer &into, const ResultBlock &block);
  /// sum + a . b over pairs: f32 lanes, twice as many bf16.
  mlir::Value dotPairs(mlir::Value sum, mlir::Value a, mlir::Value c);

  // Memory of the next round of a loop (HostAhead.cpp)
  /// Remembers what `reader`, an op in the body of a loop, will read next for this formula.
  void noteAhead(mlir::Value tile, mlir::Operation *reader);
  /// A number as it will be one round later, as far as arithmetic and tables tell.
  std::optional<mlir::Value> inNextRound(mlir::Value number, mlir::scf::ForOp loop);
  /// Prefetches in round `k` of the `rounds` of a block's inner loop.
  void prefetchAhead(const ResultBlock &block, mlir::Value k, int64_t rounds);

  // Small things
  TileBuffer allocate(int64_t rows, int64_t columns, mlir::Type element);
  mlir::Value address(const TileBuffer &buffer, mlir::Value row, mlir::Value column);
  mlir::Value loadVector(mlir::Value pointer, mlir::Type element, int64_t width);
  void storeVector(mlir::Value value, mlir::Value pointer);
  /// Lanes whose mask bit is unset are not touched in memory; loads give zero there. `pointer` is a
  /// vector of addresses if `scattered`.
  mlir::Value loadMasked(mlir::Value pointer, mlir::Value mask, mlir::Type element, int64_t width,
                         bool scattered);
  void storeMasked(mlir::Value value, mlir::Value pointer, mlir::Value mask, bool scattered);
  mlir::Value index(int64_t number);
  mlir::Value plus(mlir::Value a, int64_t b);
  mlir::Value scalarOf(mlir::Value value) { return scalars.lookup(value); }
  /// body(row) for 0 <= row < count; `count` may be dynamic.
  void forRows(mlir::Value count, const std::function<void(mlir::Value)> &body);
  /// body(column, width) over vectors of a row, the last one narrower.
  void forColumns(int64_t columns, const std::function<void(mlir::Value, int64_t)> &body);
  /// The same without a loop if the row is short: addresses that are numbers let a buffer that
  /// only such code touches live in registers.
  void forLine(int64_t columns, const std::function<void(mlir::Value, int64_t)> &body);

  /// Rows of at most so many vectors are written out, without a loop.
  static constexpr int64_t unrolledVectors = 16;

  mlir::func::FuncOp source;
  const TargetDesc &target;
  int64_t lanes;
  mlir::ImplicitLocOpBuilder b;
  mlir::Block *entry = nullptr;
  mlir::Value slots;
  mlir::Value programIds[3];
  llvm::DenseMap<mlir::Value, mlir::Value> scalars; ///< numbers and pointers
  llvm::DenseMap<mlir::Value, TileBuffer> buffers;
  llvm::DenseMap<mlir::Value, TileBuffer>
      transposed; ///< staged tiles, packed with rows and columns swapped
  llvm::DenseMap<mlir::Value, TileBuffer>
      rowPairs; ///< staged bf16 tiles as i32, pairs of neighbours in a column
  llvm::DenseMap<mlir::Value, TileBuffer> columnPairs; ///< the same of the transposed tile
  llvm::MapVector<mlir::Value, TileBuffer> carried;    ///< loop arguments
  std::optional<RowGroup> rows;                        ///< whose readers are still to come
  /// What a loop will read in its next round; the next product fetches it.
  struct Ahead {
    MemoryRows rows;
    int64_t lines, linesInRow; ///< of the cache
  };
  llvm::SmallVector<Ahead> ahead;
};

} // namespace zorse::host
