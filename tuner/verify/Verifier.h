//===- Verifier.h - a candidate against the reference -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "verify/DeviceOperands.h"

#include "zorse/desc/Measurement.h"

namespace zorse::tuner {

struct VerifyLimits {
  double flops = 2e9;                     ///< of the reference, for each case
  size_t inputBytes = size_t(1536) << 20; ///< of all cases together; the first is always there
};

/// The first NaN that the reference made: one in `wanted` (the operands after it ran, in the order
/// of op.operands(); empty for In) where `inputs` has other bytes. "" if there is none. NaNs that
/// stayed, as in elements that the op leaves alone, are equal to any NaN of a candidate.
std::string madeNaN(const OpDesc &op, const OperandSet &inputs,
                    const std::vector<std::vector<uint8_t>> &wanted);

/// Checks candidates of one op. The inputs and the reference's results are made once, on first use,
/// and serve all candidates.
///
/// The cases: the tuning point at full lengths, its sizes halved until the reference can afford
/// it; then raggedSizes(). For each case a candidate must, from poisoned outputs and workspaces,
/// * leave results within toleranceOf(),
/// * leave its inputs and the guard zones around every buffer as they were,
/// * give the same bytes when it runs again.
class Verifier {
public:
  Verifier(Device &device, const OpDesc &op, uint64_t seed, VerifyLimits limits = {});

  /// A candidate that is wrong is a Verification that did not pass, with the reason; an error means
  /// that it could not be judged: no memory, a fault, a reference that is NaN itself.
  Result<Verification> verify(Module &module);

private:
  struct Case {
    Sizes sizes;
    OperandSet inputs;
    std::vector<std::vector<uint8_t>> wanted; ///< of each operand; empty for In
    DeviceOperands onDevice;
    bool dirty = true; ///< the device does not hold the inputs (yet, or any more)
  };
  Status prepare();
  Result<Case> makeCase(const Sizes &sizes, Lengths lengths, uint64_t caseSeed);
  /// The first fault of the candidate, or nothing.
  Result<std::optional<std::string>> runCase(Case &test, Module &module, Verification &worst);

  Device &device;
  OpDesc op;
  uint64_t seed;
  VerifyLimits limits;
  bool prepared = false;
  std::vector<Case> cases;
};

} // namespace zorse::tuner
