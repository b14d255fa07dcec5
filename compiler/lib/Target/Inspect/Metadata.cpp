//===- Metadata.cpp - the kernel descriptions of an HSACO -----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Metadata.h"

#include "llvm/BinaryFormat/MsgPackDocument.h"

namespace zorse {

using llvm::msgpack::DocNode;
using llvm::msgpack::Type;

/// Default-made nodes have no kind to ask for.
static bool is(const DocNode &node, Type kind) { return !node.isEmpty() && node.getKind() == kind; }

/// A member of a map, or an empty node.
static DocNode member(DocNode map, llvm::StringRef key) {
  if (!is(map, Type::Map))
    return {};
  auto &entries = map.getMap();
  auto found = entries.find(key);
  return found == entries.end() ? DocNode() : found->second;
}

static int64_t integer(DocNode node) {
  if (is(node, Type::UInt))
    return int64_t(node.getUInt());
  return is(node, Type::Int) ? node.getInt() : 0;
}

static std::string text(DocNode node) {
  return is(node, Type::String) ? node.getString().str() : "";
}

static std::vector<KernelArgument> readArguments(DocNode list) {
  std::vector<KernelArgument> arguments;
  if (!is(list, Type::Array))
    return arguments;
  for (DocNode &node : list.getArray()) {
    std::string kind = text(member(node, ".value_kind"));
    if (kind.starts_with("hidden_"))
      continue;
    KernelArgument argument;
    argument.name = text(member(node, ".name"));
    if (argument.name.empty())
      argument.name = "arg" + std::to_string(arguments.size());
    argument.kind =
        kind == "global_buffer" ? KernelArgument::Kind::Operand : KernelArgument::Kind::Size;
    if (argument.kind == KernelArgument::Kind::Size)
      argument.dtype = "i" + std::to_string(8 * integer(member(node, ".size")));
    arguments.push_back(std::move(argument));
  }
  return arguments;
}

Status readAmdMetadata(llvm::StringRef msgpack, CodeObject &object) {
  llvm::msgpack::Document document;
  if (!document.readFromBlob(msgpack, /*Multi=*/false))
    return usageError("expected kernel metadata in MessagePack, got a note that does not parse");
  DocNode root = document.getRoot();
  DocNode kernels = member(root, "amdhsa.kernels");
  if (!is(kernels, Type::Array))
    return usageError("expected kernel metadata with the list amdhsa.kernels, got none");
  for (DocNode &node : kernels.getArray()) {
    KernelInfo kernel;
    kernel.symbol = text(member(node, ".name"));
    KernelResources &resources = kernel.resources;
    resources.ldsBytes = integer(member(node, ".group_segment_fixed_size"));
    resources.scratchBytes = integer(member(node, ".private_segment_fixed_size"));
    resources.vgprs = integer(member(node, ".vgpr_count"));
    resources.agprs = integer(member(node, ".agpr_count"));
    resources.sgprs = integer(member(node, ".sgpr_count"));
    resources.vgprSpills = integer(member(node, ".vgpr_spill_count"));
    resources.sgprSpills = integer(member(node, ".sgpr_spill_count"));
    DocNode block = member(node, ".reqd_workgroup_size");
    if (is(block, Type::Array) && block.getArray().size() == 3) {
      for (int dim = 0; dim < 3; ++dim)
        kernel.block[dim] = integer(block.getArray()[dim]);
    } else {
      kernel.block = {integer(member(node, ".max_flat_workgroup_size")), 1, 1};
    }
    if (object.kernels.empty())
      object.arguments = readArguments(member(node, ".args"));
    object.kernels.push_back(std::move(kernel));
  }
  return Status::success();
}

} // namespace zorse
