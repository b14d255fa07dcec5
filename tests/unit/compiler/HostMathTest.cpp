//===- HostMathTest.cpp - elementary functions on the host ----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// swiglu with up = 1 is x / (1 + exp(-x)), so it shows exp over the whole range of
// f32: where it is ordinary, where it leaves the range at either end, and at NaN. In
// vectors of the instruction set, and in the rest of a row that fills no vector.
//
//===----------------------------------------------------------------------===//

#include "zorse/compiler/Compile.h"
#include "zorse/device/BindLaunch.h"
#include "zorse/device/Device.h"
#include "zorse/reference/Fill.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace zorse {
namespace {

constexpr int64_t width = 4099; // of a row: a prime, so the last vector is not full

void expectSiluOn(const char *arch) {
  SCOPED_TRACE(arch);
  Result<TargetDesc> target = findTarget(arch);
  ASSERT_TRUE(target.ok()) << target.error().message;
  Result<OpDesc> op = OpDesc::parse(R"({"op": "swiglu", "dtype": "f32", "intermediate_size": )" +
                                    std::to_string(width) + "}");
  ASSERT_TRUE(op.ok()) << op.error().message;
  Result<KernelConfig> config = KernelConfig::defaults(*op, *target);
  ASSERT_TRUE(config.ok()) << config.error().message;
  Result<CompileOutput> output = compile(*op, *target, *config);
  ASSERT_TRUE(output.ok()) << output.error().message;
  Result<std::unique_ptr<Device>> device = createHostDevice();
  ASSERT_TRUE(device.ok()) << device.error().message;
  Result<std::unique_ptr<Module>> module = (*device)->load(output->object);
  ASSERT_TRUE(module.ok()) << module.error().message;

  const Sizes sizes = op->tuningPoint();
  Result<OperandSet> operands = OperandSet::create(*op, sizes);
  ASSERT_TRUE(operands.ok()) << operands.error().message;
  auto *gate = static_cast<float *>(operands->pointers()[0]);
  auto *out = static_cast<float *>(operands->pointers()[1]);
  for (int64_t i = 0; i < width; ++i) {
    gate[i] = -110.0f + 220.0f * float(i) / float(width - 1);
    gate[width + i] = 1;
  }
  gate[0] = std::numeric_limits<float>::quiet_NaN();
  gate[1] = -1e30f;
  gate[2] = 1e30f;
  std::vector<uint64_t> at{reinterpret_cast<uint64_t>(gate), reinterpret_cast<uint64_t>(out)};
  Result<std::vector<uint64_t>> row =
      bindLaunch(output->object, sizes, addressesInOrder(*op, output->object, at, {}));
  ASSERT_TRUE(row.ok()) << row.error().message;
  ASSERT_TRUE((*device)->launch(**module, *row, sizes).ok());
  ASSERT_TRUE((*device)->synchronize().ok());

  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_EQ(out[1], 0.0f);
  EXPECT_EQ(out[2], 1e30f);
  for (int64_t i = 3; i < width; ++i) {
    const double x = gate[i], want = x / (1 + std::exp(-x));
    // exp within two units in the last place; a sum, a quotient and a product add half a unit each.
    // Below e^-87 exp(-x) is infinite in f32, and so the result may be 0.
    const double unit = std::ldexp(1.0, -23), slack = x < -87 ? std::abs(want) : 0;
    EXPECT_NEAR(out[i], want, std::abs(want) * 4 * unit + slack) << "x = " << x;
  }
}

TEST(HostMath, ExpIsRightOverTheWholeRange) {
  expectSiluOn("host");
  expectSiluOn("x86_64-avx2");
}

} // namespace
} // namespace zorse
