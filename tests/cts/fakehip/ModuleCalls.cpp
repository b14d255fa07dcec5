//===- ModuleCalls.cpp - code, launches and graphs of the fake HIP --------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Call.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <elf.h>

using namespace zorse;
using namespace zorse::hip;
using namespace zorse::fakehip;

namespace {

/// How long an ELF file is by its own headers; 0 if it is none.
size_t imageBytes(const uint8_t *image) {
  Elf64_Ehdr header;
  std::memcpy(&header, image, sizeof(header));
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return 0;
  size_t end = std::max<size_t>(sizeof(header),
                                header.e_shoff + size_t(header.e_shnum) * header.e_shentsize);
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, image + header.e_phoff + i * sizeof(segment), sizeof(segment));
    end = std::max(end, size_t(segment.p_offset + segment.p_filesz));
  }
  return end;
}

/// Bytes of the arguments that a caller has to give.
size_t explicitBytes(const emulator::KernelDescription &kernel) {
  size_t end = 0;
  for (const emulator::ArgumentInfo &argument : kernel.arguments)
    if (argument.kind.rfind("hidden_", 0) != 0)
      end = std::max<size_t>(end, argument.offset + argument.size);
  return end;
}

/// The argument bytes of a launch, or an error code.
int readArguments(void **extra, std::vector<uint8_t> &arguments) {
  if (!extra || extra[0] != paramBufferPointer || extra[2] != paramBufferSize ||
      extra[4] != paramEnd || !extra[1] || !extra[3])
    return InvalidValue;
  const auto *bytes = static_cast<const uint8_t *>(extra[1]);
  arguments.assign(bytes, bytes + *static_cast<const size_t *>(extra[3]));
  return Success;
}

} // namespace

FAKE_HIP(hipModuleLoadData, (ModuleHandle * handle, const void *image)) {
  return call("hipModuleLoadData", "", Needs::Gpu, [&](State &all) -> int {
    if (!handle || !image)
      return InvalidValue;
    if (all.breaksCapture())
      return StreamCaptureUnsupported;
    const auto *bytes = static_cast<const uint8_t *>(image);
    auto module = std::make_shared<LoadedModule>();
    module->device = currentDevice();
    Result<std::unique_ptr<emulator::Image>> loaded =
        all.gpus[size_t(module->device)].machine->load({bytes, imageBytes(bytes)});
    if (!loaded) {
      std::fprintf(stderr, "fake HIP: %s\n", loaded.error().message.c_str());
      return loaded.error().code == ErrorCode::Device ? NoBinaryForGpu : InvalidImage;
    }
    module->image = loaded.take();
    *handle = all.modules.add(std::move(module));
    return Success;
  });
}

FAKE_HIP(hipModuleUnload, (ModuleHandle handle)) {
  return call("hipModuleUnload", "", Needs::Init, [&](State &all) -> int {
    std::shared_ptr<LoadedModule> module = all.modules.find(handle);
    if (!module)
      return InvalidHandle;
    module->unloaded = true; // what still waits in a queue fails
    all.functions.removeIf([&](const Function &each) { return each.module == module; });
    all.modules.remove(handle);
    return Success;
  });
}

FAKE_HIP(hipModuleGetFunction,
         (FunctionHandle * handle, ModuleHandle moduleHandle, const char *name)) {
  return call("hipModuleGetFunction", name ? name : "", Needs::Gpu, [&](State &all) -> int {
    if (!handle || !name)
      return InvalidValue;
    std::shared_ptr<LoadedModule> module = all.modules.find(moduleHandle);
    if (!module)
      return InvalidHandle;
    for (const emulator::KernelDescription &kernel : module->image->kernels())
      if (kernel.name == name) {
        *handle = all.functions.add(std::make_shared<Function>(Function{module, &kernel}));
        return Success;
      }
    return NotFound;
  });
}

FAKE_HIP(hipModuleLaunchKernel,
         (FunctionHandle handle, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
          unsigned blockY, unsigned blockZ, unsigned sharedBytes, StreamHandle streamHandle,
          void **parameters, void **extra)) {
  std::lock_guard lock(state().mutex);
  std::shared_ptr<Function> function = state().functions.find(handle);
  const std::string arguments =
      fmt::format("{}, {} x {} x {}, {} x {} x {}", function ? function->kernel->name : "?", gridX,
                  gridY, gridZ, blockX, blockY, blockZ);
  return call("hipModuleLaunchKernel", arguments, Needs::Gpu, [&](State &all) -> int {
    std::shared_ptr<Stream> stream = all.streams.find(streamHandle);
    if (!function || !stream || stream->device != function->module->device)
      return InvalidHandle;
    if (parameters) // HIP takes them too, Zorse does not use them
      return InvalidValue;
    const emulator::KernelDescription &kernel = *function->kernel;
    const std::array<uint64_t, 3> grid = {gridX, gridY, gridZ}, block = {blockX, blockY, blockZ};
    KernelNode node{function, {}, {}};
    for (size_t d = 0; d < 3; ++d) {
      if (grid[d] * block[d] == 0 || grid[d] * block[d] > UINT32_MAX ||
          (kernel.requiredBlock[d] != 0 && kernel.requiredBlock[d] != block[d]))
        return InvalidConfiguration;
      node.shape.grid[d] = uint32_t(grid[d] * block[d]);
      node.shape.block[d] = uint32_t(block[d]);
    }
    if (block[0] * block[1] * block[2] > kernel.maxWorkgroupThreads)
      return InvalidConfiguration;
    node.shape.dynamicLdsBytes = sharedBytes;
    if (int code = readArguments(extra, node.arguments); code != Success)
      return code;
    if (kernel.hasMetadata ? node.arguments.size() != explicitBytes(kernel)
                           : node.arguments.size() > kernel.kernargBytes)
      return InvalidValue;
    if (stream->capture == Stream::Capture::Invalidated)
      return StreamCaptureInvalidated;
    if (stream->capture == Stream::Capture::Active)
      stream->captured->nodes.push_back(std::move(node));
    else
      stream->queue.push_back([&all, node = std::move(node)] { return all.run(node); });
    return Success;
  });
}

