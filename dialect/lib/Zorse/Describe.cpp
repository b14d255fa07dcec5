//===- Describe.cpp - ops of the dialect against their specs --------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The verifier of every op: it turns the attributes into the request that they
// stand for, lets the description library judge it, and then holds the operands
// against the formulas of the spec. No rule about an op is written here.
//
//===----------------------------------------------------------------------===//

#include "zorse/Dialect/Zorse/Zorse.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace zorse::ir {

static Result<OpDesc::FieldValue> fieldValue(NamedAttribute field) {
  Attribute value = field.getValue();
  if (auto boolean = dyn_cast<BoolAttr>(value))
    return OpDesc::FieldValue(boolean.getValue());
  if (auto integer = dyn_cast<IntegerAttr>(value);
      integer && integer.getValue().getBitWidth() <= 64)
    return OpDesc::FieldValue(integer.getValue().getSExtValue());
  if (auto number = dyn_cast<FloatAttr>(value))
    return OpDesc::FieldValue(number.getValueAsDouble());
  if (auto text = dyn_cast<StringAttr>(value))
    return OpDesc::FieldValue(text.getValue().str());
  std::string found;
  llvm::raw_string_ostream stream(found);
  if (auto type = dyn_cast<TypeAttr>(value)) {
    type.getValue().print(stream);
    return OpDesc::FieldValue(found);
  }
  value.print(stream);
  return usageError("$." + field.getName().str() +
                    ": expected a number, a boolean, a string or a type, found " + found);
}

static Result<Sizes> sizesOf(NamedAttribute tuning) {
  Sizes sizes;
  auto dictionary = dyn_cast<DictionaryAttr>(tuning.getValue());
  if (!dictionary)
    return usageError("$.tuning: expected a dictionary of sizes");
  for (NamedAttribute size : dictionary) {
    auto value = dyn_cast<IntegerAttr>(size.getValue());
    if (!value || !value.getType().isInteger(64))
      return usageError("$.tuning." + size.getName().str() + ": expected an integer");
    sizes[size.getName().str()] = value.getInt();
  }
  return sizes;
}

Result<OpDesc> describe(llvm::StringRef kind, DictionaryAttr fields) {
  std::map<std::string, OpDesc::FieldValue> values;
  Sizes tuning;
  for (NamedAttribute field : fields) {
    if (field.getName() == "tuning") {
      Result<Sizes> sizes = sizesOf(field);
      if (!sizes)
        return sizes.takeError();
      tuning = sizes.take();
      continue;
    }
    Result<OpDesc::FieldValue> value = fieldValue(field);
    if (!value)
      return value.takeError();
    values.emplace(field.getName().str(), value.take());
  }
  return OpDesc::create(kind.str(), values, tuning);
}

static Type elementType(DType type, MLIRContext &context) {
  Builder builder(&context);
  switch (type) {
  case DType::F32:
    return builder.getF32Type();
  case DType::F16:
    return builder.getF16Type();
  case DType::BF16:
    return builder.getBF16Type();
  case DType::I32:
    return builder.getI32Type();
  }
  return {};
}

DictionaryAttr fieldsOf(const OpDesc &op, MLIRContext &context) {
  Builder builder(&context);
  NamedAttrList fields;
  for (const FieldSpec &field : op.spec().fields) {
    Attribute value;
    switch (field.kind) {
    case FieldSpec::Kind::Int:
      value = builder.getI64IntegerAttr(op.get(field.name));
      break;
    case FieldSpec::Kind::Float:
      value = builder.getF64FloatAttr(op.getFloat(field.name));
      break;
    case FieldSpec::Kind::Bool:
      value = builder.getBoolAttr(op.get(field.name) != 0);
      break;
    case FieldSpec::Kind::Enum: {
      const std::string &text = op.getText(field.name);
      if (std::optional<DType> dtype = parseDType(text))
        value = TypeAttr::get(elementType(*dtype, context));
      else
        value = builder.getStringAttr(text);
    }
    }
    fields.append(field.name, value);
  }
  NamedAttrList sizes;
  for (const auto &[name, value] : op.tuningPoint())
    sizes.append(name, builder.getI64IntegerAttr(value));
  fields.append("tuning", sizes.getDictionary(&context));
  return fields.getDictionary(&context);
}

