//===- HostModule.cpp - a loaded host code object -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "HostModule.h"

#include <fmt/format.h>

namespace zorse::host {

Result<std::unique_ptr<HostModule>> HostModule::load(const CodeObject &object) {
  Result<SharedObject> library = SharedObject::load(object.bytes);
  if (!library)
    return library.takeError();
  if (object.kernels.empty())
    return runtimeError("damaged code object: it names no kernel; compile it again");
  std::unique_ptr<HostModule> module(new HostModule(object, library.take(), object.kernels.size()));
  for (size_t i = 0; i < object.kernels.size(); ++i) {
    const std::string &symbol = object.kernels[i].symbol;
    void *address = module->library.find(symbol);
    if (!address)
      return runtimeError(
          fmt::format("damaged code object: it has no symbol '{}'; compile it again", symbol));
    module->functions[i].function = reinterpret_cast<KernelFunction>(address);
  }
  // Room up front, because grids() hands out pointers.
  module->known.reserve(8);
  return module;
}

Result<const std::vector<Grid> *> HostModule::grids(const Sizes &sizes) {
  for (const KnownGrids &entry : known)
    if (entry.sizes == sizes)
      return &entry.grids;
  ExprScope scope;
  for (const auto &[name, value] : sizes)
    scope[name] = value;
  std::vector<Grid> grids;
  for (const KernelInfo &kernel : code.kernels) {
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
  if (known.size() < known.capacity()) {
    known.push_back({sizes, std::move(grids)});
    return &known.back().grids;
  }
  KnownGrids &victim = known[nextVictim++ % known.size()];
  victim = {sizes, std::move(grids)};
  return &victim.grids;
}

} // namespace zorse::host
