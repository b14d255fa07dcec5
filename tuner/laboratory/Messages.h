//===- Messages.h - what a laboratory and its workers tell each other -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "laboratory/Channel.h"

#include "zorse/tuner/Laboratory.h"

namespace zorse::tuner {

/// What a worker learns first.
struct Setup {
  int64_t parent = 0; ///< process id, to notice that it died before the worker watched it
  TrialLimits limits;
  MeasureOptions measure;
  uint64_t seed = 1;
};

// Each kind of message is made by one function and read by another that checks everything; its
// errors say what is missing or of the wrong kind. header["type"] tells the kinds apart.

Message helloMessage(const std::string &compilerRevision, bool limitsMemory);
Message setupMessage(const Setup &setup);
Result<Setup> readSetup(const Message &message);

Message compileMessage(const Problem &problem, const KernelConfig &config);
/// Asks for the device that trials run on; openDevice() may need a target.
Message describeMessage(const TargetDesc &target);
Result<TargetDesc> readDescribe(const Message &message);
Message deviceMessage(const std::string &description);
Result<std::string> readDevice(const Message &message);

/// "try" for one specimen, "rounds" for several.
Message trialMessage(std::string_view type, const Problem &problem,
                     std::span<const Specimen> specimens, double hopelessUs);
struct TrialRequest {
  Problem problem;
  std::vector<Specimen> specimens; ///< "compile": one, without code
  double hopelessUs = 0;
};
/// Of compileMessage() and trialMessage().
Result<TrialRequest> readRequest(const Message &message);

Message compiledMessage(const Compiled &compiled);
Result<Compiled> readCompiled(const Message &message);
Message triedMessage(std::span<const Tried> tried);
Result<std::vector<Tried>> readTried(const Message &message, size_t count);
/// A failure of the laboratory itself.
Message errorMessage(const Error &error);
/// The error that an answer is, or success.
Status readError(const Message &message);

std::string typeOf(const Message &message);

} // namespace zorse::tuner
