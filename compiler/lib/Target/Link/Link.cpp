//===- Link.cpp - from object to shared object ----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Link.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <mutex>

LLD_HAS_DRIVER(elf)

namespace zorse {

Result<std::vector<uint8_t>> linkSharedObject(llvm::StringRef object) {
  llvm::SmallString<128> input, output;
  int descriptor = -1;
  if (auto error = llvm::sys::fs::createTemporaryFile("zorse", "o", descriptor, input))
    return runtimeError("cannot create a temporary file for linking: " + error.message());
  llvm::scope_exit removeInput([&] { llvm::sys::fs::remove(input); });
  {
    llvm::raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
    stream << object;
    stream.flush();
    if (stream.has_error()) {
      std::string reason = stream.error().message();
      stream.clear_error();
      return runtimeError("cannot write an object file for linking: " + reason);
    }
  }
  if (auto error = llvm::sys::fs::createTemporaryFile("zorse", "so", output))
    return runtimeError("cannot create a temporary file for linking: " + error.message());
  llvm::scope_exit removeOutput([&] { llvm::sys::fs::remove(output); });

  static std::mutex oneAtATime;
  std::lock_guard lock(oneAtATime);
  std::string diagnostics;
  llvm::raw_string_ostream stream(diagnostics);
  const char *arguments[] = {"ld.lld",          "-shared",     "--no-undefined",
                             "--build-id=none", "--threads=1", "-s",
                             input.c_str(),     "-o",          output.c_str()};
  lld::Result result =
      lld::lldMain(arguments, llvm::nulls(), stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return runtimeError("linking failed: " + diagnostics);
  auto linked =
      llvm::MemoryBuffer::getFile(output, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!linked)
    return runtimeError("cannot read the linked object: " + linked.getError().message());
  llvm::StringRef bytes = (*linked)->getBuffer();
  return std::vector<uint8_t>(bytes.bytes_begin(), bytes.bytes_end());
}

} // namespace zorse
