//===- PanelKernelsTest.cpp - packed weights at every number of rows ------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel that is tuned for 8 rows serves 5, and one for 16 serves 9 and 17: each compiled kernel
// runs at 1 to 17 rows against the fp64 reference, with the dot instruction and without, and as
// AVX2 code.
//
//===----------------------------------------------------------------------===//

#include "zorse/compiler/Compile.h"
#include "zorse/device/BindLaunch.h"
#include "zorse/device/Device.h"
#include "zorse/reference/Reference.h"

#include <gtest/gtest.h>

namespace zorse {
namespace {

constexpr uint64_t seed = 20250107;

void runAt(Device &device, Module &module, const OpDesc &op, int64_t tokens) {
  SCOPED_TRACE(op.canonicalJson() + " at " + std::to_string(tokens) + " tokens, " +
               module.object().configText + ", seed " + std::to_string(seed));
  const Sizes sizes = {{"tokens", tokens}};
  Result<OperandSet> got = OperandSet::create(op, sizes);
  ASSERT_TRUE(got.ok()) << got.error().message;
  ASSERT_TRUE(fillOperands(op, sizes, seed, got->pointers()));
  OperandSet want = got->clone();
  ASSERT_TRUE(runReference(op, want.pointers(), sizes));
  std::vector<uint64_t> addresses;
  for (void *pointer : got->pointers())
    addresses.push_back(reinterpret_cast<uint64_t>(pointer));
  Result<std::vector<uint64_t>> slots =
      bindLaunch(module.object(), sizes, addressesInOrder(op, module.object(), addresses, {}));
  ASSERT_TRUE(slots.ok()) << slots.error().message;
  Status launched = device.launch(module, *slots, sizes);
  ASSERT_TRUE(launched) << launched.error().message;
  Result<Comparison> compared = compareOperands(op, sizes, got->pointers(), want.pointers());
  ASSERT_TRUE(compared.ok()) << compared.error().message;
  EXPECT_TRUE(compared->passed) << compared->detail;
}

TEST(PanelKernels, ServeEveryNumberOfRows) {
  Result<std::unique_ptr<Device>> device = createHostDevice({.threads = 2});
  ASSERT_TRUE(device.ok()) << device.error().message;
  for (
      const char *request : {
          R"({"op":"linear","in_features":135,"out_features":72,"panel":32,"dtype":"bf16"})",
          R"({"op":"linear","in_features":64,"out_features":50,"panel":48,"dtype":"bf16","bias":true,"residual":true,"out_dtype":"f32"})",
          R"({"op":"linear","in_features":31,"out_features":33,"panel":16,"dtype":"f32"})",
      })
    for (const char *arch : {"host", "x86_64-avx2"})
      for (int64_t tuned : {1, 2, 8, 16}) {
        Result<OpDesc> op = OpDesc::parse(request);
        ASSERT_TRUE(op.ok()) << op.error().message;
        *op = op->withTuningPoint({{"tokens", tuned}});
        Result<TargetDesc> target = findTarget(arch);
        ASSERT_TRUE(target.ok()) << target.error().message;
        Result<KernelConfig> config = KernelConfig::defaults(*op, *target);
        ASSERT_TRUE(config.ok()) << config.error().message;
        for (const char *dot : {"bf16_dot=0", "bf16_dot=1"}) {
          std::string text = config->text();
          const size_t at = text.find("bf16_dot=");
          ASSERT_NE(at, std::string::npos) << text;
          text.replace(at, std::string_view(dot).size(), dot);
          Result<KernelConfig> chosen = KernelConfig::parse(text, *op, *target);
          if (!chosen)
            continue; // no such instruction, or not for these types
          Result<CompileOutput> output = compile(*op, *target, *chosen);
          ASSERT_TRUE(output.ok()) << output.error().message;
          Result<std::unique_ptr<Module>> module = (*device)->load(output->object);
          ASSERT_TRUE(module.ok()) << module.error().message;
          for (int64_t tokens = 1; tokens <= 17; ++tokens)
            runAt(**device, **module, *op, tokens);
        }
      }
}

} // namespace
} // namespace zorse
