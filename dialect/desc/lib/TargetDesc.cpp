//===- TargetDesc.cpp - what a target can do ------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/desc/TargetDesc.h"

#include "Spelling.h"

#include <fmt/format.h>

#include <fstream>
#include <thread>

namespace zorse {

const MatrixShape *TargetDesc::matrixShape(DType input, int mn) const {
  for (const MatrixShape &shape : matrixShapes)
    if (shape.input == input && shape.m == mn && shape.n == mn)
      return &shape;
  return nullptr;
}

ExprScope TargetDesc::scope() const {
  return {
      {"has_bf16_dot", int64_t(hasBf16Dot)},
      {"is_amdgpu", int64_t(!isHost())},
      {"is_host", int64_t(isHost())},
      {"lds_bytes", ldsBytes},
      {"max_threads", maxWorkgroupThreads},
      {"vector_lanes", int64_t(hostLanes())},
      {"wave_size", int64_t(waveSize)},
  };
}

static int hostThreads() {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

/// Every extension that LLVM may use for the level, the oldest of which come together.
static std::string_view bestHostArch() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
              __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
              __builtin_cpu_supports("popcnt");
  bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                __builtin_cpu_supports("avx512vl");
  if (avx512 && __builtin_cpu_supports("avx512bf16"))
    return "x86_64-avx512bf16";
  if (avx512)
    return "x86_64-avx512";
  if (avx2)
    return "x86_64-avx2";
#endif
  return {};
}

static std::vector<std::string> targetNames() {
  std::vector<std::string> names = {"host"};
  for (const TargetDesc &target : allTargets())
    names.push_back(target.arch);
  return names;
}

Result<TargetDesc> findTarget(std::string_view arch) {
  if (arch == "host") {
    if (bestHostArch().empty())
      return Error{ErrorCode::Device,
                   "expected a CPU with AVX2, FMA and BMI2 as the host, found " + hostDeviceName()};
    return detectHost();
  }
  for (const TargetDesc &target : allTargets())
    if (target.arch == arch)
      return target;
  std::vector<std::string> names = targetNames();
  return Error{ErrorCode::Device,
               fmt::format("unknown target \"{}\"{}", arch, adviceOnNames(arch, "targets", names))};
}

TargetDesc detectHost() {
  std::string_view best = bestHostArch();
  TargetDesc row = allTargets().front();
  for (const TargetDesc &target : allTargets())
    if (target.arch == best)
      row = target;
  row.computeUnits = hostThreads();
  return row;
}

std::string hostDeviceName() {
  std::string model = "unknown CPU";
  std::ifstream cpuInfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuInfo, line);) {
    if (!line.starts_with("model name"))
      continue;
    size_t colon = line.find(':');
    size_t start = colon == std::string::npos ? colon : line.find_first_not_of(' ', colon + 1);
    if (start != std::string::npos)
      model = line.substr(start);
    break;
  }
  int threads = hostThreads();
  return fmt::format("{}, {} thread{}", model, threads, threads == 1 ? "" : "s");
}

} // namespace zorse
