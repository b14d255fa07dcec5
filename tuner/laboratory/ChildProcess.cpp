//===- ChildProcess.cpp - a child with a socket, and what it said last -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "laboratory/ChildProcess.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <mutex>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace zorse::tuner {

namespace {

constexpr size_t keptOutput = 4096, shownOutput = 300;
constexpr int childSocket = 3;

/// Children that did not die at once; see ChildProcess::end().
std::mutex unreapedMutex;
std::vector<pid_t> unreaped;

void reapOthers() {
  std::lock_guard lock(unreapedMutex);
  std::erase_if(unreaped, [](pid_t pid) { return waitpid(pid, nullptr, WNOHANG) != 0; });
}

/// A file descriptor that is closed at the end of the scope, unless taken.
class Descriptor {
public:
  ~Descriptor() { reset(-1); }
  void reset(int to) {
    if (fd >= 0)
      close(fd);
    fd = to;
  }
  int get() const { return fd; }
  int take() { return std::exchange(fd, -1); }

private:
  int fd = -1;
};

/// Moves a descriptor out of the range that the child's own will be put to.
Status moveUp(int from, Descriptor &to) {
  to.reset(fcntl(from, F_DUPFD_CLOEXEC, childSocket + 1));
  int why = errno;
  close(from);
  return to.get() >= 0 ? Status::success()
                       : Status(runtimeError(
                             fmt::format("cannot duplicate a descriptor: {}", strerror(why))));
}

/// Everything that spawning needs; frees itself.
struct SpawnPlan {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  SpawnPlan() {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
};

std::string printable(std::string line) {
  for (char &c : line)
    if (static_cast<unsigned char>(c) < 32 || c == 127)
      c = ' ';
  size_t first = line.find_first_not_of(' ');
  line.erase(0, std::min(first, line.size()));
  while (!line.empty() && line.back() == ' ')
    line.pop_back();
  return line.size() <= shownOutput ? line : line.substr(0, shownOutput) + "…";
}

} // namespace

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(const std::vector<std::string> &command) {
  reapOthers();
  if (command.empty())
    return runtimeError("a worker needs a command, found none");
  int sockets[2], pipes[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
    return runtimeError(fmt::format("cannot make a socket for a worker: {}", strerror(errno)));
  Descriptor ours, theirs, output, theirOutput;
  Status first = moveUp(sockets[0], ours), second = moveUp(sockets[1], theirs);
  if (!first || !second)
    return first ? second.takeError() : first.takeError();
  if (pipe2(pipes, O_CLOEXEC) != 0)
    return runtimeError(fmt::format("cannot make a pipe for a worker: {}", strerror(errno)));
  first = moveUp(pipes[0], output);
  second = moveUp(pipes[1], theirOutput);
  if (!first || !second)
    return first ? second.takeError() : first.takeError();
  fcntl(output.get(), F_SETFL, O_NONBLOCK);

  SpawnPlan plan;
  posix_spawn_file_actions_addopen(&plan.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&plan.files, theirOutput.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&plan.files, theirOutput.get(), STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&plan.files, theirs.get(), childSocket);
  posix_spawn_file_actions_addclosefrom_np(&plan.files, childSocket + 1);
  // A group of its own: what a terminal sends to the group of the search is for the search.
  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD})
    sigaddset(&defaults, signal);
  posix_spawnattr_setsigmask(&plan.attributes, &none);
  posix_spawnattr_setsigdefault(&plan.attributes, &defaults);
  posix_spawnattr_setpgroup(&plan.attributes, 0);
  posix_spawnattr_setflags(&plan.attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<char *> arguments;
  for (const std::string &argument : command)
    arguments.push_back(const_cast<char *>(argument.c_str()));
  arguments.push_back(nullptr);

  std::unique_ptr<ChildProcess> child(new ChildProcess);
  if (int why = posix_spawnp(&child->pid, arguments[0], &plan.files, &plan.attributes,
                             arguments.data(), environ)) {
    child->reaped = true;
    return runtimeError(fmt::format("cannot start the worker '{}': {}", command[0], strerror(why)));
  }
  child->socketEnd = ours.take();
  child->outputEnd = output.take();
  return child;
}

ChildProcess::~ChildProcess() {
  if (!reaped)
    end(0);
  for (int fd : {socketEnd, outputEnd})
    if (fd >= 0)
      close(fd);
}

void ChildProcess::readOutput() {
  char buffer[4096];
  // No more than a few turns: one that talks without end must not keep us here.
  for (int turn = 0; turn < 64; ++turn) {
    ssize_t count = read(outputEnd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR)
      continue;
    silent |= count == 0;
    if (count <= 0)
      break;
    said.append(buffer, static_cast<size_t>(count));
    if (said.size() > keptOutput)
      said.erase(0, said.size() - keptOutput);
  }
}

std::string ChildProcess::lastWords() const {
  std::string last, telling;
  for (size_t begin = 0; begin < said.size();) {
    size_t line = std::min(said.find('\n', begin), said.size());
    std::string text = printable(said.substr(begin, line - begin));
    begin = line + 1;
    if (text.empty())
      continue;
    last = text;
    // A stack trace may follow these.
    for (std::string_view mark : {"LLVM ERROR", "Assertion", "terminate called", "UNREACHABLE",
                                  "ERROR: AddressSanitizer", "out of memory", "bad_alloc"})
      if (telling.empty() && text.find(mark) != std::string::npos)
        telling = text;
  }
  return telling.empty() ? last : telling;
}

bool ChildProcess::reap() {
  if (reaped)
    return true;
  int found = 0;
  pid_t result = waitpid(pid, &found, WNOHANG);
  if (result == 0 || (result < 0 && errno == EINTR))
    return false;
  reaped = true;
  statusKnown = result == pid; // not, where the program ignores SIGCHLD
  status = found;
  return true;
}

void ChildProcess::end(double seconds) {
  using Clock = std::chrono::steady_clock;
  auto waitFor = [this](double limit) {
    constexpr std::chrono::microseconds longest(5000);
    auto until = Clock::now() + std::chrono::duration<double>(limit);
    for (std::chrono::microseconds pause(100); !reap(); pause = std::min(2 * pause, longest)) {
      if (Clock::now() >= until)
        return false;
      readOutput(); // it may be waiting for room to say its last words
      std::this_thread::sleep_for(pause);
    }
    return true;
  };
  if (!waitFor(seconds)) {
    killed = true;
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
    if (!waitFor(2)) {
      std::lock_guard lock(unreapedMutex);
      unreaped.push_back(pid);
      reaped = true;
    }
  } else {
    kill(-pid, SIGKILL); // what it has left behind in its group
  }
  readOutput();
}

int ChildProcess::exitCode() const {
  return statusKnown && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int ChildProcess::endSignal() const {
  return statusKnown && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

std::string ChildProcess::describeEnd() const {
  if (int signal = endSignal()) {
    const char *abbreviation = sigabbrev_np(signal);
    std::string text = abbreviation ? fmt::format("died of SIG{}", abbreviation)
                                    : fmt::format("died of signal {}", signal);
    // Not ours: an administrator or the kernel, short of memory.
    return signal == SIGKILL && !killed ? text + " (sent by another process, or by the kernel for "
                                                 "want of memory)"
                                        : text;
  }
  if (exitCode() >= 0)
    return fmt::format("ended with exit code {}", exitCode());
  return "ended";
}

int64_t ChildProcess::residentBytes() const {
  std::ifstream file(fmt::format("/proc/{}/statm", pid));
  int64_t total = 0, resident = 0;
  if (!(file >> total >> resident))
    return 0;
  return resident * sysconf(_SC_PAGESIZE);
}

} // namespace zorse::tuner
