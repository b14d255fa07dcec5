//===- Samples.cpp - records and files for the tests ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Samples.h"

#include <fstream>
#include <iterator>
#include <sqlite3.h>
#include <unistd.h>

namespace zorse::test {

TemporaryFolder::TemporaryFolder(Place place) {
  std::filesystem::path parent = "/dev/shm";
  if (place == Place::Disk || ::access(parent.c_str(), W_OK) != 0)
    parent = std::filesystem::temp_directory_path();
  std::string pattern = (parent / "zorse-db-XXXXXX").string();
  if (!::mkdtemp(pattern.data()))
    throw std::runtime_error("cannot make a temporary folder");
  root = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(root, ignored);
}

std::unique_ptr<Database> openForWriting(const std::string &path) {
  Result<std::unique_ptr<Database>> database = Database::open(path, Database::Mode::ReadWrite);
  if (!database)
    throw std::runtime_error(database.error().message);
  return database.take();
}

OpDesc sampleOp(int64_t outFeatures) {
  Result<OpDesc> op =
      OpDesc::create("linear", {{"in_features", int64_t(32)}, {"out_features", outFeatures}});
  if (!op)
    throw std::runtime_error(op.error().message);
  return op.take();
}

TargetDesc sampleTarget(int computeUnits) {
  TargetDesc target;
  target.arch = "gfx942";
  target.family = TargetDesc::Family::Amdgpu;
  target.computeUnits = computeUnits;
  return target;
}

CodeObject sampleCode(int seed, int64_t ldsBytes, int64_t vgprs) {
  CodeObject object;
  object.arch = "gfx942";
  for (int i = 0; i < 300; ++i)
    object.bytes.push_back(static_cast<uint8_t>(i * 7 + seed));
  KernelInfo kernel;
  kernel.symbol = "linear_" + std::to_string(seed);
  kernel.grid = {*Expr::parse("ceildiv(tokens, 16)"), Expr::constant(4), Expr::constant(1)};
  kernel.block = {256, 1, 1};
  kernel.resources.ldsBytes = ldsBytes;
  kernel.resources.vgprs = vgprs;
  object.kernels.push_back(kernel);
  object.arguments = {{KernelArgument::Kind::Operand, "x", "bf16"},
                      {KernelArgument::Kind::Workspace, "partial", "f32"},
                      {KernelArgument::Kind::Size, "tokens", "i64"}};
  object.workspaces = {{"partial", *Expr::parse("tokens * 256")}};
  object.opJson = sampleOp().canonicalJson();
  object.configText = "block_m=16,waves=" + std::to_string(seed);
  object.compilerRevision = "LLVM 22.1 test";
  object.instructionMix = {{"mfma", 12}, {"valu", seed}};
  return object;
}

KernelRecord sampleRecord(const std::string &configText, double medianUs, double spreadUs,
                          Source source) {
  OpDesc op = sampleOp();
  TargetDesc target = sampleTarget();
  KernelRecord record;
  record.opKind = op.kind();
  record.opJson = op.canonicalJson();
  record.arch = target.arch;
  record.computeUnits = target.computeUnits;
  record.tuningPoint = op.tuningPointJson();
  record.configText = configText;
  record.compilerRevision = "LLVM 22.1 test";
  record.codeHash = hashText(configText).hex();
  record.state = TrialState::Ok;
  Measurement measurement;
  measurement.source = source;
  measurement.device = "test device";
  measurement.method = "median of 15 rounds, warm";
  measurement.medianUs = medianUs;
  measurement.lowUs = medianUs - spreadUs;
  measurement.highUs = medianUs + spreadUs;
  measurement.samples = 15;
  measurement.flops = 4096;
  measurement.bytes = 8192;
  record.measurement = measurement;
  record.verification = Verification{true, 0.25, 3, "y[0, 3]"};
  return record;
}

std::vector<uint8_t> readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void writeFile(const std::string &path, const std::vector<uint8_t> &bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char *>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

void tamper(const std::string &path, const std::string &sql) {
  sqlite3 *handle = nullptr;
  // The layer keeps the checksums of pages right, as somebody who makes such files would.
  const char *layer = sqlite3_vfs_find("zorse-page-checks") ? "zorse-page-checks" : nullptr;
  ASSERT_EQ(
      sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, layer),
      SQLITE_OK);
  char *message = nullptr;
  EXPECT_EQ(sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
  sqlite3_free(message);
  sqlite3_close(handle);
}

} // namespace zorse::test
