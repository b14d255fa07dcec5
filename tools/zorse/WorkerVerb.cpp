//===- WorkerVerb.cpp - zorse worker: tries candidates for a parent -------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Not for people and not on the help page: `zorse tune` starts it, so that a
// candidate that hangs or crashes takes only this process with it.
//
//===----------------------------------------------------------------------===//
#include "DeviceChoice.h"
#include "Verbs.h"

#include "zorse/compiler/Compile.h"
#include "zorse/tuner/Laboratory.h"

#include <sys/stat.h>

namespace zorse::tool {

/// Where runWorker() finds its parent; see ProcessOptions.
static constexpr int parentSocket = 3;

static VerbResult serve(const Tool &tool, const DeviceChoice &choice) {
  struct stat about = {};
  if (fstat(parentSocket, &about) != 0 || !S_ISSOCK(about.st_mode))
    return usageError("the worker is started by `zorse tune`, which talks to it over a socket; "
                      "found none at file descriptor 3");
  auto compileHere = [](const OpDesc &op, const TargetDesc &target,
                        const KernelConfig &config) -> Result<CodeObject> {
    Result<CompileOutput> output = compile(op, target, config);
    if (!output)
      return output.takeError();
    return std::move(output->object);
  };
  auto openHere = [&](const TargetDesc &) -> Result<std::unique_ptr<Device>> {
    Result<OpenedDevice> opened = openDevice(tool, choice);
    if (!opened)
      return opened.takeError();
    return std::move(opened->device);
  };
  return runWorker(parentSocket, compileHere, compilerRevision(), openHere);
}

void addWorker(CLI::App &app, Tool &tool) {
  auto choice = std::make_shared<DeviceChoice>();
  CLI::App *verb = addVerb(app, tool, "worker", "Tries candidates for a parent process.",
                           "  (started by zorse tune)");
  verb->group(""); // hidden
  addDeviceOptions(*verb, *choice);
  verb->callback(
      [&tool, choice] { tool.action = [&tool, choice] { return serve(tool, *choice); }; });
}

} // namespace zorse::tool
