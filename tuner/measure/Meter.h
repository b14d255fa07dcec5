//===- Meter.h - how a time is taken -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What one number means. A *sample* is the mean time of a few launches in a row,
// enough of them to last MeasureOptions::sampleSeconds; a *measurement* is the
// median of the samples with its 95 % interval by order statistics.
//
// * Place: the tuning point at full lengths, inputs as fillOperands() makes them.
// * Caches: launches rotate over copies of the operands that together exceed a
//   core's own cache, because between two calls of one layer's kernel a model runs
//   all its other layers. A cache that the whole socket shares stays warm, as it
//   does for weights that fit it. The method text of a measurement says which.
// * Order: screening samples one candidate after the other and gives up early on
//   one that is hopeless. The finalists are sampled in interleaved rounds, so that
//   a machine that slows down slows all of them alike.
// * State: InOut operands are restored before each sample, outside of the timed
//   part. Within a sample an update runs on its own result; its cost does not
//   depend on the values, which stay bounded.
// * A first launch of every candidate warms code, pages and thread pool, untimed.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "measure/Statistics.h"
#include "verify/DeviceOperands.h"

#include "zorse/desc/Measurement.h"
#include "zorse/tuner/Tuner.h"

namespace zorse::tuner {

/// A loaded candidate with its launches prepared and its samples so far.
struct Contender {
  std::unique_ptr<Module> module;
  std::vector<Binding> bindings; ///< one for each copy of the operands
  int64_t launches = 1;          ///< of one sample
  std::vector<double> samples;   ///< microseconds
};

class Meter {
public:
  static Result<Meter> create(Device &device, const OpDesc &op, const MeasureOptions &options,
                              uint64_t seed);

  Result<Contender> prepare(std::unique_ptr<Module> module);
  /// Takes one more sample.
  Status sample(Contender &contender);
  /// Samples until `count`, or until the contender is hopeless (0: never): all of its first three
  /// samples above `hopelessUs`, or at any time all above twice that.
  Status screen(Contender &contender, int64_t count, double hopelessUs);
  /// Interleaved rounds over all contenders until each has `count` new samples; `stop` ends them
  /// early, after a whole round.
  Status rounds(std::vector<Contender> &contenders, int64_t count, const std::atomic<bool> *stop);

  Measurement measurement(const Contender &contender, std::string_view how) const;

private:
  Meter(Device &device, MeasureOptions options, OperandSet pristine)
      : device(&device), options(options), pristine(std::move(pristine)) {}

  Device *device;
  MeasureOptions options;
  OperandSet pristine;
  std::vector<DeviceOperands> copies;
  bool inPlace = false;
  double flops = 0, bytes = 0;
};

} // namespace zorse::tuner
