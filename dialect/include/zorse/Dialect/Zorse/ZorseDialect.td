//===- ZorseDialect.td - dialect, attributes and the shape of an op -*- tablegen -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ZORSE_DIALECT_ZORSE_ZORSEDIALECT_TD
#define ZORSE_DIALECT_ZORSE_ZORSEDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "zorse/Dialect/Zorse/ZorseInterfaces.td"

def Zorse_Dialect : Dialect {
  let name = "zorse";
  let cppNamespace = "::zorse::ir";
  let summary = "What a kernel computes";
  let description = [{
    One op for each kind in `dialect/ops`, over whole buffers. An op has no results: it reads the
    memrefs in `ins`, and writes (or updates) those in `outs`. Its static parameters stand in a
    dictionary with the keys and values of a request; keys left out have the defaults of the spec,
    and `tuning` may hold the sizes that the op is tuned at.

    ```
    zorse.swiglu ins(%gate_up : memref<?x16384xbf16>) outs(%out : memref<?x8192xbf16>)
        {intermediate_size = 8192, dtype = bf16, tuning = {tokens = 8}}
        config = #zorse.config<"block_n=512">
    ```

    The same rules hold for every op, and are checked by one verifier that asks the specs:

    * zorse_c1: The dictionary is a legal request of the kind; rules of one kind (`linear_c1`, …)
      are part of this.
    * zorse_c2: `ins` holds the operands with the role "in", `outs` those with the roles "out" and
      "inout", in the order of the spec, without those that the parameters switch off.
    * zorse_c3: Every operand is dense and row-major and has the element type of the spec.
    * zorse_c4: Every operand has the shape of the spec: a dimension whose formula mentions a
      dynamic size is `?`, every other one is the value of its formula.
    * zorse_c5: Inside an op with the attribute `zorse.target`, every configuration is legal for
      that target.
  }];
  let hasOperationAttrVerify = 1;
  let useDefaultAttributePrinterParser = 1;
}

def Zorse_ConfigAttr : AttrDef<Zorse_Dialect, "Config"> {
  let mnemonic = "config";
  let summary = "The tunable choices of one kernel";
  let description = [{
    The canonical text of a configuration, a value for every knob: what the tuner found, the
    database remembered or a person asked for. Passes read it; none of them invents a tile size.

    Example: `#zorse.config<"block_h=24,block_n=64,kv_splits=2">`
  }];
  let parameters = (ins StringRefParameter<"knob=integer, separated by commas">:$text);
  let assemblyFormat = "`<` $text `>`";
  let genVerifyDecl = 1;
}

def Zorse_Buffer : MemRefOf<[F32, F16, BF16, I32]>;

class Zorse_Op<string mnemonic> : Op<Zorse_Dialect, mnemonic, [
    AttrSizedOperandSegments, DestinationStyleOpInterface,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>, Zorse_DescribedOpInterface]> {
  let arguments = (ins Variadic<Zorse_Buffer>:$inputs, Variadic<Zorse_Buffer>:$outputs,
                       DictionaryAttr:$fields, OptionalAttr<Zorse_ConfigAttr>:$config);
  let assemblyFormat = [{
    `ins` `(` $inputs `:` type($inputs) `)` `outs` `(` $outputs `:` type($outputs) `)`
    custom<Fields>($fields) (`config` `=` qualified($config)^)? attr-dict-with-keyword
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getOutputsMutable(); }
  }];
  let extraClassDefinition = [{
    void $cppClass::getEffects(
        ::llvm::SmallVectorImpl<::mlir::MemoryEffects::EffectInstance> &effects) {
      ::zorse::ir::collectEffects(*this, effects);
    }
  }];
}

#endif // ZORSE_DIALECT_ZORSE_ZORSEDIALECT_TD
