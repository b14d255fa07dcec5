//===- OperandCopies.cpp - operands that a meter launches on -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "measure/OperandCopies.h"

#include "zorse/device/BindLaunch.h"

#include <algorithm>

namespace zorse::tuner {

namespace {
constexpr int64_t maxRotatingBytes = int64_t(1) << 30;
/// Each copy begins where an allocation could: on lines of the widest caches.
constexpr size_t alignment = 256;
} // namespace

Result<OperandCopies> OperandCopies::create(Device &device, const OpDesc &op, const Sizes &sizes,
                                            uint64_t seed, int64_t rotatingBytes) {
  Result<OperandSet> pristine = OperandSet::create(op, sizes);
  if (!pristine)
    return pristine.takeError();
  if (Status status = fillOperands(op, sizes, seed, pristine->pointers(), Lengths::Full); !status)
    return status.takeError();

  OperandCopies made(device, pristine.take());
  made.launchSizes = sizes;
  for (size_t i = 0; i < made.pristine.count(); ++i) {
    const OperandSpec &spec = *op.operands()[i];
    size_t bytes = made.pristine.bytes(i);
    made.operands.push_back(
        {spec.name, bytes, (bytes + alignment - 1) / alignment * alignment, nullptr});
    made.bytesOfOne += int64_t(made.operands.back().stride);
    if (spec.role == OperandSpec::Role::InOut)
      made.states.push_back(i);
  }
  int64_t one = std::max<int64_t>(made.bytesOfOne, 1);
  made.copies = std::clamp<int64_t>((rotatingBytes + one - 1) / one, 1,
                                    std::max<int64_t>(maxRotatingBytes / one, 1));
  for (size_t i = 0; i < made.operands.size(); ++i) {
    Operand &operand = made.operands[i];
    Result<std::unique_ptr<Buffer>> buffer =
        device.allocate(std::max<size_t>(size_t(made.copies) * operand.stride, 1));
    if (!buffer)
      return buffer.takeError();
    operand.buffer = buffer.take();
    // In few calls: one for each of many thousand small copies would take a device long.
    const auto *from = static_cast<const uint8_t *>(made.pristine.pointers()[i]);
    size_t group = std::clamp<size_t>((size_t(1) << 20) / std::max<size_t>(operand.stride, 1), 1,
                                      size_t(made.copies));
    std::vector<uint8_t> staged;
    std::span<const uint8_t> source(from, operand.bytes);
    if (group > 1) {
      staged.assign(group * operand.stride, 0);
      for (size_t k = 0; k < group; ++k)
        std::copy(source.begin(), source.end(), staged.begin() + ptrdiff_t(k * operand.stride));
      source = staged;
    }
    for (size_t copy = 0; copy < size_t(made.copies); copy += group) {
      size_t now = std::min(group, size_t(made.copies) - copy) * operand.stride;
      if (Status status = device.upload(*operand.buffer, copy * operand.stride,
                                        source.first(std::min(source.size(), now)));
          !status)
        return status.takeError();
    }
  }
  return made;
}

Result<LaunchRow> OperandCopies::bind(const CodeObject &object) const {
  LaunchRow row;
  Result<std::vector<size_t>> bytes = workspaceBytes(object, launchSizes);
  if (!bytes)
    return bytes.takeError();
  for (size_t each : *bytes) {
    Result<std::unique_ptr<Buffer>> buffer = device->allocate(each);
    if (!buffer)
      return buffer.takeError();
    std::vector<uint8_t> poison(each, poisonByte);
    if (Status status = device->upload(**buffer, 0, poison); !status)
      return status.takeError();
    row.workspaces.push_back(buffer.take());
  }
  auto addressOf = [&](KernelArgument::Kind kind,
                       const std::string &name) -> std::optional<uint64_t> {
    if (kind == KernelArgument::Kind::Operand) {
      for (const Operand &operand : operands)
        if (operand.name == name)
          return operand.buffer->address();
      return std::nullopt;
    }
    for (size_t i = 0; i < object.workspaces.size(); ++i)
      if (object.workspaces[i].name == name)
        return row.workspaces[i]->address();
    return std::nullopt;
  };
  Result<std::vector<uint64_t>> slots = bindLaunch(object, launchSizes, addressOf);
  if (!slots)
    return slots.takeError();
  row.slots = slots.take();
  row.strides.assign(row.slots.size(), 0);
  for (size_t i = 0; i < row.slots.size(); ++i)
    if (object.arguments[i].kind == KernelArgument::Kind::Operand)
      for (const Operand &operand : operands)
        if (operand.name == object.arguments[i].name)
          row.strides[i] = operand.stride;
  return row;
}

std::span<const uint64_t> OperandCopies::slots(const LaunchRow &row, int64_t copy) {
  current.resize(row.slots.size());
  for (size_t i = 0; i < current.size(); ++i)
    current[i] = row.slots[i] + row.strides[i] * uint64_t(copy);
  return current;
}

Status OperandCopies::restore(int64_t first, int64_t count) {
  for (size_t i : states) {
    Operand &operand = operands[i];
    std::span<const uint8_t> from(static_cast<const uint8_t *>(pristine.pointers()[i]),
                                  operand.bytes);
    for (int64_t k = 0; k < std::min(count, copies); ++k)
      if (Status status =
              device->upload(*operand.buffer, size_t((first + k) % copies) * operand.stride, from);
          !status)
        return status;
  }
  return Status::success();
}

} // namespace zorse::tuner
