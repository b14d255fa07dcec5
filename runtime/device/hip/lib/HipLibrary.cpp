//===- HipLibrary.cpp - the HIP library in this process -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "HipLibrary.h"

#include <dlfcn.h>
#include <vector>

namespace zorse::hip {

namespace {

constexpr const char *elsewhere =
    "without an AMD GPU take the device emulator or host (--device emulator, --device host)";

/// Why the dynamic linker refused, without the name with which it mostly begins.
std::string loaderReason(const std::string &name) {
  const char *given = dlerror();
  std::string reason = given ? given : "no reason given";
  return reason.starts_with(name + ": ") ? reason.substr(name.size() + 2) : reason;
}

/// What to try about an error code; the library's own sentence says only what it is.
std::string_view advice(int code) {
  switch (code) {
  case OutOfMemory:
    return "use fewer slots, a shorter maximal length or a smaller model, or stop other programs "
           "on this GPU";
  case InsufficientDriver:
    return "load the amdgpu kernel driver of this ROCm release or a newer one";
  case NoDevice:
    return "check that /dev/kfd and /dev/dri are there and open to this user, and that "
           "HIP_VISIBLE_DEVICES and ROCR_VISIBLE_DEVICES hide no GPU; without an AMD GPU take the "
           "device emulator or host (--device emulator, --device host)";
  case InvalidDevice:
    return "name one of the GPUs that HIP shows, counted from 0";
  case InvalidImage:
  case NoBinaryForGpu:
    return "compile the code for this GPU, or take a newer ROCm if it is older than the GPU";
  case IllegalAddress:
  case LaunchFailure:
    return "a kernel launched before this call has failed; the device emulator (--device emulator) "
           "shows where; this process cannot use the GPU any more";
  case LaunchOutOfResources:
    return "choose a configuration with fewer registers, less LDS or fewer work-items";
  case NotSupported:
    return "take ROCm 6 or 7";
  default:
    return "AMD_LOG_LEVEL=3 in the environment makes HIP say more";
  }
}

} // namespace

Result<Library> Library::open(const std::string &name) {
  std::vector<std::string> names = {name};
  if (name.empty())
    names = {"libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so", "libamdhip64.so.5"};
  std::string tried;
  Library library;
  void *handle = nullptr;
  for (const std::string &each : names) {
    handle = dlopen(each.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle) {
      library.opened = each;
      break;
    }
    tried += fmt::format("{}{} ({})", tried.empty() ? "" : ", ", each, loaderReason(each));
  }
  if (!handle)
    return Error{ErrorCode::Device,
                 fmt::format("no HIP library; tried {}; install the HIP runtime of ROCm, or name "
                             "its library in ZORSE_HIP_LIBRARY; {}",
                             tried, elsewhere)};
  auto find = [&](const char *symbol) { return dlsym(handle, symbol); };
  const char *missing = nullptr;
#define ZORSE_HIP_RESOLVE(Type, Name, Parameters)                                                  \
  library.functions.Name = reinterpret_cast<Type(*) Parameters>(find(#Name));                      \
  if (!library.functions.Name && !missing)                                                         \
    missing = #Name;
  ZORSE_HIP_FUNCTIONS(ZORSE_HIP_RESOLVE)
#undef ZORSE_HIP_RESOLVE
  void *properties = find(propertiesSymbol);
  if (!properties) {
    properties = find(oldPropertiesSymbol);
    library.old = true;
  }
  if (!properties && !missing)
    missing = propertiesSymbol;
  library.functions.getProperties = reinterpret_cast<GetProperties>(properties);
  if (missing)
    return Error{
        ErrorCode::Device,
        fmt::format("{} has no function {}; expected a libamdhip64 of ROCm 5, 6 or 7, name "
                    "one in ZORSE_HIP_LIBRARY; {}",
                    library.opened, missing, elsewhere)};
  return library;
}

Error Library::failure(int code, const std::string &call) const {
  const char *name = functions.hipGetErrorName(code), *text = functions.hipGetErrorString(code);
  // What concerns the device as a whole, not this one request.
  const bool device = code == NoDevice || code == InvalidDevice || code == InsufficientDriver ||
                      code == NotInitialized || code == NoBinaryForGpu;
  return {device ? ErrorCode::Device : ErrorCode::Runtime,
          fmt::format("{} failed: {} ({}), {}; {}", call, name ? name : "unnamed error", code,
                      text ? text : "no description", advice(code))};
}

} // namespace zorse::hip
