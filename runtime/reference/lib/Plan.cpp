//===- Plan.cpp - who has which tokens, rows and slots -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Plan.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

namespace zorse::reference {

std::vector<int64_t> Random::permutation(int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = n - 1; i > 0; --i)
    std::swap(order[size_t(i)], order[size_t(between(0, i))]);
  return order;
}

namespace {

/// Adds `extra` to `parts`, none above its cap: evenly, or in random helpings that leave some parts
/// as they were.
void share(std::vector<int64_t> &parts, int64_t extra, const std::vector<int64_t> &caps,
           Random &random, Lengths lengths) {
  int64_t n = int64_t(parts.size());
  if (lengths == Lengths::Full) {
    for (int64_t i = 0; extra > 0; i = (i + 1) % n) {
      int64_t helping = std::min({caps[i] - parts[i], std::max<int64_t>(extra / n, 1), extra});
      parts[i] += helping;
      extra -= helping;
    }
    return;
  }
  std::vector<int64_t> order = random.permutation(n);
  for (int round = 0; extra > 0; ++round)
    for (int64_t i : order) {
      int64_t room = std::min(caps[i] - parts[i], extra);
      int64_t helping = room > 0 ? (round ? room : random.between(room / 2, room)) : 0;
      parts[i] += helping;
      extra -= helping;
    }
}

std::vector<int64_t> runningSum(const std::vector<int64_t> &parts) {
  std::vector<int64_t> sums(parts.size() + 1, 0);
  std::partial_sum(parts.begin(), parts.end(), sums.begin() + 1);
  return sums;
}

Error contradiction(const OpDesc &op, std::string_view small, int64_t smallValue,
                    std::string_view large, int64_t largeValue) {
  return usageError(fmt::format("sizes of {}: {} is {} but must be at least {} ({})", op.kind(),
                                small, smallValue, largeValue, large));
}

/// Gives every slot pages for its rows, in no order. Where the op only reads the caches, slots may
/// begin with the same full pages, as sequences with a common prefix do. What no slot has is the
/// page of all rows that hold no token, so that a lookup too far shows.
Status planPages(const OpDesc &op, const Sizes &sizes, Random &random, Lengths lengths,
                 Plan &plan) {
  int64_t rows = op.get("page_size"), available = sizes.find("num_pages")->second;
  int64_t perSlot = (sizes.find("max_len")->second + rows - 1) / rows;
  int64_t needed = 0;
  for (int64_t filled : plan.filledRows)
    needed += (filled + rows - 1) / rows;
  if (available < needed)
    return contradiction(op, "num_pages", available, "pages that hold tokens", needed);
  std::vector<const OperandSpec *> operands = op.operands();
  bool shared = lengths != Lengths::Full &&
                std::none_of(operands.begin(), operands.end(), [](const OperandSpec *operand) {
                  return operand->role == OperandSpec::Role::InOut;
                });

  std::vector<int64_t> order = random.permutation(available);
  std::vector<int64_t> filledOfPage(size_t(available), 0);
  int64_t slotCount = int64_t(plan.filledRows.size()), next = 0;
  plan.pages.assign(size_t(slotCount * perSlot), available > needed ? order.back() : -1);
  for (int64_t slot = 0; slot < slotCount; ++slot) {
    int64_t filled = plan.filledRows[size_t(slot)], common = 0;
    int64_t other = shared && slot > 0 ? random.between(0, slot - 1) : slot;
    if (other != slot && random.between(0, 1) == 1)
      common = random.between(0, std::min(filled, plan.filledRows[size_t(other)]) / rows);
    for (int64_t i = 0; i * rows < filled; ++i) {
      int64_t page = i < common ? plan.pages[size_t(other * perSlot + i)] : order[size_t(next++)];
      plan.pages[size_t(slot * perSlot + i)] = page;
      filledOfPage[size_t(page)] = std::min(rows, filled - i * rows);
    }
  }
  plan.filledRows = std::move(filledOfPage);
  return Status::success();
}

} // namespace

