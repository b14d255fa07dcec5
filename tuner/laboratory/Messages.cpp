//===- Messages.cpp - what a laboratory and its workers tell each other -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "laboratory/Messages.h"

#include <cmath>
#include <fmt/format.h>

namespace zorse::tuner {

namespace {

/// JSON has no infinity, but the error of a NaN is one.
Json real(double value) {
  if (std::isfinite(value))
    return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

double realFrom(const Json &json) {
  if (!json.is_string())
    return json.get<double>();
  const auto &text = json.get_ref<const std::string &>();
  return text == "nan" ? std::nan("") : text == "-inf" ? -HUGE_VAL : HUGE_VAL;
}

/// Runs `read` on what came from the other process. The only place where access to a wrong field
/// may throw.
template <typename T, typename Read> Result<T> checked(std::string_view what, Read read) {
  try {
    return read();
  } catch (const Json::exception &error) {
    return runtimeError(fmt::format("a damaged message ({}): {}", what, error.what()));
  }
}

TrialState stateFrom(const Json &json) {
  // Only these come of a compilation or of a trial.
  for (TrialState state : {TrialState::Ok, TrialState::Failed, TrialState::Wrong})
    if (json.get<int>() == int(state))
      return state;
  return TrialState::Crashed;
}

Json targetJson(const TargetDesc &target) {
  return {{"arch", target.arch}, {"compute_units", target.computeUnits}};
}

Result<TargetDesc> targetFrom(const Json &json) {
  Result<TargetDesc> target = findTarget(json.at("arch").get<std::string>());
  if (target)
    target->computeUnits = json.at("compute_units").get<int>();
  return target;
}

Json problemJson(const Problem &problem) {
  return {{"op", problem.op.canonicalJson()},
          {"sizes", problem.op.tuningPoint()},
          {"target", targetJson(problem.target)}};
}

Result<Problem> problemFrom(const Json &json) {
  Result<OpDesc> op = OpDesc::parse(json.at("op").get<std::string>());
  if (!op)
    return op.takeError();
  Result<TargetDesc> target = targetFrom(json.at("target"));
  if (!target)
    return target.takeError();
  return Problem{op->withTuningPoint(json.at("sizes").get<Sizes>()), target.take()};
}

/// As values, so that it arrives as it is; who compiles it judges it.
Json configJson(const KernelConfig &config) {
  Json values = Json::array();
  for (const auto &[knob, value] : config.values())
    values.push_back(value);
  return values;
}

Result<KernelConfig> configFrom(const Json &json, const Problem &problem) {
  auto values = json.get<std::vector<int64_t>>();
  if (size_t knobs = knobsOf(problem.op, problem.target).size(); values.size() != knobs)
    return runtimeError(fmt::format("a configuration of {} with {} values, expected {}",
                                    problem.op.kind(), values.size(), knobs));
  return KernelConfig::fromValues(problem.op, problem.target, values);
}

Result<CodeObject> codeFrom(const Json &json, const Message &message, size_t &offset) {
  auto count = json.at("bytes").get<uint64_t>();
  if (count > message.payload.size() - offset)
    return runtimeError(fmt::format("code of {} bytes in a message with {}", count,
                                    message.payload.size() - offset));
  auto first = message.payload.begin() + std::ptrdiff_t(offset);
  offset += count;
  return codeObjectFromJson(json.at("code").get<std::string>(),
                            std::vector<uint8_t>(first, first + std::ptrdiff_t(count)));
}

Json measurementJson(const Measurement &measurement) {
  return {{"source", int(measurement.source)}, {"device", measurement.device},
          {"method", measurement.method},      {"median", real(measurement.medianUs)},
          {"low", real(measurement.lowUs)},    {"high", real(measurement.highUs)},
          {"samples", measurement.samples},    {"flops", real(measurement.flops)},
          {"bytes", real(measurement.bytes)},  {"environment", measurement.environment}};
}

Measurement measurementFrom(const Json &json) {
  Measurement result;
  int source = json.at("source").get<int>();
  result.source = source == int(Source::Measured)    ? Source::Measured
                  : source == int(Source::Simulated) ? Source::Simulated
                                                     : Source::Model;
  result.device = json.at("device").get<std::string>();
  result.method = json.at("method").get<std::string>();
  result.medianUs = realFrom(json.at("median"));
  result.lowUs = realFrom(json.at("low"));
  result.highUs = realFrom(json.at("high"));
  result.samples = json.at("samples").get<int64_t>();
  result.flops = realFrom(json.at("flops"));
  result.bytes = realFrom(json.at("bytes"));
  result.environment = json.at("environment").get<std::string>();
  return result;
}

Json triedJson(const Tried &tried) {
  Json json = {{"state", int(tried.state)}, {"error", tried.error}};
  if (tried.verification)
    json["verification"] = {{"passed", tried.verification->passed},
                            {"max_error", real(tried.verification->maxError)},
                            {"cases", tried.verification->cases},
                            {"detail", tried.verification->detail}};
  if (tried.measurement)
    json["measurement"] = measurementJson(*tried.measurement);
  return json;
}

Tried triedFrom(const Json &json) {
  Tried tried;
  tried.state = stateFrom(json.at("state"));
  tried.error = json.at("error").get<std::string>();
  if (json.contains("verification")) {
    const Json &from = json["verification"];
    tried.verification =
        Verification{from.at("passed").get<bool>(), realFrom(from.at("max_error")),
                     from.at("cases").get<int64_t>(), from.at("detail").get<std::string>()};
  }
  if (json.contains("measurement"))
    tried.measurement = measurementFrom(json["measurement"]);
  return tried;
}

} // namespace

std::string typeOf(const Message &message) {
  auto found = message.header.find("type");
  return found != message.header.end() && found->is_string() ? found->get<std::string>() : "";
}

Message helloMessage(const std::string &compilerRevision, bool limitsMemory) {
  return {{{"type", "hello"},
           {"version", protocolVersion},
           {"revision", compilerRevision},
           {"limits_memory", limitsMemory}},
          {}};
}

Message setupMessage(const Setup &setup) {
  const MeasureOptions &measure = setup.measure;
  return {{{"type", "setup"},
           {"version", protocolVersion},
           {"parent", setup.parent},
           {"memory_bytes", setup.limits.memoryBytes},
           {"seed", setup.seed},
           {"measure",
            {{"hot", measure.cache == CacheState::Hot},
             {"min_samples", measure.minSamples},
             {"max_samples", measure.maxSamples},
             {"precision", measure.precision},
             {"budget_seconds", measure.budgetSeconds},
             {"screen_samples", measure.screenSamples},
             {"finalists", measure.finalists},
             {"sample_seconds", measure.sampleSeconds}}}},
          {}};
}

Result<Setup> readSetup(const Message &message) {
  return checked<Setup>("setup", [&]() -> Result<Setup> {
    const Json &header = message.header;
    if (auto version = header.at("version").get<int64_t>(); version != protocolVersion)
      return runtimeError(fmt::format("the program speaks version {} of the protocol, this worker "
                                      "version {}; install both from one build",
                                      version, protocolVersion));
    Setup setup;
    setup.parent = header.at("parent").get<int64_t>();
    setup.limits.memoryBytes = header.at("memory_bytes").get<int64_t>();
    setup.seed = header.at("seed").get<uint64_t>();
    const Json &measure = header.at("measure");
    setup.measure.cache = measure.at("hot").get<bool>() ? CacheState::Hot : CacheState::Cold;
    setup.measure.minSamples = measure.at("min_samples").get<int64_t>();
    setup.measure.maxSamples = measure.at("max_samples").get<int64_t>();
    setup.measure.precision = measure.at("precision").get<double>();
    setup.measure.budgetSeconds = measure.at("budget_seconds").get<double>();
    setup.measure.screenSamples = measure.at("screen_samples").get<int64_t>();
    setup.measure.finalists = measure.at("finalists").get<int64_t>();
    setup.measure.sampleSeconds = measure.at("sample_seconds").get<double>();
    return setup;
  });
}

Message compileMessage(const Problem &problem, const KernelConfig &config) {
  Json specimens = Json::array({{{"config", configJson(config)}}});
  return {{{"type", "compile"}, {"problem", problemJson(problem)}, {"specimens", specimens}}, {}};
}

Message describeMessage(const TargetDesc &target) {
  return {{{"type", "describe"}, {"target", targetJson(target)}}, {}};
}

Result<TargetDesc> readDescribe(const Message &message) {
  return checked<TargetDesc>("describe", [&] { return targetFrom(message.header.at("target")); });
}

Message deviceMessage(const std::string &description) {
  return {{{"type", "device"}, {"description", description}}, {}};
}

Result<std::string> readDevice(const Message &message) {
  return checked<std::string>("device", [&]() -> Result<std::string> {
    return message.header.at("description").get<std::string>();
  });
}

Message trialMessage(std::string_view type, const Problem &problem,
                     std::span<const Specimen> specimens, double hopelessUs) {
  Message message;
  Json list = Json::array();
  for (const Specimen &specimen : specimens) {
    list.push_back({{"config", configJson(specimen.config)},
                    {"code", toJson(*specimen.code)},
                    {"bytes", specimen.code->bytes.size()}});
    message.payload.insert(message.payload.end(), specimen.code->bytes.begin(),
                           specimen.code->bytes.end());
  }
  message.header = {{"type", type},
                    {"problem", problemJson(problem)},
                    {"specimens", list},
                    {"hopeless_us", real(hopelessUs)}};
  return message;
}

Result<TrialRequest> readRequest(const Message &message) {
  return checked<TrialRequest>("request", [&]() -> Result<TrialRequest> {
    Result<Problem> problem = problemFrom(message.header.at("problem"));
    if (!problem)
      return problem.takeError();
    TrialRequest request{
        problem.take(), {}, realFrom(message.header.value("hopeless_us", Json(0)))};
    size_t offset = 0;
    for (const Json &each : message.header.at("specimens")) {
      Result<KernelConfig> config = configFrom(each.at("config"), request.problem);
      if (!config)
        return config.takeError();
      Specimen specimen{config.take(), std::nullopt};
      if (each.contains("code")) {
        Result<CodeObject> code = codeFrom(each, message, offset);
        if (!code)
          return code.takeError();
        specimen.code = code.take();
      }
      request.specimens.push_back(std::move(specimen));
    }
    return request;
  });
}

Message compiledMessage(const Compiled &compiled) {
  Message message;
  message.header = {{"type", "compiled"},
                    {"state", int(compiled.state)},
                    {"error", compiled.error},
                    {"seconds", real(compiled.seconds)}};
  if (compiled.code) {
    message.header["code"] = toJson(*compiled.code);
    message.header["bytes"] = compiled.code->bytes.size();
    message.payload = compiled.code->bytes;
  }
  return message;
}

Result<Compiled> readCompiled(const Message &message) {
  return checked<Compiled>("compiled", [&]() -> Result<Compiled> {
    const Json &header = message.header;
    Compiled compiled;
    compiled.state = stateFrom(header.at("state"));
    compiled.error = header.at("error").get<std::string>();
    compiled.seconds = realFrom(header.at("seconds"));
    if (header.contains("code")) {
      size_t offset = 0;
      Result<CodeObject> code = codeFrom(header, message, offset);
      if (!code)
        return code.takeError();
      compiled.code = code.take();
      compiled.codeHash = compiled.code->codeHash().hex();
    }
    if (compiled.state == TrialState::Ok && !compiled.code)
      return runtimeError("a damaged message (compiled): ok, but without code");
    return compiled;
  });
}

Message triedMessage(std::span<const Tried> tried) {
  Json list = Json::array();
  for (const Tried &each : tried)
    list.push_back(triedJson(each));
  return {{{"type", "tried"}, {"results", list}}, {}};
}

Result<std::vector<Tried>> readTried(const Message &message, size_t count) {
  using List = std::vector<Tried>;
  return checked<List>("tried", [&]() -> Result<List> {
    List list;
    for (const Json &each : message.header.at("results"))
      list.push_back(triedFrom(each));
    if (list.size() != count)
      return runtimeError(fmt::format("results of {} specimens, expected {}", list.size(), count));
    for (const Tried &tried : list)
      if (tried.state == TrialState::Ok && !tried.measurement)
        return runtimeError("a damaged message (tried): ok, but without a measurement");
    return list;
  });
}

Message errorMessage(const Error &error) {
  return {{{"type", "error"}, {"code", int(error.code)}, {"message", error.message}}, {}};
}

Status readError(const Message &message) {
  if (typeOf(message) != "error")
    return Status::success();
  int code = message.header.value("code", Json(1)).is_number_integer()
                 ? message.header.value("code", 1)
                 : 1;
  bool isDevice = code == int(ErrorCode::Device);
  const Json text = message.header.value("message", Json("an error without a message"));
  return Error{isDevice ? ErrorCode::Device : ErrorCode::Runtime,
               text.is_string() ? text.get<std::string>() : "an error without a message"};
}

} // namespace zorse::tuner
