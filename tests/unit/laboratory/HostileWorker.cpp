//===- HostileWorker.cpp - a worker that misbehaves on request -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "SwigluKernels.h"

#include "zorse/tuner/Laboratory.h"

#ifdef ZORSE_HAS_COMPILER
#include <llvm/Support/ErrorHandling.h>
#include <llvm/Support/MemAlloc.h>
#endif

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

using namespace zorse;
using namespace zorse::test;

namespace {

constexpr int parentSocket = 3;
std::string scriptPath, logPath;

[[noreturn]] void sleepForEver() {
  while (true)
    pause();
}

void say(const std::string &text) {
  [[maybe_unused]] ssize_t count = write(parentSocket, text.data(), text.size());
}

std::string frame(const std::string &header, uint64_t payload) {
  auto length = static_cast<uint32_t>(header.size());
  std::string text = "zorselab";
  text.append(reinterpret_cast<const char *>(&length), sizeof length);
  text.append(reinterpret_cast<const char *>(&payload), sizeof payload);
  return text + header;
}

std::string kindOf(const std::string &config) {
  std::ifstream script(scriptPath);
  std::string kind = "good";
  for (std::string word, text; script >> word >> text;)
    if (text == config)
      kind = word;
  return kind;
}

void noteInLog(const std::string &kind, const std::string &config) {
  std::string line = std::to_string(getpid()) + " " + kind + " " + config + "\n";
  int file = open(logPath.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  [[maybe_unused]] ssize_t count = write(file, line.data(), line.size());
  close(file);
}

[[noreturn]] void exhaustMemory([[maybe_unused]] bool asLlvmDoes) {
  constexpr size_t piece = size_t(16) << 20;
  while (true) {
#ifdef ZORSE_HAS_COMPILER
    if (asLlvmDoes) {
      *static_cast<volatile char *>(llvm::safe_malloc(piece)) = 1;
      continue;
    }
#endif
    *static_cast<volatile char *>(::operator new(piece)) = 1;
  }
}

[[noreturn]] void abortInLlvm() {
#ifdef ZORSE_HAS_COMPILER
  llvm::report_fatal_error("Cannot select: a hostile node");
#else
  std::fputs("LLVM ERROR: Cannot select: a hostile node\n", stderr);
  std::abort();
#endif
}

void misbehave(const std::string &kind, int64_t number) {
  if (kind == "hang")
    sleepForEver();
  if (kind == "abort")
    abortInLlvm();
  if (kind == "memory")
    exhaustMemory(number % 2);
  if (kind == "crash")
    *static_cast<volatile int *>(nullptr) = 1;
  if (kind == "exits")
    std::exit(3);
  if (kind == "closes")
    close(parentSocket);
  if (kind == "garbage")
    say(std::string(5000, '\xa5'));
  if (kind == "giant")
    say(frame("{}", uint64_t(1) << 60));
  if (kind == "lies")
    say(frame(R"({"type":"compiled","state":2,"error":"","seconds":0})", 0));
  if (kind == "closes" || kind == "garbage" || kind == "giant" || kind == "lies")
    sleepForEver();
}

Result<CodeObject> compileHostile(const OpDesc &op, const TargetDesc &,
                                  const KernelConfig &config) {
  std::string kind = kindOf(config.text());
  noteInLog(kind, config.text());
  int64_t number = config.get("block_n");
  misbehave(kind, number);
  if (kind == "fails")
    return runtimeError("no code for configuration " + config.text());
  static const std::map<std::string, std::string> symbols = {{"spin", "spins"},
                                                             {"fault", "faults"},
                                                             {"nan", "makes_nan"},
                                                             {"wrong", "forgets_silu"},
                                                             {"slow", "slow"}};
  auto symbol = symbols.find(kind);
  CodeObject object = swigluObject(symbol == symbols.end() ? "right" : symbol->second, number);
  object.opJson = op.canonicalJson();
  object.configText = config.text();
  if (kind == "spills") {
    object.kernels[0].resources.vgprSpills = 3;
    object.kernels[0].resources.scratchBytes = 48;
  }
  return object;
}

/// Only the three standard descriptors and the socket may have come along.
bool inheritsNothing() {
  for (int descriptor = parentSocket + 1; descriptor < 256; ++descriptor)
    if (fcntl(descriptor, F_GETFD) >= 0)
      return false;
  return fcntl(parentSocket, F_GETFD) >= 0;
}

} // namespace

int main(int argc, char **argv) {
  if (!inheritsNothing()) {
    std::fputs("the worker has inherited descriptors\n", stderr);
    return 2;
  }
  std::string greeting;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string_view name = argv[i];
    (name == "--script" ? scriptPath : name == "--log" ? logPath : greeting) = argv[i + 1];
  }
  if (greeting == "none") {
    std::fputs("cannot begin: the disk is on fire\n", stderr);
    return 4;
  }
  if (greeting == "garbage") {
    say("Hello, I am a shell.\n");
    sleepForEver();
  }
  if (greeting == "old") {
    say(frame(R"({"type":"hello","version":0,"revision":"old"})", 0));
    sleepForEver();
  }
  return runWorker(parentSocket, compileHostile, "hostile",
                   [](const TargetDesc &) { return createHostDevice({.threads = 2}); });
}
