//===- Assemble.cpp - kernels from assembly text, for tests ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Assemble.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace zorse::emulator::test {

namespace fs = std::filesystem;

namespace {

/// A fresh folder that goes with its object.
struct TemporaryFolder {
  fs::path path;
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "zorse-assemble-XXXXXX").string();
    if (!mkdtemp(pattern.data()))
      throw std::runtime_error("no temporary folder: " + std::string(std::strerror(errno)));
    path = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

std::string slurp(const fs::path &path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void runTool(std::vector<std::string> command, const fs::path &folder) {
  std::string messages = (folder / "messages").string();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, messages.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                   0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  std::vector<char *> arguments;
  for (std::string &word : command)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  int failure = posix_spawn(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failure)
    throw std::runtime_error(fmt::format("{}: {}", command[0], std::strerror(failure)));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    continue;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw std::runtime_error(fmt::format("{} failed:\n{}", command[0], slurp(messages)));
}

} // namespace

static int roundUp(int value, int step) { return (value + step - 1) / step * step; }

static std::string metadataText(const std::string &name, const KernelOptions &options) {
  std::string text = fmt::format(R"(.amdgpu_metadata
amdhsa.version: [1, 2]
amdhsa.kernels:
  - .name: {0}
    .symbol: {0}.kd
    .kernarg_segment_size: {1}
    .kernarg_segment_align: 8
    .group_segment_fixed_size: {2}
    .private_segment_fixed_size: {3}
    .wavefront_size: 64
    .sgpr_count: {4}
    .vgpr_count: {5}
    .max_flat_workgroup_size: 1024
)",
                                 name, options.kernargBytes, options.ldsBytes,
                                 options.scratchBytesPerLane, options.sgprs, options.vgprs);
  if (!options.arguments.empty())
    text += "    .args:\n";
  for (const MetadataArgument &argument : options.arguments) {
    text += fmt::format("      - .offset: {}\n        .size: {}\n        .value_kind: {}\n",
                        argument.offset, argument.size, argument.kind);
    if (argument.kind == "global_buffer")
      text += "        .address_space: global\n";
  }
  return text + ".end_amdgpu_metadata\n";
}

std::string kernelText(const std::string &name, const std::string &body,
                       const KernelOptions &options) {
  int accumOffset = options.accumOffset ? options.accumOffset : roundUp(options.vgprs, 4);
  std::string text =
      fmt::format(".text\n.globl {0}\n.p2align 8\n.type {0},@function\n{0}:\n{1}\n"
                  "{2}.L{0}_end:\n.size {0}, .L{0}_end-{0}\n",
                  name, body, body.find("s_endpgm") == std::string::npos ? "s_endpgm\n" : "");
  text += fmt::format(R"(.rodata
.p2align 6
.amdhsa_kernel {}
  .amdhsa_group_segment_fixed_size {}
  .amdhsa_private_segment_fixed_size {}
  .amdhsa_kernarg_size {}
  .amdhsa_user_sgpr_kernarg_segment_ptr 1
  .amdhsa_system_sgpr_workgroup_id_x 1
  .amdhsa_system_sgpr_workgroup_id_y {}
  .amdhsa_system_sgpr_workgroup_id_z {}
  .amdhsa_system_vgpr_workitem_id {}
  .amdhsa_next_free_vgpr {}
  .amdhsa_next_free_sgpr {}
  .amdhsa_accum_offset {}
  .amdhsa_float_denorm_mode_32 3
)",
                      name, options.ldsBytes, options.scratchBytesPerLane, options.kernargBytes,
                      int(options.workgroupIdDims > 1), int(options.workgroupIdDims > 2),
                      options.workitemIdDims - 1, std::max(options.vgprs, options.accumOffset),
                      options.sgprs, accumOffset);
  if (options.privateSegmentBuffer)
    text += "  .amdhsa_user_sgpr_private_segment_buffer 1\n"
            "  .amdhsa_system_sgpr_private_segment_wavefront_offset 1\n";
  else if (options.scratchBytesPerLane > 0)
    text += "  .amdhsa_enable_private_segment 1\n";
  text += options.directives + "\n.end_amdhsa_kernel\n";
  return options.metadata ? text + metadataText(name, options) : text;
}

std::vector<uint8_t> assemble(const std::string &arch, const std::string &text) {
  TemporaryFolder folder;
  fs::path source = folder.path / "kernel.s", object = folder.path / "kernel.o",
           linked = folder.path / "kernel.hsaco";
  std::ofstream(source) << text;
  runTool({ZORSE_LLVM_MC, "-triple=amdgcn-amd-amdhsa", "-mcpu=" + arch,
           "--amdhsa-code-object-version=5", "-filetype=obj", "-o", object.string(),
           source.string()},
          folder.path);
  runTool({ZORSE_LD_LLD, "-shared", "-o", linked.string(), object.string()}, folder.path);
  std::string bytes = slurp(linked);
  return {bytes.begin(), bytes.end()};
}

std::unique_ptr<Machine> makeMachine(const std::string &arch, const MachineOptions &options) {
  Result<TargetDesc> target = findTarget(arch);
  if (!target)
    throw std::runtime_error(target.error().message);
  Result<std::unique_ptr<Machine>> machine = Machine::create(*target, options);
  if (!machine)
    throw std::runtime_error(machine.error().message);
  return machine.take();
}

Result<Counts> runKernel(Machine &machine, std::span<const uint8_t> elf, const std::string &name,
                         const LaunchShape &shape, std::span<const uint8_t> kernarg,
                         std::span<const uint64_t> readOnly) {
  Result<std::unique_ptr<Image>> image = machine.load(elf);
  if (!image)
    return image.takeError();
  return machine.launch(**image, name, shape, kernarg, readOnly);
}

Buffer::Buffer(Machine &machine, size_t bytes) : machine(machine), bytes(bytes) {
  Result<uint64_t> address = machine.allocate(bytes);
  if (!address)
    throw std::runtime_error(address.error().message);
  start = *address;
}

Buffer::~Buffer() { (void)machine.release(start).ok(); }

} // namespace zorse::emulator::test
