//===- Writers.cpp - processes that write, and are killed -----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Writers.h"

#include <chrono>
#include <cstdio>
#include <random>
#include <set>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace zorse::test {

static double secondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Records trials without end; the number of each is written to `acknowledged` once it is recorded.
[[noreturn]] static void writeForever(const std::string &path, int firstNumber, int acknowledged) {
  std::unique_ptr<Database> database = openForWriting(path);
  for (int number = firstNumber;; ++number) {
    CodeObject code = sampleCode(number % 50);
    KernelRecord record = sampleRecord("waves=" + std::to_string(number), 10, 1);
    code.configText = record.configText;
    record.codeHash = code.codeHash().hex();
    bool written = number % 2 ? database->recordAll({record}, {code}).ok()
                              : database->storeCode(code).ok() && database->record(record).ok();
    if (!written || ::write(acknowledged, &number, sizeof(number)) != sizeof(number))
      ::_exit(1);
  }
}

void killWriters(int rounds, uint64_t seed, TemporaryFolder::Place place) {
  auto start = std::chrono::steady_clock::now();
  TemporaryFolder folder(place);
  std::string path = folder.file("kernels.db");
  std::mt19937_64 random(seed);
  std::set<std::string> acknowledged; // of the rounds since the file began
  int64_t total = 0, unspoken = 0;
  int sinceStart = 0;
  for (int round = 0; round < rounds; ++round) {
    // A new file now and then: kills fall into its creation too, and looking at all stays cheap.
    if (round % 50 == 0) {
      std::filesystem::remove(path);
      acknowledged.clear();
      sinceStart = 0;
    }
    ++sinceStart;
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      writeForever(path, round * 100000, ends[1]);
    }
    ::close(ends[1]);
    int number = 0;
    auto acknowledge = [&] {
      bool read = ::read(ends[0], &number, sizeof(number)) == sizeof(number);
      if (read && acknowledged.insert("waves=" + std::to_string(number)).second)
        ++total;
      return read;
    };
    int wanted = round % 50 < 3 ? 0 : 4 + static_cast<int>(random() % 18);
    while (wanted-- > 0 && acknowledge()) {
    }
    ::usleep(static_cast<useconds_t>(random() % 10000));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer failed by itself, seed " << seed;
    while (acknowledge()) {
    }
    ::close(ends[0]);

    std::unique_ptr<Database> database = openForWriting(path);
    std::set<std::string> stored;
    for (const KernelRecord &record : database->list({}).take())
      stored.insert(record.configText);
    for (const std::string &text : acknowledged)
      ASSERT_TRUE(stored.contains(text)) << text << " lost in round " << round << ", seed " << seed;
    // A kill may fall between the commit and the word of it, once a round.
    ASSERT_LE(stored.size(), acknowledged.size() + static_cast<size_t>(sinceStart));
    unspoken = std::max(unspoken, static_cast<int64_t>(stored.size() - acknowledged.size()));
    ASSERT_EQ(database->verify().take(), std::vector<std::string>())
        << "round " << round << ", seed " << seed;
  }
  EXPECT_GE(total, 10 * rounds);
  std::printf("%d kills, %lld acknowledged rows, 0 lost, %.1f s\n", rounds,
              static_cast<long long>(total), secondsSince(start));
}

void inProcesses(int count, const std::function<int(int)> &body) {
  std::vector<pid_t> children;
  for (int i = 0; i < count; ++i) {
    pid_t child = ::fork();
    if (child == 0)
      ::_exit(body(i));
    children.push_back(child);
  }
  for (pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }
}

void writeTogether(int writers, int each) {
  auto start = std::chrono::steady_clock::now();
  TemporaryFolder folder(TemporaryFolder::Place::Disk);
  std::string path = folder.file("kernels.db");
  inProcesses(writers, [&](int writer) {
    Result<std::unique_ptr<Database>> database = Database::open(path, Database::Mode::ReadWrite);
    if (!database)
      return 2;
    for (int i = 0; i < each; ++i) {
      std::string text = "waves=" + std::to_string(writer * 100000 + i);
      Result<int64_t> id = (*database)->record(sampleRecord(text, 10, 1));
      if (!id) {
        std::fprintf(stderr, "%s\n", id.error().message.c_str());
        return 3;
      }
      if (i % 50 == 0 &&
          !(*database)->best(sampleOp(), sampleTarget(), sampleOp().tuningPointJson()))
        return 4;
    }
    return 0;
  });
  std::unique_ptr<Database> database = openForWriting(path);
  EXPECT_EQ(database->list({})->size(), static_cast<size_t>(writers) * static_cast<size_t>(each));
  std::printf("%d writers, %d rows each, %.1f s\n", writers, each, secondsSince(start));
}

} // namespace zorse::test
