//===- Reference.cpp - obvious fp64 results of every op -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "zorse/reference/Reference.h"

#include "Arguments.h"

#include <fmt/format.h>
#include <iterator>

namespace zorse {
using namespace reference;

namespace {
struct Entry {
  std::string_view kind;
  Implementation run;
};

constexpr Entry implementations[] = {
    {"argmax", runArgmax},
    {"causal_conv1d", runCausalConv1d},
    {"causal_conv1d_update", runCausalConv1dUpdate},
    {"embed", runEmbed},
    {"gated_rmsnorm", runGatedRmsnorm},
    {"gqa_decode", runGqaDecode},
    {"gqa_prefill", runGqaPrefill},
    {"gqa_rope_append", runGqaRopeAppend},
    {"linear", runLinear},
    {"mamba2_step", runMamba2Step},
    {"mla_absorb", runMlaAbsorb},
    {"mla_decode", runMlaDecode},
    {"mla_expand", runMlaExpand},
    {"mla_prefill", runMlaPrefill},
    {"mla_rope_append", runMlaRopeAppend},
    {"rmsnorm", runRmsnorm},
    {"ssd_scan", runSsdScan},
    {"ssm_update", runSsmUpdate},
    {"swiglu", runSwiglu},
};

const Entry *findImplementation(std::string_view kind) {
  for (const Entry &entry : implementations)
    if (entry.kind == kind)
      return &entry;
  return nullptr;
}
} // namespace

bool hasReference(std::string_view kind) { return findImplementation(kind) != nullptr; }

Status runReference(const OpDesc &op, std::span<void *const> operands, const Sizes &sizes) {
  const Entry *entry = findImplementation(op.kind());
  if (!entry)
    return usageError(fmt::format("the op '{}' has no reference", op.kind()));
  Result<Arguments> args = Arguments::bind(op, operands, sizes);
  if (!args)
    return args.takeError();
  return entry->run(*args);
}

} // namespace zorse
