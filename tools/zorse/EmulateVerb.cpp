//===- EmulateVerb.cpp - zorse emulate ------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Verbs.h"

#ifdef ZORSE_HAS_EMULATOR

#include "CountsJson.h"
#include "LaunchArguments.h"

#include "zorse/device/ElfChecks.h"
#include "zorse/emulator/Machine.h"

#include <charconv>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

namespace zorse::tool {

namespace {

struct EmulateRequest {
  std::string code, kernel, arch, grid, block;
  std::vector<std::string> arguments;
  uint32_t ldsBytes = 0;
  int threads = 0;
  uint64_t maxInstructions = 0;
  bool checks = false;
};

/// "X", "X,Y" or "X,Y,Z"; what is missing is 1.
Result<std::array<uint32_t, 3>> parseExtents(const char *option, const std::string &text) {
  std::array<uint32_t, 3> extents = {1, 1, 1};
  const char *at = text.data(), *end = at + text.size();
  for (size_t d = 0; d < 3; ++d) {
    auto [next, failure] = std::from_chars(at, end, extents[d]);
    if (failure != std::errc() || extents[d] == 0)
      break;
    if (next == end)
      return extents;
    if (*next != ',')
      break;
    at = next + 1;
  }
  return usageError(fmt::format("{} is X, X,Y or X,Y,Z in work-items, each from 1 to 4294967295; "
                                "found '{}'",
                                option, text));
}

// Where an ELF header says what the code is for.
constexpr size_t elfHeaderBytes = 64, elfMachineAt = 18, elfFlagsAt = 48;

/// The target of the code: what its ELF header says, unless it names none that is known here. Then
/// it is `arch`, and the header is made to say so.
Result<TargetDesc> targetOf(std::vector<uint8_t> &elf, const std::string &file,
                            const std::string &arch) {
  uint16_t machine = 0;
  uint32_t flags = 0;
  constexpr char magic[] = {0x7f, 'E', 'L', 'F'};
  if (elf.size() < elfHeaderBytes || std::memcmp(elf.data(), magic, sizeof magic) != 0)
    return usageError(fmt::format("{}: expected an ELF code object, found {} bytes that are none",
                                  file, elf.size()));
  std::memcpy(&machine, elf.data() + elfMachineAt, sizeof machine);
  std::memcpy(&flags, elf.data() + elfFlagsAt, sizeof flags);
  if (machine != elfMachineAmdgpu)
    return Error{ErrorCode::Device,
                 fmt::format("{}: expected code for AMD GPUs (ELF machine {}), found machine {}",
                             file, elfMachineAmdgpu, machine)};
  for (const TargetDesc &target : allTargets()) {
    if (target.elfMachine == 0 || target.elfMachine != (flags & 0xff))
      continue;
    if (!arch.empty() && arch != target.arch)
      return Error{ErrorCode::Device, fmt::format("{} is for {}, --arch says {}; leave --arch away",
                                                  file, target.arch, arch)};
    return target;
  }
  if (arch.empty()) {
    std::vector<std::string> known;
    for (const TargetDesc &target : allTargets())
      if (target.elfMachine != 0)
        known.push_back(target.arch);
    return Error{
        ErrorCode::Device,
        fmt::format("{}: its ELF flags ({:#x}) name no architecture that is executed here; "
                    "those are {}. If it is code for one of them, say which by --arch",
                    file, flags, fmt::join(known, ", "))};
  }
  Result<TargetDesc> target = findTarget(arch);
  if (target && target->elfMachine != 0) {
    flags = (flags & ~0xffu) | target->elfMachine;
    std::memcpy(elf.data() + elfFlagsAt, &flags, sizeof flags);
  }
  return target;
}

Result<const emulator::KernelDescription *> chooseKernel(const emulator::Image &image,
                                                         const EmulateRequest &request) {
  std::vector<std::string> names;
  for (const emulator::KernelDescription &kernel : image.kernels()) {
    names.push_back(kernel.name);
    if (kernel.name == request.kernel || (request.kernel.empty() && image.kernels().size() == 1))
      return &kernel;
  }
  if (request.kernel.empty())
    return usageError(fmt::format("{} has {} kernels, say which one by --kernel: {}", request.code,
                                  names.size(), fmt::join(names, ", ")));
  std::string guess = closest(request.kernel, names);
  return usageError(fmt::format("{} has no kernel '{}'{}; it has {}", request.code, request.kernel,
                                guess.empty() ? "" : fmt::format(" (did you mean '{}'?)", guess),
                                fmt::join(names, ", ")));
}

Result<emulator::LaunchShape> shapeOf(const EmulateRequest &request,
                                      const emulator::KernelDescription &kernel) {
  emulator::LaunchShape shape;
  if (request.grid.empty())
    return usageError("how many work-items? say --grid X,Y,Z");
  Result<std::array<uint32_t, 3>> grid = parseExtents("--grid", request.grid);
  if (!grid)
    return grid.takeError();
  shape.grid = *grid;
  if (!request.block.empty()) {
    Result<std::array<uint32_t, 3>> block = parseExtents("--block", request.block);
    if (!block)
      return block.takeError();
    shape.block = *block;
  } else if (kernel.requiredBlock[0] != 0) {
    shape.block = kernel.requiredBlock;
  } else {
    return usageError(fmt::format("kernel '{}' does not say how large its workgroups are; say "
                                  "--block X,Y,Z",
                                  kernel.name));
  }
  shape.dynamicLdsBytes = request.ldsBytes;
  return shape;
}

/// Buffers for the arguments, which stay until the machine goes.
Status fillBuffers(emulator::Machine &machine, std::vector<LaunchArgument> &arguments,
                   std::vector<uint64_t> &readOnly) {
  for (LaunchArgument &argument : arguments) {
    if (!argument.isBuffer)
      continue;
    Result<uint64_t> address = machine.allocate(argument.bytes.size());
    if (!address)
      return address.takeError();
    argument.address = *address;
    std::copy(argument.bytes.begin(), argument.bytes.end(),
              reinterpret_cast<uint8_t *>(argument.address));
    if (!argument.isOutput)
      readOnly.push_back(argument.address);
  }
  return Status();
}

Status writeOutputs(const std::vector<LaunchArgument> &arguments) {
  for (const LaunchArgument &argument : arguments)
    if (argument.isOutput)
      if (Status status =
              writeFile(argument.file, {reinterpret_cast<const uint8_t *>(argument.address),
                                        argument.bytes.size()});
          !status)
        return status;
  return Status();
}

VerbResult runEmulate(const Tool &tool, const EmulateRequest &request) {
  Result<std::string> file = readText(request.code, size_t(1) << 30);
  if (!file)
    return file.takeError();
  std::vector<uint8_t> elf(file->begin(), file->end());
  Result<TargetDesc> target = targetOf(elf, request.code, request.arch);
  if (!target)
    return target.takeError();
  Result<std::unique_ptr<emulator::Machine>> machine = emulator::Machine::create(
      *target, {.threads = request.threads ? request.threads : tool.environment.threads,
                .checks = request.checks,
                .maxInstructions = request.maxInstructions});
  if (!machine)
    return machine.takeError();
  Result<std::unique_ptr<emulator::Image>> image = (*machine)->load(elf);
  if (!image)
    return Error{image.error().code, fmt::format("{}: {}", request.code, image.error().message)};
  Result<const emulator::KernelDescription *> kernel = chooseKernel(**image, request);
  if (!kernel)
    return kernel.takeError();
  Result<emulator::LaunchShape> shape = shapeOf(request, **kernel);
  if (!shape)
    return shape.takeError();
  Result<std::vector<LaunchArgument>> arguments = readArguments(request.arguments);
  if (!arguments)
    return arguments.takeError();
  std::vector<uint64_t> readOnly;
  if (Status status = fillBuffers(**machine, *arguments, readOnly); !status)
    return status.takeError();
  Result<std::vector<uint8_t>> kernarg = layOutArguments(**kernel, *arguments);
  if (!kernarg)
    return kernarg.takeError();

  auto start = std::chrono::steady_clock::now();
  Result<emulator::Counts> counts =
      (*machine)->launch(**image, (*kernel)->name, *shape, *kernarg, readOnly);
  if (!counts)
    return counts.takeError();
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (Status status = writeOutputs(*arguments); !status)
    return status.takeError();

  if (tool.isJson()) {
    Json json = {{"schema_version", 1},       {"source", "simulated"},   {"file", request.code},
                 {"kernel", (*kernel)->name}, {"target", target->arch},  {"grid", shape->grid},
                 {"block", shape->block},     {"checks", request.checks}};
    addCounts(json, *counts);
    printJson(json);
  } else {
    fmt::print("kernel       {}\ntarget       {}\n{}", (*kernel)->name, target->arch,
               describeCounts(*counts));
    spdlog::info("emulated in {}, {:.2f} million wave instructions a second",
                 formatSeconds(seconds), static_cast<double>(counts->instructions) / seconds / 1e6);
  }
  return 0;
}

} // namespace

void addEmulate(CLI::App &app, Tool &tool) {
  auto request = std::make_shared<EmulateRequest>();
  CLI::App *verb = addVerb(app, tool, "emulate",
                           "Executes a kernel of an AMD code object without a GPU and counts.",
                           "  zorse emulate add.hsaco --grid 4096 --block 256 --arg in:x.bin "
                           "--arg inout:y.bin --arg i32:4096\n"
                           "  zorse emulate op.hsaco --kernel NAME --grid 64,8 --block 64 "
                           "--arg out:8192:y.bin --checks --format json");
  verb->add_option("code", request->code, "code object (.hsaco)")->required()->option_text("FILE");
  verb->add_option("--kernel", request->kernel, "default: the only one that it has")
      ->option_text("NAME");
  verb->add_option("--grid", request->grid, "work-items, not workgroups")->option_text("X,Y,Z");
  verb->add_option("--block", request->block,
                   "work-items of a workgroup (default: what the kernel requires, if it does)")
      ->option_text("X,Y,Z");
  verb->add_option("--lds", request->ldsBytes, "dynamic LDS, on top of the kernel's own")
      ->option_text("BYTES");
  verb->add_option("--arg", request->arguments,
                   std::string("the next argument: ") + argumentForms +
                       "; inout and out files are written when the kernel has ended well")
      ->allow_extra_args(false)
      ->option_text("ARGUMENT ...");
  verb->add_flag("--checks", request->checks,
                 "also stop on what hardware lets pass: misaligned accesses, registers and LDS "
                 "never written, missing s_waitcnt, races in LDS");
  verb->add_option("--max-instructions", request->maxInstructions,
                   "stop a wave that executes more, 0 for no limit")
      ->option_text("N");
  verb->add_option("--arch", request->arch, "where the file does not say")->option_text("ARCH");
  verb->add_option("--threads", request->threads, "default: all")
      ->check(CLI::Range(1, 1024))
      ->option_text("N");
  verb->callback(
      [&tool, request] { tool.action = [&tool, request] { return runEmulate(tool, *request); }; });
}

} // namespace zorse::tool

#else

namespace zorse::tool {

void addEmulate(CLI::App &app, Tool &tool) {
  CLI::App *verb = addVerb(app, tool, "emulate", "Not in this build: it has no emulator.",
                           "  zorse emulate op.hsaco --grid 64 --block 64");
  verb->allow_extras();
  verb->callback([&tool] {
    tool.action = []() -> VerbResult {
      return Error{ErrorCode::Device, "this zorse was built without the emulator; build it with "
                                      "-DZORSE_BUILD_EMULATOR=ON, which needs LLVM 22.1"};
    };
  });
}

} // namespace zorse::tool

#endif
