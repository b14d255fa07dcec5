//===- LaneInterpreter.h - runs lane programs without a GPU -----*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Executes what lowerTileToAmd makes, one workgroup after another, all its lanes
// in step. What the hardware would forgive or hide is an error here: a loop whose
// bounds differ between lanes, a barrier that not all lanes reach, a read of LDS
// that nobody wrote, two waves that touch the same bytes between two barriers
// (one of them writing), an access outside of the buffers.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"

#include <array>
#include <map>
#include <span>
#include <vector>

namespace zorse::test {

/// Bytes that several waves touch: who wrote and who read each since the last barrier.
class TrackedBytes {
public:
  TrackedBytes(std::string name, uint8_t *data, size_t size, bool initialised);
  void read(int wave, int64_t epoch, size_t at, void *to, size_t bytes);
  void write(int wave, int64_t epoch, size_t at, const void *from, size_t bytes);
  const uint8_t *begin() const { return data; }
  size_t size() const { return states.size(); }

private:
  struct State {
    int64_t writeEpoch = -1, readEpoch = -1;
    int16_t writer = -1, reader = -1; ///< wave; manyWaves if several read
    bool initialised = false;
  };
  void check(size_t at, size_t bytes) const;
  std::string name;
  uint8_t *data;
  std::vector<State> states;
};

class LaneInterpreter {
public:
  /// `buffers`: address and size of each pointer argument, then `sizes`: the i64 arguments.
  LaneInterpreter(mlir::LLVM::LLVMFuncOp kernel, std::span<const std::span<uint8_t>> buffers,
                  std::span<const int64_t> sizes);
  /// Runs every workgroup of the grid. Throws std::runtime_error on a fault, with the op.
  void run(std::array<int64_t, 3> grid);

private:
  /// The values of an SSA value: element e of thread t at bits[t * elements + e].
  struct Data {
    int64_t elements = 1;
    std::vector<uint64_t> bits;
  };
  using Mask = std::vector<bool>;

  void runWorkgroup(std::array<int64_t, 3> group);
  void runBlock(mlir::Block &block, const Mask &active);
  void runOp(mlir::Operation *op, const Mask &active);
  void runFor(mlir::scf::ForOp loop, const Mask &active);
  void runIf(mlir::scf::IfOp branch, const Mask &active);
  void runArith(mlir::Operation *op);
  void runLlvm(mlir::Operation *op, const Mask &active);
  void runRocdl(mlir::Operation *op, const Mask &active);
  void runMatrix(mlir::Operation *op, int64_t k);
  void runBufferAccess(mlir::Operation *op, const Mask &active, bool isLoad);
  void access(uint64_t address, unsigned space, int thread, void *data, size_t bytes, bool isLoad);

  Data &make(mlir::Value value);
  Data &get(mlir::Value value);
  int64_t uniform(mlir::Value value, const Mask &active);
  template <typename Function> void perElement(mlir::Operation *op, Function function);
  template <typename Function> void perThread(mlir::Operation *op, Function function);

  mlir::LLVM::LLVMFuncOp kernel;
  std::vector<TrackedBytes> buffers;
  std::vector<uint64_t> arguments;
  std::vector<uint8_t> ldsBytes;
  std::vector<TrackedBytes> lds; ///< one, or none
  llvm::DenseMap<mlir::Value, Data> values;
  int threads = 64;
  int64_t epoch = 0;
  std::array<int64_t, 3> group = {};
};

} // namespace zorse::test
