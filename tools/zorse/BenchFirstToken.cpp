//===- BenchFirstToken.cpp - how long a user waits for the first token ----===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "BenchRun.h"

#include <algorithm>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <sys/mman.h>
#include <unistd.h>

namespace zorse::tool {

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

namespace {

/// A file opened for looking at which of its pages are in memory.
class CachedFile {
public:
  explicit CachedFile(const std::string &path) : file(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~CachedFile() {
    if (file >= 0)
      ::close(file);
  }
  CachedFile(const CachedFile &) = delete;

  void throwOut() const {
    if (file >= 0)
      ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  }
  /// Adds its pages and those of them that are in memory.
  void count(int64_t &pages, int64_t &present) const {
    const off_t size = file >= 0 ? ::lseek(file, 0, SEEK_END) : 0;
    if (size <= 0)
      return;
    const auto bytes = static_cast<size_t>(size);
    void *mapped = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED)
      return;
    const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    std::vector<unsigned char> there((bytes + page - 1) / page);
    if (::mincore(mapped, bytes, there.data()) == 0) {
      pages += static_cast<int64_t>(there.size());
      present += std::count_if(there.begin(), there.end(), [](unsigned char c) { return c & 1; });
    }
    ::munmap(mapped, bytes);
  }

private:
  int file;
};

} // namespace

/// Throws the files of a folder out of memory; returns the part of them that stays, 0 to 1.
static double throwOut(const std::string &dir) {
  int64_t pages = 0, present = 0;
  std::error_code failed;
  for (const auto &entry : std::filesystem::directory_iterator(dir, failed)) {
    if (!entry.is_regular_file(failed))
      continue;
    const CachedFile file(entry.path().string());
    file.throwOut();
    file.count(pages, present);
  }
  return pages > 0 ? static_cast<double>(present) / static_cast<double>(pages) : 1;
}

static Status answer(Engine &engine, std::span<const int32_t> prompt) {
  Result<int32_t> slot = engine.open();
  if (!slot)
    return slot.takeError();
  const Engine::Run run = {*slot, prompt};
  Status status = engine.prefill({&run, 1});
  if (status)
    if (Result<std::vector<int32_t>> token = engine.argmax(); !token)
      status = token.takeError();
  engine.close(*slot);
  return status;
}

/// From nothing to the first token; with `loadedSeconds` once more with the model there.
static Result<double> openAndAnswer(const Tool &tool, const BenchArguments &arguments,
                                    int64_t promptTokens, double *loadedSeconds) {
  const auto begin = Clock::now();
  Runner runner;
  if (Status status = openModel(tool, arguments, runner); !status)
    return status.takeError();
  if (Status status = makeDispatcher(arguments, arguments.prefillChunk, runner); !status)
    return status.takeError();
  EngineOptions options;
  options.prefillChunk = arguments.prefillChunk;
  Result<std::unique_ptr<Engine>> engine =
      Engine::create(*runner.model, *runner.dispatcher, options);
  if (!engine)
    return engine.takeError();
  const std::vector<int32_t> prompt =
      randomTokens(runner.model->config(), promptTokens, arguments.seed);
  if (Status status = answer(**engine, prompt); !status)
    return status.takeError();
  const double seconds = secondsSince(begin);
  if (loadedSeconds) {
    const auto again = Clock::now();
    if (Status status = answer(**engine, prompt); !status)
      return status.takeError();
    *loadedSeconds = secondsSince(again);
  }
  return seconds;
}

Result<FirstToken> timeFirstToken(const Tool &tool, const BenchArguments &arguments,
                                  int64_t promptTokens) {
  FirstToken first;
  first.promptTokens = promptTokens;
  // Once for the kernels that are compiled and remembered.
  if (Result<double> seconds = openAndAnswer(tool, arguments, promptTokens, nullptr); !seconds)
    return seconds.takeError();
  first.coldCached = throwOut(arguments.dir);
  Result<double> cold = openAndAnswer(tool, arguments, promptTokens, nullptr);
  if (!cold)
    return cold.takeError();
  first.coldSeconds = *cold;
  Result<double> warm = openAndAnswer(tool, arguments, promptTokens, &first.loadedSeconds);
  if (!warm)
    return warm.takeError();
  first.warmSeconds = *warm;
  return first;
}

} // namespace zorse::tool
