//===- RankSweepTest.cpp - every latent rank compiles without spills ------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Codegen.h"

#include <gtest/gtest.h>

namespace zorse::test {
namespace {

// X-EcoMLA chooses ranks layer by layer, so that any multiple of 8 can turn up.
TEST(RankSweep, EveryRankOfLatentAttentionFitsTheRegistersOfGfx942) {
  for (int64_t rank = 16; rank <= 816; rank += 8) {
    std::string request = R"({"op":"mla_decode","num_heads":24,"kv_lora_rank":)" +
                          std::to_string(rank) + R"(,"qk_rope_head_dim":64,"qk_nope_head_dim":64})";
    AmdCode code = compileFor("gfx942", request);
    ASSERT_EQ(code.kernels.size(), 2u) << request;
    for (const KernelInfo &kernel : code.kernels) {
      const KernelResources &r = kernel.resources;
      EXPECT_EQ(r.vgprSpills, 0) << rank << " " << kernel.symbol;
      EXPECT_EQ(r.sgprSpills, 0) << rank << " " << kernel.symbol;
      EXPECT_EQ(r.scratchBytes, 0) << rank << " " << kernel.symbol;
      EXPECT_LE(r.vgprs, 512) << rank << " " << kernel.symbol;
      EXPECT_LE(r.ldsBytes, 65536) << rank << " " << kernel.symbol;
    }
    EXPECT_GT(code.instructionMix["mfma"], 0) << rank;
  }
}

} // namespace
} // namespace zorse::test
