//===- HipApi.h - the part of HIP that Zorse calls --------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Prototypes and numbers of the C interface of libamdhip64, as ROCm 5, 6 and 7 have
// them alike. Handles are opaque; an error code is an int here.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>

namespace zorse::hip {

struct StreamRecord;
struct EventRecord;
struct ModuleRecord;
struct FunctionRecord;
struct GraphRecord;
struct GraphExecRecord;
struct GraphNodeRecord;
using StreamHandle = StreamRecord *;
using EventHandle = EventRecord *;
using ModuleHandle = ModuleRecord *;
using FunctionHandle = FunctionRecord *;
using GraphHandle = GraphRecord *;
using GraphExecHandle = GraphExecRecord *;
using GraphNodeHandle = GraphNodeRecord *;

// Every function that is called: X(result, name, parameters).
#define ZORSE_HIP_FUNCTIONS(X)                                                                     \
  X(int, hipDeviceGetAttribute, (int *value, int attribute, int device))                           \
  X(int, hipEventCreateWithFlags, (EventHandle * event, unsigned flags))                           \
  X(int, hipEventDestroy, (EventHandle event))                                                     \
  X(int, hipEventElapsedTime, (float *milliseconds, EventHandle from, EventHandle to))             \
  X(int, hipEventRecord, (EventHandle event, StreamHandle stream))                                 \
  X(int, hipEventSynchronize, (EventHandle event))                                                 \
  X(int, hipFree, (void *memory))                                                                  \
  X(int, hipGetDeviceCount, (int *count))                                                          \
  X(const char *, hipGetErrorName, (int error))                                                    \
  X(const char *, hipGetErrorString, (int error))                                                  \
  X(int, hipGraphDestroy, (GraphHandle graph))                                                     \
  X(int, hipGraphExecDestroy, (GraphExecHandle exec))                                              \
  X(int, hipGraphInstantiate,                                                                      \
    (GraphExecHandle * exec, GraphHandle graph, GraphNodeHandle * failedNode, char *log,           \
     size_t logBytes))                                                                             \
  X(int, hipGraphLaunch, (GraphExecHandle exec, StreamHandle stream))                              \
  X(int, hipHostFree, (void *memory))                                                              \
  X(int, hipHostMalloc, (void **memory, size_t bytes, unsigned flags))                             \
  X(int, hipInit, (unsigned flags))                                                                \
  X(int, hipMalloc, (void **memory, size_t bytes))                                                 \
  X(int, hipMemcpyAsync,                                                                           \
    (void *to, const void *from, size_t bytes, int kind, StreamHandle stream))                     \
  X(int, hipModuleGetFunction, (FunctionHandle * function, ModuleHandle module, const char *name)) \
  X(int, hipModuleLaunchKernel,                                                                    \
    (FunctionHandle function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,     \
     unsigned blockY, unsigned blockZ, unsigned sharedBytes, StreamHandle stream,                  \
     void **parameters, void **extra))                                                             \
  X(int, hipModuleLoadData, (ModuleHandle * module, const void *image))                            \
  X(int, hipModuleUnload, (ModuleHandle module))                                                   \
  X(int, hipRuntimeGetVersion, (int *version))                                                     \
  X(int, hipSetDevice, (int device))                                                               \
  X(int, hipStreamBeginCapture, (StreamHandle stream, int mode))                                   \
  X(int, hipStreamCreateWithFlags, (StreamHandle * stream, unsigned flags))                        \
  X(int, hipStreamDestroy, (StreamHandle stream))                                                  \
  X(int, hipStreamEndCapture, (StreamHandle stream, GraphHandle * graph))                          \
  X(int, hipStreamSynchronize, (StreamHandle stream))

/// The properties come as one block whose layout changed with ROCm 6, and with it the name of the
/// function. Only two texts are read from it; numbers come from hipDeviceGetAttribute.
using GetProperties = int (*)(void *block, int device);
constexpr const char *propertiesSymbol = "hipGetDevicePropertiesR0600"; ///< ROCm 6 and 7
constexpr const char *oldPropertiesSymbol = "hipGetDeviceProperties";   ///< ROCm 5
constexpr size_t propertiesRoom = 16384; ///< more than any layout so far, 1472 and 792 bytes
constexpr size_t nameOffset = 0;         ///< marketing name, 256 bytes, in both
constexpr size_t archNameOffset = 1160, oldArchNameOffset = 396; ///< gcnArchName, 256 bytes

struct Functions {
#define ZORSE_HIP_MEMBER(Type, Name, Parameters) Type(*Name) Parameters = nullptr;
  ZORSE_HIP_FUNCTIONS(ZORSE_HIP_MEMBER)
#undef ZORSE_HIP_MEMBER
  GetProperties getProperties = nullptr;
};

enum Code : int {
  Success = 0,
  InvalidValue = 1,
  OutOfMemory = 2,
  NotInitialized = 3,
  InvalidConfiguration = 9,
  InsufficientDriver = 35,
  NoDevice = 100,
  InvalidDevice = 101,
  InvalidImage = 200,
  NoBinaryForGpu = 209,
  InvalidHandle = 400,
  IllegalState = 401,
  NotFound = 500,
  NotReady = 600,
  IllegalAddress = 700,
  LaunchOutOfResources = 701,
  LaunchFailure = 719,
  NotSupported = 801,
  StreamCaptureUnsupported = 900,
  StreamCaptureInvalidated = 901,
  StreamCaptureUnmatched = 903,
  StreamCaptureWrongThread = 908,
};

enum Attribute : int { MultiprocessorCount = 63, WarpSize = 87 };
enum CopyKind : int { HostToDevice = 1, DeviceToHost = 2 };
enum CaptureMode : int { CaptureGlobal = 0, CaptureThreadLocal = 1, CaptureRelaxed = 2 };
constexpr unsigned streamNonBlocking = 1, eventDefault = 0, eventDisableTiming = 2;

/// Tags of the `extra` row of a launch: buffer, its address, size, address of the size, end.
inline void *const paramBufferPointer = reinterpret_cast<void *>(1);
inline void *const paramBufferSize = reinterpret_cast<void *>(2);
inline void *const paramEnd = reinterpret_cast<void *>(3);

} // namespace zorse::hip
