//===- GaussianProcess.h - what a few times say about all others -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a few times say about all others. Two configurations are alike as far as their
// knobs stand near each other:
//
//   r_k = exp(-steps / length_k)               along one knob
//   K   = (1 - joint) mean_k r_k + joint prod_k r_k
//
// The sum makes knobs that act on their own cheap to learn, the product lets them
// interact. Lengths and `joint` are those with the largest marginal likelihood among a
// few; the mean is estimated with them, the scale is drawn to a prior guess while
// there are few answers. All values are logarithms of times.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/tuner/Space.h"

namespace zorse::tuner {

class GaussianProcess {
public:
  explicit GaussianProcess(const Space &space);

  /// Adds an observation; `value` may be changed later.
  void add(size_t index, double value);
  void setValue(size_t observation, double value);
  size_t size() const { return observed.size(); }

  /// Chooses lengths and `joint` anew. Cubic in size().
  void fit();
  /// Mean and standard deviation at every configuration.
  void predict(std::vector<double> &mean, std::vector<double> &deviation) const;

private:
  struct Shape {
    std::vector<double> lengths;
    double joint = 0.5;
  };

  void tabulate(const Shape &shape, std::vector<std::vector<double>> &tables) const;
  double likeness(size_t a, size_t b, const Shape &shape,
                  const std::vector<std::vector<double>> &tables) const;
  /// Logarithm of the marginal likelihood, but for a constant.
  double likelihood(const Shape &shape) const;
  void project(size_t observation);
  void rebuild();

  const Space &space;
  std::vector<size_t> moving; ///< knobs with more than one value
  Shape shape;
  std::vector<std::vector<double>> tables; ///< exp(-steps / length) for each moving knob
  std::vector<size_t> observed;
  std::vector<double> values;
  std::vector<std::vector<double>> factor;      ///< rows of the Cholesky factor
  std::vector<std::vector<double>> projections; ///< factor^-1 K(observed, all), a row each
  std::vector<double> explained;                ///< squared length of each column of projections
};

} // namespace zorse::tuner
