//===- CodeObjectTest.cpp - host code that must not be loaded -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Devices.h"

#include <algorithm>
#include <cstring>
#include <elf.h>
#include <gtest/gtest.h>

using namespace zorse;
using namespace zorse::cts;

namespace {

class HostCode : public testing::Test {
protected:
  HostCode() : device(createHostDevice({.threads = 1}).take()) {}

  CodeObject object(std::vector<uint8_t> bytes) {
    CodeObject object =
        makeObject(*device, devices()[0], {{"add_one", {"n", "1", "1"}}}, {"x", "y"}, {}, {"n"});
    object.bytes = std::move(bytes);
    return object;
  }
  Error refused(const CodeObject &object) {
    Result<std::unique_ptr<Module>> module = device->load(object);
    EXPECT_FALSE(module);
    return module ? Error{} : module.error();
  }
  std::unique_ptr<Device> device;
};

TEST_F(HostCode, GoodBytesLoad) { EXPECT_TRUE(device->load(object(readObject("kernels.so")))); }

TEST_F(HostCode, NoElf) {
  EXPECT_EQ(refused(object({})).message, "damaged code object: expected an ELF file, found 0 bytes "
                                         "that are none; compile it again");
  EXPECT_EQ(
      refused(object(std::vector<uint8_t>(200, 7))).message,
      "damaged code object: expected an ELF file, found 200 bytes that are none; compile it again");
}

TEST_F(HostCode, AnotherMachine) {
  std::vector<uint8_t> bytes = readObject("kernels.so");
  reinterpret_cast<Elf64_Ehdr *>(bytes.data())->e_machine = 224;
  Error error = refused(object(bytes));
  EXPECT_EQ(error.message,
            "the host runs x86-64 code, this is 64-bit AMDGPU code (ELF machine 224)");
  EXPECT_EQ(error.code, ErrorCode::Device);
}

TEST_F(HostCode, EveryTruncationIsRefused) {
  std::vector<uint8_t> whole = readObject("kernels.so");
  Elf64_Ehdr header;
  std::memcpy(&header, whole.data(), sizeof(header));
  uint64_t needed = 0;
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, whole.data() + header.e_phoff + size_t(i) * sizeof(segment),
                sizeof(segment));
    needed = std::max(needed, segment.p_offset + segment.p_filesz);
  }
  for (size_t size = 0; size < needed; size += 97)
    EXPECT_EQ(refused(object({whole.begin(), whole.begin() + long(size)}))
                  .message.rfind("damaged code object", 0),
              0u)
        << size;
}

TEST_F(HostCode, CodeThatRunsWhenLoaded) {
  EXPECT_EQ(refused(object(readObject("initialised.so"))).message,
            "a code object must not run code when it is loaded, this one has initialisers; link it "
            "without start files");
}

TEST_F(HostCode, CodeThatNeedsALibrary) {
  EXPECT_EQ(refused(object(readObject("needy.so"))).message,
            "a code object must not need other libraries, this one does; link it without the "
            "standard libraries");
}

TEST_F(HostCode, LevelsUpToThisCpuLoadHigherOnesDoNot) {
  for (const TargetDesc &row : allTargets()) {
    CodeObject code = object(readObject("kernels.so"));
    code.arch = row.arch;
    bool within = row.isHost() && row.vectorBits <= device->target().vectorBits &&
                  row.hasBf16Convert <= device->target().hasBf16Convert;
    Result<std::unique_ptr<Module>> module = device->load(code);
    EXPECT_EQ(module.ok(), within) << row.arch;
    if (!within) {
      EXPECT_EQ(module.error().code, ErrorCode::Device);
    }
  }
}

TEST_F(HostCode, ThreadCountIsChecked) {
  Result<std::unique_ptr<Device>> none = createHostDevice({.threads = -1});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message,
            "threads is -1, legal are 0 (one for each hardware thread) to 1024");
}

} // namespace
