//===- DeviceOperands.h - operands and workspace on a device, guarded -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/device/Device.h"
#include "zorse/reference/Fill.h"

#include <optional>

namespace zorse::tuner {

/// A buffer between two guard zones that a correct kernel never touches; the hind one starts right
/// behind the last byte.
struct Guarded {
  std::string name;
  OperandSpec::Role role = OperandSpec::Role::InOut;
  size_t bytes = 0;
  std::unique_ptr<Buffer> buffer;

  uint64_t address() const;
  static Result<Guarded> allocate(Device &device, std::string name, size_t bytes);
};

/// The argument row for one code object, and the workspaces that it points to.
struct Binding {
  std::vector<uint64_t> slots;
  std::vector<Guarded> workspaces;
};

/// The operands of one launch.
class DeviceOperands {
public:
  static Result<DeviceOperands> create(Device &device, const OpDesc &op, const Sizes &sizes);

  /// Copies every operand and draws the guards anew.
  Status upload(Device &device, const OperandSet &from);
  /// Only what a kernel may have changed: Out and InOut operands.
  Status restore(Device &device, const OperandSet &from);
  /// Whether the operand still has these bytes.
  Result<bool> holds(Device &device, size_t operand, std::span<const uint8_t> want) const;
  /// The bytes of one operand.
  Status download(Device &device, size_t operand, std::span<uint8_t> to) const;

  /// Makes the workspaces of `object`, filled with poison, and its argument row.
  Result<Binding> bind(Device &device, const CodeObject &object) const;

  /// What is wrong with the guards, if anything: "writes behind operand 'out', byte 3 after its
  /// end".
  Result<std::optional<std::string>> checkGuards(Device &device, const Binding &binding) const;

  const Sizes &sizes() const { return launchSizes; }
  size_t count() const { return operands.size(); }
  size_t bytes(size_t operand) const { return operands[operand].bytes; }
  OperandSpec::Role role(size_t operand) const { return operands[operand].role; }
  const std::string &name(size_t operand) const { return operands[operand].name; }

private:
  Sizes launchSizes;
  std::vector<Guarded> operands;
};

} // namespace zorse::tuner
