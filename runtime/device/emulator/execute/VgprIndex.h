//===- VgprIndex.h - vector registers numbered by M0 ------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "execute/Wave.h"

namespace zorse::emulator {

/// Between s_set_gpr_idx_on and s_set_gpr_idx_off, vector instructions take registers whose numbers
/// are M0[7:0] higher: sources 0 to 2 and the result where M0[15:12] says so. Returns the
/// instruction as it then reads, for execution and checks. Stops the wave where a register lies
/// beyond those of the kernel, and for instructions whose behaviour under an index is not modelled:
/// DPP, SDWA, lane exchange, accumulation registers and MFMA.
Instruction withIndexedVgprs(Wave &wave, const Instruction &instruction);

} // namespace zorse::emulator
