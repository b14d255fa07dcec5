//===- DeviceCalls.cpp - GPUs and memory of the fake HIP ------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Call.h"

#include <cstring>

using namespace zorse;
using namespace zorse::hip;
using namespace zorse::fakehip;

FAKE_HIP(hipInit, (unsigned flags)) {
  return call("hipInit", fmt::format("{}", flags), Needs::Nothing, [&](State &all) -> int {
    if (flags != 0)
      return InvalidValue;
    if (all.gpus.empty())
      return NoDevice;
    all.initialised = true;
    return Success;
  });
}

FAKE_HIP(hipRuntimeGetVersion, (int *version)) {
  return call("hipRuntimeGetVersion", "", Needs::Init, [&](State &) -> int {
    if (!version)
      return InvalidValue;
    *version = FAKE_HIP_VERSION;
    return Success;
  });
}

FAKE_HIP(hipGetDeviceCount, (int *count)) {
  return call("hipGetDeviceCount", "", Needs::Init, [&](State &all) -> int {
    if (!count)
      return InvalidValue;
    *count = int(all.gpus.size());
    return Success;
  });
}

FAKE_HIP(hipSetDevice, (int device)) {
  return call("hipSetDevice", fmt::format("{}", device), Needs::Init, [&](State &all) -> int {
    if (device < 0 || device >= int(all.gpus.size()))
      return InvalidDevice;
    currentDevice() = device;
    return Success;
  });
}

FAKE_HIP(hipDeviceGetAttribute, (int *value, int attribute, int device)) {
  return call("hipDeviceGetAttribute", fmt::format("{}, {}", attribute, device), Needs::Init,
              [&](State &all) -> int {
                if (!value)
                  return InvalidValue;
                if (device < 0 || device >= int(all.gpus.size()))
                  return InvalidDevice;
                const TargetDesc &target = all.gpus[size_t(device)].machine->target();
                switch (attribute) {
                case MultiprocessorCount:
                  *value = target.computeUnits;
                  return Success;
                case WarpSize:
                  *value = target.waveSize;
                  return Success;
                default:
                  return InvalidValue;
                }
              });
}

// The one function whose name and block differ between ROCm 5 and later.
#ifdef FAKE_HIP_OLD
#define FAKE_HIP_PROPERTIES hipGetDeviceProperties
constexpr size_t archAt = oldArchNameOffset, blockBytes = 792;
constexpr const char *propertiesName = oldPropertiesSymbol;
#else
#define FAKE_HIP_PROPERTIES hipGetDevicePropertiesR0600
constexpr size_t archAt = archNameOffset, blockBytes = 1472;
constexpr const char *propertiesName = propertiesSymbol;
#endif
extern "C" __attribute__((visibility("default"))) int FAKE_HIP_PROPERTIES(void *block, int device) {
  return call(propertiesName, fmt::format("{}", device), Needs::Init, [&](State &all) -> int {
    if (!block)
      return InvalidValue;
    if (device < 0 || device >= int(all.gpus.size()))
      return InvalidDevice;
    const std::string &arch = all.gpus[size_t(device)].machine->target().arch;
    const std::string name = "Emulated " + arch, full = arch + ":sramecc+:xnack-";
    std::memset(block, 0, blockBytes);
    std::memcpy(static_cast<char *>(block) + nameOffset, name.data(), name.size());
    std::memcpy(static_cast<char *>(block) + archAt, full.data(), full.size());
    return Success;
  });
}

FAKE_HIP(hipMalloc, (void **memory, size_t bytes)) {
  return call("hipMalloc", fmt::format("{}", bytes), Needs::Gpu, [&](State &all) -> int {
    if (!memory)
      return InvalidValue;
    if (all.breaksCapture())
      return StreamCaptureUnsupported;
    *memory = nullptr;
    if (bytes == 0)
      return Success;
    Result<uint64_t> address = all.gpus[size_t(currentDevice())].machine->allocate(bytes);
    if (!address)
      return OutOfMemory;
    all.memory[*address] = currentDevice();
    *memory = reinterpret_cast<void *>(*address);
    return Success;
  });
}

FAKE_HIP(hipFree, (void *memory)) {
  return call("hipFree", "", Needs::Init, [&](State &all) -> int {
    if (!memory)
      return Success;
    auto found = all.memory.find(reinterpret_cast<uint64_t>(memory));
    if (found == all.memory.end())
      return InvalidValue;
    if (all.breaksCapture())
      return StreamCaptureUnsupported;
    const int device = found->second;
    all.flushDevice(device);
    all.memory.erase(found);
    Status status = all.gpus[size_t(device)].machine->release(reinterpret_cast<uint64_t>(memory));
    return status ? all.gpus[size_t(device)].lost : int(InvalidValue);
  });
}

FAKE_HIP(hipHostMalloc, (void **memory, size_t bytes, unsigned flags)) {
  return call("hipHostMalloc", fmt::format("{}, {}", bytes, flags), Needs::Gpu,
              [&](State &all) -> int {
                if (!memory || bytes == 0 || flags != 0)
                  return InvalidValue;
                if (all.breaksCapture())
                  return StreamCaptureUnsupported;
                auto made = std::make_unique<uint8_t[]>(bytes);
                *memory = made.get();
                const auto address = reinterpret_cast<uintptr_t>(made.get());
                all.pinned[address] = std::move(made);
                all.pinnedBytes[address] = bytes;
                return Success;
              });
}

FAKE_HIP(hipHostFree, (void *memory)) {
  return call("hipHostFree", "", Needs::Init, [&](State &all) -> int {
    const auto address = reinterpret_cast<uintptr_t>(memory);
    if (!all.pinned.contains(address))
      return InvalidValue;
    for (size_t device = 0; device < all.gpus.size(); ++device)
      all.flushDevice(int(device));
    all.pinned.erase(address);
    all.pinnedBytes.erase(address);
    return Success;
  });
}

FAKE_HIP(hipMemcpyAsync,
         (void *to, const void *from, size_t bytes, int kind, StreamHandle handle)) {
  return call("hipMemcpyAsync", fmt::format("{}, {}", bytes, kind), Needs::Gpu,
              [&](State &all) -> int {
                std::shared_ptr<Stream> stream = all.streams.find(handle);
                if (!stream)
                  return InvalidHandle;
                if (kind != HostToDevice && kind != DeviceToHost)
                  return InvalidValue;
                if (stream->capture != Stream::Capture::None) {
                  stream->capture = Stream::Capture::Invalidated;
                  return StreamCaptureUnsupported;
                }
                const bool up = kind == HostToDevice;
                const auto address = reinterpret_cast<uint64_t>(up ? to : from);
                const emulator::Machine &machine = *all.gpus[size_t(stream->device)].machine;
                if (!to || !from || bytes > machine.sizeAt(address))
                  return InvalidValue;
                auto copy = [=]() -> int {
                  std::memcpy(to, from, bytes);
                  return Success;
                };
                // Pinned memory is read and written when the stream gets there; for other memory
                // the call waits.
                if (all.isPinned(up ? from : to, bytes)) {
                  stream->queue.push_back(copy);
                  return Success;
                }
                if (int code = all.flush(*stream); code != Success)
                  return code;
                return copy();
              });
}
