//===- ModeRegister.h - HW_REG_MODE -----------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "execute/Wave.h"

namespace zorse::emulator {

/// Sets Wave::modeRegister and Wave::mode. Layout: f32 rounding [1:0], f16 and f64 rounding [3:2],
/// f32 denormals [5:4], f16 and f64 denormals [7:6], dx10_clamp 8, ieee 9, exceptions [20:12],
/// registers numbered by M0 27.
/// Stops the wave, and returns false, for what is not executed: any rounding but to nearest even,
/// denormals kept on one side of an instruction only, exceptions, FP16_OVFL, VSKIP.
bool writeModeRegister(Wave &wave, uint32_t value);

} // namespace zorse::emulator