FAKE_HIP(hipGraphInstantiate, (GraphExecHandle * handle, GraphHandle graphHandle,
                               GraphNodeHandle *failedNode, char *, size_t)) {
  return call("hipGraphInstantiate", "", Needs::Gpu, [&](State &all) -> int {
    std::shared_ptr<CapturedGraph> graph = all.graphs.find(graphHandle);
    if (!handle || !graph)
      return InvalidValue;
    if (failedNode)
      *failedNode = nullptr;
    *handle = all.execs.add(std::make_shared<Exec>(Exec{graph->nodes}));
    return Success;
  });
}

FAKE_HIP(hipGraphDestroy, (GraphHandle handle)) {
  return call("hipGraphDestroy", "", Needs::Init, [&](State &all) -> int {
    if (!all.graphs.find(handle))
      return InvalidValue;
    all.graphs.remove(handle);
    return Success;
  });
}

FAKE_HIP(hipGraphExecDestroy, (GraphExecHandle handle)) {
  return call("hipGraphExecDestroy", "", Needs::Init, [&](State &all) -> int {
    std::shared_ptr<Exec> exec = all.execs.find(handle);
    if (!exec)
      return InvalidValue;
    // Some releases of HIP let the GPU run what is gone.
    if (exec->inFlight > 0)
      return IllegalState;
    all.execs.remove(handle);
    return Success;
  });
}

FAKE_HIP(hipGraphLaunch, (GraphExecHandle handle, StreamHandle streamHandle)) {
  std::lock_guard lock(state().mutex);
  std::shared_ptr<Exec> exec = state().execs.find(handle);
  const std::string arguments = fmt::format("{} kernels", exec ? exec->nodes.size() : 0);
  return call("hipGraphLaunch", arguments, Needs::Gpu, [&](State &all) -> int {
    std::shared_ptr<Stream> stream = all.streams.find(streamHandle);
    if (!exec)
      return InvalidValue;
    if (!stream)
      return InvalidHandle;
    if (stream->capture != Stream::Capture::None) {
      stream->capture = Stream::Capture::Invalidated;
      return StreamCaptureUnsupported;
    }
    for (const KernelNode &node : exec->nodes)
      if (node.function->module->device != stream->device)
        return InvalidHandle;
    ++exec->inFlight;
    stream->queue.push_back([&all, exec]() -> int {
      int code = Success;
      for (const KernelNode &node : exec->nodes)
        if (code == Success)
          code = all.run(node);
      --exec->inFlight;
      return code;
    });
    return Success;
  });
}

namespace {

struct CodeText {
  int code;
  const char *name, *text;
};
constexpr CodeText codeTexts[] = {
    {Success, "hipSuccess", "no error"},
    {InvalidValue, "hipErrorInvalidValue", "invalid argument"},
    {OutOfMemory, "hipErrorOutOfMemory", "out of memory"},
    {NotInitialized, "hipErrorNotInitialized", "initialization error"},
    {InvalidConfiguration, "hipErrorInvalidConfiguration", "invalid configuration argument"},
    {InsufficientDriver, "hipErrorInsufficientDriver",
     "driver version is insufficient for runtime version"},
    {NoDevice, "hipErrorNoDevice", "no ROCm-capable device is detected"},
    {InvalidDevice, "hipErrorInvalidDevice", "invalid device ordinal"},
    {InvalidImage, "hipErrorInvalidImage", "device kernel image is invalid"},
    {NoBinaryForGpu, "hipErrorNoBinaryForGpu",
     "no kernel image is available for execution on the device"},
    {InvalidHandle, "hipErrorInvalidHandle", "invalid resource handle"},
    {IllegalState, "hipErrorIllegalState",
     "the operation cannot be performed in the present state"},
    {NotFound, "hipErrorNotFound", "named symbol not found"},
    {NotReady, "hipErrorNotReady", "device not ready"},
    {IllegalAddress, "hipErrorIllegalAddress", "an illegal memory access was encountered"},
    {LaunchOutOfResources, "hipErrorLaunchOutOfResources",
     "too many resources requested for launch"},
    {LaunchFailure, "hipErrorLaunchFailure", "unspecified launch failure"},
    {NotSupported, "hipErrorNotSupported", "operation not supported"},
    {StreamCaptureUnsupported, "hipErrorStreamCaptureUnsupported",
     "operation not permitted when stream is capturing"},
    {StreamCaptureInvalidated, "hipErrorStreamCaptureInvalidated",
     "operation failed due to a previous error during capture"},
    {StreamCaptureUnmatched, "hipErrorStreamCaptureUnmatched",
     "the capture was not initiated in this stream"},
    {StreamCaptureWrongThread, "hipErrorStreamCaptureWrongThread",
     "attempt to terminate a thread-local capture sequence from another thread"},
};

const CodeText &textOf(int code) {
  for (const CodeText &each : codeTexts)
    if (each.code == code)
      return each;
  static constexpr CodeText unknown = {999, "hipErrorUnknown", "unknown error"};
  return unknown;
}

} // namespace

extern "C" __attribute__((visibility("default"))) const char *hipGetErrorName(int code) {
  return textOf(code).name;
}
extern "C" __attribute__((visibility("default"))) const char *hipGetErrorString(int code) {
  return textOf(code).text;
}
