//===- HostModule.cpp - a loaded host code object -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "HostModule.h"

#include "zorse/device/ElfChecks.h"

#include <fmt/format.h>

namespace zorse::host {

Result<std::unique_ptr<HostModule>> HostModule::load(const CodeObject &object) {
  Result<SharedObject> library = SharedObject::load(object.bytes);
  if (!library)
    return library.takeError();
  if (object.kernels.empty())
    return damagedCode("it names no kernel");
  std::unique_ptr<HostModule> module(new HostModule(object, library.take(), object.kernels.size()));
  for (size_t i = 0; i < object.kernels.size(); ++i) {
    const std::string &symbol = object.kernels[i].symbol;
    void *address = module->library.find(symbol);
    if (!address)
      return damagedCode(fmt::format("it has no symbol '{}'", symbol));
    module->functions[i].function = reinterpret_cast<KernelFunction>(address);
  }
  return module;
}

} // namespace zorse::host
