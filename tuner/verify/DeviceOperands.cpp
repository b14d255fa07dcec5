//===- DeviceOperands.cpp - operands and workspace on a device, guarded -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "verify/DeviceOperands.h"

#include "zorse/device/BindLaunch.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

namespace zorse::tuner {

namespace {
constexpr size_t guardBytes = 4096;
constexpr uint8_t guardByte = 0xa5;
const std::vector<uint8_t> guardZone(guardBytes, guardByte);

std::span<const uint8_t> bytesOf(const OperandSet &set, size_t i) {
  return {static_cast<const uint8_t *>(set.pointers()[i]), set.bytes(i)};
}
} // namespace

uint64_t Guarded::address() const { return buffer->address() + guardBytes; }

Result<Guarded> Guarded::allocate(Device &device, std::string name, size_t bytes) {
  Result<std::unique_ptr<Buffer>> buffer = device.allocate(bytes + 2 * guardBytes);
  if (!buffer)
    return buffer.takeError();
  Guarded guarded{std::move(name), OperandSpec::Role::InOut, bytes, buffer.take()};
  for (size_t offset : {size_t(0), guardBytes + bytes})
    if (Status status = device.upload(*guarded.buffer, offset, guardZone); !status)
      return status.takeError();
  return guarded;
}

Result<DeviceOperands> DeviceOperands::create(Device &device, const OpDesc &op,
                                              const Sizes &sizes) {
  DeviceOperands set;
  set.launchSizes = sizes;
  for (const OperandSpec *operand : op.operands()) {
    Result<std::vector<int64_t>> shape = op.operandShape(*operand, sizes);
    if (!shape)
      return shape.takeError();
    size_t bytes = byteWidth(op.operandDType(*operand));
    for (int64_t extent : *shape)
      bytes *= size_t(extent);
    Result<Guarded> guarded = Guarded::allocate(device, operand->name, bytes);
    if (!guarded)
      return guarded.takeError();
    guarded->role = operand->role;
    set.operands.push_back(guarded.take());
  }
  return set;
}

Status DeviceOperands::upload(Device &device, const OperandSet &from) {
  for (size_t i = 0; i < operands.size(); ++i) {
    Buffer &buffer = *operands[i].buffer;
    if (Status status = device.upload(buffer, guardBytes, bytesOf(from, i)); !status)
      return status;
    for (size_t offset : {size_t(0), guardBytes + operands[i].bytes})
      if (Status status = device.upload(buffer, offset, guardZone); !status)
        return status;
  }
  return Status::success();
}

Status DeviceOperands::restore(Device &device, const OperandSet &from) {
  for (size_t i = 0; i < operands.size(); ++i)
    if (operands[i].role != OperandSpec::Role::In)
      if (Status status = device.upload(*operands[i].buffer, guardBytes, bytesOf(from, i)); !status)
        return status;
  return Status::success();
}

Status DeviceOperands::download(Device &device, size_t operand, std::span<uint8_t> to) const {
  return device.download(*operands[operand].buffer, guardBytes, to);
}

Result<bool> DeviceOperands::holds(Device &device, size_t operand,
                                   std::span<const uint8_t> want) const {
  // Piece by piece, so that both sides are compared in the cache.
  std::vector<uint8_t> piece(std::min<size_t>(want.size(), size_t(256) << 10));
  for (size_t offset = 0; offset < want.size(); offset += piece.size()) {
    piece.resize(std::min(piece.size(), want.size() - offset));
    Buffer &buffer = *operands[operand].buffer;
    if (Status status = device.download(buffer, guardBytes + offset, piece); !status)
      return status.takeError();
    if (std::memcmp(piece.data(), want.data() + offset, piece.size()) != 0)
      return false;
  }
  return true;
}

Result<Binding> DeviceOperands::bind(Device &device, const CodeObject &object) const {
  Binding binding;
  Result<std::vector<size_t>> bytes = workspaceBytes(object, launchSizes);
  if (!bytes)
    return bytes.takeError();
  for (size_t i = 0; i < bytes->size(); ++i) {
    Result<Guarded> guarded = Guarded::allocate(device, object.workspaces[i].name, (*bytes)[i]);
    if (!guarded)
      return guarded.takeError();
    // What one kernel did not write, the next must not use.
    std::vector<uint8_t> poison((*bytes)[i], poisonByte);
    if (Status status = device.upload(*guarded->buffer, guardBytes, poison); !status)
      return status.takeError();
    binding.workspaces.push_back(guarded.take());
  }
  auto addressOf = [&](KernelArgument::Kind kind,
                       const std::string &name) -> std::optional<uint64_t> {
    for (const Guarded &each :
         kind == KernelArgument::Kind::Operand ? operands : binding.workspaces)
      if (each.name == name)
        return each.address();
    return std::nullopt;
  };
  Result<std::vector<uint64_t>> slots = bindLaunch(object, launchSizes, addressOf);
  if (!slots)
    return slots.takeError();
  binding.slots = slots.take();
  return binding;
}

Result<std::optional<std::string>> DeviceOperands::checkGuards(Device &device,
                                                               const Binding &binding) const {
  std::vector<uint8_t> zone(guardBytes);
  for (const std::vector<Guarded> *set : {&operands, &binding.workspaces})
    for (const Guarded &guarded : *set)
      for (bool behind : {false, true}) {
        size_t offset = behind ? guardBytes + guarded.bytes : 0;
        if (Status status = device.download(*guarded.buffer, offset, zone); !status)
          return status.takeError();
        auto differs = [](uint8_t byte) { return byte != guardByte; };
        auto first = std::find_if(zone.begin(), zone.end(), differs);
        if (first == zone.end())
          continue;
        const char *what = set == &operands ? "operand" : "workspace";
        if (behind)
          return std::optional(fmt::format("writes behind {} '{}', byte {} after its end", what,
                                           guarded.name, first - zone.begin()));
        auto last = std::find_if(zone.rbegin(), zone.rend(), differs);
        return std::optional(fmt::format("writes in front of {} '{}', {} bytes before its start",
                                         what, guarded.name, last - zone.rbegin() + 1));
      }
  return std::optional<std::string>();
}

} // namespace zorse::tuner
