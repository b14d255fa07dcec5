//===- RunReport.cpp - what a run tells when it is over -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "RunReport.h"

#include <algorithm>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

namespace zorse::tool {

void Rates::add(const Answer &answer, double compiledInPrefill, double compiledInDecode) {
  prefillSeconds += std::max(0.0, answer.prefillSeconds - compiledInPrefill);
  decodeSeconds += std::max(0.0, answer.decodeSeconds - compiledInDecode);
  prefillTokens += answer.prefillTokens;
  decodeTokens += answer.decodeTokens;
}

/// Most memory that the process held at one time.
static int64_t peakBytes() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return int64_t(usage.ru_maxrss) * 1024;
}

Json runJson(const Runner &runner, const Simulated &simulated, const Answer &answer,
             const Rates &rates, bool withLogits) {
  Json json = {{"schema_version", 1},
               {"prompt_ids", answer.promptIds},
               {"output_ids", answer.outputIds},
               {"text", answer.text}};
  if (withLogits)
    json["last_prompt_logits"] = answer.lastPromptLogits;
  json["stop_reason"] = name(answer.stop);
  json["prefill_tokens_per_second"] = rates.prefill();
  json["decode_tokens_per_second"] = rates.decode();
  json["prefill_seconds"] = rates.prefillSeconds;
  json["decode_seconds"] = rates.decodeSeconds;
  json["load_seconds"] = runner.model->loadSeconds();
  json["first_token_seconds"] = rates.firstTokenSeconds ? Json(*rates.firstTokenSeconds) : Json();
  json["layers_left_out"] = runner.layersLeftOut;
  json["compile_seconds"] = runner.compileSeconds();
#ifdef ZORSE_HAS_COMPILER
  json["kernels_compiled"] = runner.kernelsCompiled();
  if (runner.maker) {
    json["kernels_recalled"] = runner.maker->recalled();
    json["kernels_rebuilt"] = runner.maker->rebuilt();
    json["kernels_untuned"] = runner.maker->compiled() + runner.maker->recalled();
  }
#endif
  json["dtype"] = name(runner.model->dtype());
  json["device"] = runner.opened.device->description();
  json["target"] = runner.opened.device->target().arch;
  json["parameters"] = runner.model->parameterCount();
  json["weight_bytes"] = runner.model->weightBytes();
  json["cache_bytes"] = runner.engine->cacheBytes();
  json["cache_bytes_per_token"] = runner.model->config().cacheBytesPerToken(
      runner.engine->options().cacheDType.value_or(runner.model->dtype()));
  json["peak_memory_bytes"] = peakBytes();
  json["kernels"] = Json::object();
  for (const auto &[kind, time] : runner.dispatcher->times())
    if (time.launches > 0)
      json["kernels"][kind] = {{"launches", time.launches}, {"seconds", time.seconds}};
  if (!simulated.prefill.is_null())
    json["simulated"] = {{"prefill", simulated.prefill}, {"decode", simulated.decode}};
  return json;
}

void reportRates(const Runner &runner, const Rates &rates) {
  spdlog::info("prefill {} tokens at {:.1f} tokens/s, decode {} at {:.1f} tokens/s ({}, {})",
               rates.prefillTokens, rates.prefill(), rates.decodeTokens, rates.decode(),
               name(runner.model->dtype()), runner.opened.device->description());
}

void printKernelTimes(const Runner &runner) {
  std::vector<std::pair<double, std::string>> lines;
  double total = 0;
  for (const auto &[kind, time] : runner.dispatcher->times()) {
    total += time.seconds;
    lines.emplace_back(time.seconds, fmt::format("{:<22} {:>8} launches {:>10}", kind,
                                                 time.launches, formatSeconds(time.seconds)));
  }
  std::sort(lines.rbegin(), lines.rend());
  for (const auto &[seconds, line] : lines)
    if (total > 0)
      fmt::print(stderr, "  {} {:5.1f} %\n", line, 100 * seconds / total);
}

} // namespace zorse::tool
