//===- DurabilityTest.cpp - nothing acknowledged is ever lost -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Samples.h"

#include <cstdio>
#include <random>
#include <set>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace zorse;
using namespace zorse::test;

namespace {

/// Records trials without end; the number of each is written to `acknowledged` once it is recorded.
[[noreturn]] void writeForever(const std::string &path, int firstNumber, int acknowledged) {
  std::unique_ptr<Database> database = openForWriting(path);
  for (int number = firstNumber;; ++number) {
    CodeObject code = sampleCode(number % 50);
    KernelRecord record = sampleRecord("waves=" + std::to_string(number), 10, 1);
    code.configText = record.configText;
    record.codeHash = code.codeHash().hex();
    if (!database->storeCode(code) || !database->record(record))
      ::_exit(1);
    if (::write(acknowledged, &number, sizeof(number)) != sizeof(number))
      ::_exit(1);
  }
}

TEST(DurabilityTest, KilledWritersLoseNothingAcknowledged) {
  TemporaryFolder folder(TemporaryFolder::Place::Disk);
  std::string path = folder.file("kernels.db");
  std::mt19937 random(4711);
  std::set<std::string> acknowledged;
  for (int round = 0; round < 30; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      writeForever(path, round * 100000, ends[1]);
    }
    ::close(ends[1]);
    // The first kills may fall into the creation of the file, the later ones into any write.
    int number = 0;
    for (int wanted = round < 5 ? 0 : static_cast<int>(random() % 6); wanted > 0; --wanted)
      if (::read(ends[0], &number, sizeof(number)) == sizeof(number))
        acknowledged.insert("waves=" + std::to_string(number));
    ::usleep(random() % 20000);
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer failed by itself";
    while (::read(ends[0], &number, sizeof(number)) == sizeof(number))
      acknowledged.insert("waves=" + std::to_string(number));
    ::close(ends[0]);

    std::unique_ptr<Database> database = openForWriting(path);
    std::set<std::string> stored;
    for (const KernelRecord &record : database->list({}).take())
      stored.insert(record.configText);
    for (const std::string &text : acknowledged)
      ASSERT_TRUE(stored.contains(text)) << text << " lost in round " << round;
    // A kill may fall between the commit and the word of it, once a round.
    ASSERT_LE(stored.size(), acknowledged.size() + round + 1);
    ASSERT_EQ(database->verify().take(), std::vector<std::string>()) << "round " << round;
  }
  EXPECT_GT(acknowledged.size(), 30u);
}

/// Runs `body` in several processes at once; each must return 0.
template <typename Body> void inProcesses(int count, Body body) {
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

TEST(DurabilityTest, ProcessesMayCreateTheFileTogether) {
  for (int round = 0; round < 40; ++round) {
    TemporaryFolder folder;
    std::string path = folder.file("deep/kernels.db");
    inProcesses(6, [&](int) {
      Result<std::unique_ptr<Database>> database = Database::open(path, Database::Mode::ReadWrite);
      if (!database)
        std::fprintf(stderr, "%s\n", database.error().message.c_str());
      return database ? 0 : 1;
    });
    EXPECT_EQ(openForWriting(path)->verify().take(), std::vector<std::string>());
  }
}

TEST(DurabilityTest, ConcurrentWritersAreAllHeard) {
  constexpr int writers = 4, each = 50;
  TemporaryFolder folder(TemporaryFolder::Place::Disk);
  std::string path = folder.file("kernels.db");
  inProcesses(writers, [&](int writer) {
    Result<std::unique_ptr<Database>> database = Database::open(path, Database::Mode::ReadWrite);
    if (!database)
      return 2;
    for (int i = 0; i < each; ++i) {
      std::string text = "waves=" + std::to_string(writer * 1000 + i);
      if (!(*database)->record(sampleRecord(text, 10, 1)))
        return 3;
      if (!(*database)->best(sampleOp(), sampleTarget(), sampleOp().tuningPointJson()))
        return 4;
    }
    return 0;
  });
  std::unique_ptr<Database> database = openForWriting(path);
  EXPECT_EQ(database->list({})->size(), static_cast<size_t>(writers * each));
}

} // namespace
