//===- MatrixKernel.h - one matrix instruction, run -------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels that load the registers of one matrix instruction, execute it and
// store its result, and where its elements lie, spelled out case by case as the
// vendor's tables do. The emulator has one formula for all; here is none of it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Assemble.h"

#include <array>

namespace zorse::emulator::test {

enum class Type { F64, F32, Xf32, F16, Bf16, Fp8Fnuz, Bf8Fnuz, Fp8, Bf8, I8 };

int bitsOf(Type type);
/// The number that the low bits of `bits` stand for. Exact.
double decode(Type type, uint64_t bits);

struct Shape {
  const char *mnemonic;
  Type a, b;
  int m, n, k, blocks;
  bool sparse = false;

  bool isF64() const { return a == Type::F64; }
  bool isInteger() const { return a == Type::I8; }
  int perLaneA() const { return m * (sparse ? k / 2 : k) * blocks / 64; }
  int perLaneB() const { return n * k * blocks / 64; }
  int registersA() const { return (perLaneA() * bitsOf(a) + 31) / 32; }
  int registersB() const { return (perLaneB() * bitsOf(b) + 31) / 32; }
  int registersC() const { return m * n * blocks / 64 * (isF64() ? 2 : 1); }
};

/// All shapes of a target's matrix instructions.
const std::vector<Shape> &shapesOf(const std::string &arch);

/// Registers of one operand: [register][lane].
using Registers = std::vector<std::array<uint32_t, 64>>;

struct Place {
  int row, column, block; ///< of A: row i, column k; of B: row k, column j
};
Place placeOfA(const Shape &shape, int lane, int element);
Place placeOfB(const Shape &shape, int lane, int element);
/// `item`: a register, for f64 a pair.
Place placeOfC(const Shape &shape, int lane, int item);

/// The bits of element `element` of a lane, and setting them.
uint64_t elementOf(const Registers &registers, int lane, int element, int bits);
void setElement(Registers &registers, int lane, int element, int bits, uint64_t value);

enum class Destination { Vgprs, Agprs, InPlace, OverFactors };

struct MatrixRun {
  Shape shape;
  Destination destination = Destination::Vgprs;
  std::string constantC; ///< "1.0": instead of registers
  std::string modifiers; ///< " cbsz:1 abid:1"
  bool withoutExec = false;
};

struct MatrixOutcome {
  Registers d;
  Counts counts;
  std::string error; ///< of the launch; empty when it went well
};

/// Assembles all `runs` into one code object.
class MatrixKernels {
public:
  MatrixKernels(const std::string &arch, const std::vector<MatrixRun> &runs);
  /// `indices` is the third source of a sparse instruction.
  MatrixOutcome run(size_t which, const Registers &a, const Registers &b, const Registers &c,
                    const Registers &indices = {});

private:
  std::vector<MatrixRun> runs;
  std::unique_ptr<Machine> machine;
  std::vector<uint8_t> elf;
};

} // namespace zorse::emulator::test
