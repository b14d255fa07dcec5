//===- ProcessLaboratoryTest.cpp - workers live, die and lie -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "HostileWorker.h"
#include "Outcomes.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <set>
#include <sys/wait.h>
#include <thread>

using namespace zorse;
using namespace zorse::test;

namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Whether the process runs; one that waits for its parent to look does not.
bool runs(pid_t process) {
  std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), {});
  size_t name = text.rfind(')');
  return name != std::string::npos && name + 2 < text.size() && text[name + 2] != 'Z' &&
         text[name + 2] != 'X';
}

size_t openDescriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto &entry : std::filesystem::directory_iterator("/proc/self/fd"))
    ++count;
  return count;
}

template <typename Condition> bool eventually(Condition holds, double seconds = 20) {
  for (Clock::time_point start = Clock::now(); secondsSince(start) < seconds;
       std::this_thread::sleep_for(std::chrono::milliseconds(5)))
    if (holds())
      return true;
  return false;
}

class ProcessLaboratoryTest : public testing::Test {
protected:
  ProcessLaboratoryTest() {
    for (int64_t i = 0; i < 8; ++i)
      configs.push_back(hostileConfig(i));
    options.command = script.command();
    options.compilers = 2;
    options.limits = {.compileSeconds = 20, .trialSeconds = 20, .memoryBytes = int64_t(2) << 30};
    options.measure = quickMeasure();
  }
  std::unique_ptr<Laboratory> start() { return must(createProcessLaboratory(options)); }
  Specimen specimen(std::string_view symbol, int64_t number = 0) {
    return {hostileConfig(number), swigluObject(std::string(symbol), number)};
  }

  HostileScript script;
  Problem problem = hostileProblem();
  std::vector<KernelConfig> configs;
  ProcessOptions options;
};

TEST_F(ProcessLaboratoryTest, SaysTheSameAsADirectOne) {
  script.add("fails", configs[1]);
  script.add("spills", configs[2]);
  script.add("wrong", configs[3]);
  std::unique_ptr<Laboratory> laboratory = start();
  EXPECT_EQ(laboratory->compilerRevision(), "hostile");
  Outcomes outcomes = compileAll(*laboratory, problem, configs);
  EXPECT_EQ(outcomes.count(TrialState::Ok), 6);
  EXPECT_EQ(outcomes.compiled[1].error, "no code for configuration block_n=1");
  EXPECT_EQ(outcomes.compiled[2].error,
            "kernel 'right' spills 3 vector registers to 48 bytes of scratch; dropped");
  EXPECT_EQ(outcomes.compiled[0].code->bytes, swigluObject("right", 0).bytes);
  EXPECT_EQ(outcomes.compiled[0].codeHash, swigluObject("right", 0).codeHash().hex());
  Tried right =
      must(laboratory->tryOut(problem, {configs[0], outcomes.compiled[0].code}, 0, nullptr));
  EXPECT_EQ(right.state, TrialState::Ok) << right.error;
  EXPECT_EQ(right.measurement->device, laboratory->deviceDescription());
  Tried wrong =
      must(laboratory->tryOut(problem, {configs[3], outcomes.compiled[3].code}, 0, nullptr));
  EXPECT_EQ(wrong.state, TrialState::Wrong);
  EXPECT_TRUE(contains(wrong.error, "elements are wrong")) << wrong.error;
}

TEST_F(ProcessLaboratoryTest, WorkersStayWarmAndLeaveNothingBehind) {
  size_t before = openDescriptors();
  // One that would come along if we let it; the worker refuses to start with it.
  int stray = open("/dev/null", O_RDONLY);
  {
    std::unique_ptr<Laboratory> laboratory = start();
    compileAll(*laboratory, problem, configs);
    compileAll(*laboratory, problem, configs);
    Tried tried = must(laboratory->tryOut(problem, specimen("right"), 0, nullptr));
    EXPECT_EQ(tried.state, TrialState::Ok) << tried.error;
    std::set<pid_t> processes;
    for (const HostileScript::Line &line : script.log())
      processes.insert(line.process);
    EXPECT_EQ(script.log().size(), 16u);
    EXPECT_LE(processes.size(), 2u);
  }
  close(stray);
  EXPECT_EQ(openDescriptors(), before);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
}

