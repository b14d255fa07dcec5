//===- Zorse.cpp - the zorse dialect --------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/Dialect/Zorse/Zorse.h"

#include "zorse/desc/KernelConfig.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace zorse::ir;

/// Numbers of 64 bits, the usual ones, are printed without their type.
static void printField(AsmPrinter &printer, NamedAttribute field) {
  Attribute value = field.getValue();
  auto number = dyn_cast<TypedAttr>(value);
  printer << field.getName().getValue() << " = ";
  if (auto nested = dyn_cast<DictionaryAttr>(value)) {
    printer << '{';
    llvm::interleaveComma(nested, printer,
                          [&](NamedAttribute inner) { printField(printer, inner); });
    printer << '}';
  } else if (number && (number.getType().isInteger(64) || number.getType().isF64())) {
    printer.printAttributeWithoutType(value);
  } else {
    printer << value;
  }
}

static void printFields(OpAsmPrinter &printer, Operation *, DictionaryAttr fields) {
  printer << '{';
  llvm::interleaveComma(fields, printer, [&](NamedAttribute field) { printField(printer, field); });
  printer << '}';
}

static ParseResult parseFields(OpAsmParser &parser, DictionaryAttr &fields) {
  return parser.parseAttribute(fields);
}

#include "zorse/Dialect/Zorse/ZorseDialect.cpp.inc"

#include "zorse/Dialect/Zorse/ZorseInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "zorse/Dialect/Zorse/ZorseAttrs.cpp.inc"

#define GET_OP_CLASSES
#include "zorse/Dialect/Zorse/ZorseOps.cpp.inc"

void ZorseDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "zorse/Dialect/Zorse/ZorseAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "zorse/Dialect/Zorse/ZorseOps.cpp.inc"
      >();
}

LogicalResult ConfigAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                                 llvm::StringRef text) {
  llvm::SmallVector<llvm::StringRef> items;
  text.split(items, ',');
  for (llvm::StringRef item : items) {
    auto [knob, value] = item.split('=');
    int64_t number;
    if (knob.empty() || value.getAsInteger(10, number))
      return emitError() << "expected knob=integer, found \"" << item << "\"";
  }
  return success();
}

/// zorse_c5. Checked from outside, because only there the target is known.
LogicalResult ZorseDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() != targetAttrName)
    return op->emitError() << "unknown attribute " << attribute.getName() << "; zorse knows "
                           << targetAttrName;
  auto name = dyn_cast<StringAttr>(attribute.getValue());
  if (!name)
    return op->emitError() << targetAttrName << ": expected a string, found "
                           << attribute.getValue();
  zorse::Result<zorse::TargetDesc> target = zorse::findTarget(name.getValue().str());
  if (!target)
    return op->emitError() << targetAttrName << ": " << target.error().message;
  WalkResult walked = op->walk([&](DescribedOpInterface described) {
    zorse::Result<zorse::OpDesc> desc = described.describe();
    if (!desc || !described.getConfigAttr())
      return WalkResult::advance(); // its own verifier reports a bad description
    std::string text = described.getConfigAttr().getText().str();
    zorse::Result<zorse::KernelConfig> config = zorse::KernelConfig::parse(text, *desc, *target);
    if (config)
      return WalkResult::advance();
    described->emitOpError() << "zorse_c5: " << config.error().message;
    return WalkResult::interrupt();
  });
  return failure(walked.wasInterrupted());
}
