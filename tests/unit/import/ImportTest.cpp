//===- ImportTest.cpp - tests of the import of requests -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Import.h"

#include "zorse/Dialect/Zorse/Zorse.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Verifier.h"

#include <gtest/gtest.h>

using namespace zorse;

namespace {

struct Imported {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp function;
  ir::DescribedOpInterface op;
};

Imported import(mlir::MLIRContext &context, const OpDesc &desc, const KernelConfig &config) {
  Imported result;
  result.module = importOp(context, desc, config);
  result.module->walk([&](mlir::func::FuncOp function) { result.function = function; });
  result.module->walk([&](ir::DescribedOpInterface op) { result.op = op; });
  return result;
}

} // namespace

TEST(Import, EveryExampleVerifiesAndDescribesItself) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  for (const OpSpec &spec : allOpSpecs())
    for (const char *arch : {"x86_64-avx512", "gfx942"}) {
      OpDesc desc = OpDesc::parse(spec.exampleJson)->withTuningPoint({{"tokens", 3}});
      TargetDesc target = *findTarget(arch);
      KernelConfig config = *KernelConfig::defaults(desc, target);
      Imported imported = import(context, desc, config);
      ASSERT_TRUE(imported.op) << spec.kind;
      imported.module.get()->setAttr(ir::targetAttrName, mlir::StringAttr::get(&context, arch));
      EXPECT_TRUE(mlir::succeeded(mlir::verify(*imported.module))) << spec.kind;
      Result<OpDesc> again = imported.op.describe();
      ASSERT_TRUE(again) << again.error().message;
      EXPECT_EQ(again->canonicalJson(), desc.canonicalJson());
      EXPECT_EQ(again->tuningPoint(), desc.tuningPoint());
      EXPECT_EQ(imported.op.getConfigAttr().getText().str(), config.text());
    }
}

TEST(Import, ArgumentsAreOperandsThenSizes) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  OpDesc desc = *OpDesc::parse(
      R"({"op":"mla_rope_append","num_heads":8,"qk_nope_head_dim":4,"qk_rope_head_dim":4,)"
      R"("kv_lora_rank":16,"cache_dtype":"f32"})");
  KernelConfig config = *KernelConfig::defaults(desc, *findTarget("x86_64-avx2"));
  Imported imported = import(context, desc, config);
  EXPECT_EQ(imported.function.getName(), "mla_rope_append");
  std::string types;
  llvm::raw_string_ostream stream(types);
  llvm::interleaveComma(imported.function.getArgumentTypes(), stream);
  EXPECT_EQ(types, "memref<?x8x8xbf16>, memref<?x20xbf16>, memref<?x2xbf16>, memref<?x2xbf16>, "
                   "memref<?xi32>, memref<?xi32>, memref<?x?x20xf32>, index, index, index, index");
  // q is updated in place: it is the first argument and the first of outs.
  EXPECT_EQ(imported.op.getOutputs()[0], imported.function.getArgument(0));
  EXPECT_EQ(imported.op.getInputs()[0], imported.function.getArgument(1));
}

TEST(Import, InPlaceOperandsAreReadAndWritten) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  OpDesc desc = *OpDesc::parse(R"({"op":"causal_conv1d_update","conv_dim":8,"x_stride":8})");
  KernelConfig config = *KernelConfig::defaults(desc, *findTarget("x86_64-avx2"));
  Imported imported = import(context, desc, config);
  auto interface = llvm::cast<mlir::MemoryEffectOpInterface>(imported.op.getOperation());
  auto has = [&](mlir::Value value, mlir::MemoryEffects::Effect *effect) {
    llvm::SmallVector<mlir::MemoryEffects::EffectInstance> effects;
    interface.getEffectsOnValue(value, effects);
    return llvm::any_of(effects, [&](const auto &found) { return found.getEffect() == effect; });
  };
  mlir::Value x = imported.op.getInputs()[0], state = imported.op.getOutputs()[0],
              out = imported.op.getOutputs()[1];
  EXPECT_TRUE(has(x, mlir::MemoryEffects::Read::get()));
  EXPECT_FALSE(has(x, mlir::MemoryEffects::Write::get()));
  EXPECT_TRUE(has(state, mlir::MemoryEffects::Read::get()));
  EXPECT_TRUE(has(state, mlir::MemoryEffects::Write::get()));
  EXPECT_FALSE(has(out, mlir::MemoryEffects::Read::get()));
  EXPECT_TRUE(has(out, mlir::MemoryEffects::Write::get()));
}
