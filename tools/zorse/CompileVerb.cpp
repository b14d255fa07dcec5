//===- CompileVerb.cpp - zorse compile ------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CodeJson.h"
#include "Verbs.h"

#include "zorse/compiler/Compile.h"

#include <chrono>
#include <fmt/format.h>

namespace zorse::tool {

namespace {

struct CompileArguments {
  std::string opPath, arch = "host", config, output, emit;
};

} // namespace

static Json stagesJson(const CompileOutput &output, const std::string &emit) {
  Json stages = Json::object();
  for (const auto &[name, text] : output.stages)
    if (emit == "all" || emit == name)
      stages[name] = text;
  return stages;
}

static void printHuman(const CompileArguments &arguments, const CompileOutput &output,
                       const OpDesc &op, double seconds) {
  if (!arguments.emit.empty()) {
    for (const auto &[name, text] : output.stages)
      if (arguments.emit == "all")
        fmt::print("// ---- {} ----\n{}\n", name, text);
      else if (arguments.emit == name)
        fmt::print("{}", text);
    return;
  }
  fmt::print("op         {} {}\n", op.kind(), op.canonicalJson());
  fmt::print("target     {}\nconfig     {}\n", output.object.arch, output.object.configText);
  fmt::print("{}", describeCode(output.object));
  fmt::print("compiled   in {} by {}\n", formatSeconds(seconds), output.object.compilerRevision);
  if (!arguments.output.empty())
    fmt::print("written    {}\n", arguments.output);
}

static VerbResult runCompile(const Tool &tool, const CompileArguments &arguments) {
  if (arguments.output == "-" && (tool.isJson() || !arguments.emit.empty()))
    return usageError("-o - writes the code to stdout, which --format json and --emit write to as "
                      "well; give -o a file");
  Result<OpDesc> op = readOp(arguments.opPath);
  if (!op)
    return op.takeError();
  Result<TargetDesc> target = findTarget(arguments.arch);
  if (!target)
    return target.takeError();
  Result<KernelConfig> config = KernelConfig::parse(arguments.config, *op, *target);
  if (!config)
    return config.takeError();
  CompileOptions options;
  options.keepStages = !arguments.emit.empty();
  auto start = std::chrono::steady_clock::now();
  Result<CompileOutput> output = compile(*op, *target, *config, options);
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!output)
    return output.takeError();
  if (!arguments.output.empty())
    if (Status status = writeFile(arguments.output, output->object.bytes); !status)
      return status.takeError();
  if (arguments.output == "-")
    return 0;
  if (!tool.isJson()) {
    printHuman(arguments, *output, *op, seconds);
    return 0;
  }
  Json json = {{"schema_version", 1},
               {"op", Json::parse(op->canonicalJson())},
               {"tuning_point", Json::parse(op->tuningPointJson())},
               {"target", target->arch},
               {"config", configJson(output->object.configText)},
               {"config_text", output->object.configText}};
  addCode(json, output->object, &*op);
  json["compile_seconds"] = seconds;
  json["output"] = arguments.output.empty() ? Json() : Json(arguments.output);
  if (options.keepStages)
    json["stages"] = stagesJson(*output, arguments.emit);
  printJson(json);
  return 0;
}

void addCompile(CLI::App &app, Tool &tool) {
  auto arguments = std::make_shared<CompileArguments>();
  CLI::App *verb = addVerb(
      app, tool, "compile", "Compiles the kernels of one op for one target.",
      "  zorse compile op.json --target " + exampleGpu() +
          " -o op.hsaco --format json\n"
          "  zorse compile op.json --config block_n=64,kv_splits=8 --emit asm\n"
          "  echo '{\"op\":\"rmsnorm\",\"hidden_size\":2048}' | zorse compile - -o rmsnorm.so");
  verb->add_option("op", arguments->opPath, "JSON description of the op; - is stdin")
      ->required()
      ->option_text("OP.json");
  addTargetOption(*verb, arguments->arch);
  verb->add_option("--config", arguments->config, "tuning choices; those left out take defaults")
      ->option_text("k=v,...");
  verb->add_option("-o,--output", arguments->output, "write the code object; - is stdout")
      ->option_text("FILE");
  verb->add_option("--emit", arguments->emit, "print the program at a stage of the compiler")
      ->check(CLI::IsMember({"zorse", "tile", "mlir", "llvm", "asm", "all"}))
      ->option_text("zorse|tile|mlir|llvm|asm|all");
  verb->callback([&tool, arguments] {
    tool.action = [&tool, arguments] { return runCompile(tool, *arguments); };
  });
}

} // namespace zorse::tool
