//===- OpSpec.h - what an op kind is, as data -------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One JSON file in dialect/ops describes one op kind: its static fields, its
// dynamic sizes, its operands with shapes, its tuning knobs and the constraints
// on them. Everything that must agree about an op reads this one description:
// the request parser, the MLIR verifier, the schedule, the reference, the tuner,
// the dispatcher. The files are embedded in the library when it is built.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/DType.h"
#include "zorse/desc/Expr.h"

#include <string>
#include <vector>

namespace zorse {

/// A static parameter, compiled into the kernel.
struct FieldSpec {
  enum class Kind { Int, Float, Bool, Enum };
  std::string name;
  Kind kind = Kind::Int;
  bool required = false;
  ExprValue defaultValue;           ///< Int, Bool (0/1) and Enum
  double defaultFloat = 0;          ///< Float
  std::string defaultFrom;          ///< another field whose value is the default, or empty
  int64_t minimum = 0, maximum = 0; ///< Int, inclusive
  double floatMinimum = 0, floatMaximum = 0;
  std::vector<std::string> choices; ///< Enum
  std::string meaning;
};

/// A dynamic size, given at each launch as a 64-bit integer.
struct SizeSpec {
  std::string name;
  int64_t minimum = 1, maximum = 0;
  int64_t tuningDefault = 1; ///< the tuning point when the request names none
  Expr when;                 ///< over fields; present only if non-zero; empty means always
  std::string meaning;
};

/// One buffer that the kernels read or write, dense and row-major.
struct OperandSpec {
  enum class Role { In, Out, InOut };
  std::string name;
  Role role = Role::In;
  std::string dtype;       ///< "f32", "i32", … or the name of a dtype field
  std::vector<Expr> shape; ///< over fields and sizes, outermost first
  Expr when;               ///< present only if non-zero; empty means always
  /// How a test or the tuner fills it (see tuner/verify): "normal", "weight", "positions",
  /// "slots", "offsets", "lengths", "page_table", "ids", "a_log", "dt_bias", "angles_cos",
  /// "angles_sin", "zero".
  std::string fill = "normal";
  std::string meaning;
};

/// A tunable choice.
struct KnobSpec {
  std::string name;
  std::vector<int64_t> values;     ///< legal values, ascending
  Expr defaultHost, defaultAmdgpu; ///< formulas over fields and sizes
  std::string targets;             ///< "host", "amdgpu" or "all"; elsewhere the knob does not exist
  std::string meaning;
};

/// A rule that a description (`fields only`) or a configuration must obey.
struct ConstraintSpec {
  std::string label; ///< "mla_decode_c1" on descriptions, "mla_decode_k1" on configurations
  Expr rule;         ///< must be non-zero
  Expr when;         ///< applies only if non-zero; empty means always
  std::string message;
};

struct OpSpec {
  std::string kind;
  std::string summary;
  std::string formula;
  std::vector<FieldSpec> fields;
  std::vector<SizeSpec> sizes;
  std::vector<OperandSpec> operands;
  std::vector<KnobSpec> knobs;
  std::vector<ConstraintSpec> descConstraints;
  std::vector<ConstraintSpec> configConstraints;
  Expr flops; ///< useful floating point operations of one launch, over fields and sizes
  /// Length of the longest sum that one output element needs; the error bound grows with it.
  Expr reductionLength;
  std::string exampleJson; ///< a complete request

  const FieldSpec *field(std::string_view name) const;
  const SizeSpec *size(std::string_view name) const;
  const OperandSpec *operand(std::string_view name) const;
  const KnobSpec *knob(std::string_view name) const;
};

/// All kinds, sorted by name. Aborts only if the embedded files are damaged (a build error).
const std::vector<OpSpec> &allOpSpecs();
/// The spec of a kind or nullptr.
const OpSpec *findOpSpec(std::string_view kind);
/// JSON Schema (draft 2020-12) of an op request, generated from the specs.
std::string opRequestSchema();

} // namespace zorse
