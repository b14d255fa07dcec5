//===- Verbs.h - the verbs of the tool --------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Tool.h"

namespace zorse::tool {

// Each adds its verb with its options to the command line.
#ifdef ZORSE_HAS_COMPILER
void addCompile(CLI::App &app, Tool &tool);
void addSlurm(CLI::App &app, Tool &tool);
void addTune(CLI::App &app, Tool &tool);
void addWorker(CLI::App &app, Tool &tool);
#endif
void addBench(CLI::App &app, Tool &tool);
void addBundle(CLI::App &app, Tool &tool);
void addCheckpoint(CLI::App &app, Tool &tool);
void addDb(CLI::App &app, Tool &tool);
void addDoctor(CLI::App &app, Tool &tool);
void addEmulate(CLI::App &app, Tool &tool);
void addEval(CLI::App &app, Tool &tool);
void addInspect(CLI::App &app, Tool &tool);
void addKey(CLI::App &app, Tool &tool);
void addReport(CLI::App &app, Tool &tool);
void addRun(CLI::App &app, Tool &tool);

/// A verb with a sentence and examples, one a line, which stand first on its help page.
CLI::App *addVerb(CLI::App &app, Tool &tool, const std::string &name, const std::string &summary,
                  const std::string &examples);

// Options that several verbs have.
void addDatabaseOption(CLI::App &verb, Tool &tool);
CLI::Option *addTargetOption(CLI::App &verb, std::string &arch);
/// The name of a GPU, for examples on help pages.
const std::string &exampleGpu();

} // namespace zorse::tool
