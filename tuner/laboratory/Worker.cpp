//===- Worker.cpp - the child's side of a process laboratory -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "laboratory/Messages.h"
#include "laboratory/WorkerExit.h"

#include "zorse/reference/Fill.h"

#include <csignal>
#include <cstdlib>
#include <fmt/format.h>
#include <new>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace zorse {

using namespace tuner;

namespace {

// Sanitizers reserve terabytes of address space for their shadow, which a limit would forbid.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
constexpr bool canLimitMemory = false;
#else
constexpr bool canLimitMemory = true;
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool canLimitMemory = false;
#else
constexpr bool canLimitMemory = true;
#endif

/// Address space that a thread of a device reserves without using it: its stack and its arena.
constexpr int64_t perThreadBytes = int64_t(192) << 20;

/// Called when an allocation fails. Unwinding would need memory, too.
void leaveForWantOfMemory() {
  constexpr std::string_view text = "out of memory\n";
  [[maybe_unused]] ssize_t count = write(STDERR_FILENO, text.data(), text.size());
  _exit(exitOutOfMemory);
}

void limitAddressSpace(int64_t bytes) {
  if (!canLimitMemory)
    return;
  rlimit limit = {};
  getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur =
      bytes > 0 ? std::min<rlim_t>(static_cast<rlim_t>(bytes), limit.rlim_max) : limit.rlim_max;
  setrlimit(RLIMIT_AS, &limit);
}

/// The worker's own half of the bargain: it dies with its parent and for its parent only.
void settleDown() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setpgid(0, 0); // done already, unless somebody else started us
  // Whoever stops a whole job sends these to every process of it. The parent gets them too and
  // decides; a worker that died of them would look like a candidate that crashed.
  for (int signal : {SIGINT, SIGTERM, SIGHUP})
    std::signal(signal, SIG_IGN);
  rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  std::set_new_handler(leaveForWantOfMemory);
}

class Service {
public:
  Service(int socket, const CompileFunction &compile, const std::string &compilerRevision,
          const std::function<Result<std::unique_ptr<Device>>(const TargetDesc &)> &openDevice)
      : channel(socket), compile(compile), revision(compilerRevision), openDevice(openDevice) {}

  int run();

private:
  Message answer(const Message &request);
  Message answerTrial(const TrialRequest &request, bool inRounds);
  Status ensureDevice(const TargetDesc &target);
  Status enter(const Problem &problem);
  Message describe(const Message &message);

  Channel channel;
  const CompileFunction &compile;
  const std::string &revision;
  const std::function<Result<std::unique_ptr<Device>>(const TargetDesc &)> &openDevice;
  Setup setup;
  std::unique_ptr<Laboratory> compiler;
  std::unique_ptr<Device> device; ///< outlives what follows
  std::unique_ptr<Laboratory> bench;
};

int Service::run() {
  if (!channel.sendAndWait(helloMessage(revision, canLimitMemory)))
    return exitBadRequest;
  Result<std::optional<Message>> first = channel.wait();
  if (first && !*first)
    return 0;
  Result<Setup> given = !first ? first.takeError() : readSetup(**first);
  if (!given) {
    fmt::print(stderr, "worker: {}\n", given.error().message);
    return exitBadRequest;
  }
  setup = given.take();
  // A parent that died before we asked to die with it.
  if (setup.parent != getppid())
    return 0;
  limitAddressSpace(setup.limits.memoryBytes);
  compiler = createDirectLaboratory(
      {compile, revision, nullptr, setup.measure, setup.seed, /*threads=*/1});
  while (true) {
    Result<std::optional<Message>> request = channel.wait();
    if (!request) {
      fmt::print(stderr, "worker: {}\n", request.error().message);
      return exitBadRequest;
    }
    if (!*request)
      return 0;
    if (Status status = channel.sendAndWait(answer(**request)); !status)
      return exitBadRequest;
  }
}

Message Service::answer(const Message &message) {
  std::string type = typeOf(message);
  if (type == "describe")
    return describe(message);
  Result<TrialRequest> request = readRequest(message);
  if (!request)
    return errorMessage(request.error());
  if (type == "try" || type == "rounds")
    return answerTrial(*request, type == "rounds");
  if (type != "compile" || request->specimens.size() != 1)
    return errorMessage(runtimeError(
        fmt::format("no request '{}' of {} specimens", type, request->specimens.size())));
  Message result;
  Status status = compiler->compileAll(
      request->problem, std::span(&request->specimens[0].config, 1),
      [](size_t) { return Status::success(); },
      [&](size_t, const Compiled &compiled) {
        result = compiledMessage(compiled);
        return Status::success();
      },
      nullptr);
  return status ? result : errorMessage(status.error());
}

Status Service::ensureDevice(const TargetDesc &target) {
  if (device)
    return Status::success();
  // The runtime of a GPU maps the memory of the whole machine; a limit would forbid it to start.
  limitAddressSpace(0);
  Result<std::unique_ptr<Device>> opened = openDevice(target);
  if (!opened)
    return opened.takeError();
  device = opened.take();
  bench = createDirectLaboratory({compile, revision, device.get(), setup.measure, setup.seed, 1});
  return Status::success();
}

Status Service::enter(const Problem &problem) {
  if (Status status = ensureDevice(problem.target); !status)
    return status;
  if (!device->target().isHost() || setup.limits.memoryBytes == 0)
    return Status::success();
  // The operands of a problem and the threads of a device are not the candidate's choice.
  Result<int64_t> operands = problem.op.operandBytes(consistentSizes(problem.op, {}));
  if (!operands)
    return operands.takeError();
  int64_t threads = perThreadBytes * std::max(device->target().computeUnits, 1);
  // Inputs, results and the reference's in several copies, some of them widened to fp64.
  limitAddressSpace(setup.limits.memoryBytes + threads + 16 * *operands);
  return Status::success();
}

Message Service::describe(const Message &message) {
  Result<TargetDesc> target = readDescribe(message);
  if (!target)
    return errorMessage(target.error());
  if (Status status = ensureDevice(*target); !status)
    return errorMessage(status.error());
  return deviceMessage(device->description());
}

Message Service::answerTrial(const TrialRequest &request, bool inRounds) {
  if (Status status = enter(request.problem); !status)
    return errorMessage(status.error());
  if (inRounds) {
    Result<std::vector<Tried>> tried = bench->rounds(request.problem, request.specimens, nullptr);
    return tried ? triedMessage(*tried) : errorMessage(tried.error());
  }
  if (request.specimens.size() != 1)
    return errorMessage(runtimeError("expected one specimen to try"));
  Result<Tried> tried =
      bench->tryOut(request.problem, request.specimens[0], request.hopelessUs, nullptr);
  return tried ? triedMessage(std::span(&*tried, 1)) : errorMessage(tried.error());
}

} // namespace

int runWorker(
    int socket, const CompileFunction &compile, const std::string &compilerRevision,
    const std::function<Result<std::unique_ptr<Device>>(const TargetDesc &)> &openDevice) {
  settleDown();
  return Service(socket, compile, compilerRevision, openDevice).run();
}

} // namespace zorse