TEST_F(ProcessLaboratoryTest, ACompilerIsReplacedAfterTwoHundred) {
  options.compilers = 1;
  std::vector<KernelConfig> many;
  for (int64_t i = 0; i < 401; ++i)
    many.push_back(hostileConfig(i));
  std::unique_ptr<Laboratory> laboratory = start();
  EXPECT_EQ(compileAll(*laboratory, problem, many).count(TrialState::Ok), 401);
  std::map<pid_t, int> compilations;
  for (const HostileScript::Line &line : script.log())
    ++compilations[line.process];
  EXPECT_EQ(compilations.size(), 3u);
  for (const auto &[process, count] : compilations)
    EXPECT_LE(count, 200);
}

TEST_F(ProcessLaboratoryTest, AMadWorkerDoesNoHarm) {
  std::vector<std::string> kinds = {"garbage", "giant", "lies", "closes", "exits"};
  std::vector<std::string> reasons = {
      "the worker broke the protocol: expected a message, found bytes that are none",
      "the worker broke the protocol: a message with 2 bytes of header and 1152921504606846976",
      "ok, but without code", "the worker died of SIGKILL", "the worker ended with exit code 3"};
  for (size_t i = 0; i < kinds.size(); ++i)
    script.add(kinds[i], configs[i]);
  std::unique_ptr<Laboratory> laboratory = start();
  Outcomes outcomes = compileAll(*laboratory, problem, configs);
  for (size_t i = 0; i < kinds.size(); ++i) {
    EXPECT_EQ(outcomes.compiled[i].state, TrialState::Crashed) << kinds[i];
    EXPECT_TRUE(contains(outcomes.compiled[i].error, reasons[i])) << outcomes.compiled[i].error;
  }
  EXPECT_EQ(outcomes.count(TrialState::Ok), 3);
}

TEST_F(ProcessLaboratoryTest, StrangersAreRefusedAtTheStart) {
  auto refusal = [&](const std::vector<std::string> &command) {
    options.command = command;
    Result<std::unique_ptr<Laboratory>> laboratory = createProcessLaboratory(options);
    EXPECT_FALSE(laboratory);
    return laboratory ? "" : laboratory.error().message;
  };
  EXPECT_EQ(refusal(script.command({"--greeting", "old"})),
            "the worker speaks version 0 of the protocol, this program version 1; install both "
            "from one build");
  EXPECT_TRUE(contains(refusal(script.command({"--greeting", "garbage"})), "broke the protocol"));
  std::string dead = refusal(script.command({"--greeting", "none"}));
  EXPECT_TRUE(contains(dead, "3 workers in a row ended at their start")) << dead;
  EXPECT_TRUE(contains(dead, "the disk is on fire")) << dead;
  EXPECT_TRUE(contains(refusal({"/absent/worker"}), "cannot start the worker '/absent/worker'"));
  EXPECT_TRUE(contains(refusal({"/bin/true"}), "3 workers in a row"));
  EXPECT_TRUE(contains(refusal({}), "a worker needs a command"));
}

TEST_F(ProcessLaboratoryTest, AnIdleWorkerThatIsKilledIsNobodysFault) {
  options.compilers = 1;
  std::unique_ptr<Laboratory> laboratory = start();
  compileAll(*laboratory, problem, std::span(configs).first(1));
  pid_t worker = script.log().back().process;
  kill(worker, SIGKILL);
  ASSERT_TRUE(eventually([&] { return !runs(worker); }));
  EXPECT_EQ(compileAll(*laboratory, problem, configs).count(TrialState::Ok), 8);
}

TEST_F(ProcessLaboratoryTest, SignalsForAWholeJobAreLeftToTheParent) {
  options.compilers = 1;
  std::unique_ptr<Laboratory> laboratory = start();
  compileAll(*laboratory, problem, std::span(configs).first(1));
  pid_t worker = script.log().back().process;
  EXPECT_EQ(getpgid(worker), worker); // Ctrl-C of a terminal does not reach it
  for (int signal : {SIGTERM, SIGINT, SIGHUP})
    kill(worker, signal);
  compileAll(*laboratory, problem, configs);
  EXPECT_EQ(script.log().back().process, worker);
}

