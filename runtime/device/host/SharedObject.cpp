//===- SharedObject.cpp - machine code from memory into this process -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "SharedObject.h"

#include "zorse/device/ElfChecks.h"

#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace zorse::host {

namespace {

/// A T at `offset`, if it lies inside of the bytes.
template <typename T> bool readAt(std::span<const uint8_t> bytes, uint64_t offset, T &value) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T))
    return false;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return true;
}

Status checkDynamic(std::span<const uint8_t> bytes, const Elf64_Phdr &segment) {
  for (uint64_t offset = segment.p_offset; offset < segment.p_offset + segment.p_filesz;
       offset += sizeof(Elf64_Dyn)) {
    Elf64_Dyn entry;
    if (!readAt(bytes, offset, entry))
      return damagedCode("its dynamic section is cut short");
    switch (entry.d_tag) {
    case DT_NULL:
      return Status::success();
    case DT_NEEDED:
      return runtimeError("a code object must not need other libraries, this one does; link it "
                          "without the standard libraries");
    case DT_INIT:
    case DT_INIT_ARRAYSZ:
    case DT_PREINIT_ARRAYSZ:
      if (entry.d_un.d_val != 0)
        return runtimeError("a code object must not run code when it is loaded, this one has "
                            "initialisers; link it without start files");
      break;
    }
  }
  return Status::success();
}

} // namespace

Status checkSharedObject(std::span<const uint8_t> bytes) {
  if (Status status = checkElf(bytes, elfMachineX86, "the host"); !status)
    return status;
  Elf64_Ehdr header;
  readAt(bytes, 0, header);
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    readAt(bytes, header.e_phoff + i * sizeof(Elf64_Phdr), segment);
    if (segment.p_type == PT_DYNAMIC)
      if (Status status = checkDynamic(bytes, segment); !status)
        return status;
  }
  return Status::success();
}

Result<SharedObject> SharedObject::load(std::span<const uint8_t> bytes) {
  if (Status status = checkSharedObject(bytes); !status)
    return status.takeError();
  SharedObject object;
  object.file = memfd_create("zorse-code", MFD_CLOEXEC);
  if (object.file < 0)
    return runtimeError(fmt::format("no anonymous file for {} bytes of code: {}", bytes.size(),
                                    std::strerror(errno)));
  for (size_t done = 0; done < bytes.size();) {
    ssize_t written = write(object.file, bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return runtimeError(fmt::format("cannot write {} bytes of code to memory: {}", bytes.size(),
                                      std::strerror(errno)));
    done += size_t(written);
  }
  object.handle =
      dlopen(fmt::format("/proc/self/fd/{}", object.file).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!object.handle) {
    const char *reason = dlerror();
    return runtimeError(fmt::format("the dynamic linker refused the code object: {}",
                                    reason ? reason : "no reason given"));
  }
  return object;
}

SharedObject::SharedObject(SharedObject &&other) noexcept
    : handle(std::exchange(other.handle, nullptr)), file(std::exchange(other.file, -1)) {}

SharedObject &SharedObject::operator=(SharedObject &&other) noexcept {
  std::swap(handle, other.handle);
  std::swap(file, other.file);
  return *this;
}

SharedObject::~SharedObject() {
  if (handle)
    dlclose(handle);
  if (file >= 0)
    close(file);
}

void *SharedObject::find(const std::string &symbol) const { return dlsym(handle, symbol.c_str()); }

} // namespace zorse::host
