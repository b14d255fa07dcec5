/* Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
   SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* swiglu of f32 rows of 1000 elements, in right and wrong ways, in the calling convention of
   CodeObject.h: [gate_up, out | tokens], grid (ceildiv(1000, B), tokens, 1). */
#include <stdint.h>

typedef const uint64_t *Slots;
enum { N = 1000 };

static float silu(float v) { return v / (1.0f + __builtin_expf(-v)); }

static void row(Slots slots, int64_t wx, int64_t token, int64_t block) {
  const float *in = (const float *)slots[0] + token * 2 * N;
  float *out = (float *)slots[1] + token * N;
  for (int64_t i = wx * block; i < (wx + 1) * block && i < N; ++i)
    out[i] = silu(in[i]) * in[N + i];
}

#define KERNEL(name) void name(Slots slots, int64_t wx, int64_t wy, int64_t wz)

KERNEL(right) { row(slots, wx, wy, 128); }
KERNEL(slow) {
  for (volatile int i = 0; i < 60; ++i)
    row(slots, wx, wy, 128);
}
KERNEL(forgets_silu) {
  row(slots, wx, wy, 128);
  if (wx == 3 && wy == 0)
    ((float *)slots[1])[400] = ((const float *)slots[0])[400] * ((const float *)slots[0])[N + 400];
}
KERNEL(makes_nan) {
  row(slots, wx, wy, 128);
  if (wx == 0)
    ((float *)slots[1])[wy * N + 5] = __builtin_nanf("");
}
KERNEL(skips_the_tail) {
  if (wx < 7)
    row(slots, wx, wy, 128);
}
KERNEL(overruns) {
  row(slots, wx, wy, 128);
  if (wx == 7 && wy + 1 == (int64_t)slots[2])
    ((float *)slots[1])[(wy + 1) * N + 2] = 0;
}
KERNEL(underruns) {
  row(slots, wx, wy, 128);
  if (wx == 0 && wy == 0)
    ((float *)slots[1])[-3] = 0;
}
KERNEL(changes_its_input) {
  row(slots, wx, wy, 128);
  if (wx == 0 && wy == 0)
    ((float *)slots[0])[0] = 1;
}
/* Right within the tolerance, but another last bit every time. */
KERNEL(wavers) {
  static int runs;
  row(slots, wx, wy, 128);
  if (wx == 0 && wy == 0) {
    uint32_t *bits = (uint32_t *)slots[1];
    bits[1] ^= (uint32_t)(runs++ & 1);
  }
}
/* Trusts what nobody wrote. */
KERNEL(reads_its_output) {
  float *out = (float *)slots[1];
  float before = out[wy * N + wx * 128];
  row(slots, wx, wy, 128);
  if (before != before)
    out[wy * N + wx * 128] = before;
}
/* For workers that must survive them. */
KERNEL(spins) {
  for (volatile int forever = 1; forever;)
    ;
}
KERNEL(faults) { *(volatile int *)0 = 1; }
