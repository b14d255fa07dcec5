//===- VectorCube.cpp - coordinates on the faces of a cube ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/VectorRun.h"
#include "execute/VectorTables.h"

#include <cmath>

namespace zorse::emulator {

namespace {
bool zWins(float x, float y, float z) {
  return std::fabs(z) >= std::fabs(x) && std::fabs(z) >= std::fabs(y);
}
bool yWins(float x, float y, float) { return std::fabs(y) >= std::fabs(x); }

constexpr auto face = [](float x, float y, float z) {
  return zWins(x, y, z)   ? (z < 0 ? 5.f : 4.f)
         : yWins(x, y, z) ? (y < 0 ? 3.f : 2.f)
                          : (x < 0 ? 1.f : 0.f);
};
constexpr auto majorAxis = [](float x, float y, float z) {
  return 2 * (zWins(x, y, z) ? z : yWins(x, y, z) ? y : x);
};
constexpr auto coordinateS = [](float x, float y, float z) {
  return zWins(x, y, z) ? (z < 0 ? -x : x) : yWins(x, y, z) ? x : x < 0 ? z : -z;
};
constexpr auto coordinateT = [](float x, float y, float z) {
  return zWins(x, y, z) ? -y : yWins(x, y, z) ? (y < 0 ? -z : z) : -y;
};

constexpr HandlerEntry table[] = {
    {"v_cubeid_f32", run<face, F32, F32, F32, F32>},
    {"v_cubema_f32", run<majorAxis, F32, F32, F32, F32>},
    {"v_cubesc_f32", run<coordinateS, F32, F32, F32, F32>},
    {"v_cubetc_f32", run<coordinateT, F32, F32, F32, F32>},
};
} // namespace

HandlerTable vectorCube() { return table; }

} // namespace zorse::emulator
