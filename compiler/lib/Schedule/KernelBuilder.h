//===- KernelBuilder.h - writing tile programs ------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Schedules are written with these few words, so that a tile program reads like
// the formula it computes. A Val is an SSA value that knows its builder; the
// operators work on index, i32, f32 and tiles alike, and a number or a scalar
// beside a tile is spread over it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/Dialect/Tile/Tile.h"
#include "zorse/desc/CodeObject.h"
#include "zorse/desc/KernelConfig.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <functional>

namespace zorse::schedule {

class KernelBuilder;

struct Val {
  KernelBuilder *builder = nullptr;
  mlir::Value value;

  mlir::Type type() const { return value.getType(); }
  /// Shape of a tile; empty for scalars.
  llvm::ArrayRef<int64_t> shape() const;
  bool isTile() const { return !shape().empty(); }
};

/// A number where a Val is wanted.
struct Operand {
  Val val;
  double number = 0;
  Operand(Val val) : val(val) {}
  Operand(int number) : number(number) {}
  Operand(int64_t number) : number(double(number)) {}
  Operand(double number) : number(number) {}
};

/// Arithmetic; at least one side is a Val. Index division is of non-negative numbers.
Val operator+(Val a, Operand b);
Val operator-(Val a, Operand b);
Val operator*(Val a, Operand b);
Val operator/(Val a, Operand b);
Val operator%(Val a, Operand b);
Val operator+(double a, Val b);
Val operator-(double a, Val b);
Val operator*(double a, Val b);
Val operator/(double a, Val b);
Val operator-(Val a);
/// Comparisons give i1 or a tile of i1. Integers compare signed.
Val operator<(Val a, Operand b);
Val operator<=(Val a, Operand b);
Val operator>=(Val a, Operand b);
Val equal(Val a, Operand b);
Val operator&(Val a, Val b);
Val min(Val a, Operand b);
Val max(Val a, Operand b);
Val ceilDiv(Val a, int64_t b);
Val select(Val condition, Operand a, Operand b);
Val exp(Val a);
Val log(Val a);
Val rsqrt(Val a);
/// x * sigmoid(x)
Val silu(Val a);
/// log(1 + exp(x)), x itself above 20.
Val softplus(Val a);

/// What a schedule starts from.
struct ScheduleInput {
  const OpDesc &op;
  const TargetDesc &target;
  const KernelConfig &config;

  int64_t field(llvm::StringRef name) const { return op.get(std::string_view(name)); }
  int64_t knob(llvm::StringRef name) const { return config.get(std::string_view(name)); }
  /// A knob that this target may not have.
  int64_t knobOr(llvm::StringRef name, int64_t otherwise) const;
  DType dtype(llvm::StringRef name) const { return op.getDType(std::string_view(name)); }

  /// The extent of a tile along `whole` elements taken `block` at a time: no wider than the whole,
  /// and as the rows or columns of a product want it. AMD's matrix instructions take multiples of
  /// 16, so there a tile may be wider than what is there; `inside` then gives its bound.
  int64_t dotExtent(int64_t block, int64_t whole) const;
  int64_t dotExtent(int64_t block) const { return dotExtent(block, block); }
  /// The same along the dimension that a product of `type` sums over.
  int64_t dotDepth(int64_t block, int64_t whole, DType type) const;
  /// A formula over fields, knobs and sizes with fields and knobs put in, so that only sizes
  /// remain.
  std::string formula(llvm::StringRef text) const;
};

/// What a schedule makes: the tile module, the launch geometry, the workspaces.
struct TileProgram {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  struct Kernel {
    std::string symbol;
    std::array<std::string, 3> grid; ///< formulas over the sizes and fields
  };
  std::vector<Kernel> kernels;
  struct Workspace {
    std::string name;
    std::string elements; ///< formula over the sizes and fields; the type is f32
  };
  std::vector<Workspace> workspaces;
};

/// The formula "ceildiv(whole, extent)".
std::string blocksOf(llvm::StringRef whole, int64_t extent);

/// Builds one kernel. All kernels of a program take the same arguments: operands, workspaces, sizes
/// (CodeObject.h), so declare every workspace in the program before the first kernel. The grid may
/// speak of fields and knobs.
class KernelBuilder {
public:
  KernelBuilder(const ScheduleInput &input, TileProgram &program, llvm::StringRef symbol,
                std::array<std::string, 3> grid);
  ~KernelBuilder(); ///< adds the return

