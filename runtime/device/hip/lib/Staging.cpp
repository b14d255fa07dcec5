//===- Staging.cpp - uploads that need not wait ---------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Staging.h"

#include <cstring>

namespace zorse::hip {

Staging::~Staging() {
  for (EventHandle event : left)
    if (event)
      library->hipEventDestroy(event);
  if (memory)
    library->hipHostFree(memory);
}

Status Staging::allocate() {
  void *made = nullptr;
  if (Status status = library.check(library->hipHostMalloc(&made, 2 * halfBytes, 0),
                                    "hipHostMalloc({} bytes)", 2 * halfBytes);
      !status)
    return status;
  memory = static_cast<uint8_t *>(made);
  for (EventHandle &event : left)
    if (Status status = library.check(library->hipEventCreateWithFlags(&event, eventDisableTiming),
                                      "hipEventCreateWithFlags(hipEventDisableTiming)");
        !status)
      return status;
  return Status::success();
}

Status Staging::copy(uint64_t to, const uint8_t *from, size_t bytes) {
  return library.check(
      library->hipMemcpyAsync(reinterpret_cast<void *>(to), from, bytes, HostToDevice, stream),
      "hipMemcpyAsync(to {:#x}, from the host, {} bytes)", to, bytes);
}

Status Staging::turn() {
  if (Status status = library.check(library->hipEventRecord(left[half], stream),
                                    "hipEventRecord(of the staging memory)");
      !status)
    return status;
  pending[half] = true;
  half = 1 - half;
  used = 0;
  if (!pending[half])
    return Status::success();
  pending[half] = false;
  return library.check(library->hipEventSynchronize(left[half]),
                       "hipEventSynchronize(of the staging memory)");
}

Status Staging::upload(uint64_t to, std::span<const uint8_t> from) {
  if (from.size() > largest) {
    if (Status status = copy(to, from.data(), from.size()); !status)
      return status;
    return library.check(library->hipStreamSynchronize(stream), "hipStreamSynchronize()");
  }
  if (used + from.size() > halfBytes)
    if (Status status = turn(); !status)
      return status;
  uint8_t *place = memory + half * halfBytes + used;
  std::memcpy(place, from.data(), from.size());
  used += (from.size() + 63) / 64 * 64;
  return copy(to, place, from.size());
}

} // namespace zorse::hip
