//===- StateTypesTest.cpp - what the type of an SSM state costs -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The compiled ssm_update runs some hundred steps with a state of each type beside a
// recurrence in fp64 that rounds nothing. Activations are f32, so that what differs
// is the state alone.
//
// An element follows s_t = a_t s_{t-1} + v_t with v_t = dt_t x_t B_t and a_t =
// exp(-dt_t A), 0 < a_t < 1. The kernel computes in f32 with relative errors of at most
// g u32 (g = 64, derived in Compare.h) but for the time step: log(1 + exp(v)) loses what
// exp(v) has below the last place of 1, so dt is off by up to e = u32 (1 + g dt). That
// is how published models compute it. Then the state is rounded to a type of unit
// roundoff u and smallest subnormal m. So the error E_t of an element obeys
// |E_t| <= W_t, the worst case, with
//
//   carried = a_t W_{t-1} + (A e + g u32) a_t (|s_{t-1}| + W_{t-1})
//             + e |x_t B_t| + g u32 |v_t|
//   W_t = carried + u (|s_t| + carried) + m / 2
//
// An error decays like the state itself, so W_t stops growing after about 1/(1 - a)
// steps, at about u |s| / (1 - a): nothing is lost by long sequences as such.
//
// What is to be expected is less. A rounding is uniform within half a unit in the last
// place, of variance (u 2^e)^2 / 3 for 2^e <= |s| < 2^(e+1), and roundings at
// different steps are independent, so the variance of E_t is
//
//   V_t = a_t^2 V_{t-1} + max(u 2^e, m / 2)^2 / 3
//
// which stops at about (0.4 u |s|)^2 / (1 - a^2). Over thousands of elements the mean
// of E_t^2 must come close to the mean of V_t. It would not if small updates were lost
// for good beside a large state, nor if the state were rounded more than once a step.
//
//===----------------------------------------------------------------------===//

#include "zorse/compiler/Compile.h"
#include "zorse/device/BindLaunch.h"
#include "zorse/device/Device.h"
#include "zorse/reference/Fill.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <map>
#include <random>

namespace zorse {
namespace {

constexpr int64_t heads = 6, kvHeads = 2, headDim = 32, dState = 32;
constexpr int64_t rowWidth = kvHeads * (headDim + dState) + heads * dState;
constexpr int steps = 400;
constexpr uint64_t seed = 20240613;
constexpr double roundingsOfF32 = 64; // g

/// The inputs of one step; fills as in models: dt of 1e-3 to 1e-1 before the token moves it by
/// a factor of e or so, |A| of 1 to 16.
struct Inputs {
  std::vector<float> xbc = std::vector<float>(rowWidth), dt = std::vector<float>(heads);

  explicit Inputs(std::mt19937_64 &random) {
    std::normal_distribution<float> normal;
    for (std::vector<float> *values : {&xbc, &dt})
      for (float &value : *values)
        value = normal(random);
  }
};

/// ssm_update with a state of one type, and its operands.
class Kernel {
public:
  Kernel(Device &device, DType stateType) : stateType(stateType), device(device) {
    op = must(OpDesc::parse(fmt::format(
        R"({{"op":"ssm_update","num_heads":{},"num_kv_heads":{},"head_dim":{},"d_state":{},)"
        R"("dt_stride":{},"dtype":"f32","state_dtype":"{}"}})",
        heads, kvHeads, headDim, dState, heads, name(stateType))));
    CodeObject object =
        must(compile(op, device.target(), must(KernelConfig::defaults(op, device.target()))))
            .object;
    operands = must(OperandSet::create(op, sizes));
    if (Status filled = fillOperands(op, sizes, seed, operands.pointers()); !filled)
      throw std::runtime_error(filled.error().message);
    std::memset(operands.pointers()[6], 0, operands.bytes(6)); // a sequence begins
    std::vector<uint64_t> addresses;
    for (void *pointer : operands.pointers())
      addresses.push_back(reinterpret_cast<uint64_t>(pointer));
    row = must(bindLaunch(object, sizes, addressesInOrder(op, object, addresses, {})));
    module = must(device.load(object));
  }

  void step(const Inputs &inputs) {
    std::memcpy(operands.pointers()[0], inputs.xbc.data(), operands.bytes(0));
    std::memcpy(operands.pointers()[1], inputs.dt.data(), operands.bytes(1));
    Status status = device.launch(*module, row, sizes);
    if (status)
      status = device.synchronize();
    if (!status)
      throw std::runtime_error(status.error().message);
  }

  double aLog(int64_t head) const { return loadElement(DType::F32, operands.pointers()[2], head); }
  double dtBias(int64_t head) const {
    return loadElement(DType::F32, operands.pointers()[3], head);
  }
  double d(int64_t head) const { return loadElement(DType::F32, operands.pointers()[4], head); }
  double state(int64_t i) const { return loadElement(stateType, operands.pointers()[6], i); }
  double y(int64_t i) const { return loadElement(DType::F32, operands.pointers()[7], i); }

  const DType stateType;

private:
  template <typename T> static T must(Result<T> result) {
    if (!result)
      throw std::runtime_error(result.error().message);
    return result.take();
  }

  Device &device;
  OpDesc op;
  const Sizes sizes = {{"tokens", 1}, {"num_slots", 1}};
  OperandSet operands;
  std::unique_ptr<Module> module;
  std::vector<uint64_t> row;
};

double smallestSubnormal(DType type) {
  return type == DType::F32 ? 0x1p-149 : type == DType::F16 ? 0x1p-24 : 0x1p-133;
}

/// The exact recurrence, and for one type the worst error and its expected square.
struct Element {
  double exact = 0, worst = 0, variance = 0;

