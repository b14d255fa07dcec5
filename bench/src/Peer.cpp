//===- Peer.cpp - other people's libraries, as child processes ----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Peer.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace zorse::bench {

using nlohmann::json;

Result<std::shared_ptr<PeerProcess>> PeerProcess::start(const std::vector<std::string> &command,
                                                        int threads) {
  signal(SIGPIPE, SIG_IGN);
  int requests[2], answers[2];
  if (pipe2(requests, O_CLOEXEC) != 0 || pipe2(answers, O_CLOEXEC) != 0)
    return runtimeError(fmt::format("cannot make a pipe: {}", strerror(errno)));
  std::vector<char *> arguments;
  for (const std::string &argument : command)
    arguments.push_back(const_cast<char *>(argument.c_str()));
  arguments.push_back(nullptr);
  const std::string count = std::to_string(threads);

  const pid_t child = fork();
  if (child == 0) {
    setenv("OMP_NUM_THREADS", count.c_str(), 1);
    setenv("OPENBLAS_NUM_THREADS", count.c_str(), 1);
    dup2(requests[0], STDIN_FILENO);
    dup2(answers[1], STDOUT_FILENO);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  close(requests[0]);
  close(answers[1]);
  if (child < 0)
    return runtimeError(fmt::format("cannot start {}: {}", command[0], strerror(errno)));
  std::shared_ptr<PeerProcess> peer(new PeerProcess);
  peer->name = command[0];
  peer->child = child;
  peer->toChild = requests[1];
  peer->fromChild = answers[0];
  return peer;
}

PeerProcess::~PeerProcess() {
  // End of input is the peer's signal to leave.
  close(toChild);
  close(fromChild);
  waitpid(child, nullptr, 0);
}

Result<json> PeerProcess::ask(const json &request) {
  const std::string line = request.dump() + "\n";
  for (size_t sent = 0; sent < line.size();) {
    const ssize_t count = write(toChild, line.data() + sent, line.size() - sent);
    // A peer that left has said why in its last line, which is read below.
    if (count <= 0)
      break;
    sent += static_cast<size_t>(count);
  }
  size_t end;
  while ((end = pending.find('\n')) == std::string::npos) {
    char buffer[4096];
    const ssize_t count = read(fromChild, buffer, sizeof buffer);
    if (count <= 0)
      return runtimeError(fmt::format("{}: expected an answer, found the end of its output", name));
    pending.append(buffer, static_cast<size_t>(count));
  }
  json answer = json::parse(pending.substr(0, end), nullptr, /*allow_exceptions=*/false);
  pending.erase(0, end + 1);
  if (!answer.is_object())
    return runtimeError(fmt::format("{}: expected a JSON object as answer", name));
  if (answer.contains("error"))
    return runtimeError(fmt::format("{}: {}", name, answer["error"].get<std::string>()));
  return answer;
}

namespace {
class PeerSide : public Side {
public:
  PeerSide(std::shared_ptr<PeerProcess> peer, size_t index, std::string label)
      : peer(std::move(peer)), index(index), label(std::move(label)) {}

  std::string name() const override { return label; }
  Result<double> round(double targetUs) override {
    Result<json> answer = peer->ask({{"round", index}, {"target_us", targetUs}});
    if (!answer)
      return answer.takeError();
    return answer->at("us").get<double>();
  }

private:
  std::shared_ptr<PeerProcess> peer;
  size_t index;
  std::string label;
};
} // namespace

Result<std::vector<std::unique_ptr<Side>>> peerSides(const std::shared_ptr<PeerProcess> &peer,
                                                     const Case &benchCase, const Setup &setup) {
  Result<json> answer = peer->ask({{"prepare",
                                    {{"op", json::parse(benchCase.op.canonicalJson())},
                                     {"sizes", benchCase.sizes},
                                     {"threads", setup.threads},
                                     {"rotate_bytes", setup.rotateBytes}}}});
  if (!answer)
    return answer.takeError();
  std::vector<std::unique_ptr<Side>> sides;
  for (const json &label : answer->at("variants"))
    sides.push_back(std::make_unique<PeerSide>(peer, sides.size(), label.get<std::string>()));
  return sides;
}

} // namespace zorse::bench
