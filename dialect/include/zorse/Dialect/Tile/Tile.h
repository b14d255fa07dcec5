//===- Tile.h - the tile dialect --------------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "zorse/Dialect/Tile/TileDialect.h.inc"

#include "zorse/Dialect/Tile/TileEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "zorse/Dialect/Tile/TileAttrs.h.inc"

#define GET_OP_CLASSES
#include "zorse/Dialect/Tile/TileOps.h.inc"
