//===- Schedule.h - from op and configuration to tile program ---*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelBuilder.h"

namespace zorse::schedule {

/// Writes the tile program of an op. Every kind has a schedule, on every target.
Result<TileProgram> makeTileProgram(const ScheduleInput &input, mlir::MLIRContext &context);

// One function for each op family, in the file of that name. Each adds its kernels to the program.
void scheduleElementwise(const ScheduleInput &input, TileProgram &program);
void scheduleNorm(const ScheduleInput &input, TileProgram &program);
void scheduleLinear(const ScheduleInput &input, TileProgram &program);
void scheduleLatentProjection(const ScheduleInput &input, TileProgram &program);
void scheduleMlaDecode(const ScheduleInput &input, TileProgram &program);
void scheduleGqaDecode(const ScheduleInput &input, TileProgram &program);
void schedulePrefill(const ScheduleInput &input, TileProgram &program);
void scheduleRopeAppend(const ScheduleInput &input, TileProgram &program);
void scheduleConv(const ScheduleInput &input, TileProgram &program);
void scheduleMamba2Step(const ScheduleInput &input, TileProgram &program);
void scheduleSsmUpdate(const ScheduleInput &input, TileProgram &program);
void scheduleSsdScan(const ScheduleInput &input, TileProgram &program);

} // namespace zorse::schedule
