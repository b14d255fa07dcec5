/* Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
   SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* An object that would run code when it is loaded; a device must refuse it. */
volatile int started;
__attribute__((constructor)) static void start(void) { started = 1; }
void add_one(void) {}
