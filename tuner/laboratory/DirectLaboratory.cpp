//===- DirectLaboratory.cpp - candidates in this process -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "measure/Meter.h"
#include "verify/Verifier.h"

#include "zorse/tuner/Laboratory.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <fmt/format.h>
#include <mutex>
#include <thread>

namespace zorse {

using namespace tuner;

namespace {

constexpr std::string_view roundsMethod = "interleaved rounds";

bool isSet(const std::atomic<bool> *stop) { return stop && *stop; }

Error interrupted() { return {ErrorCode::Interrupted, "stopped before the trial had ended"}; }

/// The kernel that spills, if one does: it lost before it ran.
std::string spillsOf(const CodeObject &code) {
  for (const KernelInfo &kernel : code.kernels)
    if (kernel.resources.vgprSpills > 0 || kernel.resources.scratchBytes > 0)
      return fmt::format("kernel '{}' spills {} vector registers to {} bytes of scratch; dropped",
                         kernel.symbol, kernel.resources.vgprSpills, kernel.resources.scratchBytes);
  return {};
}

Tried failed(Error error) {
  Tried tried;
  tried.state = TrialState::Failed;
  tried.error = std::move(error.message);
  return tried;
}

class DirectLaboratory final : public Laboratory {
public:
  explicit DirectLaboratory(DirectOptions options) : options(std::move(options)) {}

  std::string compilerRevision() const override { return options.compilerRevision; }
  Source source() const override { return Source::Measured; }
  std::string deviceDescription() const override {
    return options.device ? options.device->description() : "";
  }

  Status compileAll(const Problem &problem, std::span<const KernelConfig> configs,
                    const std::function<Status(size_t)> &begun,
                    const std::function<Status(size_t, Compiled)> &ended,
                    const std::atomic<bool> *stop) override;
  Result<Tried> tryOut(const Problem &problem, const Specimen &specimen, double hopelessUs,
                       const std::atomic<bool> *stop) override;
  Result<std::vector<Tried>> rounds(const Problem &problem, std::span<const Specimen> specimens,
                                    const std::atomic<bool> *stop) override;

private:
  Compiled compileOne(const Problem &problem, const KernelConfig &config) const;
  Status enter(const Problem &problem);
  Status makeMeter(const Problem &problem);
  Result<Contender> contenderOf(const Specimen &specimen);
  Result<Measurement> alone(const Specimen &specimen, const std::atomic<bool> *stop);

  DirectOptions options;
  // Of the problem that was tried last; the reference's results in there are costly.
  std::string problemKey;
  std::optional<Verifier> verifier;
  std::optional<Meter> meter;
};

Compiled DirectLaboratory::compileOne(const Problem &problem, const KernelConfig &config) const {
  auto start = std::chrono::steady_clock::now();
  Result<CodeObject> code = options.compile(problem.op, problem.target, config);
  Compiled compiled;
  compiled.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!code)
    compiled.error = code.error().message;
  else if (std::string spills = spillsOf(*code); !spills.empty())
    compiled.error = spills;
  if (!compiled.error.empty() || !code) {
    compiled.state = TrialState::Failed;
    return compiled;
  }
  compiled.codeHash = code->codeHash().hex();
  compiled.code = code.take();
  return compiled;
}

Status DirectLaboratory::compileAll(const Problem &problem, std::span<const KernelConfig> configs,
                                    const std::function<Status(size_t)> &begun,
                                    const std::function<Status(size_t, Compiled)> &ended,
                                    const std::atomic<bool> *stop) {
  size_t threadCount = std::min(size_t(std::max(options.threads, 1)), configs.size());
  if (threadCount <= 1) {
    for (size_t i = 0; i < configs.size() && !isSet(stop); ++i) {
      if (Status status = begun(i); !status)
        return status;
      if (Status status = ended(i, compileOne(problem, configs[i])); !status)
        return status;
    }
    return Status::success();
  }

  // The callbacks belong to this thread, so it hands out the work and takes in the results.
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<size_t> todo;
  std::deque<std::pair<size_t, Compiled>> done;
  bool over = false;
  auto work = [&] {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return over || !todo.empty(); });
      if (todo.empty())
        return;
      size_t i = todo.front();
      todo.pop_front();
      lock.unlock();
      Compiled compiled = compileOne(problem, configs[i]);
      lock.lock();
      done.emplace_back(i, std::move(compiled));
      changed.notify_all();
    }
  };
  std::vector<std::thread> threads;
  for (size_t i = 0; i < threadCount; ++i)
    threads.emplace_back(work);

  Status outcome;
  size_t next = 0, underWay = 0;
  while (true) {
    while (outcome && next < configs.size() && underWay < threadCount && !isSet(stop)) {
      outcome = begun(next);
      if (!outcome)
        break;
      std::lock_guard lock(mutex);
      todo.push_back(next++);
      ++underWay;
      changed.notify_all();
    }
    if (underWay == 0)
      break;
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return !done.empty(); });
    auto [i, compiled] = std::move(done.front());
    done.pop_front();
    lock.unlock();
    --underWay;
    // A thread cannot be stopped; what it has finished all the same is not thrown away.
    if (outcome)
      outcome = ended(i, std::move(compiled));
  }
  {
    std::lock_guard lock(mutex);
    over = true;
  }
  changed.notify_all();
  for (std::thread &thread : threads)
    thread.join();
  return outcome;
}

