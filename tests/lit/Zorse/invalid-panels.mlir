// RUN: zorse-opt %s -split-input-file -verify-diagnostics

// Packed weights.

func.func @embed_c1(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.embed' op zorse_c1: $: embed_c1: panel must be 0 or a multiple of 16, found panel = 24}}
  zorse.embed ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {vocab_size = 64, hidden_size = 8, panel = 24}
  return
}

// -----

func.func @linear_c2(%a: memref<?xbf16>, %b: memref<?xbf16>) {
  // expected-error @below {{'zorse.linear' op zorse_c1: $: linear_c2: panel must be 0 or a multiple of 16, found panel = 40}}
  zorse.linear ins(%a : memref<?xbf16>) outs(%b : memref<?xbf16>)
      {in_features = 64, out_features = 8, panel = 40}
  return
}
