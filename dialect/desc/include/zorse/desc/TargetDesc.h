//===- TargetDesc.h - what a target can do ----------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one place that knows the hardware: a table with one row a target, and
// questions asked of a row. Names of architectures appear nowhere else in code.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/DType.h"
#include "zorse/desc/Expr.h"

#include <string>
#include <vector>

namespace zorse {

/// One matrix instruction: D[m,n] += A[m,k] B[k,n] over one wave.
struct MatrixShape {
  DType input;
  int m, n, k;
};

struct TargetDesc {
  enum class Family { Host, Amdgpu };
  std::string arch; ///< "x86_64-avx512bf16", "gfx942", …
  Family family = Family::Host;
  std::string llvmTriple, llvmCpu, llvmFeatures;
  int computeUnits = 0; ///< CUs, or hardware threads of the host
  int64_t maxWorkgroupThreads = 1;

  // AMD
  uint32_t elfMachine = 0; ///< EF_AMDGPU_MACH of its code objects
  int waveSize = 0;
  int64_t ldsBytes = 0;
  int vgprsPerLane = 0; ///< architected + accumulation, per lane at occupancy 1
  int sgprsPerSimd = 0;
  int simdsPerCu = 0, maxWavesPerSimd = 0;
  std::vector<MatrixShape> matrixShapes;
  /// Matrix instructions of 16-bit floats read and write subnormals as zeros.
  bool matrixFlushesSubnormals = false;
  /// Those of f64 take signs in the field that elsewhere permutes lanes of B (blgp).
  bool matrixNegatesF64 = false;
  /// FP8 and BF8 have one zero and one NaN and no infinity (FNUZ), unlike OCP's.
  bool fp8IsFnuz = false;

  // Host
  int vectorBits = 0;
  bool hasBf16Convert = false, hasBf16Dot = false;

  // Peaks of the whole device, from vendor data sheets; 0 where unknown. Source: model.
  double peakTflopsMatrix16 = 0, peakTflopsF32 = 0, peakGBs = 0;

  bool isHost() const { return family == Family::Host; }
  /// f32 lanes of one host vector.
  int hostLanes() const { return vectorBits / 32; }
  /// The matrix instruction with m = n = `mn` for this input type, or nullptr.
  const MatrixShape *matrixShape(DType input, int mn) const;
  /// Names for constraints: has_bf16_dot, lds_bytes, wave_size, max_threads, vector_lanes, is_host,
  /// is_amdgpu.
  ExprScope scope() const;
};

/// All rows. The host rows describe ISA levels, independent of this machine.
const std::vector<TargetDesc> &allTargets();
/// A row by name; "host" means the best row that this CPU can run, with its thread count. The
/// error lists every legal name.
Result<TargetDesc> findTarget(std::string_view arch);
/// The best host row for the CPU we run on.
TargetDesc detectHost();
/// CPU model and thread count, or the like, for provenance ("Intel(R) Xeon(R) …, 2 threads").
std::string hostDeviceName();

} // namespace zorse
