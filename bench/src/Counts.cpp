//===- Counts.cpp - exact counts of emulated launches ---------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Counts.h"

#include "zorse/compiler/Compile.h"
#include "zorse/device/BindLaunch.h"
#include "zorse/emulator/EmulatorDevice.h"
#include "zorse/reference/Fill.h"

#include <chrono>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace zorse::bench {

using Json = nlohmann::ordered_json;

Result<std::vector<Launch>> loadLaunches(const std::string &path) {
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  if (text.empty())
    return usageError(fmt::format("expected a list of launches in {}, found nothing", path));
  Json list = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array())
    return usageError(fmt::format("expected a JSON array of launches in {}", path));
  std::vector<Launch> launches;
  for (const Json &entry : list) {
    if (!entry.contains("op"))
      return usageError(fmt::format("entry {} of {} has no \"op\"", launches.size(), path));
    Result<OpDesc> op = OpDesc::parse(entry["op"].dump());
    if (!op)
      return usageError(
          fmt::format("entry {} of {}: {}", launches.size(), path, op.error().message));
    launches.push_back({entry.value("model", ""), entry.value("phase", ""), op.take()});
  }
  return launches;
}

namespace {

struct Row {
  emulator::Counts counts; ///< all kernels of the launch
  KernelResources worst;   ///< the largest of each figure over its kernels
  double compileMs = 0, runSeconds = 0;
};

Result<Row> countOne(EmulatorDevice &device, const OpDesc &op) {
  Row row;
  Result<KernelConfig> config = KernelConfig::defaults(op, device.target());
  if (!config)
    return config.takeError();
  auto start = std::chrono::steady_clock::now();
  auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  Result<CompileOutput> compiled = compile(op, device.target(), *config);
  if (!compiled)
    return compiled.takeError();
  row.compileMs = 1e3 * seconds();
  const CodeObject &object = compiled->object;
  for (const KernelInfo &kernel : object.kernels) {
    row.worst.vgprs = std::max(row.worst.vgprs, kernel.resources.vgprs + kernel.resources.agprs);
    row.worst.ldsBytes = std::max(row.worst.ldsBytes, kernel.resources.ldsBytes);
  }

  Sizes sizes = consistentSizes(op, op.tuningPoint());
  Result<OperandSet> operands = OperandSet::create(op, sizes);
  if (!operands)
    return operands.takeError();
  if (Status status = fillOperands(op, sizes, /*seed=*/1, operands->pointers(), Lengths::Full);
      !status)
    return status.takeError();
  std::vector<std::unique_ptr<Buffer>> buffers;
  auto allocate = [&](size_t bytes, std::vector<uint64_t> &addresses) -> Status {
    Result<std::unique_ptr<Buffer>> buffer = device.allocate(bytes);
    if (!buffer)
      return buffer.takeError();
    addresses.push_back((*buffer)->address());
    buffers.push_back(buffer.take());
    return Status::success();
  };
  std::vector<uint64_t> operandsAt, workspacesAt;
  for (size_t i = 0; i < operands->count(); ++i) {
    if (Status status = allocate(operands->bytes(i), operandsAt); !status)
      return status.takeError();
    auto *from = static_cast<const uint8_t *>(operands->pointers()[i]);
    if (Status status = device.upload(*buffers.back(), 0, {from, operands->bytes(i)}); !status)
      return status.takeError();
  }
  Result<std::vector<size_t>> bytes = workspaceBytes(object, sizes);
  if (!bytes)
    return bytes.takeError();
  for (size_t each : *bytes)
    if (Status status = allocate(each, workspacesAt); !status)
      return status.takeError();
  Result<std::vector<uint64_t>> slots =
      bindLaunch(object, sizes, addressesInOrder(op, object, operandsAt, workspacesAt));
  if (!slots)
    return slots.takeError();
  Result<std::unique_ptr<Module>> module = device.load(object);
  if (!module)
    return module.takeError();
  device.clearCounts();
  start = std::chrono::steady_clock::now();
  if (Status status = device.launch(**module, *slots, sizes); !status)
    return status.takeError();
  row.runSeconds = seconds();
  int waves = INT32_MAX;
  for (const auto &[symbol, counts] : device.counts()) {
    row.counts += counts;
    waves = std::min(waves, counts.occupancy.wavesPerSimd);
  }
  row.counts.occupancy.wavesPerSimd = waves;
  return row;
}

std::string describe(const OpDesc &op) {
  std::string text = op.kind();
  if (op.kind() == "linear")
    text += fmt::format(" {}x{}", op.get("out_features"), op.get("in_features"));
  return text;
}

void printRow(std::ostream &out, const Launch &launch, const Row &row) {
  const emulator::Counts &c = row.counts;
  auto of = [&](const char *cls) {
    auto found = c.byClass.find(cls);
    return found == c.byClass.end() ? uint64_t(0) : found->second;
  };
  double operandBytes = 0;
  if (Result<int64_t> bytes =
          launch.op.operandBytes(consistentSizes(launch.op, launch.op.tuningPoint())))
    operandBytes = static_cast<double>(*bytes);
  double moved = static_cast<double>(c.loads.moved64 + c.stores.moved64);
  double first = static_cast<double>(c.loads.first64 + c.stores.first64);
  out << fmt::format(
      "| {} | {} | {} | {} | {} | {} | {} | {} | {:.0f} | {:.0f} | {:.3g} | {:.3g} | "
      "{:.2f} | {} | {} | {} | {} |\n",
      launch.model, launch.phase, describe(launch.op), c.instructions, of("mfma"), of("valu"),
      of("vmem"), of("lds"), static_cast<double>(c.matrixFlopsUseful) / 1e6,
      static_cast<double>(c.matrixFlopsIssued) / 1e6, first / 1e6, moved / 1e6,
      operandBytes > 0 ? first / operandBytes : 0, c.ldsConflictCycles, row.worst.vgprs,
      row.worst.ldsBytes, c.occupancy.wavesPerSimd);
}

void printJsonRow(std::ostream &out, const std::string &arch, const Launch &launch,
                  const Row &row) {
  const emulator::Counts &c = row.counts;
  Json json = {{"source", "simulated"},
               {"arch", arch},
               {"model", launch.model},
               {"phase", launch.phase},
               {"op", Json::parse(launch.op.canonicalJson())},
               {"instructions", c.instructions},
               {"by_class", c.byClass},
               {"by_mnemonic", c.byMnemonic},
               {"matrix_flops_useful", c.matrixFlopsUseful},
               {"matrix_flops_issued", c.matrixFlopsIssued},
               {"load_bytes_first", c.loads.first64},
               {"load_bytes_moved", c.loads.moved64},
               {"store_bytes_first", c.stores.first64},
               {"store_bytes_moved", c.stores.moved64},
               {"lds_conflict_cycles", c.ldsConflictCycles},
               {"barriers", c.barriers},
               {"waves", c.waves},
               {"vgprs", row.worst.vgprs},
               {"lds_bytes", row.worst.ldsBytes},
               {"waves_per_simd", c.occupancy.wavesPerSimd},
               {"compile_ms", row.compileMs},
               {"emulation_seconds", row.runSeconds}};
  out << json.dump() << '\n';
}

} // namespace

