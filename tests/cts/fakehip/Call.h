//===- Call.h - one call of the fake HIP ------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "State.h"

#include <fmt/format.h>

#include <type_traits>

/// Defines an exported function whose type is that of the table which the device calls.
#define FAKE_HIP(Name, Parameters)                                                                 \
  extern "C" __attribute__((visibility("default"))) int Name Parameters;                           \
  static_assert(std::is_same_v<decltype(&Name), decltype(zorse::hip::Functions::Name)>);           \
  extern "C" int Name Parameters

namespace zorse::fakehip {

enum class Needs { Nothing, Init, Gpu };

/// Runs the body of one call under the lock: injected failures first, then what it needs. `Gpu`
/// is the thread's GPU, which must not be lost.
template <typename Body>
int call(const char *function, const std::string &arguments, Needs needs, Body body) {
  State &all = state();
  std::lock_guard lock(all.mutex);
  int code = all.injected(function);
  if (code == hip::Success && needs != Needs::Nothing && !all.initialised)
    code = hip::NotInitialized;
  if (code == hip::Success && needs == Needs::Gpu)
    code = all.gpus[size_t(currentDevice())].lost;
  if (code == hip::Success)
    code = body(all);
  all.note(function, arguments, code);
  return code;
}

} // namespace zorse::fakehip
