//===- Interrupt.cpp - stopping soon when asked to ------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Interrupt.h"

#include <csignal>

namespace zorse::tool {

std::atomic<bool> stopRequested = false;
static volatile std::sig_atomic_t receivedSignal = 0;

static void onSignal(int signal) {
  receivedSignal = signal;
  stopRequested.store(true);
  // Back to the default: whoever asks twice, by either, does not want to wait.
  for (int either : {SIGINT, SIGTERM}) {
    struct sigaction action = {};
    action.sa_handler = SIG_DFL;
    sigaction(either, &action, nullptr);
  }
}

void watchSignals() {
  for (int signal : {SIGINT, SIGTERM}) {
    struct sigaction action = {};
    action.sa_handler = onSignal;
    action.sa_flags = SA_RESTART;
    sigaction(signal, &action, nullptr);
  }
}

bool forgetInterrupt() {
  if (receivedSignal == SIGTERM)
    return false;
  receivedSignal = 0;
  stopRequested.store(false);
  watchSignals();
  return true;
}

int interruptedExitCode() { return receivedSignal == SIGTERM ? 75 : 130; }

} // namespace zorse::tool
