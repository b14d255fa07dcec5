//===- WorkerExit.h - how a worker tells why it leaves -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

namespace zorse::tuner {

/// Exit codes of runWorker(), apart from 0 (the parent has gone). Far from those that shells and
/// sanitizers use.
constexpr int exitOutOfMemory = 97, exitBadRequest = 98;

} // namespace zorse::tuner
