//===- HiddenArguments.cpp - what the driver adds to a launch -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Layouts from LLVM's "User Guide for AMDGPU Backend", code object V5 metadata,
// and from the HSA runtime specification (kernel dispatch packet).
//
//===----------------------------------------------------------------------===//
#include "HiddenArguments.h"

#include "execute/Wave.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace zorse::emulator {

namespace {

struct HiddenArgument {
  std::string_view kind;
  uint32_t offset, size; ///< behind the explicit arguments, where there is no metadata
};
constexpr HiddenArgument known[] = {
    {"hidden_block_count_x", 0, 4},    {"hidden_block_count_y", 4, 4},
    {"hidden_block_count_z", 8, 4},    {"hidden_group_size_x", 12, 2},
    {"hidden_group_size_y", 14, 2},    {"hidden_group_size_z", 16, 2},
    {"hidden_remainder_x", 18, 2},     {"hidden_remainder_y", 20, 2},
    {"hidden_remainder_z", 22, 2},     {"hidden_global_offset_x", 40, 8},
    {"hidden_global_offset_y", 48, 8}, {"hidden_global_offset_z", 56, 8},
    {"hidden_grid_dims", 64, 2},       {"hidden_dynamic_lds_size", 120, 4},
    {"hidden_private_base", 192, 4},   {"hidden_shared_base", 196, 4},
};

uint64_t valueOf(std::string_view kind, const LaunchShape &shape) {
  auto dimension = static_cast<size_t>(kind.back() - 'x');
  if (kind.substr(0, 19) == "hidden_block_count_")
    return shape.grid[dimension] / shape.block[dimension];
  if (kind.substr(0, 18) == "hidden_group_size_")
    return shape.block[dimension];
  if (kind.substr(0, 17) == "hidden_remainder_")
    return shape.grid[dimension] % shape.block[dimension];
  if (kind == "hidden_grid_dims")
    return shape.grid[2] > 1 ? 3 : shape.grid[1] > 1 ? 2 : 1;
  if (kind == "hidden_dynamic_lds_size")
    return shape.dynamicLdsBytes;
  if (kind == "hidden_private_base")
    return privateAperture >> 32;
  if (kind == "hidden_shared_base")
    return sharedAperture >> 32;
  return 0; // offsets
}

void put(std::vector<uint8_t> &to, size_t offset, uint64_t value, size_t size) {
  if (offset <= to.size() && size <= to.size() - offset && size <= sizeof value)
    std::memcpy(to.data() + offset, &value, size);
}

} // namespace

std::vector<uint8_t> completeArguments(const LoadedKernel &kernel, const LaunchShape &shape,
                                       std::span<const uint8_t> explicitArguments) {
  size_t hiddenAt = (explicitArguments.size() + 7) / 8 * 8;
  std::vector<uint8_t> all(std::max<size_t>(kernel.descriptor.kernargBytes, hiddenAt));
  std::copy(explicitArguments.begin(), explicitArguments.end(), all.begin());
  for (const HiddenArgument &hidden : known) {
    if (!kernel.description.hasMetadata) {
      put(all, hiddenAt + hidden.offset, valueOf(hidden.kind, shape), hidden.size);
      continue;
    }
    for (const ArgumentInfo &argument : kernel.description.arguments)
      if (argument.kind == hidden.kind)
        put(all, argument.offset, valueOf(hidden.kind, shape), argument.size);
  }
  if (all.empty())
    all.resize(8); // so that it has an address
  return all;
}

std::vector<uint8_t> dispatchPacket(const LoadedKernel &kernel, const LaunchShape &shape) {
  std::vector<uint8_t> packet(64);
  put(packet, 0, 2, 2); // header: a kernel dispatch
  put(packet, 2, shape.grid[2] > 1 ? 3 : shape.grid[1] > 1 ? 2 : 1, 2);
  for (size_t d = 0; d < 3; ++d) {
    put(packet, 4 + 2 * d, shape.block[d], 2);
    put(packet, 12 + 4 * d, shape.grid[d], 4);
  }
  put(packet, 24, kernel.descriptor.scratchBytes, 4);
  put(packet, 28, uint64_t(kernel.descriptor.ldsBytes) + shape.dynamicLdsBytes, 4);
  return packet;
}

} // namespace zorse::emulator
