//===- SynchronousDevice.h - launches that wait -----------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What host, emulator and the fakes of the tests share: each launch has finished when
// it returns, so the stream is the caller's own time, and a graph is a list of
// launches with copies of their arguments; and device addresses are addresses of this
// process, so that a copy is a memcpy. A device that derives from this one implements
// run(), and calls mayNot() first in whatever else capture() rules out.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/device/Device.h"

#include <atomic>

namespace zorse {

class SynchronousDevice : public Device {
public:
  Status upload(Buffer &to, size_t offset, std::span<const uint8_t> from) override;
  Status download(const Buffer &from, size_t offset, std::span<uint8_t> to) override;
  Status launch(Module &module, std::span<const uint64_t> slots, const Sizes &sizes) final;
  bool asynchronous() const final { return false; }
  Status synchronize() override;
  Result<std::unique_ptr<Event>> record() override;
  Result<double> seconds(const Event &from, const Event &to) override;
  Result<std::unique_ptr<Graph>> capture(const std::function<Status()> &body) final;
  Status replay(Graph &graph) final;

protected:
  /// Runs all kernels of the module and waits. May be called by several threads at once.
  virtual Status run(Module &module, std::span<const uint64_t> slots, const Sizes &sizes) = 0;

  /// The error for `call`, such as "upload", inside of a capture; success outside.
  Status mayNot(const char *call) const;

private:
  struct Recording;
  std::atomic<Recording *> recording = nullptr;
};

} // namespace zorse
