//===- zorse-translate.cpp - one op through the AMD lowering --------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tool for the people who write schedules and lowerings: reads an op request
// (JSON) or a tile module (MLIR text), lowers it for an AMD target and prints
// one stage. Users compile with `zorse compile`.
//
//===----------------------------------------------------------------------===//

#include "AmdCodegen.h"
#include "LowerToAmd.h"
#include "Schedule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
namespace cl = llvm::cl;

static cl::opt<std::string> input(cl::Positional, cl::desc("<op.json or tile.mlir, - for stdin>"),
                                  cl::init("-"));
static cl::opt<std::string> arch("target", cl::desc("target, such as gfx942"), cl::init("gfx942"));
static cl::opt<std::string> configText("config", cl::desc("knobs as k=v,k=v"));
static cl::opt<std::string>
    stageOption("emit", cl::desc("tile, layout, lane, mlir, llvm, asm, resources or object"),
                cl::init("asm"));

static int fail(const std::string &message, int code = 1) {
  llvm::errs() << "zorse-translate: error: " << message << "\n";
  return code;
}

static int fail(const zorse::Error &error) { return fail(error.message, int(error.code)); }

static int printCode(const zorse::AmdCode &code, const std::string &stage) {
  if (stage == "object") {
    llvm::outs().write(reinterpret_cast<const char *>(code.bytes.data()), code.bytes.size());
  } else if (stage == "resources") {
    for (const zorse::KernelInfo &kernel : code.kernels) {
      const zorse::KernelResources &r = kernel.resources;
      llvm::outs() << kernel.symbol << " block=" << kernel.block[0] << " lds=" << r.ldsBytes
                   << " vgpr=" << r.vgprs << " agpr=" << r.agprs << " sgpr=" << r.sgprs
                   << " vgpr_spills=" << r.vgprSpills << " sgpr_spills=" << r.sgprSpills
                   << " scratch=" << r.scratchBytes << "\n";
    }
    llvm::outs() << "instructions";
    for (const auto &[name, count] : code.instructionMix)
      llvm::outs() << " " << name << "=" << count;
    llvm::outs() << "\n";
  } else {
    llvm::outs() << (stage == "llvm" ? code.llvmText : code.asmText);
  }
  return 0;
}

int main(int argc, char **argv) {
  cl::ParseCommandLineOptions(argc, argv, "Lowers one op for an AMD GPU and prints a stage\n");
  const std::string stage = stageOption; // linking resets options
  auto file = llvm::MemoryBuffer::getFileOrSTDIN(input);
  if (!file)
    return fail("cannot read " + input + ": " + file.getError().message());
  auto target = zorse::findTarget(arch.getValue());
  if (!target)
    return fail(target.error());
  if (target->isHost())
    return fail("expected an AMD target, got " + arch, 2);

  DialectRegistry registry;
  zorse::registerAmdDialects(registry);
  zorse::registerAmdTranslations(registry);
  registry.insert<func::FuncDialect, math::MathDialect, memref::MemRefDialect,
                  tensor::TensorDialect, zorse::tile::TileDialect>();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();

  OwningOpRef<ModuleOp> module;
  llvm::StringRef text = (*file)->getBuffer();
  if (text.ltrim().starts_with("{")) {
    auto op = zorse::OpDesc::parse(std::string_view(text));
    if (!op)
      return fail(op.error());
    auto config = configText.empty()
                      ? zorse::KernelConfig::defaults(*op, *target)
                      : zorse::KernelConfig::parse(configText.getValue(), *op, *target);
    if (!config)
      return fail(config.error());
    auto program = zorse::schedule::makeTileProgram({*op, *target, *config}, context);
    if (!program)
      return fail(program.error());
    module = std::move(program->module);
  } else {
    module = parseSourceString<ModuleOp>(text, &context, input);
  }
  if (!module)
    return 1;

  if (stage == "layout" && failed(zorse::annotateAmdLayouts(*module, *target)))
    return 1;
  if (stage == "tile" || stage == "layout") {
    module->print(llvm::outs());
    return 0;
  }
  if (failed(zorse::lowerTileToAmd(*module, *target)))
    return 1;
  if (stage != "lane" && failed(zorse::lowerAmdToLLVM(*module)))
    return 1;
  if (stage == "lane" || stage == "mlir") {
    module->print(llvm::outs());
    return 0;
  }
  auto code = zorse::generateAmdCode(*module, *target, 3, stage == "llvm" || stage == "asm");
  return code ? printCode(*code, stage) : fail(code.error());
}
