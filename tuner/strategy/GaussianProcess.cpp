//===- GaussianProcess.cpp - what a few times say about all others --------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "strategy/GaussianProcess.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace zorse::tuner {

namespace {

/// Of the variance: noise of the times (3 % of a time against 0.5 in the logarithm) and what no
/// smooth function says.
constexpr double nugget = 0.005;
/// The scale while nothing is known, and how many answers it weighs.
constexpr double guessedScale = 0.6, guessWeight = 3;

constexpr double lengthChoices[] = {0.7, 1.5, 3, 6, 20};
constexpr double jointChoices[] = {0.15, 0.4, 0.7, 0.95};

} // namespace

GaussianProcess::GaussianProcess(const Space &space) : space(space), explained(space.size(), 0) {
  for (size_t k = 0; k < space.knobs().size(); ++k)
    if (space.knobs()[k].values.size() > 1)
      moving.push_back(k);
  shape.lengths.assign(moving.size(), 3);
  tabulate(shape, tables);
}

void GaussianProcess::tabulate(const Shape &shape, std::vector<std::vector<double>> &tables) const {
  tables.resize(moving.size());
  for (size_t i = 0; i < moving.size(); ++i) {
    size_t count = space.knobs()[moving[i]].values.size();
    tables[i].resize(count);
    for (size_t steps = 0; steps < count; ++steps)
      tables[i][steps] = std::exp(-static_cast<double>(steps) / shape.lengths[i]);
  }
}

double GaussianProcess::likeness(size_t a, size_t b, const Shape &shape,
                                 const std::vector<std::vector<double>> &tables) const {
  if (moving.empty())
    return 1;
  double sum = 0, product = 1;
  for (size_t i = 0; i < moving.size(); ++i) {
    double along = tables[i][std::abs(space.place(a, moving[i]) - space.place(b, moving[i]))];
    sum += along;
    product *= along;
  }
  return (1 - shape.joint) * sum / static_cast<double>(moving.size()) + shape.joint * product;
}

/// Appends to the factor the row of one more observation, whose likeness to the earlier ones and
/// to itself is in `row`.
static void extend(std::vector<std::vector<double>> &factor, std::vector<double> row) {
  size_t n = factor.size();
  for (size_t j = 0; j < n; ++j) {
    double sum = row[j];
    for (size_t l = 0; l < j; ++l)
      sum -= row[l] * factor[j][l];
    row[j] = sum / factor[j][j];
  }
  double rest = row[n];
  for (size_t l = 0; l < n; ++l)
    rest -= row[l] * row[l];
  row[n] = std::sqrt(std::max(rest, 1e-9));
  factor.push_back(std::move(row));
}

namespace {

/// The mean that fits best, what is left of the values after it, and the scale of the rest.
struct Fit {
  double mean = 0, scale = 0; ///< scale: variance
  std::vector<double> rest;   ///< factor^-1 (values - mean)
};

} // namespace

static Fit fitMean(const std::vector<std::vector<double>> &factor,
                   const std::vector<double> &values) {
  size_t n = values.size();
  std::vector<double> ones(n), whitened(n);
  for (size_t i = 0; i < n; ++i) {
    double one = 1, value = values[i];
    for (size_t j = 0; j < i; ++j) {
      one -= factor[i][j] * ones[j];
      value -= factor[i][j] * whitened[j];
    }
    ones[i] = one / factor[i][i];
    whitened[i] = value / factor[i][i];
  }
  double weight = 0, sum = 0;
  for (size_t i = 0; i < n; ++i) {
    weight += ones[i] * ones[i];
    sum += ones[i] * whitened[i];
  }
  Fit fit;
  fit.mean = n ? sum / weight : 0;
  fit.rest.resize(n);
  double squares = guessWeight * guessedScale * guessedScale;
  for (size_t i = 0; i < n; ++i) {
    fit.rest[i] = whitened[i] - fit.mean * ones[i];
    squares += fit.rest[i] * fit.rest[i];
  }
  fit.scale = squares / (static_cast<double>(n) + guessWeight);
  return fit;
}

void GaussianProcess::add(size_t index, double value) {
  observed.push_back(index);
  values.push_back(value);
  project(observed.size() - 1);
}

void GaussianProcess::setValue(size_t observation, double value) { values[observation] = value; }

void GaussianProcess::project(size_t observation) {
  std::vector<double> row(observation + 1);
  for (size_t j = 0; j <= observation; ++j)
    row[j] = likeness(observed[observation], observed[j], shape, tables);
  row[observation] += nugget;
  extend(factor, std::move(row));
  const std::vector<double> &last = factor.back();
  std::vector<double> projection(space.size());
  for (size_t i = 0; i < space.size(); ++i)
    projection[i] = likeness(observed[observation], i, shape, tables);
  for (size_t j = 0; j < observation; ++j) {
    const std::vector<double> &earlier = projections[j];
    for (size_t i = 0; i < space.size(); ++i)
      projection[i] -= last[j] * earlier[i];
  }
  for (size_t i = 0; i < space.size(); ++i) {
    projection[i] /= last[observation];
    explained[i] += projection[i] * projection[i];
  }
  projections.push_back(std::move(projection));
}

void GaussianProcess::rebuild() {
  tabulate(shape, tables);
  factor.clear();
  projections.clear();
  std::fill(explained.begin(), explained.end(), 0.0);
  for (size_t i = 0; i < observed.size(); ++i)
    project(i);
}

double GaussianProcess::likelihood(const Shape &shape) const {
  std::vector<std::vector<double>> tables, factor;
  tabulate(shape, tables);
  double logDeterminant = 0;
  for (size_t i = 0; i < observed.size(); ++i) {
    std::vector<double> row(i + 1);
    for (size_t j = 0; j <= i; ++j)
      row[j] = likeness(observed[i], observed[j], shape, tables);
    row[i] += nugget;
    extend(factor, std::move(row));
    logDeterminant += 2 * std::log(factor[i][i]);
  }
  Fit fit = fitMean(factor, values);
  double n = static_cast<double>(observed.size());
  return -0.5 * (logDeterminant + (n + guessWeight) * std::log(fit.scale));
}

void GaussianProcess::fit() {
  if (observed.size() < 3 || moving.empty())
    return;
  // One at a time, twice around: the likelihood is seldom so twisted that more would pay.
  double most = likelihood(shape);
  auto improve = [&](double &parameter, auto &choices) {
    double kept = parameter;
    for (double choice : choices) {
      parameter = choice;
      if (double value = choice == kept ? most : likelihood(shape); value > most + 1e-9) {
        most = value;
        kept = choice;
      }
    }
    parameter = kept;
  };
  for (int round = 0; round < 2; ++round) {
    for (double &length : shape.lengths)
      improve(length, lengthChoices);
    improve(shape.joint, jointChoices);
  }
  rebuild();
}

void GaussianProcess::predict(std::vector<double> &mean, std::vector<double> &deviation) const {
  Fit fit = fitMean(factor, values);
  mean.assign(space.size(), fit.mean);
  deviation.resize(space.size());
  for (size_t j = 0; j < observed.size(); ++j)
    for (size_t i = 0; i < space.size(); ++i)
      mean[i] += fit.rest[j] * projections[j][i];
  for (size_t i = 0; i < space.size(); ++i)
    deviation[i] = std::sqrt(fit.scale * std::max(0.0, 1 - explained[i]));
}

} // namespace zorse::tuner