Status DirectLaboratory::enter(const Problem &problem) {
  if (!options.device)
    return Error{ErrorCode::Device,
                 "no device to run candidates on; this laboratory compiles only"};
  std::string key =
      fmt::format("{} {} {} {}", problem.op.canonicalJson(), problem.op.tuningPointJson(),
                  problem.target.arch, problem.target.computeUnits);
  if (key == problemKey)
    return Status::success();
  meter.reset();
  verifier.reset();
  verifier.emplace(*options.device, problem.op, options.seed);
  problemKey = key;
  return Status::success();
}

Status DirectLaboratory::makeMeter(const Problem &problem) {
  if (meter)
    return Status::success();
  Result<Meter> made = Meter::create(*options.device, problem.op, options.measure, options.seed);
  if (!made)
    return made.takeError();
  meter.emplace(made.take());
  return Status::success();
}

Result<Contender> DirectLaboratory::contenderOf(const Specimen &specimen) {
  if (!specimen.code)
    return runtimeError("a configuration without code cannot run");
  Result<std::unique_ptr<Module>> module = options.device->load(*specimen.code);
  if (!module)
    return module.takeError();
  return meter->prepare(module.take());
}

Result<Tried> DirectLaboratory::tryOut(const Problem &problem, const Specimen &specimen,
                                       double hopelessUs, const std::atomic<bool> *stop) {
  if (isSet(stop))
    return interrupted();
  if (Status status = enter(problem); !status)
    return status.takeError();
  if (!specimen.code)
    return failed(runtimeError("a configuration without code cannot run"));
  Result<std::unique_ptr<Module>> module = options.device->load(*specimen.code);
  if (!module)
    return failed(module.takeError());
  Result<Verification> verification = verifier->verify(**module);
  if (!verification)
    return failed(verification.takeError());
  Tried tried;
  tried.verification = verification.take();
  if (!tried.verification->passed) {
    tried.state = TrialState::Wrong;
    tried.error = tried.verification->detail;
    return tried;
  }
  if (isSet(stop))
    return interrupted();
  if (Status status = makeMeter(problem); !status)
    return status.takeError();
  Result<Contender> contender = meter->prepare(module.take());
  Status screened = contender ? meter->screen(*contender, hopelessUs) : contender.takeError();
  if (!screened) {
    tried.state = TrialState::Failed;
    tried.error = screened.error().message;
    return tried;
  }
  tried.measurement = meter->measurement(*contender, "samples");
  return tried;
}

Result<Measurement> DirectLaboratory::alone(const Specimen &specimen,
                                            const std::atomic<bool> *stop) {
  Result<Contender> contender = contenderOf(specimen);
  if (!contender)
    return contender.takeError();
  std::vector<Contender> field;
  field.push_back(contender.take());
  if (Status status = meter->rounds(field, stop); !status)
    return status.takeError();
  return meter->measurement(field[0], roundsMethod);
}

Result<std::vector<Tried>> DirectLaboratory::rounds(const Problem &problem,
                                                    std::span<const Specimen> specimens,
                                                    const std::atomic<bool> *stop) {
  if (isSet(stop))
    return interrupted();
  if (Status status = enter(problem); !status)
    return status.takeError();
  if (Status status = makeMeter(problem); !status)
    return status.takeError();
  std::vector<Tried> results(specimens.size());
  std::vector<Contender> field;
  std::vector<size_t> places;
  for (size_t i = 0; i < specimens.size(); ++i) {
    Result<Contender> contender = contenderOf(specimens[i]);
    if (!contender) {
      results[i] = failed(contender.takeError());
      continue;
    }
    field.push_back(contender.take());
    places.push_back(i);
  }
  Status together = field.empty() ? Status::success() : meter->rounds(field, stop);
  // Cut short, the rounds say less than the screening did.
  if (isSet(stop))
    return interrupted();
  for (size_t k = 0; k < field.size(); ++k) {
    if (together) {
      results[places[k]].measurement = meter->measurement(field[k], roundsMethod);
      continue;
    }
    // One of them failed, and nobody knows which: each once more by itself.
    Result<Measurement> measured = alone(specimens[places[k]], stop);
    if (isSet(stop))
      return interrupted();
    if (measured)
      results[places[k]].measurement = measured.take();
    else
      results[places[k]] = failed(measured.takeError());
  }
  return results;
}

} // namespace

std::unique_ptr<Laboratory> createDirectLaboratory(DirectOptions options) {
  return std::make_unique<DirectLaboratory>(std::move(options));
}

} // namespace zorse
