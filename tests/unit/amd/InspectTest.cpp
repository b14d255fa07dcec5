//===- InspectTest.cpp - what code objects tell, and lies -----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Codegen.h"

#include "zorse/compiler/Compile.h"
#include "zorse/compiler/Inspect.h"

#include <gtest/gtest.h>

#include <random>
#include <sstream>

namespace zorse::test {
namespace {

constexpr const char *norm = R"({"op":"rmsnorm","hidden_size":3072})";

const std::vector<uint8_t> &hsaco() {
  static const std::vector<uint8_t> bytes = compileFor("gfx942", norm).bytes;
  return bytes;
}

std::string errorOf(std::span<const uint8_t> bytes) {
  Result<CodeObject> object = inspectCodeObject(bytes);
  if (object)
    return "";
  EXPECT_EQ(object.error().code, ErrorCode::Usage);
  return object.error().message;
}

TEST(Inspect, ReadsKernelsArgumentsAndInstructions) {
  Result<CodeObject> object = inspectCodeObject(hsaco());
  ASSERT_TRUE(object) << object.error().message;
  EXPECT_EQ(object->arch, "gfx942");
  EXPECT_EQ(object->bytes, hsaco());
  ASSERT_EQ(object->kernels.size(), 1u);
  const KernelInfo &kernel = object->kernels[0];
  EXPECT_EQ(kernel.symbol, "zorse_rmsnorm");
  EXPECT_EQ(kernel.block, (std::array<int64_t, 3>{256, 1, 1}));
  EXPECT_EQ(kernel.resources.ldsBytes, 16);
  EXPECT_GT(kernel.resources.vgprs, 16);
  EXPECT_LT(kernel.resources.vgprs, 64);
  EXPECT_GT(kernel.resources.sgprs, 8);
  EXPECT_EQ(kernel.resources.vgprSpills, 0);
  // x, weight, out, tokens.
  ASSERT_EQ(object->arguments.size(), 4u);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(object->arguments[i].kind, KernelArgument::Kind::Operand) << i;
  EXPECT_EQ(object->arguments[3].kind, KernelArgument::Kind::Size);
  EXPECT_EQ(object->arguments[3].dtype, "i64");
  EXPECT_EQ(object->instructionMix["vmem"], 6); // x, weight and out, twice 16 bytes each
  EXPECT_EQ(object->instructionMix["barrier"], 1);
  EXPECT_EQ(object->instructionMix["mfma"], 0);
  EXPECT_GT(object->instructionMix["valu"], 50);
  EXPECT_EQ(object->instructionMix["other"], 0);
}

TEST(Inspect, NamesEachGpu) {
  for (const char *arch : {"gfx90a", "gfx942", "gfx950"}) {
    Result<CodeObject> object = inspectCodeObject(compileFor(arch, norm).bytes);
    ASSERT_TRUE(object) << object.error().message;
    EXPECT_EQ(object->arch, arch);
  }
}

/// The same classes by the names in the assembly.
std::map<std::string, int64_t> countText(const std::string &assembly) {
  const std::pair<const char *, const char *> prefixes[] = {
      {"v_mfma", "mfma"},       {"v_", "valu"},         {"s_waitcnt", "waitcnt"},
      {"s_barrier", "barrier"}, {"s_load", "smem"},     {"s_branch", "branch"},
      {"s_cbranch", "branch"},  {"s_endpgm", "branch"}, {"s_nop", "nop"},
      {"s_", "salu"},           {"ds_", "lds"},         {"buffer_", "vmem"},
      {"global_", "vmem"},      {"scratch_", "scratch"}};
  std::map<std::string, int64_t> mix;
  std::istringstream lines(assembly);
  for (std::string line; std::getline(lines, line);)
    for (auto [prefix, name] : prefixes)
      if (line.starts_with("\t" + std::string(prefix))) {
        ++mix[name];
        break;
      }
  return mix;
}

TEST(Inspect, CountsWhatTheAssemblySays) {
  for (const char *arch : {"gfx90a", "gfx942", "gfx950"})
    for (const char *request :
         {R"({"op":"mla_decode","num_heads":24,"kv_lora_rank":816,"qk_rope_head_dim":64,)"
          R"("qk_nope_head_dim":64})",
          R"({"op":"linear","in_features":200,"out_features":100,"bias":true,"dtype":"f16"})",
          R"({"op":"ssm_update","num_heads":24,"num_kv_heads":8,"head_dim":128,"d_state":128,)"
          R"("dt_stride":24})"}) {
      AmdCode code = compileFor(arch, request, "", /*keepText=*/true);
      EXPECT_EQ(code.instructionMix, countText(code.asmText)) << arch << " " << request;
    }
}

TEST(Inspect, ReadsHostObjects) {
  Result<OpDesc> op = OpDesc::parse(norm);
  Result<TargetDesc> target = findTarget("x86_64-avx2");
  ASSERT_TRUE(op && target);
  Result<CompileOutput> output = compile(*op, *target, *KernelConfig::defaults(*op, *target));
  ASSERT_TRUE(output) << output.error().message;
  Result<CodeObject> object = inspectCodeObject(output->object.bytes);
  ASSERT_TRUE(object) << object.error().message;
  EXPECT_EQ(object->arch, "x86_64");
  ASSERT_EQ(object->kernels.size(), 1u);
  EXPECT_EQ(object->kernels[0].symbol, "zorse_rmsnorm");
  EXPECT_GT(object->instructionMix["vector"], 10);
  EXPECT_GT(object->instructionMix["branch"], 0);
}

TEST(Inspect, ErrorsSayWhatIsWrong) {
  std::vector<uint8_t> text(200, 'x');
  EXPECT_EQ(errorOf(text), "expected an ELF code object (an HSACO or an x86-64 shared object), got "
                           "200 bytes that do not start with the ELF magic");
  EXPECT_EQ(errorOf({}), "expected an ELF code object (an HSACO or an x86-64 shared object), got 0 "
                         "bytes that do not start with the ELF magic");
  EXPECT_EQ(errorOf(std::span(hsaco()).first(40)),
            "expected a complete ELF code object, got a truncated one of 40 bytes");
  EXPECT_TRUE(errorOf(std::span(hsaco()).first(hsaco().size() / 2))
                  .starts_with("expected a complete ELF code object, got a damaged or truncated "
                               "one: "));
  std::vector<uint8_t> other = hsaco();
  other[18] = 183; // AArch64
  EXPECT_EQ(errorOf(other),
            "expected code of an AMD GPU (ELF machine 224) or x86-64 (62), got machine 183");
  other = hsaco();
  other[4] = 1;
  EXPECT_EQ(errorOf(other), "expected a 64-bit little-endian ELF file, got another kind");
  other = hsaco();
  other[48] = 0x01; // R600, which has another instruction set
  EXPECT_TRUE(errorOf(other).starts_with("expected an AMD code object of the gfx9 family, got "
                                         "the flags "));
}

// Whatever the bytes, the answer is an object or an error.
TEST(Inspect, DamagedBytesDoNoHarm) {
  for (size_t size = 0; size < hsaco().size(); size += 7)
    (void)inspectCodeObject(std::span(hsaco()).first(size));
  std::mt19937 random(5);
  int refused = 0;
  for (int round = 0; round < 400; ++round) {
    std::vector<uint8_t> bytes = hsaco();
    for (int i = 0; i < 4; ++i)
      bytes[random() % bytes.size()] = uint8_t(random());
    refused += !inspectCodeObject(bytes);
  }
  EXPECT_GT(refused, 0);
}

// A code object names no place of the machine that made it.
TEST(AmdCodegen, BytesNameNoFolder) {
  std::string text(hsaco().begin(), hsaco().end());
  EXPECT_EQ(text.find("/tmp"), std::string::npos);
  EXPECT_EQ(text.find(ZORSE_SOURCE_DIR), std::string::npos);
}

} // namespace
} // namespace zorse::test
