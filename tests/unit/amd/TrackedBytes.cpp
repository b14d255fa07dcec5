//===- TrackedBytes.cpp - memory that notices races -----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneInterpreter.h"

#include <cstring>
#include <stdexcept>

namespace zorse::test {

static constexpr int16_t manyWaves = 99;

TrackedBytes::TrackedBytes(std::string name, uint8_t *data, size_t size, bool initialised)
    : name(std::move(name)), data(data), states(size) {
  for (State &state : states)
    state.initialised = initialised;
}

void TrackedBytes::check(size_t at, size_t bytes) const {
  if (at > states.size() || bytes > states.size() - at)
    throw std::runtime_error(name + ": access to bytes " + std::to_string(at) + " to " +
                             std::to_string(at + bytes) + " of " + std::to_string(states.size()));
  if (at % std::min<size_t>(bytes, 16) != 0 && at % 4 != 0)
    throw std::runtime_error(name + ": access of " + std::to_string(bytes) + " bytes at " +
                             std::to_string(at) + " is not aligned");
}

void TrackedBytes::read(int wave, int64_t epoch, size_t at, void *to, size_t bytes) {
  check(at, bytes);
  for (size_t i = at; i < at + bytes; ++i) {
    State &state = states[i];
    if (!state.initialised)
      throw std::runtime_error(name + ": byte " + std::to_string(i) + " is read but not written");
    if (state.writeEpoch == epoch && state.writer != wave)
      throw std::runtime_error(name + ": wave " + std::to_string(wave) + " reads byte " +
                               std::to_string(i) + " that wave " + std::to_string(state.writer) +
                               " wrote since the last barrier");
    state.reader = state.readEpoch == epoch && state.reader != wave ? manyWaves : int16_t(wave);
    state.readEpoch = epoch;
  }
  std::memcpy(to, data + at, bytes);
}

void TrackedBytes::write(int wave, int64_t epoch, size_t at, const void *from, size_t bytes) {
  check(at, bytes);
  for (size_t i = at; i < at + bytes; ++i) {
    State &state = states[i];
    if (state.writeEpoch == epoch && state.writer != wave)
      throw std::runtime_error(name + ": two waves write byte " + std::to_string(i) +
                               " between two barriers");
    if (state.readEpoch == epoch && state.reader != wave)
      throw std::runtime_error(name + ": wave " + std::to_string(wave) + " writes byte " +
                               std::to_string(i) +
                               " that another wave read since the last barrier");
    state.writeEpoch = epoch;
    state.writer = int16_t(wave);
    state.initialised = true;
  }
  std::memcpy(data + at, from, bytes);
}

} // namespace zorse::test
