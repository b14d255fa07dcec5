//===- KernelConfig.cpp - the tunable choices -----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/desc/KernelConfig.h"

#include "Spelling.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <functional>

namespace zorse {

using Entries = std::vector<std::pair<std::string, int64_t>>;

/// Everything that a constraint may name, but for the knobs.
static ExprScope scopeWithoutKnobs(const OpDesc &op, const TargetDesc &target) {
  ExprScope scope = op.scope(op.tuningPoint());
  scope.merge(target.scope());
  return scope;
}

static Result<int64_t> applies(const ConstraintSpec &constraint, const ExprScope &scope) {
  if (constraint.when.text().empty())
    return int64_t(1);
  return constraint.when.evaluate(scope);
}

/// Whether the rule holds; also true where it does not apply.
static Result<int64_t> holds(const ConstraintSpec &constraint, const ExprScope &scope) {
  Result<int64_t> relevant = applies(constraint, scope);
  if (!relevant || *relevant)
    return relevant ? constraint.rule.evaluate(scope) : std::move(relevant);
  return int64_t(1);
}

/// Calls `visit` with the values of every configuration, legal or not, last knob fastest, until
/// it returns false. The scope holds the knobs while it runs.
static void forEachConfig(const std::vector<const KnobSpec *> &knobs, ExprScope &scope,
                          const std::function<bool(const std::vector<int64_t> &)> &visit) {
  std::vector<size_t> digits(knobs.size(), 0);
  std::vector<int64_t> values(knobs.size());
  auto set = [&](size_t i) {
    values[i] = knobs[i]->values[digits[i]];
    scope.insert_or_assign(knobs[i]->name, values[i]);
  };
  for (size_t i = 0; i < knobs.size(); ++i)
    set(i);
  while (visit(values)) {
    size_t i = knobs.size();
    for (; i > 0; --i) {
      if (++digits[i - 1] < knobs[i - 1]->values.size())
        break;
      digits[i - 1] = 0;
      set(i - 1);
    }
    if (i == 0)
      return;
    set(i - 1);
  }
}

static bool isLegal(const OpSpec &spec, const ExprScope &scope) {
  return std::all_of(spec.configConstraints.begin(), spec.configConstraints.end(),
                     [&](const ConstraintSpec &constraint) {
                       Result<int64_t> ok = holds(constraint, scope);
                       return ok && *ok;
                     });
}

std::vector<const KnobSpec *> knobsOf(const OpDesc &op, const TargetDesc &target) {
  std::vector<const KnobSpec *> knobs;
  for (const KnobSpec &knob : op.spec().knobs)
    if (knob.targets == "all" || knob.targets == (target.isHost() ? "host" : "amdgpu"))
      knobs.push_back(&knob);
  return knobs;
}

static Entries entriesOf(const std::vector<const KnobSpec *> &knobs,
                         const std::vector<int64_t> &values) {
  Entries entries;
  for (size_t i = 0; i < knobs.size() && i < values.size(); ++i)
    entries.emplace_back(knobs[i]->name, values[i]);
  return entries;
}

KernelConfig KernelConfig::fromValues(const OpDesc &op, const TargetDesc &target,
                                      const std::vector<int64_t> &values) {
  KernelConfig config;
  config.entries = entriesOf(knobsOf(op, target), values);
  return config;
}

std::vector<KernelConfig> enumerateConfigs(const OpDesc &op, const TargetDesc &target) {
  std::vector<KernelConfig> configs;
  ExprScope scope = scopeWithoutKnobs(op, target);
  forEachConfig(knobsOf(op, target), scope, [&](const std::vector<int64_t> &values) {
    if (isLegal(op.spec(), scope))
      configs.push_back(KernelConfig::fromValues(op, target, values));
    return true;
  });
  return configs;
}

SpaceReport describeSpace(const OpDesc &op, const TargetDesc &target) {
  SpaceReport report;
  const std::vector<ConstraintSpec> &constraints = op.spec().configConstraints;
  for (const ConstraintSpec &constraint : constraints)
    report.removed.emplace_back(constraint.label, 0);
  ExprScope scope = scopeWithoutKnobs(op, target);
  forEachConfig(knobsOf(op, target), scope, [&](const std::vector<int64_t> &) {
    bool legal = true;
    for (size_t i = 0; i < constraints.size(); ++i) {
      Result<int64_t> ok = holds(constraints[i], scope);
      if (ok && *ok)
        continue;
      ++report.removed[i].second;
      legal = false;
    }
    ++report.total;
    report.legal += legal;
    return true;
  });
  return report;
}

static Error emptySpaceError(const OpDesc &op, const TargetDesc &target) {
  SpaceReport report = describeSpace(op, target);
  std::string removed;
  for (const ConstraintSpec &constraint : op.spec().configConstraints)
    for (const auto &[label, count] : report.removed)
      if (label == constraint.label && count > 0)
        removed += fmt::format("; {} rules out {}: {}", label, count, constraint.message);
  return usageError(fmt::format("{} has no legal configuration on {} among {} for {}{}", op.kind(),
                                target.arch, report.total, op.canonicalJson(), removed));
}

/// How far apart two legal values stand in the knob's list.
static size_t stepsBetween(const KnobSpec &knob, int64_t a, int64_t b) {
  auto position = [&](int64_t value) {
    return std::lower_bound(knob.values.begin(), knob.values.end(), value) - knob.values.begin();
  };
  return static_cast<size_t>(std::abs(position(a) - position(b)));
}

Result<KernelConfig> KernelConfig::defaults(const OpDesc &op, const TargetDesc &target) {
  std::vector<const KnobSpec *> knobs = knobsOf(op, target);
  ExprScope scope = scopeWithoutKnobs(op, target);
  std::vector<int64_t> wanted;
  for (const KnobSpec *knob : knobs) {
    const Expr &formula = target.isHost() ? knob->defaultHost : knob->defaultAmdgpu;
    Result<int64_t> value = formula.evaluate(scope);
    if (!value)
      return value.takeError();
    auto above = std::upper_bound(knob->values.begin(), knob->values.end(), *value);
    wanted.push_back(above == knob->values.begin() ? *above : *std::prev(above));
  }
  KernelConfig config = fromValues(op, target, wanted);
  if (config.check(op, target))
    return config;

  std::optional<std::vector<int64_t>> nearest;
  std::pair<size_t, size_t> least(knobs.size() + 1, 0); // knobs that differ, steps between values
  forEachConfig(knobs, scope, [&](const std::vector<int64_t> &values) {
    std::pair<size_t, size_t> distance(0, 0);
    for (size_t i = 0; i < values.size(); ++i) {
      distance.first += values[i] != wanted[i];
      distance.second += stepsBetween(*knobs[i], values[i], wanted[i]);
    }
    if (distance < least && isLegal(op.spec(), scope)) {
      least = distance;
      nearest = values;
    }
    return true;
  });
  if (!nearest)
    return emptySpaceError(op, target);
  return fromValues(op, target, *nearest);
}

static std::string_view trimmed(std::string_view text) {
  size_t first = text.find_first_not_of(' '), last = text.find_last_not_of(' ');
  return first == std::string_view::npos ? std::string_view()
                                         : text.substr(first, last - first + 1);
}

/// The items of "k=v,k=v", in their order; the same knob twice is an error.
static Result<Entries> readEntries(std::string_view text) {
  Entries entries;
  std::string_view rest = trimmed(text);
  while (!rest.empty()) {
    size_t comma = rest.find(',');
    std::string_view item = trimmed(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    size_t equals = item.find('=');
    std::string name(trimmed(item.substr(0, equals)));
    int64_t value = 0;
    std::string_view digits =
        equals == std::string_view::npos ? std::string_view() : trimmed(item.substr(equals + 1));
    auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (name.empty() || digits.empty() || code != std::errc() ||
        end != digits.data() + digits.size())
      return usageError(
          fmt::format("configuration: expected knob=integer, found \"{}\"", item.substr(0, 60)));
    for (const auto &[known, other] : entries)
      if (known == name)
        return usageError(fmt::format("configuration: the knob {} is given twice", name));
    entries.emplace_back(std::move(name), value);
  }
  return entries;
}

Result<KernelConfig> KernelConfig::read(std::string_view text) {
  Result<Entries> entries = readEntries(text);
  if (!entries)
    return entries.takeError();
  KernelConfig config;
  config.entries = entries.take();
  return config;
}

Result<KernelConfig> KernelConfig::parse(std::string_view text, const OpDesc &op,
                                         const TargetDesc &target) {
  Result<KernelConfig> config = defaults(op, target);
  if (!config)
    return config;
  std::vector<std::string> names;
  for (const auto &[name, value] : config->entries)
    names.push_back(name);
  Result<Entries> given = readEntries(text);
  if (!given)
    return given.takeError();
  for (const auto &[name, value] : *given) {
    auto entry = std::find_if(config->entries.begin(), config->entries.end(),
                              [&](const auto &candidate) { return candidate.first == name; });
    if (entry == config->entries.end())
      return usageError(fmt::format("configuration: unknown knob {} of {} on {}{}", name, op.kind(),
                                    target.arch, adviceOnNames(name, "knobs", names)));
    entry->second = value;
  }
  if (Status checked = config->check(op, target); !checked)
    return checked.takeError();
  return config;
}

Result<std::vector<KernelConfig::Verdict>> KernelConfig::verdicts(const OpDesc &op,
                                                                  const TargetDesc &target) const {
  std::vector<const KnobSpec *> knobs = knobsOf(op, target);
  ExprScope scope = scopeWithoutKnobs(op, target);
  std::vector<std::string> names;
  for (const KnobSpec *knob : knobs)
    names.push_back(knob->name);
  bool same = entries.size() == knobs.size();
  for (size_t i = 0; same && i < knobs.size(); ++i)
    same = entries[i].first == names[i];
  if (!same)
    return usageError(fmt::format("configuration: expected the knobs {} of {} on {}, found \"{}\"",
                                  joined(names), op.kind(), target.arch, text()));
  for (size_t i = 0; i < knobs.size(); ++i) {
    const std::vector<int64_t> &legal = knobs[i]->values;
    if (!std::binary_search(legal.begin(), legal.end(), entries[i].second))
      return usageError(fmt::format("configuration: {}: expected one of {}, found {}", names[i],
                                    joined(legal), entries[i].second));
    scope.insert_or_assign(names[i], entries[i].second);
  }
  std::vector<Verdict> verdicts;
  for (const ConstraintSpec &constraint : op.spec().configConstraints) {
    Result<int64_t> ok = holds(constraint, scope);
    if (!ok)
      return usageError(fmt::format("configuration: {}: {}", constraint.label, ok.error().message));
    std::string values;
    for (const std::string &name : constraint.rule.names()) {
      auto found = scope.find(name);
      if (found == scope.end())
        continue; // a knob of other targets, in a rule that does not apply here
      const auto *number = std::get_if<int64_t>(&found->second);
      values +=
          fmt::format("{}{} = {}", values.empty() ? "" : ", ", name,
                      number ? fmt::format("{}", *number) : std::get<std::string>(found->second));
    }
    verdicts.push_back({constraint.label, constraint.message, std::move(values), *ok != 0});
  }
  return verdicts;
}

Status KernelConfig::check(const OpDesc &op, const TargetDesc &target) const {
  Result<std::vector<Verdict>> judged = verdicts(op, target);
  if (!judged)
    return judged.takeError();
  for (const Verdict &verdict : *judged)
    if (!verdict.holds)
      return usageError(fmt::format("configuration: {}: {}, found {}", verdict.label,
                                    verdict.message, verdict.numbers));
  return Status::success();
}

int64_t KernelConfig::get(std::string_view knob) const {
  for (const auto &[name, value] : entries)
    if (name == knob)
      return value;
  fmt::print(stderr, "zorse: the configuration {} has no knob {}\n", text(), knob);
  std::abort();
}

bool KernelConfig::has(std::string_view knob) const {
  return std::any_of(entries.begin(), entries.end(),
                     [&](const auto &entry) { return entry.first == knob; });
}

std::string KernelConfig::text() const {
  std::string result;
  for (const auto &[name, value] : entries)
    result += fmt::format("{}{}={}", result.empty() ? "" : ",", name, value);
  return result;
}

Hash128 KernelConfig::hash() const { return hashText(text()); }

} // namespace zorse
