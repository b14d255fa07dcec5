//===- Handles.h - what the handles of the C API hold -----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Boundary.h"

#include "zorse/bundle/Bundle.h"
#include "zorse/device/Device.h"
#include "zorse/hybrid/Engine.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

namespace zorse::capi {

/// A model with its kernels. The order matters: what is destroyed first comes last.
struct OpenModel {
  std::string folder;
  std::unique_ptr<Device> device;
  std::unique_ptr<Database> database;
  std::optional<Bundle> bundle;
  std::unique_ptr<Model> model;
  std::optional<Dispatcher> dispatcher;

  std::mutex mutex;
  std::atomic<std::thread::id> holder; ///< who is in a call now
};

/// One call on a model or on a session of it at a time.
class Turn {
public:
  explicit Turn(OpenModel &model) : model(model) {
    if (model.holder.load() == std::this_thread::get_id())
      return; // from within a callback
    lock = std::unique_lock(model.mutex);
    model.holder = std::this_thread::get_id();
  }
  ~Turn() {
    if (lock)
      model.holder = std::thread::id();
  }
  Turn(const Turn &) = delete;
  bool isNested() const { return !lock; }

private:
  OpenModel &model;
  std::unique_lock<std::mutex> lock;
};

} // namespace zorse::capi

struct zorse_model {
  std::shared_ptr<zorse::capi::OpenModel> open;
};

struct zorse_session {
  std::shared_ptr<zorse::capi::OpenModel> home;
  std::unique_ptr<zorse::Engine> engine;
  std::set<int32_t> slots; ///< that the caller has opened
};

namespace zorse::capi {

/// Runs a call on a session when it is its turn.
template <typename Body> zorse_status onSession(zorse_session *session, Body &&body) noexcept {
  return guarded([&]() -> zorse_status {
    if (!session)
      return failUsage("the session is NULL; zorse_session_create() makes one");
    Turn turn(*session->home);
    if (turn.isNested())
      return failUsage("a callback may not call functions on the session that is generating, or "
                       "on others of the same model; return from it first");
    return body(*session->engine);
  });
}

inline zorse_status toStatus(const Status &status) {
  return status ? ZORSE_OK : fail(status.error());
}

} // namespace zorse::capi
