//===- ChannelTest.cpp - messages survive, damage does no harm -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "HostileWorker.h"

#include "laboratory/Messages.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <sys/socket.h>
#include <thread>

using namespace zorse;
using namespace zorse::test;
using namespace zorse::tuner;

namespace {

struct Pair {
  int ends[2] = {-1, -1};
  Pair() {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      throw std::runtime_error("no socket");
  }
  ~Pair() {
    hangUp();
    close(ends[1]);
  }
  void hangUp() {
    if (ends[0] >= 0)
      close(std::exchange(ends[0], -1));
  }
  void send(const std::vector<uint8_t> &bytes) {
    ASSERT_EQ(write(ends[0], bytes.data(), bytes.size()), ssize_t(bytes.size()));
  }
};

/// What a channel puts on the socket for a message.
std::vector<uint8_t> bytesOf(const Message &message) {
  Pair pair;
  Channel channel(pair.ends[0]);
  EXPECT_TRUE(channel.sendAndWait(message).ok());
  std::vector<uint8_t> bytes(1 << 20);
  ssize_t count = recv(pair.ends[1], bytes.data(), bytes.size(), MSG_DONTWAIT);
  bytes.resize(size_t(std::max<ssize_t>(count, 0)));
  return bytes;
}

Specimen specimen(int64_t number) {
  Specimen result{hostileConfig(number), swigluObject("right", number)};
  result.code->configText = result.config.text();
  return result;
}

TEST(Channel, LargeMessagesPassASocketThatTakesThemInPieces) {
  Pair pair;
  Message message{{{"type", "x"}}, std::vector<uint8_t>(size_t(5) << 20)};
  for (size_t i = 0; i < message.payload.size(); ++i)
    message.payload[i] = uint8_t(i * 7);
  std::thread sender([&] { EXPECT_TRUE(Channel(pair.ends[0]).sendAndWait(message).ok()); });
  Channel receiver(pair.ends[1]);
  std::optional<Message> received = must(receiver.wait());
  sender.join();
  ASSERT_TRUE(received);
  EXPECT_EQ(received->header, message.header);
  EXPECT_EQ(received->payload, message.payload);
  pair.hangUp();
  EXPECT_FALSE(must(receiver.wait()));
}

TEST(Channel, EveryTruncationWaitsForMoreOrEnds) {
  std::vector<uint8_t> whole = bytesOf(compileMessage(hostileProblem(), hostileConfig(7)));
  for (size_t length = 0; length < whole.size(); ++length) {
    Pair pair;
    pair.send({whole.begin(), whole.begin() + std::ptrdiff_t(length)});
    pair.hangUp();
    Channel channel(pair.ends[1]);
    EXPECT_FALSE(must(channel.wait())) << length;
  }
}

TEST(Channel, DamagedMessagesAreErrorsOrOtherMessagesButNeverACrash) {
  std::vector<uint8_t> whole;
  Specimen one = specimen(1);
  one.code->bytes.resize(64);
  for (const Message &message : {compileMessage(hostileProblem(), hostileConfig(7)),
                                 trialMessage("try", hostileProblem(), std::span(&one, 1), 1.5)})
    for (uint8_t byte : bytesOf(message))
      whole.push_back(byte);
  constexpr unsigned seed = 5;
  std::mt19937 random(seed);
  int64_t broken = 0, refused = 0, understood = 0;
  for (int turn = 0; turn < 3000; ++turn) {
    std::vector<uint8_t> damaged = whole;
    damaged[random() % damaged.size()] ^= uint8_t(1 + random() % 255);
    Pair pair;
    pair.send(damaged);
    pair.hangUp();
    Channel channel(pair.ends[1]);
    while (true) {
      Result<std::optional<Message>> message = channel.wait();
      broken += !message;
      if (!message || !*message)
        break;
      bool fine = readRequest(**message).ok();
      (fine ? understood : refused) += 1;
    }
  }
  EXPECT_GT(broken, 100) << "seed " << seed;
  EXPECT_GT(refused, 100) << "seed " << seed;
  EXPECT_GT(understood, 100) << "seed " << seed;
}

TEST(Messages, RequestsArriveAsTheyWere) {
  Problem problem = hostileProblem(17);
  problem.target.computeUnits = 77;
  std::vector<Specimen> specimens = {specimen(1), specimen(22)};
  TrialRequest request = must(readRequest(trialMessage("rounds", problem, specimens, 2.25)));
  EXPECT_EQ(request.problem.op.canonicalJson(), problem.op.canonicalJson());
  EXPECT_EQ(request.problem.op.tuningPointJson(), problem.op.tuningPointJson());
  EXPECT_EQ(request.problem.target.arch, problem.target.arch);
  EXPECT_EQ(request.problem.target.computeUnits, 77);
  EXPECT_EQ(request.hopelessUs, 2.25);
  ASSERT_EQ(request.specimens.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(request.specimens[i].config, specimens[i].config);
    EXPECT_EQ(request.specimens[i].code->bytes, specimens[i].code->bytes);
    EXPECT_EQ(toJson(*request.specimens[i].code), toJson(*specimens[i].code));
  }
}

TEST(Messages, ResultsArriveAsTheyWere) {
  Tried wrong, right;
  wrong.state = TrialState::Wrong;
  wrong.error = "a \xff byte";
  wrong.verification = Verification{false, HUGE_VAL, 3, "out[1]"};
  right.measurement = Measurement{
      Source::Measured, "cpu", "median", 1.0 / 3, 0.25, 0.5, 9, 1e12, 2e9, R"({"cache":"cold"})"};
  std::vector<Tried> both = {wrong, right};
  Message message = triedMessage(both);
  // Through the text, where infinity and bytes that are no text must survive.
  Pair pair;
  ASSERT_TRUE(Channel(pair.ends[0]).sendAndWait(message).ok());
  std::vector<Tried> back = must(readTried(*must(Channel(pair.ends[1]).wait()), 2));
  EXPECT_EQ(back[0].state, TrialState::Wrong);
  EXPECT_TRUE(std::isinf(back[0].verification->maxError));
  EXPECT_EQ(back[0].verification->detail, "out[1]");
  EXPECT_EQ(back[1].measurement->medianUs, 1.0 / 3);
  EXPECT_EQ(back[1].measurement->flops, 1e12);
  EXPECT_EQ(back[1].measurement->environment, R"({"cache":"cold"})");
  EXPECT_FALSE(readTried(message, 3).ok());
}

TEST(Messages, SetupArrivesAsItWas) {
  tuner::Setup setup;
  setup.parent = 42;
  setup.limits.memoryBytes = 12345;
  setup.measure = {CacheState::Hot, 3, 5, 0.5, 7, 8, 9, 0.25};
  setup.seed = ~uint64_t(0);
  tuner::Setup back = must(readSetup(setupMessage(setup)));
  EXPECT_EQ(back.parent, 42);
  EXPECT_EQ(back.limits.memoryBytes, 12345);
  EXPECT_EQ(back.seed, setup.seed);
  EXPECT_EQ(back.measure.cache, CacheState::Hot);
  EXPECT_EQ(back.measure.minSamples, 3);
  EXPECT_EQ(back.measure.maxSamples, 5);
  EXPECT_EQ(back.measure.precision, 0.5);
  EXPECT_EQ(back.measure.budgetSeconds, 7);
  EXPECT_EQ(back.measure.screenSamples, 8);
  EXPECT_EQ(back.measure.finalists, 9);
  EXPECT_EQ(back.measure.sampleSeconds, 0.25);
  Message other = setupMessage(setup);
  other.header["version"] = protocolVersion + 1;
  EXPECT_NE(readSetup(other).error().message.find("install both from one build"),
            std::string::npos);
}

} // namespace
