//===- ScriptedLaboratory.h - a laboratory whose results are known -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "SwigluKernels.h"

#include "zorse/tuner/Laboratory.h"

#include <map>

namespace zorse::test {

/// What a configuration does. Times are in microseconds; code is bytes made from `code`.
struct Script {
  TrialState compile = TrialState::Ok;
  TrialState trial = TrialState::Ok;
  TrialState finals = TrialState::Ok;
  double screenedUs = 100, roundsUs = 0; ///< 0: as it was screened
  double width = 0.01;                   ///< of the interval, relative
  std::string code;                      ///< empty: the text of the configuration
};

/// Answers from scripts and counts what it was asked for. Sets `stop` before a chosen trial ends,
/// or after it.
class ScriptedLaboratory final : public Laboratory {
public:
  std::map<std::string, Script> scripts;
  std::string revision = "r1", device = "scripted";
  bool harmless = false;
  std::atomic<bool> stop = false;
  int64_t stopAfter = -1;    ///< trials; the last of them still ends
  int64_t stopInside = -1;   ///< trials; the next one is given up
  int64_t stopCompiles = -1; ///< compilations, after which all others are given up
  int64_t compiles = 0, trials = 0, numRounds = 0;
  std::vector<std::string> tried; ///< in order
  std::vector<double> hopeless;   ///< as given with each trial
  std::vector<std::vector<std::string>> finalists;

  std::string compilerRevision() const override { return revision; }
  Source source() const override { return Source::Measured; }
  std::string deviceDescription() const override { return device; }
  bool isHarmless() const override { return harmless; }

  Status compileAll(const Problem &problem, std::span<const KernelConfig> configs,
                    const std::function<Status(size_t)> &begun,
                    const std::function<Status(size_t, Compiled)> &ended,
                    const std::atomic<bool> *) override {
    // All begin before the first ends, and the last ends first.
    for (size_t i = 0; i < configs.size(); ++i)
      if (Status status = begun(i); !status)
        return status;
    for (size_t n = configs.size(); n-- > 0;) {
      if (stop)
        return Status();
      ++compiles;
      const Script &script = scriptOf(configs[n]);
      Compiled compiled;
      compiled.state = script.compile;
      if (script.compile == TrialState::Ok) {
        CodeObject &object = compiled.code.emplace();
        std::string text = script.code.empty() ? configs[n].text() : script.code;
        object.bytes.assign(text.begin(), text.end());
        object.arch = problem.target.arch;
        object.opJson = problem.op.canonicalJson();
        object.configText = configs[n].text();
        object.compilerRevision = revision;
        compiled.codeHash = object.codeHash().hex();
      } else {
        compiled.error = "scripted: does not compile";
      }
      if (Status status = ended(n, std::move(compiled)); !status)
        return status;
      if (compiles == stopCompiles)
        stop = true;
    }
    return Status();
  }

  Result<Tried> tryOut(const Problem &, const Specimen &specimen, double hopelessUs,
                       const std::atomic<bool> *) override {
    if (trials == stopInside) {
      stop = true;
      return Error{ErrorCode::Interrupted, "stopped"};
    }
    ++trials;
    tried.push_back(specimen.config.text());
    hopeless.push_back(hopelessUs);
    const Script &script = scriptOf(specimen.config);
    Tried result = resultOf(script.trial, script.screenedUs, script.width, "screening samples");
    if (trials == stopAfter)
      stop = true;
    return result;
  }

  Result<std::vector<Tried>> rounds(const Problem &, std::span<const Specimen> specimens,
                                    const std::atomic<bool> *) override {
    ++numRounds;
    std::vector<Tried> results;
    std::vector<std::string> &players = finalists.emplace_back();
    for (const Specimen &specimen : specimens) {
      const Script &script = scriptOf(specimen.config);
      double us = script.roundsUs > 0 ? script.roundsUs : script.screenedUs;
      players.push_back(specimen.config.text());
      results.push_back(resultOf(script.finals, us, script.width, "interleaved rounds"));
    }
    return results;
  }

private:
  const Script &scriptOf(const KernelConfig &config) {
    auto script = scripts.find(config.text());
    if (script == scripts.end())
      throw std::runtime_error("no script for " + config.text());
    return script->second;
  }

  Tried resultOf(TrialState state, double us, double width, const std::string &method) const {
    Tried result;
    result.state = state;
    if (state == TrialState::Ok || state == TrialState::Wrong)
      result.verification = Verification{state == TrialState::Ok, 0.5, 1, "scripted"};
    if (state != TrialState::Ok) {
      result.error = "scripted: " + std::string(name(state));
      return result;
    }
    Measurement &measurement = result.measurement.emplace();
    measurement.device = device;
    measurement.method = method;
    measurement.medianUs = us;
    measurement.lowUs = us * (1 - width);
    measurement.highUs = us * (1 + width);
    measurement.samples = 9;
    return result;
  }
};

} // namespace zorse::test