Result<Plan> makePlan(const OpDesc &op, const Sizes &sizes, Random random, Lengths lengths) {
  auto size = [&](std::string_view name) {
    auto found = sizes.find(name);
    return found == sizes.end() ? int64_t(-1) : found->second;
  };
  const std::vector<const OperandSpec *> operands = op.operands();
  auto hasFill = [&](std::string_view fill) {
    return std::any_of(operands.begin(), operands.end(),
                       [&](const OperandSpec *operand) { return operand->fill == fill; });
  };
  Plan plan;
  int64_t tokens = size("tokens"), slotCount = size("num_slots"), context = size("context");
  bool batched = size("batch") >= 0;
  int64_t sequences = batched ? size("batch") : tokens;

  if (batched) {
    if (tokens < sequences)
      return contradiction(op, "tokens", tokens, "batch", sequences);
    bool joint = hasFill("context_offsets");
    int64_t longest = context >= 0 ? std::min(context, size("max_len")) : tokens;
    std::vector<int64_t> queries(static_cast<size_t>(sequences), 1);
    std::vector<int64_t> caps(static_cast<size_t>(sequences), longest);
    if (longest * sequences < tokens)
      return contradiction(op, joint ? "max_len" : "context", longest, "tokens / batch",
                           (tokens + sequences - 1) / sequences);
    // Every second sequence, but never one that the others cannot stand in for.
    for (int64_t i = 1, room = longest * sequences; lengths == Lengths::Sparse && i < sequences;
         i += 2)
      if (room - longest >= tokens) {
        room -= longest;
        queries[size_t(i)] = 0;
        caps[size_t(i)] = 0;
      }
    int64_t given = std::accumulate(queries.begin(), queries.end(), int64_t(0));
    share(queries, tokens - given, caps, random, lengths);
    plan.offsets = runningSum(queries);
    plan.lengths = queries;
    if (joint) {
      if (context < tokens)
        return contradiction(op, "context", context, "tokens", tokens);
      if (size("max_len") * sequences < context)
        return contradiction(op, "max_len", size("max_len"), "context / batch",
                             (context + sequences - 1) / sequences);
      std::vector<int64_t> rows(static_cast<size_t>(sequences), size("max_len"));
      share(plan.lengths, context - tokens, rows, random, lengths);
    } else if (context >= 0) {
      if (size("max_len") < context)
        return contradiction(op, "max_len", size("max_len"), "context", context);
      // One at the full context, one without a cached prefix, the others between.
      std::vector<int64_t> order = random.permutation(sequences);
      for (int64_t i = 0; i < sequences; ++i) {
        int64_t &length = plan.lengths[size_t(order[size_t(i)])];
        if (i == 0 || lengths == Lengths::Full)
          length = context;
        else if (i > 1)
          length = random.between(length, context);
      }
    }
    plan.contextOffsets = runningSum(plan.lengths);
  }

  if (slotCount >= 0) {
    bool shared = slotCount < sequences;
    if (shared && (batched || !hasFill("positions")))
      return contradiction(op, "num_slots", slotCount, batched ? "batch" : "tokens", sequences);
    std::vector<int64_t> order = random.permutation(slotCount);
    for (int64_t i = 0; i < sequences; ++i)
      plan.slots.push_back(order[size_t(i % slotCount)]);
  }

  if (hasFill("positions")) {
    int64_t rows = size("max_len");
    if (size("max_positions") >= 0)
      rows = std::min(rows, size("max_positions"));
    if (context >= 0) {
      if (rows < context)
        return contradiction(op, "max_len", rows, "context", context);
      rows = context;
    }
    // Tokens that share a slot follow one another from its first position on.
    int64_t perSlot = (tokens + slotCount - 1) / slotCount;
    if (perSlot > rows)
      return contradiction(op, "max_len", rows, "tokens / num_slots", perSlot);
    std::vector<int64_t> order = random.permutation(std::min(tokens, slotCount));
    std::vector<int64_t> firsts(order.size());
    for (size_t i = 0; i < order.size(); ++i) {
      bool last = i == 0 || lengths == Lengths::Full;
      firsts[size_t(order[i])] = last     ? rows - perSlot
                                 : i == 1 ? 0
                                          : random.between(0, rows - perSlot);
    }
    for (int64_t t = 0; t < tokens; ++t)
      plan.positions.push_back(firsts[size_t(t % slotCount)] + t / slotCount);
  }

  if (slotCount >= 0) {
    plan.filledRows.assign(size_t(slotCount), 0);
    for (size_t i = 0; i < plan.slots.size(); ++i) {
      int64_t rows = !plan.positions.empty() ? plan.positions[i] + 1
                     : !plan.lengths.empty() ? plan.lengths[i]
                                             : 0;
      int64_t &filled = plan.filledRows[size_t(plan.slots[i])];
      filled = std::max(filled, rows);
    }
  }
  if (hasFill("page_table"))
    if (Status paged = planPages(op, sizes, random, lengths, plan); !paged)
      return paged.takeError();
  return plan;
}

} // namespace zorse::reference