/// The extent that the fields alone give, or nothing if the formula mentions a size.
static std::optional<int64_t> staticExtent(const OpDesc &op, const Expr &dim) {
  for (const std::string &name : dim.names())
    if (op.spec().size(name))
      return std::nullopt;
  Result<int64_t> value = dim.evaluate(op.scope());
  return value ? std::optional(*value) : std::nullopt;
}

MemRefType operandType(const OpDesc &op, const OperandSpec &operand, MLIRContext &context) {
  SmallVector<int64_t> shape;
  for (const Expr &dim : operand.shape)
    shape.push_back(staticExtent(op, dim).value_or(ShapedType::kDynamic));
  return MemRefType::get(shape, elementType(op.operandDType(operand), context));
}

/// zorse_c3 and zorse_c4 for one operand.
static LogicalResult verifyOperand(DescribedOpInterface op, const OpDesc &desc,
                                   const OperandSpec &operand, MemRefType type) {
  Type element = elementType(desc.operandDType(operand), *op->getContext());
  if (type.getElementType() != element)
    return op->emitOpError() << "zorse_c3: expected elements of type " << element << " in "
                             << operand.name << ", found " << type.getElementType();
  if (!type.getLayout().isIdentity())
    return op->emitOpError() << "zorse_c3: expected " << operand.name
                             << " to be dense and row-major, found " << type;
  if (type.getRank() != static_cast<int64_t>(operand.shape.size()))
    return op->emitOpError() << "zorse_c4: expected " << operand.shape.size() << " dimensions of "
                             << operand.name << ", found " << type.getRank();
  for (auto [i, dim] : llvm::enumerate(operand.shape)) {
    std::optional<int64_t> extent = staticExtent(desc, dim);
    if (type.getDimSize(i) == extent.value_or(ShapedType::kDynamic))
      continue;
    InFlightDiagnostic error = op->emitOpError();
    error << "zorse_c4: expected dimension " << i << " of " << operand.name << " to be ";
    if (extent)
      error << *extent;
    else
      error << "?";
    error << " (" << dim.text() << "), found ";
    if (type.isDynamicDim(i))
      return error << "?";
    return error << type.getDimSize(i);
  }
  return success();
}

/// zorse_c2 to zorse_c4 for `ins` or `outs`.
static LogicalResult verifyGroup(DescribedOpInterface op, const OpDesc &desc, OperandRange values,
                                 bool read) {
  SmallVector<const OperandSpec *> expected;
  std::string names;
  for (const OperandSpec *operand : desc.operands())
    if ((operand->role == OperandSpec::Role::In) == read) {
      expected.push_back(operand);
      names += (names.empty() ? "" : ", ") + operand->name;
    }
  if (values.size() != expected.size())
    return op->emitOpError() << "zorse_c2: expected " << expected.size() << " operands in "
                             << (read ? "ins" : "outs") << " (" << names << "), found "
                             << values.size();
  for (auto [value, operand] : llvm::zip_equal(values, expected))
    if (failed(verifyOperand(op, desc, *operand, cast<MemRefType>(value.getType()))))
      return failure();
  return success();
}

LogicalResult verifyDescribedOp(DescribedOpInterface op) {
  Result<OpDesc> desc = op.describe();
  if (!desc)
    return op->emitOpError() << "zorse_c1: " << desc.error().message;
  if (failed(verifyGroup(op, *desc, op.getInputs(), /*read=*/true)))
    return failure();
  return verifyGroup(op, *desc, op.getOutputs(), /*read=*/false);
}

void collectEffects(DescribedOpInterface op,
                    SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  Result<OpDesc> desc = op.describe();
  SmallVector<bool> alsoRead;
  if (desc)
    for (const OperandSpec *operand : desc->operands())
      if (operand->role != OperandSpec::Role::In)
        alsoRead.push_back(operand->role == OperandSpec::Role::InOut);
  unsigned firstOutput = op.getInputs().size();
  for (OpOperand &operand : op->getOpOperands()) {
    unsigned index = operand.getOperandNumber();
    bool output = index >= firstOutput;
    // An op that is not verified yet may have any number of operands.
    bool read = !output || index - firstOutput >= alsoRead.size() || alsoRead[index - firstOutput];
    if (read)
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
    if (output)
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
  }
}

} // namespace zorse::ir
