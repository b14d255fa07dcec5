//===- OperandCopies.h - operands that a meter launches on -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/device/Device.h"
#include "zorse/reference/Fill.h"

namespace zorse::tuner {

/// The argument row for copy 0, and by how much each slot grows from copy to copy.
struct LaunchRow {
  std::vector<uint64_t> slots, strides;
  std::vector<std::unique_ptr<Buffer>> workspaces; ///< one for all copies, as a model has it
};

/// Equal copies of all operands of one launch, those of one operand in one allocation.
class OperandCopies {
public:
  /// As many copies as `rotatingBytes` take, at least one, at most as many as maxRotatingBytes
  /// hold.
  static Result<OperandCopies> create(Device &device, const OpDesc &op, const Sizes &sizes,
                                      uint64_t seed, int64_t rotatingBytes);

  /// With its workspaces, poisoned.
  Result<LaunchRow> bind(const CodeObject &object) const;
  /// The slots of one copy. Valid until the next call.
  std::span<const uint64_t> slots(const LaunchRow &row, int64_t copy);

  /// Writes the InOut operands of `count` copies from `first` on (around the end) as they were.
  Status restore(int64_t first, int64_t count);

  bool inPlace() const { return !states.empty(); }
  int64_t count() const { return copies; }
  /// Of one copy.
  int64_t bytes() const { return bytesOfOne; }
  int64_t rotatingBytes() const { return copies * bytesOfOne; }
  const Sizes &sizes() const { return launchSizes; }

private:
  struct Operand {
    std::string name;
    size_t bytes = 0, stride = 0;
    std::unique_ptr<Buffer> buffer;
  };

  OperandCopies(Device &device, OperandSet pristine)
      : device(&device), pristine(std::move(pristine)) {}

  Device *device;
  OperandSet pristine;
  Sizes launchSizes;
  std::vector<Operand> operands;
  std::vector<size_t> states; ///< the InOut ones
  int64_t copies = 1, bytesOfOne = 0;
  std::vector<uint64_t> current;
};

} // namespace zorse::tuner
