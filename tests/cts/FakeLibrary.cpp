//===- FakeLibrary.cpp - the fake HIP library, opened by a test -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "FakeLibrary.h"

#include "fakehip/FakeHip.h"

#include <algorithm>
#include <dlfcn.h>
#include <sstream>
#include <stdexcept>

namespace zorse::cts {

template <typename T> T *FakeLibrary::find(const char *name) const {
  auto *found = reinterpret_cast<T *>(dlsym(handle, name));
  if (!found)
    throw std::runtime_error(file + " lacks " + name);
  return found;
}

FakeLibrary::FakeLibrary(const std::string &archs, bool old)
    : file(old ? ZORSE_FAKE_HIP_OLD : ZORSE_FAKE_HIP),
      handle(dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (!handle)
    throw std::runtime_error(dlerror());
  if (!find<decltype(fakeHipReset)>("fakeHipReset")(archs.c_str()))
    throw std::runtime_error("objects of an earlier test still live, or no such GPU: " + archs);
}

void FakeLibrary::failNext(const std::string &function, int code, int nth) const {
  find<decltype(fakeHipFail)>("fakeHipFail")(function.c_str(), nth, code);
}

std::vector<std::string> FakeLibrary::calls() const {
  std::istringstream text(find<decltype(fakeHipLog)>("fakeHipLog")());
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);)
    lines.push_back(line);
  return lines;
}

void FakeLibrary::clearCalls() const { find<decltype(fakeHipClearLog)>("fakeHipClearLog")(); }

size_t FakeLibrary::liveObjects() const {
  return find<decltype(fakeHipLiveObjects)>("fakeHipLiveObjects")();
}

size_t countOf(const std::vector<std::string> &calls, const std::string &function) {
  return size_t(std::count_if(calls.begin(), calls.end(), [&](const std::string &call) {
    return call.rfind(function + "(", 0) == 0;
  }));
}

std::vector<std::string> namesOf(const std::vector<std::string> &calls) {
  std::vector<std::string> names;
  for (const std::string &call : calls)
    if (call.rfind("hipSetDevice(", 0) != 0)
      names.push_back(call.substr(0, call.find('(')));
  return names;
}

} // namespace zorse::cts