  const ScheduleInput &input;

  Val operand(llvm::StringRef name);
  bool hasOperand(llvm::StringRef name) const;
  Val workspace(llvm::StringRef name);
  Val size(llvm::StringRef name);
  Val programId(int dim);

  Val index(int64_t number);
  Val f32(double number);
  /// A tile of i32 with one value everywhere.
  Val fullIndex(llvm::ArrayRef<int64_t> shape, int64_t number);
  /// A tile of f32 with one value everywhere.
  Val full(llvm::ArrayRef<int64_t> shape, double number);
  Val zeros(llvm::ArrayRef<int64_t> shape) { return full(shape, 0); }
  /// i32 tile of positions.
  Val iota(llvm::ArrayRef<int64_t> shape, int dim);

  /// The bound of a tile of `extent` elements that starts at `start` of `whole`: a number if
  /// every tile of the sweep is full or there is only one.
  Operand inside(Val start, int64_t extent, int64_t whole);

  /// The i32 at buffer[offset], as index.
  Val loadIndex(Val buffer, Val offset);
  /// The f32 at buffer[offset] (any float type), as f32.
  Val loadScalar(Val buffer, Val offset);
  /// A tile in the type of the buffer. `strides` and `valid` may be numbers; empty `valid`: all
  /// inside.
  Val loadRaw(Val buffer, Val offset, llvm::ArrayRef<Operand> strides,
              llvm::ArrayRef<Operand> valid, llvm::ArrayRef<int64_t> shape);
  /// The same widened to f32 (i32 stays).
  Val load(Val buffer, Val offset, llvm::ArrayRef<Operand> strides, llvm::ArrayRef<Operand> valid,
           llvm::ArrayRef<int64_t> shape);
  /// Rounds to the type of the buffer and stores.
  void store(Val tile, Val buffer, Val offset, llvm::ArrayRef<Operand> strides,
             llvm::ArrayRef<Operand> valid);

  /// A tile as a product wants it: f32 on the host, bf16 with the knob bf16_dot; the activations'
  /// type on AMD.
  Val forDot(Val tile, DType amdType);
  Val stage(Val tile, bool transpose = false);
  /// accumulator + a . b (or b^T)
  Val dot(Val a, Val b, Val accumulator, bool transposeB = false);
  Val reduce(tile::ReduceKind kind, Val tile, int dim);
  Val sum(Val tile, int dim) { return reduce(tile::ReduceKind::Add, tile, dim); }
  Val maximum(Val tile, int dim) { return reduce(tile::ReduceKind::Max, tile, dim); }
  /// A vector of row values (dim 0) or column values (dim 1) as a matrix of this shape.
  Val broadcast(Val vector, llvm::ArrayRef<int64_t> shape, int dim);
  Val convert(Val tile, DType type);
  /// Rounds to `type` and back to f32.
  Val rounded(Val tile, DType type);

  using LoopBody = std::function<std::vector<Val>(Val iv, std::vector<Val> carried)>;
  /// for (iv = from; iv < to; iv += step) carried = body(iv, carried)
  std::vector<Val> loop(Val from, Val to, int64_t step, std::vector<Val> initial,
                        const LoopBody &body);
  void ifThen(Val condition, const std::function<void()> &body);
  /// acc = add(from, count, acc) for each `step` of `whole` and what is left at the end.
  Val sumInSteps(int64_t whole, int64_t step, Val acc,
                 const std::function<Val(Val from, int64_t count, Val acc)> &add);

  mlir::ImplicitLocOpBuilder b;
  mlir::Type elementType(DType type);
  Val wrap(mlir::Value value) { return {this, value}; }
  mlir::Value materialize(const Operand &operand, mlir::Type like);

private:
  TileProgram &program;
  mlir::func::FuncOp function;
};

} // namespace zorse::schedule
