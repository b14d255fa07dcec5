//===- LaunchChecks.cpp - what every device asks of a call ----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/device/LaunchChecks.h"

#include <fmt/format.h>

namespace zorse {

Status checkCopy(std::string_view what, const Buffer &buffer, size_t offset, size_t bytes) {
  // Both ranges inside of the buffer, without overflow.
  if (offset > buffer.size() || bytes > buffer.size() - offset)
    return usageError(fmt::format("{} of {} bytes at offset {} exceeds the buffer of {} bytes",
                                  what, bytes, offset, buffer.size()));
  return Status::success();
}

Status checkSlots(const CodeObject &object, std::span<const uint64_t> slots) {
  if (slots.size() != object.arguments.size())
    return usageError(fmt::format("a launch of '{}' takes {} argument slots, {} were given",
                                  object.kernels.empty() ? "" : object.kernels[0].symbol,
                                  object.arguments.size(), slots.size()));
  return Status::success();
}

Error notInCapture(std::string_view call) {
  return usageError(
      fmt::format("{} inside of a capture; only launches can be recorded, do it before", call));
}

static Result<std::vector<Grid>> evaluate(const CodeObject &object, const Sizes &sizes) {
  ExprScope scope;
  for (const auto &[name, value] : sizes)
    scope[name] = value;
  std::vector<Grid> grids;
  for (const KernelInfo &kernel : object.kernels) {
    Grid grid;
    for (size_t d = 0; d < 3; ++d) {
      Result<int64_t> extent = kernel.grid[d].evaluate(scope);
      if (!extent)
        return Error{extent.error().code,
                     fmt::format("grid of kernel '{}': {}", kernel.symbol, extent.error().message)};
      if (*extent < 0)
        return usageError(fmt::format("grid of kernel '{}' is {} = {}, must not be negative",
                                      kernel.symbol, kernel.grid[d].text(), *extent));
      grid[d] = *extent;
    }
    grids.push_back(grid);
  }
  return grids;
}

// Room up front, because of() hands out views.
Grids::Grids() { known.reserve(8); }

Result<std::span<const Grid>> Grids::of(const CodeObject &object, const Sizes &sizes) {
  for (const Known &entry : known)
    if (entry.sizes == sizes)
      return std::span<const Grid>(entry.grids);
  Result<std::vector<Grid>> grids = evaluate(object, sizes);
  if (!grids)
    return grids.takeError();
  Known &entry =
      known.size() < known.capacity() ? known.emplace_back() : known[nextVictim++ % known.size()];
  entry = {sizes, grids.take()};
  return std::span<const Grid>(entry.grids);
}

} // namespace zorse
