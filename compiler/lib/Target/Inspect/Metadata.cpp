//===- Metadata.cpp - the kernel descriptions of an HSACO -----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Metadata.h"

#include "llvm/BinaryFormat/MsgPackReader.h"

namespace zorse {

using llvm::msgpack::Type;

namespace {

/// A value of the metadata. LLVM's own document class trusts what it reads, so this one is used.
struct Node {
  int64_t number = 0;
  std::string text;
  std::vector<Node> list;        ///< elements of an array, or values of a map
  std::vector<std::string> keys; ///< of a map

  const Node &operator[](llvm::StringRef key) const {
    static const Node nothing;
    for (size_t i = 0; i < keys.size(); ++i)
      if (keys[i] == key)
        return list[i];
    return nothing;
  }
};

} // namespace

/// Reads one value; false if the bytes end early, are malformed, or nest deeper than `depth`.
static bool readNode(llvm::msgpack::Reader &reader, Node &node, int depth) {
  llvm::msgpack::Object object;
  llvm::Expected<bool> more = reader.read(object);
  if (!more) {
    llvm::consumeError(more.takeError());
    return false;
  }
  if (!*more || depth == 0)
    return false;
  switch (object.Kind) {
  case Type::Int:
    node.number = object.Int;
    return true;
  case Type::UInt:
    node.number = int64_t(object.UInt);
    return true;
  case Type::Boolean:
    node.number = object.Bool;
    return true;
  case Type::String:
    node.text = object.Raw.str();
    return true;
  case Type::Array:
    // Lengths may lie; each element costs at least a byte, so the loop ends with the bytes.
    for (size_t i = 0; i < object.Length; ++i)
      if (!readNode(reader, node.list.emplace_back(), depth - 1))
        return false;
    return true;
  case Type::Map:
    for (size_t i = 0; i < object.Length; ++i) {
      Node key;
      if (!readNode(reader, key, depth - 1) ||
          !readNode(reader, node.list.emplace_back(), depth - 1))
        return false;
      node.keys.push_back(std::move(key.text));
    }
    return true;
  default:
    return true; // other kinds do not occur in kernel descriptions
  }
}

static std::vector<KernelArgument> readArguments(const Node &list) {
  std::vector<KernelArgument> arguments;
  for (const Node &node : list.list) {
    const std::string &kind = node[".value_kind"].text;
    if (kind.starts_with("hidden_"))
      continue;
    KernelArgument argument;
    argument.name = node[".name"].text;
    if (argument.name.empty())
      argument.name = "arg" + std::to_string(arguments.size());
    argument.kind =
        kind == "global_buffer" ? KernelArgument::Kind::Operand : KernelArgument::Kind::Size;
    if (argument.kind == KernelArgument::Kind::Size)
      argument.dtype = "i" + std::to_string(uint64_t(node[".size"].number) % 4096 * 8);
    arguments.push_back(std::move(argument));
  }
  return arguments;
}

Status readAmdMetadata(llvm::StringRef msgpack, CodeObject &object) {
  llvm::msgpack::Reader reader(msgpack);
  Node root;
  if (!readNode(reader, root, /*depth=*/16))
    return usageError("expected kernel metadata in MessagePack, got a note that does not parse");
  const Node &kernels = root["amdhsa.kernels"];
  if (kernels.list.empty())
    return usageError("expected kernel metadata with the list amdhsa.kernels, got none");
  for (const Node &node : kernels.list) {
    KernelInfo kernel;
    kernel.symbol = node[".name"].text;
    KernelResources &resources = kernel.resources;
    resources.ldsBytes = node[".group_segment_fixed_size"].number;
    resources.scratchBytes = node[".private_segment_fixed_size"].number;
    resources.vgprs = node[".vgpr_count"].number;
    resources.agprs = node[".agpr_count"].number;
    resources.sgprs = node[".sgpr_count"].number;
    resources.vgprSpills = node[".vgpr_spill_count"].number;
    resources.sgprSpills = node[".sgpr_spill_count"].number;
    const Node &block = node[".reqd_workgroup_size"];
    if (block.list.size() == 3)
      for (int dim = 0; dim < 3; ++dim)
        kernel.block[dim] = block.list[dim].number;
    else
      kernel.block = {node[".max_flat_workgroup_size"].number, 1, 1};
    if (object.kernels.empty())
      object.arguments = readArguments(node[".args"]);
    object.kernels.push_back(std::move(kernel));
  }
  return Status::success();
}

} // namespace zorse
