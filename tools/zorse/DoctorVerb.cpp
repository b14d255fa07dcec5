//===- DoctorVerb.cpp - zorse doctor --------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "LayerReport.h"
#include "Verbs.h"

#include "zorse/desc/TargetDesc.h"
#include "zorse/hip/HipDevice.h"

#ifdef ZORSE_HAS_COMPILER
#include "zorse/compiler/Compile.h"
#endif

#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <thread>
#include <unistd.h>

namespace zorse::tool {

static std::string systemName() {
  std::ifstream file("/etc/os-release");
  std::string pretty;
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("PRETTY_NAME=\"") && line.ends_with('"'))
      pretty = line.substr(13, line.size() - 14);
  utsname name = {};
  if (::uname(&name) != 0)
    return pretty;
  return fmt::format("{}{}{} {} {}", pretty, pretty.empty() ? "" : ", ", name.sysname, name.release,
                     name.machine);
}

static Json hostJson() {
  Json json = {
      {"system", systemName()},
      {"cpu", hostDeviceName()},
      {"memory_bytes", static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE)}};
  Result<TargetDesc> host = findTarget("host");
  json["target"] = host ? Json(host->arch) : Json();
  json["vector_bits"] = host ? host->vectorBits : 0;
  json["bf16_dot"] = host && host->hasBf16Dot;
  return json;
}

/// The GPU that --device hip would open, or why there is none.
static Json hipJson(const Tool &tool) {
  Json json = {{"device", Json()}, {"kfd", "absent"}};
  Result<std::unique_ptr<Device>> device =
      createHipDevice({.library = tool.environment.hipLibrary});
  if (device)
    json["device"] = (*device)->description();
  else
    json["error"] = device.error().message;
  if (::access("/dev/kfd", F_OK) == 0)
    json["kfd"] = ::access("/dev/kfd", R_OK | W_OK) == 0 ? "usable" : "no permission";
  return json;
}

/// The GPUs that --device emulator can be.
static Json emulatorJson() {
#ifdef ZORSE_HAS_EMULATOR
  Json archs = Json::array();
  for (const TargetDesc &target : allTargets())
    if (!target.isHost())
      archs.push_back(target.arch);
  return archs;
#else
  return Json();
#endif
}

static Json compilerJson() {
#ifdef ZORSE_HAS_COMPILER
  return compilerRevision();
#else
  return Json();
#endif
}

/// Free bytes where the path lies or would lie.
static int64_t freeBytes(std::filesystem::path path) {
  struct statvfs info = {};
  std::error_code ignored;
  path = std::filesystem::absolute(path, ignored);
  while (::statvfs(path.c_str(), &info) != 0) {
    if (path == path.parent_path())
      return 0;
    path = path.parent_path();
  }
  return static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
}

static Json databaseJson(const std::string &path) {
  Json json = {{"path", path},
               {"state", "sound"},
               {"free_bytes", freeBytes(path)},
               {"hazards", databaseHazards(path)}};
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    json["state"] = "absent";
    return json;
  }
  auto failed = [&](const Error &error) {
    json["state"] = "unusable";
    json["error"] = error.message;
    return json;
  };
  Result<std::unique_ptr<Database>> database = Database::open(path, Database::Mode::ReadOnly);
  if (!database)
    return failed(database.error());
  Result<std::vector<std::string>> faults = (*database)->verify();
  if (!faults)
    return failed(faults.error());
  Result<std::vector<KernelRecord>> records = (*database)->list({});
  RecordFilter winners;
  winners.winnersOnly = true;
  Result<std::vector<KernelRecord>> winning = (*database)->list(winners);
  json["trials"] = records ? Json(records->size()) : Json();
  json["winners"] = winning ? Json(winning->size()) : Json();
  if (!faults->empty())
    json["state"] = "faulty";
  json["faults"] = *faults;
  json["remarks"] = Json::array();
  if (faults->empty())
    if (Result<std::vector<std::string>> remarks = (*database)->remarks(); remarks)
      json["remarks"] = *remarks;
  return json;
}

static std::string textOr(const Json &value, const char *otherwise) {
  return value.is_string() ? value.get<std::string>() : otherwise;
}

static void printReport(const Json &json) {
  const Json &host = json["host"], &hip = json["hip"], &database = json["database"];
  fmt::print("system     {}\n", textOr(host["system"], "unknown"));
  fmt::print("cpu        {}, {} memory\n", textOr(host["cpu"], "unknown"),
             formatBytes(host["memory_bytes"].get<double>()));
  fmt::print("host       {}\n", textOr(host["target"], "this CPU lacks AVX2; kernels cannot run"));
  std::string targets;
  for (const Json &target : json["targets"])
    targets += " " + target["arch"].get<std::string>();
  fmt::print("targets   {}\n", targets);
  fmt::print("compiler   {}\n", textOr(json["compiler"], "built without"));
  std::string emulated;
  for (const Json &arch : json["emulator"])
    emulated += " " + arch.get<std::string>();
  fmt::print("emulator  {}\n", emulated.empty() ? " built without" : emulated);
  fmt::print("hip        {}; /dev/kfd {}\n", textOr(hip["device"], hip.value("error", "").c_str()),
             textOr(hip["kfd"], ""));
  fmt::print("database   {}: {}{}\n", textOr(database["path"], ""), textOr(database["state"], ""),
             database.contains("trials")
                 ? fmt::format(", {} trials, {} winners", database["trials"].dump(),
                               database["winners"].dump())
                 : "");
  if (database.contains("error"))
    fmt::print("           {}\n", textOr(database["error"], ""));
  if (database.contains("faults"))
    for (const Json &fault : database["faults"])
      fmt::print("           {}\n", textOr(fault, ""));
  if (database.contains("remarks"))
    for (const Json &remark : database["remarks"])
      fmt::print("           {}\n", textOr(remark, ""));
  for (const Json &hazard : database["hazards"])
    fmt::print("           {}\n", textOr(hazard, ""));
  fmt::print("disk       {} free there\n", formatBytes(database["free_bytes"].get<double>()));
  printLayerReport(json);
}

static VerbResult runDoctor(const Tool &tool) {
  Json json = {{"schema_version", 1}, {"version", ZORSE_VERSION}};
  json["host"] = hostJson();
  json["targets"] = Json::array();
  for (const TargetDesc &target : allTargets())
    json["targets"].push_back({{"arch", target.arch},
                               {"family", target.isHost() ? "host" : "amdgpu"},
                               {"compute_units", target.computeUnits}});
  json["compiler"] = compilerJson();
  json["emulator"] = emulatorJson();
  json["hip"] = hipJson(tool);
  json["database"] = databaseJson(tool.databasePath);
  json.update(layerReport(tool));
  if (tool.isJson())
    printJson(json);
  else
    printReport(json);
  std::string state = json["database"]["state"];
  bool isHealthy = (state == "sound" || state == "absent") && isUsable(json);
  return isHealthy ? 0 : static_cast<int>(ErrorCode::Database);
}

void addDoctor(CLI::App &app, Tool &tool) {
  CLI::App *verb =
      addVerb(app, tool, "doctor", "Says what is here: system, devices, databases, keys.",
              "  zorse doctor\n  zorse doctor --format json");
  addDatabaseOption(*verb, tool);
  verb->callback([&tool] { tool.action = [&tool] { return runDoctor(tool); }; });
}

} // namespace zorse::tool
