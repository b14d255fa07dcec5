//===- HipModule.cpp - a code object on a GPU -----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "HipModule.h"

#include "zorse/device/ElfChecks.h"

#include <limits>

namespace zorse::hip {

Result<std::unique_ptr<HipModule>> HipModule::load(const Library &library, StreamHandle stream,
                                                   const CodeObject &object) {
  // The library is not told how long the image is, so its headers have to be right.
  if (Status status = checkElf(object.bytes, elfMachineAmdgpu, "a GPU"); !status)
    return status.takeError();
  if (object.kernels.empty())
    return damagedCode("it names no kernel");
  std::unique_ptr<HipModule> made(new HipModule(library, stream, object));
  const std::string &first = object.kernels[0].symbol;
  if (Status status = library.check(
          library->hipModuleLoadData(&made->module, made->code.bytes.data()),
          "hipModuleLoadData('{}', {} bytes for {})", first, object.bytes.size(), object.arch);
      !status)
    return status.takeError();
  for (const KernelInfo &kernel : object.kernels) {
    FunctionHandle function = nullptr;
    const int code = library->hipModuleGetFunction(&function, made->module, kernel.symbol.c_str());
    if (code == NotFound)
      return damagedCode(fmt::format("it has no symbol '{}'", kernel.symbol));
    if (Status status = library.check(code, "hipModuleGetFunction('{}')", kernel.symbol); !status)
      return status.takeError();
    made->functions.push_back(function);
  }
  return made;
}

HipModule::~HipModule() {
  if (!module)
    return;
  library->hipStreamSynchronize(stream);
  library->hipModuleUnload(module);
}

Result<size_t> HipModule::enqueue(std::span<const uint64_t> slots, const Sizes &sizes) {
  if (Status status = checkSlots(code, slots); !status)
    return status.takeError();
  Result<std::span<const Grid>> all = grids.of(code, sizes);
  if (!all)
    return all.takeError();
  size_t bytes = slots.size_bytes(), count = 0;
  void *extra[] = {paramBufferPointer, const_cast<uint64_t *>(slots.data()), paramBufferSize,
                   &bytes, paramEnd};
  for (size_t k = 0; k < functions.size(); ++k) {
    const Grid &grid = (*all)[k];
    const std::array<int64_t, 3> &block = code.kernels[k].block;
    if (grid[0] == 0 || grid[1] == 0 || grid[2] == 0)
      continue;
    for (size_t d = 0; d < 3; ++d)
      if (grid[d] > std::numeric_limits<uint32_t>::max() / std::max<int64_t>(1, block[d]))
        return usageError(fmt::format(
            "grid of kernel '{}' is {} = {} workgroups of {} work-items, legal are less than 2^32 "
            "work-items; split the launch",
            code.kernels[k].symbol, code.kernels[k].grid[d].text(), grid[d], block[d]));
    if (Status status = library.check(
            library->hipModuleLaunchKernel(functions[k], unsigned(grid[0]), unsigned(grid[1]),
                                           unsigned(grid[2]), unsigned(block[0]),
                                           unsigned(block[1]), unsigned(block[2]), 0, stream,
                                           nullptr, extra),
            "hipModuleLaunchKernel('{}', {} x {} x {} workgroups of {} x {} x {}, {} bytes of "
            "arguments)",
            code.kernels[k].symbol, grid[0], grid[1], grid[2], block[0], block[1], block[2], bytes);
        !status)
      return status.takeError();
    ++count;
  }
  return count;
}

} // namespace zorse::hip
