/* Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
   SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* Kernels for the conformance suite on AMD targets: the same work for each workgroup as in
   kernels.c, shared among its 64 work-items. The arguments are the row of slots. No library is
   linked, so indices come from the compiler's own functions. */
#define GROUP(d) ((long)__builtin_amdgcn_workgroup_id_##d())
#define ITEM ((long)__builtin_amdgcn_workitem_id_x())

/* [x, y | n]: y[i] = x[i] + 1, four elements a workgroup. */
__attribute__((reqd_work_group_size(64, 1, 1))) kernel void
add_one(global const float *x, global float *y, long n) {
  long i = GROUP(x) * 4 + ITEM;
  if (ITEM < 4 && i < n)
    y[i] = x[i] + 1;
}

/* [x, y | n]: y[i] *= 2; a second kernel that must see what the first wrote. Three workgroups. */
__attribute__((reqd_work_group_size(64, 1, 1))) kernel void
twice(global const float *x, global float *y, long n) {
  for (long i = GROUP(x) * 64 + ITEM; i < n; i += 3 * 64)
    y[i] *= 2;
}

/* [seen | a, b, c]: counts the visits of each workgroup of an a x b x c grid. */
__attribute__((reqd_work_group_size(64, 1, 1))) kernel void
visit(global int *seen, long a, long b, long c) {
  if (ITEM == 0)
    __opencl_atomic_fetch_add((global atomic_int *)&seen[(GROUP(z) * b + GROUP(y)) * a + GROUP(x)],
                              1, __ATOMIC_RELAXED, __OPENCL_MEMORY_SCOPE_DEVICE);
}

/* [out, in, scratch | n]: through a workspace. */
__attribute__((reqd_work_group_size(64, 1, 1))) kernel void
fill_scratch(global float *out, global const float *in, global float *scratch, long n) {
  if (ITEM == 0)
    scratch[GROUP(x)] = in[GROUP(x)] * 10;
}
__attribute__((reqd_work_group_size(64, 1, 1))) kernel void
read_scratch(global float *out, global const float *in, global float *scratch, long n) {
  if (ITEM == 0)
    out[GROUP(x)] = scratch[GROUP(x)] + 5;
}

/* [x | n]: writes far outside of every buffer. */
__attribute__((reqd_work_group_size(64, 1, 1))) kernel void stray(global int *x, long n) {
  if (ITEM == 0)
    x[(1L << 44) + n] = 1;
}