TEST_F(ProcessLaboratoryTest, StoppingGivesUpWhatIsUnderWay) {
  for (const KernelConfig &config : configs)
    script.add("hang", config);
  std::unique_ptr<Laboratory> laboratory = start();
  std::atomic<bool> stop = false;
  Clock::time_point stopped;
  std::thread stopper([&] {
    eventually([&] { return script.log().size() == 2; });
    stopped = Clock::now();
    stop = true;
  });
  Outcomes outcomes = compileAll(*laboratory, problem, configs, &stop);
  stopper.join();
  EXPECT_LT(secondsSince(stopped), 5);
  EXPECT_EQ(std::count(outcomes.begun.begin(), outcomes.begun.end(), 1), 2);
  EXPECT_EQ(std::count(outcomes.ended.begin(), outcomes.ended.end(), 0), 8);
  // It still works, and does not begin what it is told to leave.
  EXPECT_EQ(must(laboratory->tryOut(problem, specimen("right"), 0, nullptr)).state, TrialState::Ok);
  EXPECT_EQ(laboratory->tryOut(problem, specimen("right"), 0, &stop).error().code,
            ErrorCode::Interrupted);
  for (bool inRounds : {false, true}) {
    stop = false;
    std::thread later([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      stopped = Clock::now();
      stop = true;
    });
    Specimen endless = specimen("spins");
    ErrorCode code = ErrorCode::Runtime;
    if (inRounds) {
      Result<std::vector<Tried>> tried = laboratory->rounds(problem, std::span(&endless, 1), &stop);
      ASSERT_FALSE(tried);
      code = tried.error().code;
    } else {
      Result<Tried> tried = laboratory->tryOut(problem, endless, 0, &stop);
      ASSERT_FALSE(tried);
      code = tried.error().code;
    }
    later.join();
    EXPECT_EQ(code, ErrorCode::Interrupted);
    EXPECT_LT(secondsSince(stopped), 5);
  }
}

TEST_F(ProcessLaboratoryTest, AnErrorOfACallbackEndsIt) {
  script.add("hang", configs[0]);
  std::unique_ptr<Laboratory> laboratory = start();
  Status status = laboratory->compileAll(
      problem, configs, [](size_t) { return Status::success(); },
      [](size_t, const Compiled &) { return Status(runtimeError("the disk is full")); }, nullptr);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "the disk is full");
  EXPECT_EQ(compileAll(*laboratory, problem, std::span(configs).subspan(1)).count(TrialState::Ok),
            7);
}

TEST_F(ProcessLaboratoryTest, RoundsFindTheOneThatCrashes) {
  std::unique_ptr<Laboratory> laboratory = start();
  std::vector<Specimen> specimens = {specimen("right", 1), specimen("faults", 2),
                                     specimen("right", 3)};
  std::vector<Tried> results = must(laboratory->rounds(problem, specimens, nullptr));
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].state, TrialState::Ok) << results[0].error;
  EXPECT_EQ(results[1].state, TrialState::Crashed);
  EXPECT_EQ(results[2].state, TrialState::Ok) << results[2].error;
  EXPECT_TRUE(results[0].measurement && results[2].measurement);
}

TEST_F(ProcessLaboratoryTest, AnotherProblemAnotherReference) {
  std::unique_ptr<Laboratory> laboratory = start();
  for (int64_t tokens : {5, 8, 5}) {
    Tried tried = must(laboratory->tryOut(hostileProblem(tokens), specimen("right"), 0, nullptr));
    EXPECT_EQ(tried.state, TrialState::Ok) << tried.error;
    EXPECT_EQ(tried.measurement->bytes, double(tokens * 3 * 1000 * 4));
  }
}

TEST_F(ProcessLaboratoryTest, WithoutADeviceThereAreNoTrials) {
  options.measures = false;
  std::unique_ptr<Laboratory> laboratory = start();
  EXPECT_EQ(laboratory->deviceDescription(), "");
  EXPECT_EQ(laboratory->tryOut(problem, specimen("right"), 0, nullptr).error().code,
            ErrorCode::Device);
}

TEST_F(ProcessLaboratoryTest, WorkersDieWithAParentThatIsKilled) {
  for (size_t i = 1; i < configs.size(); ++i)
    script.add("hang", configs[i]);
  pid_t parent = fork();
  if (parent == 0) {
    std::unique_ptr<Laboratory> laboratory = start();
    compileAll(*laboratory, problem, configs);
    _exit(1);
  }
  ASSERT_GT(parent, 0);
  ASSERT_TRUE(eventually([&] { return script.log().size() == 3; }));
  std::set<pid_t> workers;
  for (const HostileScript::Line &line : script.log())
    workers.insert(line.process);
  EXPECT_EQ(workers.size(), 2u);
  for (pid_t worker : workers)
    EXPECT_TRUE(runs(worker));
  kill(parent, SIGKILL);
  EXPECT_EQ(waitpid(parent, nullptr, 0), parent);
  for (pid_t worker : workers)
    EXPECT_TRUE(eventually([&] { return !runs(worker); }, 5)) << worker;
}

} // namespace