Status printCounts(std::ostream &out, const std::vector<Launch> &launches,
                   const std::vector<std::string> &targets, int threads, bool json) {
  for (const std::string &name : targets) {
    Result<TargetDesc> target = findTarget(name);
    if (!target)
      return target.takeError();
    Result<std::unique_ptr<EmulatorDevice>> device =
        createEmulatorDevice(*target, {.threads = threads});
    if (!device)
      return device.takeError();
    if (!json)
      out << "\n## " << name << ", bf16, default configurations (source: simulated)\n\n"
          << "| model | phase | kernel | wave instructions | MFMA | VALU | VMEM | LDS | useful "
             "MFLOP | issued MFLOP | MB first touch | MB moved (64 B lines) | first touch / "
             "operand "
             "bytes | LDS conflict cycles | VGPRs | LDS bytes | waves/SIMD |\n"
          << "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n";
    for (const Launch &launch : launches) {
      Result<Row> row = countOne(**device, launch.op);
      if (!row)
        return Error{row.error().code,
                     fmt::format("{}, {}, {} for {}: {}", launch.model, launch.phase,
                                 describe(launch.op), name, row.error().message)};
      json ? printJsonRow(out, name, launch, *row) : printRow(out, launch, *row);
      out.flush();
    }
  }
  return Status::success();
}

} // namespace zorse::bench
