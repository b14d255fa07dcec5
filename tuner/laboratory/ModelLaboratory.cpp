//===- ModelLaboratory.cpp - predicts where nothing can be measured -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "model/Model.h"

#include "zorse/tuner/Laboratory.h"

namespace zorse {

namespace {

class ModelLaboratory final : public Laboratory {
public:
  explicit ModelLaboratory(Laboratory &compiler) : compiler(compiler) {}

  std::string compilerRevision() const override { return compiler.compilerRevision(); }
  Source source() const override { return Source::Model; }
  /// The model of which target, each prediction says itself.
  std::string deviceDescription() const override { return "model"; }
  bool isHarmless() const override { return compiler.isHarmless(); }

  Status compileAll(const Problem &problem, std::span<const KernelConfig> configs,
                    const std::function<Status(size_t)> &begun,
                    const std::function<Status(size_t, Compiled)> &ended,
                    const std::atomic<bool> *stop) override {
    return compiler.compileAll(problem, configs, begun, ended, stop);
  }

  Result<Tried> tryOut(const Problem &problem, const Specimen &specimen, double /*hopelessUs*/,
                       const std::atomic<bool> * /*stop*/) override {
    if (!specimen.code)
      return usageError("a prediction needs the code of the configuration, found none; a recorded "
                        "laboratory has no code to predict from");
    Tried tried;
    Result<Measurement> estimated = tuner::estimate(problem.op, problem.target, *specimen.code);
    if (estimated) {
      tried.measurement = estimated.take();
      return tried;
    }
    tried.state = TrialState::Failed;
    tried.error = estimated.error().message;
    return tried;
  }

  Result<std::vector<Tried>> rounds(const Problem &problem, std::span<const Specimen> specimens,
                                    const std::atomic<bool> *stop) override {
    std::vector<Tried> results;
    for (const Specimen &specimen : specimens) {
      Result<Tried> tried = tryOut(problem, specimen, 0, stop);
      if (!tried)
        return tried.takeError();
      results.push_back(tried.take());
    }
    return results;
  }

private:
  Laboratory &compiler;
};

} // namespace

std::unique_ptr<Laboratory> createModelLaboratory(Laboratory &compiler) {
  return std::make_unique<ModelLaboratory>(compiler);
}

} // namespace zorse
