//===- Targets.cpp - the table of targets ---------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/desc/TargetDesc.h"

namespace zorse {

static std::vector<MatrixShape> matrixShapesOfMi200() {
  return {
      {DType::BF16, 16, 16, 16}, {DType::BF16, 32, 32, 8}, {DType::F16, 16, 16, 16},
      {DType::F16, 32, 32, 8},   {DType::F32, 16, 16, 4},  {DType::F32, 32, 32, 2},
  };
}

/// The shapes with twice the depth come first, because they are preferred.
static std::vector<MatrixShape> matrixShapesOfMi350() {
  std::vector<MatrixShape> shapes = {
      {DType::BF16, 16, 16, 32},
      {DType::BF16, 32, 32, 16},
      {DType::F16, 16, 16, 32},
      {DType::F16, 32, 32, 16},
  };
  for (const MatrixShape &shape : matrixShapesOfMi200())
    shapes.push_back(shape);
  return shapes;
}

// Host rows name ISA levels, not CPUs, so that an object runs on every CPU of its level. Peaks
// of the AMD rows: data sheets of MI250X (one of its two dies), MI300X and MI355X, dense.
const std::vector<TargetDesc> &allTargets() {
  static const std::vector<TargetDesc> targets = {
      {
          .arch = "x86_64-avx2",
          .family = TargetDesc::Family::Host,
          .llvmTriple = "x86_64-unknown-linux-gnu",
          .llvmCpu = "x86-64-v3",
          .llvmFeatures = "",
          .matrixShapes = {},
          .vectorBits = 256,
      },
      {
          .arch = "x86_64-avx512",
          .family = TargetDesc::Family::Host,
          .llvmTriple = "x86_64-unknown-linux-gnu",
          .llvmCpu = "x86-64-v4",
          .llvmFeatures = "-prefer-256-bit",
          .matrixShapes = {},
          .vectorBits = 512,
      },
      {
          .arch = "x86_64-avx512bf16",
          .family = TargetDesc::Family::Host,
          .llvmTriple = "x86_64-unknown-linux-gnu",
          .llvmCpu = "x86-64-v4",
          .llvmFeatures = "+avx512bf16,-prefer-256-bit",
          .matrixShapes = {},
          .vectorBits = 512,
          .hasBf16Convert = true,
          .hasBf16Dot = true,
      },
      {
          .arch = "gfx90a",
          .family = TargetDesc::Family::Amdgpu,
          .llvmTriple = "amdgcn-amd-amdhsa",
          .llvmCpu = "gfx90a",
          .llvmFeatures = "",
          .computeUnits = 110,
          .maxWorkgroupThreads = 1024,
          .elfMachine = 0x3f,
          .waveSize = 64,
          .ldsBytes = 64 * 1024,
          .vgprsPerLane = 512,
          .sgprsPerSimd = 800,
          .simdsPerCu = 4,
          .maxWavesPerSimd = 8,
          .matrixShapes = matrixShapesOfMi200(),
          .matrixFlushesSubnormals = true,
          .peakTflopsMatrix16 = 191.5,
          .peakTflopsF32 = 23.95,
          .peakGBs = 1638.4,
      },
      {
          .arch = "gfx942",
          .family = TargetDesc::Family::Amdgpu,
          .llvmTriple = "amdgcn-amd-amdhsa",
          .llvmCpu = "gfx942",
          .llvmFeatures = "",
          .computeUnits = 304,
          .maxWorkgroupThreads = 1024,
          .elfMachine = 0x4c,
          .waveSize = 64,
          .ldsBytes = 64 * 1024,
          .vgprsPerLane = 512,
          .sgprsPerSimd = 800,
          .simdsPerCu = 4,
          .maxWavesPerSimd = 8,
          .matrixShapes = matrixShapesOfMi200(),
          .matrixNegatesF64 = true,
          .fp8IsFnuz = true,
          .peakTflopsMatrix16 = 1307.4,
          .peakTflopsF32 = 163.4,
          .peakGBs = 5300,
      },
      {
          .arch = "gfx950",
          .family = TargetDesc::Family::Amdgpu,
          .llvmTriple = "amdgcn-amd-amdhsa",
          .llvmCpu = "gfx950",
          .llvmFeatures = "",
          .computeUnits = 256,
          .maxWorkgroupThreads = 1024,
          .elfMachine = 0x4f,
          .waveSize = 64,
          .ldsBytes = 160 * 1024,
          .vgprsPerLane = 512,
          .sgprsPerSimd = 800,
          .simdsPerCu = 4,
          .maxWavesPerSimd = 8,
          .matrixShapes = matrixShapesOfMi350(),
          .matrixNegatesF64 = true,
          .peakTflopsMatrix16 = 2516.6,
          .peakTflopsF32 = 157.3,
          .peakGBs = 8000,
      },
  };
  return targets;
}

} // namespace zorse
