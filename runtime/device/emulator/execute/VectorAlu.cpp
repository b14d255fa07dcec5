//===- VectorAlu.cpp - all families of vector instructions ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/VectorTables.h"

#include <unordered_map>

namespace zorse::emulator {

namespace {
using HandlerMap = std::unordered_map<std::string_view, Handler>;

HandlerMap mapOf(std::initializer_list<HandlerTable> families) {
  HandlerMap map;
  for (HandlerTable family : families)
    for (const HandlerEntry &entry : family)
      map.emplace(entry.mnemonic, entry.handler);
  return map;
}

Handler lookUp(const HandlerMap &map, const std::string &mnemonic) {
  auto found = map.find(mnemonic);
  return found == map.end() ? nullptr : found->second;
}
} // namespace

Handler findVectorAlu(const Instruction &instruction, const TargetDesc &target) {
  static const HandlerMap common =
      mapOf({vectorBytes(), vectorCarry(), vectorCompareFloat(), vectorCompareInteger(),
             vectorConvert(), vectorCrossLane(), vectorCube(), vectorDivide(), vectorDot(),
             vectorFloat32(), vectorFloat64(), vectorHalf(), vectorInteger(), vectorInteger16(),
             vectorPack(), vectorTranscendental(), vectorWide()});
  static const HandlerMap float8 = mapOf({vectorFloat8()});
  static const HandlerMap float8Fnuz = mapOf({vectorFloat8Fnuz()});
  if (Handler handler = lookUp(common, instruction.mnemonic))
    return handler;
  return lookUp(target.fp8IsFnuz ? float8Fnuz : float8, instruction.mnemonic);
}

} // namespace zorse::emulator
