//===- VectorTables.h - families of vector instructions ---------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "execute/Handlers.h"

#include <span>

namespace zorse::emulator {

using HandlerTable = std::span<const HandlerEntry>;

HandlerTable vectorBytes();          ///< perm, sad, lerp, alignbyte
HandlerTable vectorCarry();          ///< carries in and out, cndmask
HandlerTable vectorCompareFloat();   ///< v_cmp and v_cmpx of floats, classes
HandlerTable vectorCompareInteger(); ///< v_cmp and v_cmpx of integers
HandlerTable vectorConvert();        ///< between numbers of 16, 32 and 64 bits
HandlerTable vectorCrossLane();      ///< readlane, mbcnt, swap
HandlerTable vectorCube();
HandlerTable vectorDivide();     ///< div_scale, div_fmas, div_fixup
HandlerTable vectorDot();        ///< accumulating dot products of VOP2
HandlerTable vectorFloat8();     ///< as the OCP has them
HandlerTable vectorFloat8Fnuz(); ///< without infinities and -0
HandlerTable vectorFloat32();
HandlerTable vectorFloat64();
HandlerTable vectorHalf();
HandlerTable vectorInteger();
HandlerTable vectorInteger16();
HandlerTable vectorPack(); ///< two conversions into one dword
HandlerTable vectorTranscendental();
HandlerTable vectorWide(); ///< integers of 64 bits

} // namespace zorse::emulator
