//===- CodeObject.h - compiled kernels and how to launch them ---*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The calling convention. All kernels of one op take the same argument list, a
// row of 8-byte slots:
//
//   [ pointer of each operand, in spec order | pointer of each workspace | each size, i64, in spec
//   order ]
//
// An AMD kernel has them as its kernel arguments. A host kernel is the function
//
//   void symbol(const uint64_t *slots, int64_t workgroup_x, int64_t workgroup_y, int64_t
//   workgroup_z)
//
// called once for each workgroup of the grid, on any thread. The kernels of an
// op run in order, each after the one before it has finished.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Expr.h"
#include "zorse/desc/Hash.h"

#include <array>
#include <map>
#include <string>
#include <vector>

namespace zorse {

struct KernelArgument {
  enum class Kind { Operand, Workspace, Size };
  Kind kind = Kind::Operand;
  std::string name;
  std::string dtype; ///< element type of a buffer, "i64" for a size
};

/// What the code needs on the device; zero where it has no meaning (host).
struct KernelResources {
  int64_t ldsBytes = 0, vgprs = 0, agprs = 0, sgprs = 0;
  int64_t vgprSpills = 0, sgprSpills = 0, scratchBytes = 0;
};

struct KernelInfo {
  std::string symbol;
  std::array<Expr, 3> grid; ///< workgroups, over the sizes
  std::array<int64_t, 3> block = {1, 1, 1};
  KernelResources resources;
};

/// A buffer that the kernels of an op hand to one another.
struct WorkspaceInfo {
  std::string name;
  Expr bytes; ///< over the sizes
};

struct CodeObject {
  std::string arch;
  std::vector<uint8_t> bytes; ///< an ELF shared object: HSACO, or x86-64 with no dependencies
  std::vector<KernelInfo> kernels;
  std::vector<KernelArgument> arguments;
  std::vector<WorkspaceInfo> workspaces;
  std::string opJson;     ///< canonical JSON of the op
  std::string configText; ///< canonical text of the configuration
  std::string compilerRevision;
  /// Instructions by class, counted in the machine code ("mfma", "valu", "lds", "vmem", …).
  std::map<std::string, int64_t> instructionMix;

  /// Hash of `bytes`.
  Hash128 codeHash() const { return hashBytes(bytes.data(), bytes.size()); }
};

/// Everything but the bytes, as JSON text, and back. Unknown keys are errors.
std::string toJson(const CodeObject &object);
Result<CodeObject> codeObjectFromJson(std::string_view json, std::vector<uint8_t> bytes);

} // namespace zorse
