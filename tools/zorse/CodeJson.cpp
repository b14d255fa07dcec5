//===- CodeJson.cpp - code objects for people and programs ----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CodeJson.h"

#include <fmt/format.h>
#include <sstream>

namespace zorse::tool {

Json configJson(const std::string &configText) {
  Json config = Json::object();
  std::istringstream entries(configText);
  for (std::string entry; std::getline(entries, entry, ',');)
    if (size_t equals = entry.find('='); equals != std::string::npos)
      config[entry.substr(0, equals)] = std::strtoll(entry.c_str() + equals + 1, nullptr, 10);
  return config;
}

static std::string_view name(KernelArgument::Kind kind) {
  switch (kind) {
  case KernelArgument::Kind::Operand:
    return "operand";
  case KernelArgument::Kind::Workspace:
    return "workspace";
  case KernelArgument::Kind::Size:
    return "size";
  }
  return "";
}

static std::string_view name(OperandSpec::Role role) {
  return role == OperandSpec::Role::In ? "in" : role == OperandSpec::Role::Out ? "out" : "inout";
}

/// The arguments in the order of the 8-byte slots.
static Json argumentsJson(const CodeObject &object, const OpDesc *op) {
  Json arguments = Json::array();
  for (const KernelArgument &argument : object.arguments) {
    Json entry = {{"order", arguments.size()},
                  {"kind", name(argument.kind)},
                  {"name", argument.name},
                  {"dtype", argument.dtype}};
    const OperandSpec *operand = op && argument.kind == KernelArgument::Kind::Operand
                                     ? op->spec().operand(argument.name)
                                     : nullptr;
    if (operand) {
      entry["role"] = name(operand->role);
      entry["shape"] = Json::array();
      for (const Expr &extent : operand->shape) {
        Result<Expr> known = extent.substitute(op->scope());
        entry["shape"].push_back(known ? known->text() : extent.text());
      }
    }
    arguments.push_back(std::move(entry));
  }
  return arguments;
}

void addCode(Json &out, const CodeObject &object, const OpDesc *op) {
  Json arguments = argumentsJson(object, op);
  out["kernels"] = Json::array();
  for (const KernelInfo &kernel : object.kernels) {
    Json entry = {{"symbol", kernel.symbol}, {"arguments", arguments}};
    for (const Expr &extent : kernel.grid)
      entry["grid"].push_back(extent.text());
    for (int64_t extent : kernel.block)
      entry["block"].push_back(std::to_string(extent));
    const KernelResources &resources = kernel.resources;
    entry["lds_bytes"] = resources.ldsBytes;
    entry["vgpr"] = resources.vgprs;
    entry["agpr"] = resources.agprs;
    entry["sgpr"] = resources.sgprs;
    entry["vgpr_spills"] = resources.vgprSpills;
    entry["sgpr_spills"] = resources.sgprSpills;
    entry["scratch_bytes"] = resources.scratchBytes;
    out["kernels"].push_back(std::move(entry));
  }
  out["workspaces"] = Json::array();
  for (const WorkspaceInfo &workspace : object.workspaces)
    out["workspaces"].push_back({{"name", workspace.name}, {"bytes", workspace.bytes.text()}});
  out["instruction_mix"] = Json::object();
  for (const auto &[kind, count] : object.instructionMix)
    out["instruction_mix"][kind] = count;
  out["code_bytes"] = object.bytes.size();
  out["code_hash"] = object.codeHash().hex();
  out["compiler_revision"] = object.compilerRevision;
}

std::string describeCode(const CodeObject &object) {
  std::string text;
  for (const KernelInfo &kernel : object.kernels) {
    text += fmt::format("kernel     {}\n", kernel.symbol);
    if (!kernel.grid[0].text().empty())
      text += fmt::format("  grid     {}  x  {}  x  {}\n", kernel.grid[0].text(),
                          kernel.grid[1].text(), kernel.grid[2].text());
    text +=
        fmt::format("  block    {} x {} x {}\n", kernel.block[0], kernel.block[1], kernel.block[2]);
    const KernelResources &own = kernel.resources;
    if (own.vgprs || own.agprs || own.sgprs || own.ldsBytes)
      text +=
          fmt::format("  uses     {} VGPR, {} AGPR, {} SGPR, {} B LDS; spills {} VGPR, {} SGPR, "
                      "{} B scratch\n",
                      own.vgprs, own.agprs, own.sgprs, own.ldsBytes, own.vgprSpills, own.sgprSpills,
                      own.scratchBytes);
  }
  if (!object.arguments.empty()) {
    text += "arguments ";
    for (const KernelArgument &argument : object.arguments)
      text +=
          fmt::format(" {}{}{}", argument.name, argument.dtype.empty() ? "" : ":", argument.dtype);
    text += '\n';
  }
  for (const WorkspaceInfo &workspace : object.workspaces)
    text += fmt::format("workspace  {}: {} bytes\n", workspace.name, workspace.bytes.text());
  if (!object.instructionMix.empty()) {
    text += "mix       ";
    for (const auto &[kind, count] : object.instructionMix)
      text += fmt::format(" {} {}", kind, count);
    text += '\n';
  }
  text += fmt::format("code       {} B, hash {}\n", object.bytes.size(), object.codeHash().hex());
  return text;
}

} // namespace zorse::tool
