//===- VectorAlu.cpp - all families of vector instructions ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/VectorTables.h"

#include <unordered_map>

namespace zorse::emulator {

Handler findVectorAlu(const Instruction &instruction) {
  static const auto handlers = [] {
    std::unordered_map<std::string_view, Handler> map;
    for (HandlerTable family :
         {vectorBytes(), vectorCarry(), vectorCompareFloat(), vectorCompareInteger(),
          vectorConvert(), vectorCrossLane(), vectorCube(), vectorDivide(), vectorDot(),
          vectorFloat8(), vectorFloat32(), vectorFloat64(), vectorHalf(), vectorInteger(),
          vectorInteger16(), vectorPack(), vectorTranscendental(), vectorWide()})
      for (const HandlerEntry &entry : family)
        map.emplace(entry.mnemonic, entry.handler);
    return map;
  }();
  auto found = handlers.find(instruction.mnemonic);
  return found == handlers.end() ? nullptr : found->second;
}

} // namespace zorse::emulator
