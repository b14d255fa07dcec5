/* Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
   SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* Kernels for the conformance suite, in the calling convention of CodeObject.h. Built without the
   standard libraries, as the compiler builds its own. */
#include <stdint.h>

typedef const uint64_t *Slots;

/* [x, y | n]: y[i] = x[i] + 1, four elements a workgroup. */
void add_one(Slots slots, int64_t wx, int64_t wy, int64_t wz) {
  const float *x = (const float *)slots[0];
  float *y = (float *)slots[1];
  int64_t n = (int64_t)slots[2];
  (void)wy;
  (void)wz;
  for (int64_t i = wx * 4; i < wx * 4 + 4 && i < n; ++i)
    y[i] = x[i] + 1;
}

/* [x, y | n]: y[i] *= 2; a second kernel that must see what the first wrote. */
void twice(Slots slots, int64_t wx, int64_t wy, int64_t wz) {
  float *y = (float *)slots[1];
  int64_t n = (int64_t)slots[2];
  (void)wy;
  (void)wz;
  for (int64_t i = wx; i < n; i += 3)
    y[i] *= 2;
}

/* [seen | a, b, c]: counts the visits of each workgroup of an a x b x c grid. */
void visit(Slots slots, int64_t wx, int64_t wy, int64_t wz) {
  int32_t *seen = (int32_t *)slots[0];
  int64_t a = (int64_t)slots[1], b = (int64_t)slots[2];
  __atomic_fetch_add(&seen[(wz * b + wy) * a + wx], 1, __ATOMIC_RELAXED);
}

/* [out, in, scratch | n]: through a workspace. */
void fill_scratch(Slots slots, int64_t wx, int64_t wy, int64_t wz) {
  (void)wy;
  (void)wz;
  ((float *)slots[2])[wx] = ((const float *)slots[1])[wx] * 10;
}
void read_scratch(Slots slots, int64_t wx, int64_t wy, int64_t wz) {
  (void)wy;
  (void)wz;
  ((float *)slots[0])[wx] = ((const float *)slots[2])[wx] + 5;
}
