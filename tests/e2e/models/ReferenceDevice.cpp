//===- ReferenceDevice.cpp - a device that runs the oracle ----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "ReferenceDevice.h"

#include "zorse/device/LaunchChecks.h"
#include "zorse/device/SynchronousDevice.h"
#include "zorse/reference/Reference.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace zorse {

namespace {

constexpr size_t alignment = 64;

class ReferenceBuffer : public Buffer {
public:
  explicit ReferenceBuffer(size_t bytes)
      : bytes(bytes), data(::operator new(bytes, std::align_val_t(alignment))) {
    // Poison: a kernel that reads what nobody wrote shows as NaN.
    std::memset(data, 0xFF, bytes);
  }
  ~ReferenceBuffer() override { ::operator delete(data, std::align_val_t(alignment)); }
  uint64_t address() const override { return reinterpret_cast<uint64_t>(data); }
  size_t size() const override { return bytes; }

private:
  size_t bytes;
  void *data;
};

class ReferenceModule : public Module {
public:
  ReferenceModule(CodeObject code, OpDesc op) : code(std::move(code)), op(std::move(op)) {}
  const CodeObject &object() const override { return code; }

  CodeObject code;
  OpDesc op;
};

class ReferenceDevice : public SynchronousDevice {
public:
  ReferenceDevice() : row(detectHost()) {}
  const TargetDesc &target() const override { return row; }
  std::string description() const override { return "fp64 reference"; }

  Result<std::unique_ptr<Buffer>> allocate(size_t bytes) override {
    if (Status status = mayNot("allocate"); !status)
      return status.takeError();
    return std::unique_ptr<Buffer>(new ReferenceBuffer(bytes));
  }
  Result<std::unique_ptr<Module>> load(const CodeObject &object) override {
    if (Status status = mayNot("load"); !status)
      return status.takeError();
    Result<OpDesc> op = OpDesc::parse(object.opJson);
    if (!op)
      return op.takeError();
    return std::unique_ptr<Module>(new ReferenceModule(object, op.take()));
  }

private:
  Status run(Module &module, std::span<const uint64_t> slots, const Sizes &sizes) override {
    const OpDesc &op = static_cast<ReferenceModule &>(module).op;
    std::vector<void *> operands;
    for (size_t i = 0; i < op.operands().size(); ++i)
      operands.push_back(reinterpret_cast<void *>(slots[i]));
    return runReference(op, operands, sizes);
  }

  TargetDesc row;
};

} // namespace

std::unique_ptr<Device> createReferenceDevice() { return std::make_unique<ReferenceDevice>(); }

Result<CodeObject> describeAsCode(const OpDesc &op, const TargetDesc &target) {
  CodeObject object;
  object.arch = target.arch;
  object.opJson = op.canonicalJson();
  object.compilerRevision = "reference";
  object.bytes.assign(object.opJson.begin(), object.opJson.end());
  for (const OperandSpec *operand : op.operands())
    object.arguments.push_back({KernelArgument::Kind::Operand, operand->name,
                                std::string(name(op.operandDType(*operand)))});
  for (const SizeSpec *size : op.sizes())
    object.arguments.push_back({KernelArgument::Kind::Size, size->name, "i64"});
  return object;
}

} // namespace zorse
