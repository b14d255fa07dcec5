//===- Meter.h - how a time is taken -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// README.md tells the method and why. In short: a *sample* is the mean time of
// launches that together last MeasureOptions::sampleSeconds, between two events of
// the device; a *measurement* is a median of the samples with its 95 % interval. Of
// contenders in rounds the fastest one's time is the median of its samples, and the
// others' times are that, multiplied by their ratios to it within the rounds.
//
// A sample is taken in one or more *stretches* of launches without a pause. Between
// two stretches, untimed, the state that launches have changed is restored and, where
// rotation alone does not do it, the caches are flushed.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "measure/Environment.h"
#include "measure/OperandCopies.h"
#include "zorse/tuner/Statistics.h"

#include "zorse/desc/Measurement.h"
#include "zorse/tuner/Laboratory.h"

namespace zorse::tuner {

/// A loaded candidate with its launches prepared and its samples so far.
struct Contender {
  std::unique_ptr<Module> module;
  LaunchRow row;
  int64_t launches = 1;  ///< of one stretch
  int64_t stretches = 1; ///< of one sample
  bool beaten = false;   ///< left the rounds early
  std::vector<double>
      samples;  ///< microseconds of one launch, in the order in which they were taken
  Summary time; ///< what came of them, microseconds
};

class Meter {
public:
  /// Makes operands at the tuning point. `lastLevelCacheBytes` 0: of the machine or the target.
  /// Errors: Device if the device's times are not those of its target (an emulator); no memory;
  /// the sizes contradict one another.
  static Result<Meter> create(Device &device, const OpDesc &op, const MeasureOptions &options,
                              uint64_t seed, int64_t lastLevelCacheBytes = 0);

  /// Binds the operands, launches until times stop falling, and fixes how many launches make a
  /// sample.
  Result<Contender> prepare(std::unique_ptr<Module> module);

  /// Takes options.screenSamples, or fewer if the contender is hopeless (0: never): all of its
  /// first three samples above `hopelessUs`, or at any time all above twice that.
  Status screen(Contender &contender, double hopelessUs);

  /// Samples all contenders anew, in interleaved rounds, until each that can still win or tie is
  /// known to options.precision, or to options.maxSamples, or until options.budgetSeconds have
  /// passed. One that is clearly beaten leaves early. `stop` ends them after a whole round; the
  /// samples so far stay valid.
  Status rounds(std::vector<Contender> &contenders, const std::atomic<bool> *stop);

  /// `how` goes into the method: "screening samples", "interleaved rounds".
  Measurement measurement(const Contender &contender, std::string_view how) const;

private:
  Meter(Device &device, const MeasureOptions &options, OperandCopies operands)
      : device(&device), options(options), operands(std::move(operands)) {}

  Result<double> stretch(Contender &contender, int64_t launches, bool flush);
  Status sample(Contender &contender);
  Status flushCaches();
  Status measureOverhead();
  void compare(std::vector<Contender> &contenders) const;
  bool settled(std::vector<Contender> &contenders) const;
  void noteDrift(const std::vector<Contender> &contenders);

  Device *device;
  MeasureOptions options;
  OperandCopies operands;
  int64_t nextCopy = 0;  ///< goes on from contender to contender, so that nobody finds a warm one
  double overheadUs = 0; ///< that two events cost
  double flops = 0, bytes = 0;
  bool flushes = false; ///< before each stretch
  std::vector<uint8_t> flushFrom;
  std::unique_ptr<Buffer> flushTo;
  CpuTimes begun;      ///< when the samples of now began
  int64_t repeats = 0; ///< stretches that other programs interrupted
  std::optional<double> drift;
};

} // namespace zorse::tuner
