//===- ModelSweepTest.cpp - every kernel of the published models fits -----===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles what the engine would launch for each published model, with the default
// configurations, and looks at the code objects: no spills, no scratch, LDS and
// registers within the target, products on the matrix units and nowhere else.
//
//===----------------------------------------------------------------------===//

#include "InParallel.h"
#include "PublishedModels.h"

#include "zorse/compiler/Compile.h"

#include <gtest/gtest.h>

#include <mutex>
#include <set>

namespace zorse::test {
namespace {

bool hasProduct(std::string_view kind) {
  static const std::set<std::string_view> kinds = {"gqa_decode",  "gqa_prefill", "linear",
                                                   "mla_absorb",  "mla_decode",  "mla_expand",
                                                   "mla_prefill", "ssd_scan"};
  return kinds.contains(kind);
}

/// The matrix instructions of a wave for one block of a linear, written out: those of one step of
/// the loop over K, and those of what is left after it.
int64_t matrixInstructionsOfLinear(const OpDesc &op, const TargetDesc &target,
                                   const KernelConfig &config) {
  auto up = [](int64_t a, int64_t b) { return (a + b - 1) / b; };
  DType type = op.getDType("dtype");
  int64_t deepest = target.matrixShape(type, 16)->k;
  int64_t least = type == DType::F32 ? 4 : 16;
  auto steps = [&](int64_t depth) { // the deepest instructions, then those for the rest
    int64_t padded = up(depth, std::max<int64_t>(16, deepest)) * std::max<int64_t>(16, deepest);
    return padded / deepest + padded % deepest / least;
  };
  int64_t k = op.get("in_features"), step = std::min(config.get("block_k"), k);
  int64_t n = up(std::min(config.get("block_n"), op.get("out_features")), 16);
  int64_t blocks = config.get("block_m") / 16 * n, waves = config.get("waves");
  return up(blocks, waves) * (steps(step) + (k % step ? steps(k % step) : 0));
}

/// What is wrong with the code of an op; empty if nothing is.
std::string faultOf(const OpDesc &op, const TargetDesc &target) {
  Result<KernelConfig> config = KernelConfig::defaults(op, target);
  if (!config)
    return config.error().message;
  std::string what = op.canonicalJson() + " tuned for " + op.tuningPointJson() + " with " +
                     config->text() + " on " + target.arch + ": ";
  Result<CompileOutput> output = compile(op, target, *config);
  if (!output)
    return what + output.error().message;
  std::string faults;
  auto expect = [&](bool holds, const std::string &text) {
    if (!holds)
      faults += (faults.empty() ? "" : "; ") + text;
  };
  for (const KernelInfo &kernel : output->object.kernels) {
    const KernelResources &r = kernel.resources;
    auto none = [&](int64_t count, const char *name) {
      expect(count == 0,
             kernel.symbol + " has " + std::to_string(count) + " " + name + ", expected none");
    };
    none(r.vgprSpills, "vector register spills");
    none(r.sgprSpills, "scalar register spills");
    none(r.scratchBytes, "bytes of scratch");
    expect(r.ldsBytes <= target.ldsBytes, kernel.symbol + " takes " + std::to_string(r.ldsBytes) +
                                              " bytes of LDS of " +
                                              std::to_string(target.ldsBytes));
    expect(r.vgprs <= target.vgprsPerLane, kernel.symbol + " takes " + std::to_string(r.vgprs) +
                                               " vector registers of " +
                                               std::to_string(target.vgprsPerLane));
  }
  int64_t matrix = output->object.instructionMix["mfma"];
  std::string found = ", found " + std::to_string(matrix);
  if (op.kind() == "linear") {
    int64_t wanted = matrixInstructionsOfLinear(op, target, *config);
    expect(matrix == wanted, "expected " + std::to_string(wanted) + " matrix instructions" + found);
  } else if (hasProduct(op.kind())) {
    expect(matrix > 0, "expected matrix instructions for its products, found none");
  } else {
    expect(matrix == 0, "expected no matrix instruction" + found);
  }
  return faults.empty() ? "" : what + faults;
}

struct Sweep {
  const char *arch;
  DType dtype;
};
void PrintTo(const Sweep &sweep, std::ostream *os) {
  *os << sweep.arch << " " << name(sweep.dtype);
}

std::string nameOf(const testing::TestParamInfo<Sweep> &info) {
  return std::string(info.param.arch) + "_" + std::string(name(info.param.dtype));
}

void expectNoFault(const Sweep &sweep, const std::vector<OpDesc> &ops) {
  Result<TargetDesc> target = findTarget(sweep.arch);
  ASSERT_TRUE(target);
  std::mutex mutex;
  std::vector<std::string> faults;
  inParallel(ops.size(), [&](size_t i) {
    std::string fault = faultOf(ops[i], *target);
    if (fault.empty())
      return;
    std::lock_guard lock(mutex);
    faults.push_back(fault);
  });
  for (const std::string &fault : faults)
    ADD_FAILURE() << fault;
}

/// The ops of all models, or those of one kind.
std::vector<OpDesc> opsOf(const std::vector<PublishedModel> &models, std::string_view kind = "") {
  std::vector<OpDesc> ops;
  for (const PublishedModel &model : models)
    for (const OpDesc &op : model.ops)
      if (kind.empty() || op.kind() == kind)
        ops.push_back(op);
  return ops;
}

class ModelSweep : public testing::TestWithParam<Sweep> {};
TEST_P(ModelSweep, EveryKernelFits) {
  std::vector<OpDesc> ops = opsOf(publishedModels(GetParam().dtype));
  std::set<std::string> kinds;
  for (const OpDesc &op : ops)
    kinds.insert(op.kind());
  // What mamba2_step fuses is run by no model; other tests compile it.
  kinds.insert({"causal_conv1d_update", "ssm_update"});
  EXPECT_EQ(kinds.size(), allOpSpecs().size());
  expectNoFault(GetParam(), ops);
}
// The suites called Slow have the rest.
INSTANTIATE_TEST_SUITE_P(Targets, ModelSweep,
                         testing::Values(Sweep{"gfx90a", DType::F16}, Sweep{"gfx942", DType::BF16},
                                         Sweep{"gfx942", DType::F32}, Sweep{"gfx950", DType::BF16}),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Slow, ModelSweep,
                         testing::Values(Sweep{"gfx90a", DType::BF16}, Sweep{"gfx90a", DType::F32},
                                         Sweep{"gfx942", DType::F16}, Sweep{"gfx950", DType::F16},
                                         Sweep{"gfx950", DType::F32}),
                         nameOf);

// X-EcoMLA chooses ranks layer by layer, so that any multiple of 8 can turn up.
class RankSweep : public testing::TestWithParam<Sweep> {};
TEST_P(RankSweep, EveryKernelFits) {
  expectNoFault(GetParam(), opsOf(modelsOfEveryRank(GetParam().dtype)));
}
TEST(DecodeSweep, EveryRankFitsGfx942) {
  std::vector<OpDesc> ops = opsOf(modelsOfEveryRank(DType::BF16), "mla_decode");
  EXPECT_EQ(ops.size(), 2u * 101);
  expectNoFault({"gfx942", DType::BF16}, ops);
}
INSTANTIATE_TEST_SUITE_P(Slow, RankSweep,
                         testing::Values(Sweep{"gfx90a", DType::BF16}, Sweep{"gfx90a", DType::F16},
                                         Sweep{"gfx90a", DType::F32}, Sweep{"gfx942", DType::BF16},
                                         Sweep{"gfx942", DType::F16}, Sweep{"gfx942", DType::F32},
                                         Sweep{"gfx950", DType::BF16}, Sweep{"gfx950", DType::F16},
                                         Sweep{"gfx950", DType::F32}),
                         nameOf);

} // namespace
} // namespace zorse::test