  void step(double dt, double a, double product, DType type) {
    const double u = unitRoundoff(type), u32 = unitRoundoff(DType::F32);
    const double half = smallestSubnormal(type) / 2, dtError = u32 * (1 + roundingsOfF32 * dt);
    const double decay = std::exp(-dt * a), added = dt * product;
    const double carried =
        decay * worst + (a * dtError + roundingsOfF32 * u32) * decay * (std::abs(exact) + worst) +
        dtError * std::abs(product) + roundingsOfF32 * u32 * std::abs(added);
    exact = decay * exact + added;
    worst = carried + u * (std::abs(exact) + carried) + half;
    int exponent = 0;
    std::frexp(exact, &exponent); // 2^(exponent - 1) <= |exact|
    const double unit = std::max(std::ldexp(u, exponent - 1), half);
    variance = decay * decay * variance + unit * unit / 3;
  }
};

/// Root mean squares over all elements after a step.
struct Errors {
  double state = 0, expected = 0, size = 0, y = 0, ySize = 0;
};

/// Runs all steps, holds every element of every step to its worst case, and returns the errors
/// after some of them.
std::map<int, Errors> run(Device &device, DType type) {
  Kernel kernel(device, type);
  std::vector<Element> elements(heads * headDim * dState);
  std::mt19937_64 random(seed);
  std::map<int, Errors> after;
  const double u32 = unitRoundoff(DType::F32);
  for (int t = 1; t <= steps; ++t) {
    Inputs in(random);
    kernel.step(in);
    Errors errors;
    for (int64_t h = 0; h < heads; ++h) {
      const int64_t kvHead = h / (heads / kvHeads);
      const float *x = &in.xbc[kvHead * headDim];
      const float *b = &in.xbc[kvHeads * headDim + kvHead * dState];
      const float *c = &in.xbc[kvHeads * (headDim + dState) + h * dState];
      const double dt = std::log1p(std::exp(in.dt[h] + kernel.dtBias(h)));
      const double a = std::exp(kernel.aLog(h));
      for (int64_t p = 0; p < headDim; ++p) {
        double y = kernel.d(h) * x[p], yWorst = 0, terms = std::abs(y);
        for (int64_t i = 0; i < dState; ++i) {
          const int64_t at = (h * headDim + p) * dState + i;
          Element &element = elements[at];
          element.step(dt, a, double(x[p]) * b[i], type);
          const double error = std::abs(kernel.state(at) - element.exact);
          if (error > element.worst) {
            ADD_FAILURE() << fmt::format(
                "state[{},{},{}] after step {} with seed {}: off by {:.3g}, "
                "at worst {:.3g}",
                h, p, i, t, seed, error, element.worst);
            return after;
          }
          errors.state += error * error;
          errors.expected += element.variance;
          errors.size += element.exact * element.exact;
          y += element.exact * c[i];
          yWorst += element.worst * std::abs(c[i]);
          terms += std::abs(element.exact * c[i]);
        }
        // The sum takes the state before it is rounded; W_t covers that, too.
        yWorst += (dState + roundingsOfF32) * u32 * terms;
        const double error = std::abs(kernel.y(h * headDim + p) - y);
        EXPECT_LE(error, yWorst) << fmt::format("y[{},{}] after step {} with seed {}", h, p, t,
                                                seed);
        errors.y += error * error;
        errors.ySize += y * y;
      }
    }
    const double count = double(elements.size()), rows = double(heads * headDim);
    after[t] = {std::sqrt(errors.state / count), std::sqrt(errors.expected / count),
                std::sqrt(errors.size / count), std::sqrt(errors.y / rows),
                std::sqrt(errors.ySize / rows)};
  }
  return after;
}

TEST(StateTypes, ErrorsGrowAsTheirRoundingsSay) {
  Result<std::unique_ptr<Device>> device = createHostDevice({.threads = 1});
  ASSERT_TRUE(device.ok()) << device.error().message;
  std::map<DType, std::map<int, Errors>> errors;
  fmt::print("error relative to the root mean square, after so many steps\n"
             "{:>6} {:>6} {:>10} {:>10} {:>10}\n",
             "state", "steps", "state", "expected", "y");
  for (DType type : {DType::BF16, DType::F16, DType::F32}) {
    errors[type] = run(**device, type);
    ASSERT_EQ(errors[type].size(), size_t(steps));
    for (int t : {1, 10, 100, steps}) {
      const Errors &e = errors[type][t];
      fmt::print("{:>6} {:>6} {:>10.2e} {:>10.2e} {:>10.2e}\n", name(type), t, e.state / e.size,
                 e.expected / e.size, e.y / e.ySize);
    }
    for (const auto &[t, e] : errors[type]) {
      // In f32 the errors of the time step weigh more than the roundings of the state.
      if (type == DType::F32)
        continue;
      EXPECT_LT(e.state, 1.3 * e.expected) << name(type) << " after step " << t;
      EXPECT_GT(e.state, 0.75 * e.expected) << name(type) << " after step " << t;
    }
    // No drift: from where the memory of the slowest head is full on, the error stays where it is.
    const Errors &half = errors[type][steps / 2], &last = errors[type][steps];
    EXPECT_LT(last.state / last.size, 1.5 * half.state / half.size) << name(type);
  }
  // Three more bits of mantissa are worth a factor of 8; f32 leaves the state exact beside both.
  const double bf16 = errors[DType::BF16][steps].state, f16 = errors[DType::F16][steps].state;
  const double f32 = errors[DType::F32][steps].state;
  EXPECT_GT(bf16, 5 * f16);
  EXPECT_LT(bf16, 12 * f16);
  EXPECT_GT(f16, 20 * f32);
}

} // namespace
} // namespace zorse
