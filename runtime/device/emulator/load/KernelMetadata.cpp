//===- KernelMetadata.cpp - the note about kernels ------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "load/KernelMetadata.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace zorse::emulator {

using Json = nlohmann::json;

static uint32_t unsignedOf(const Json &object, const char *key) {
  auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer())
    return 0;
  auto value = found->get<int64_t>();
  return value < 0 || value > UINT32_MAX ? 0 : static_cast<uint32_t>(value);
}

static std::string textOf(const Json &object, const char *key) {
  auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

static KernelDescription readKernel(const Json &entry) {
  KernelDescription kernel;
  kernel.name = textOf(entry, ".name");
  kernel.hasMetadata = true;
  if (uint32_t threads = unsignedOf(entry, ".max_flat_workgroup_size"))
    kernel.maxWorkgroupThreads = threads;
  if (auto block = entry.find(".reqd_workgroup_size");
      block != entry.end() && block->is_array() && block->size() == 3)
    for (size_t d = 0; d < 3; ++d)
      if ((*block)[d].is_number_unsigned())
        kernel.requiredBlock[d] = (*block)[d].get<uint32_t>();
  if (auto arguments = entry.find(".args"); arguments != entry.end() && arguments->is_array())
    for (const Json &argument : *arguments)
      if (argument.is_object())
        kernel.arguments.push_back({textOf(argument, ".name"), textOf(argument, ".value_kind"),
                                    unsignedOf(argument, ".offset"),
                                    unsignedOf(argument, ".size")});
  return kernel;
}

Result<std::vector<KernelDescription>> readMetadata(std::span<const uint8_t> msgpack) {
  std::vector<KernelDescription> kernels;
  if (msgpack.empty())
    return kernels;
  Json root = Json::from_msgpack(msgpack.begin(), msgpack.end(), /*strict=*/false,
                                 /*allow_exceptions=*/false);
  if (!root.is_object())
    return usageError("the metadata note of the code object is damaged: expected a msgpack map");
  auto list = root.find("amdhsa.kernels");
  if (list == root.end())
    return kernels;
  if (!list->is_array())
    return usageError("the metadata note of the code object is damaged: expected an array at "
                      "amdhsa.kernels");
  for (const Json &entry : *list) {
    if (!entry.is_object() || textOf(entry, ".name").empty())
      return usageError("the metadata note of the code object is damaged: a kernel has no name");
    kernels.push_back(readKernel(entry));
  }
  return kernels;
}

} // namespace zorse::emulator
