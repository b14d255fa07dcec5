//===- KernelEmitter.h - writing a lane's program ---------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Walks a tile kernel and writes what one lane does: every tile becomes a list
// of registers (a scalar or a short vector each), laid out as the plan says.
// Indices become i64. Out come arith, scf, llvm and rocdl ops.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Divisibility.h"
#include "KernelPlan.h"
#include "LdsPlan.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace zorse::amd {

class KernelEmitter {
public:
  KernelEmitter(mlir::func::FuncOp kernel, const KernelPlan &plan, const TargetDesc &target);
  /// Adds the llvm.func (and its LDS global) before the tile kernel.
  mlir::LogicalResult emit();

private:
  using Value = mlir::Value;
  using Registers = llvm::SmallVector<Value>;

  // Control.cpp
  void makeFunction();
  mlir::LogicalResult emitBlock(mlir::Block &block);
  mlir::LogicalResult emitOp(mlir::Operation *op);
  mlir::LogicalResult emitFor(mlir::scf::ForOp loop);
  mlir::LogicalResult emitIf(mlir::scf::IfOp branch);
  /// The registers or the scalar of each value, in order.
  Registers flatten(mlir::ValueRange values);
  llvm::SmallVector<mlir::Type> flattenTypes(mlir::ValueRange values);
  void bind(mlir::ValueRange values, mlir::ValueRange flat);
  /// What a region may leave unfinished, seen from its own start.
  Hazards hazardsOf(mlir::Region &region);

  // Elementwise.cpp
  mlir::LogicalResult emitElementwise(mlir::Operation *op);
  mlir::FailureOr<Value> emitScalarOp(mlir::Operation *op, llvm::ArrayRef<Value> operands,
                                      mlir::Type type);
  mlir::LogicalResult emitMaker(mlir::Operation *op);
  Value perElement(Value value, llvm::function_ref<Value(Value)> function);
  Value intrinsic(llvm::StringRef name, mlir::Type type, mlir::ValueRange operands);

  // Memory.cpp
  void emitLoad(tile::LoadOp op);
  void emitStore(tile::StoreOp op);
  void emitScalarLoad(mlir::memref::LoadOp op);
  void emitScalarStore(mlir::memref::StoreOp op);
  Value elementPointer(Value buffer, Value offset);

  // Staging.cpp
  void emitStage(tile::StageOp op);
  void storeForm(const StagedForm &form, const Layout &layout, const Registers &registers);
  void zeroPadding(const StagedForm &form);
  Registers convertVector(const Registers &registers, const Layout &from, const Layout &to,
                          LdsRange scratch);
  Value ldsPointer(Value byteOffset, int64_t constantBytes);
  void barrier();
  void beforeLdsWrite(LdsRange range);
  void beforeLdsReads(llvm::ArrayRef<LdsRange> ranges);

  // Dot.cpp
  void emitDot(tile::DotOp op);
  Value loadFragment(const DotOperand &operand, const DimLayout &rows, int64_t rep, int64_t k,
                     int64_t chunk, mlir::Type element);
  Value multiplyAdd(Value b, Value a, Value acc, mlir::Type element);

  // Reduce.cpp
  void emitReduce(tile::ReduceOp op);
  void emitBroadcast(tile::BroadcastOp op);
  Value combine(tile::ReduceKind kind, Value a, Value b);
  Value neutral(tile::ReduceKind kind, mlir::Type type);
  Value fromLaneXor(Value value, int64_t mask, bool lowerBitsAgree);
  Registers acrossWaves(tile::ReduceKind kind, Registers registers, const Layout &result,
                        const DimLayout &reduced, LdsRange scratch);

  // Registers.cpp: small arithmetic, folded where constant
  Value i32(int64_t number);
  Value i64(int64_t number);
  Value add(Value a, Value b);
  Value mul(Value a, Value b);
  Value times(Value a, int64_t b);
  Value plus(Value a, int64_t b);
  Value all(Value a, Value b); ///< and of conditions, either may be null
  /// What wave and lane contribute to a coordinate.
  Value placeOf(const DimLayout &dim);
  Value wavePart(const DimLayout &dim);
  Value lanePart(const DimLayout &dim);
  /// Condition that the coordinate of a register's first element, plus `element`, is below `bound`.
  Value inside(const DimLayout &dim, Value place, int64_t rep, int64_t element, Value bound);
  /// The condition under which this lane's copy is the one that writes; null if there is one copy.
  Value ownerOf(const Layout &layout);
  Value extract(Value vector, int64_t index);
  /// Elements [from, from + count) as a scalar or vector.
  Value slice(Value vector, int64_t from, int64_t count);
  Value
  build(llvm::ArrayRef<Value> parts); ///< concatenates scalars and vectors of one element type
  Value splat(Value scalar, int64_t count);
  Value bitcast(Value value, mlir::Type type);
  static mlir::Type registerType(mlir::Type element, int64_t vec);
  static int64_t lengthOf(Value value);

  const Registers &registersOf(Value tile) const { return tiles.find(tile)->second; }

  struct AccessWriter; // Memory.cpp

  mlir::func::FuncOp kernel;
  const KernelPlan &plan;
  const TargetDesc &target;
  mlir::ImplicitLocOpBuilder b;
  mlir::LLVM::LLVMFuncOp function;
  mlir::LLVM::GlobalOp ldsGlobal;
  mlir::IRMapping scalars;
  llvm::DenseMap<Value, Registers> tiles;
  llvm::DenseMap<Value, LdsRange> bufferRanges; ///< imaginary addresses for Hazards
  Hazards hazards;
  Value lane, wave, ldsBase; ///< lane in [0, 64), wave in [0, waves), both i32
};

} // namespace zorse::amd
