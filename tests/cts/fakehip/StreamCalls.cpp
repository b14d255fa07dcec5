//===- StreamCalls.cpp - streams and events of the fake HIP ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Call.h"

using namespace zorse;
using namespace zorse::hip;
using namespace zorse::fakehip;

FAKE_HIP(hipStreamCreateWithFlags, (StreamHandle * handle, unsigned flags)) {
  return call("hipStreamCreateWithFlags", fmt::format("{}", flags), Needs::Gpu,
              [&](State &all) -> int {
                if (!handle || flags > streamNonBlocking)
                  return InvalidValue;
                auto stream = std::make_shared<Stream>();
                stream->device = currentDevice();
                *handle = all.streams.add(std::move(stream));
                return Success;
              });
}

FAKE_HIP(hipStreamDestroy, (StreamHandle handle)) {
  return call("hipStreamDestroy", "", Needs::Init, [&](State &all) -> int {
    std::shared_ptr<Stream> stream = all.streams.find(handle);
    if (!stream)
      return InvalidHandle;
    all.flush(*stream);
    all.streams.remove(handle);
    return Success;
  });
}

FAKE_HIP(hipStreamSynchronize, (StreamHandle handle)) {
  return call("hipStreamSynchronize", "", Needs::Init, [&](State &all) -> int {
    std::shared_ptr<Stream> stream = all.streams.find(handle);
    if (!stream)
      return InvalidHandle;
    if (stream->capture != Stream::Capture::None) {
      stream->capture = Stream::Capture::Invalidated;
      return StreamCaptureUnsupported;
    }
    return all.flush(*stream);
  });
}

FAKE_HIP(hipEventCreateWithFlags, (EventHandle * handle, unsigned flags)) {
  return call("hipEventCreateWithFlags", fmt::format("{}", flags), Needs::Gpu,
              [&](State &all) -> int {
                if (!handle || (flags != eventDefault && flags != eventDisableTiming))
                  return InvalidValue;
                auto event = std::make_shared<Event>();
                event->device = currentDevice();
                event->timed = flags == eventDefault;
                *handle = all.events.add(std::move(event));
                return Success;
              });
}

FAKE_HIP(hipEventDestroy, (EventHandle handle)) {
  return call("hipEventDestroy", "", Needs::Init, [&](State &all) -> int {
    if (!all.events.find(handle))
      return InvalidHandle;
    all.events.remove(handle);
    return Success;
  });
}

FAKE_HIP(hipEventRecord, (EventHandle handle, StreamHandle streamHandle)) {
  return call("hipEventRecord", "", Needs::Gpu, [&](State &all) -> int {
    std::shared_ptr<Event> event = all.events.find(handle);
    std::shared_ptr<Stream> stream = all.streams.find(streamHandle);
    if (!event || !stream || event->device != stream->device)
      return InvalidHandle;
    if (stream->capture != Stream::Capture::None) {
      stream->capture = Stream::Capture::Invalidated;
      return StreamCaptureUnsupported;
    }
    event->recorded = event->pending = true;
    event->stream = streamHandle;
    stream->queue.push_back([event]() -> int {
      event->time = std::chrono::steady_clock::now();
      event->pending = false;
      return Success;
    });
    return Success;
  });
}

FAKE_HIP(hipEventSynchronize, (EventHandle handle)) {
  return call("hipEventSynchronize", "", Needs::Init, [&](State &all) -> int {
    std::shared_ptr<Event> event = all.events.find(handle);
    // HIP lets one wait for an event that nobody recorded; here it is a mistake.
    if (!event || !event->recorded)
      return InvalidHandle;
    if (all.breaksCapture())
      return StreamCaptureUnsupported;
    if (!event->pending)
      return all.gpus[size_t(event->device)].lost;
    std::shared_ptr<Stream> stream = all.streams.find(event->stream);
    return stream ? all.flush(*stream) : int(InvalidHandle);
  });
}

FAKE_HIP(hipEventElapsedTime, (float *milliseconds, EventHandle from, EventHandle to)) {
  return call("hipEventElapsedTime", "", Needs::Gpu, [&](State &all) -> int {
    std::shared_ptr<Event> first = all.events.find(from), last = all.events.find(to);
    if (!milliseconds)
      return InvalidValue;
    if (!first || !last || !first->timed || !last->timed || !first->recorded || !last->recorded ||
        first->device != last->device)
      return InvalidHandle;
    if (first->pending || last->pending)
      return NotReady;
    *milliseconds = std::chrono::duration<float, std::milli>(last->time - first->time).count();
    return Success;
  });
}

FAKE_HIP(hipStreamBeginCapture, (StreamHandle handle, int mode)) {
  return call("hipStreamBeginCapture", fmt::format("{}", mode), Needs::Gpu, [&](State &all) -> int {
    std::shared_ptr<Stream> stream = all.streams.find(handle);
    if (!stream)
      return InvalidHandle;
    if (mode < CaptureGlobal || mode > CaptureRelaxed)
      return InvalidValue;
    if (stream->capture != Stream::Capture::None)
      return IllegalState;
    stream->capture = Stream::Capture::Active;
    stream->captureMode = mode;
    stream->capturingThread = std::this_thread::get_id();
    stream->captured = std::make_shared<CapturedGraph>();
    return Success;
  });
}

FAKE_HIP(hipStreamEndCapture, (StreamHandle handle, GraphHandle *graph)) {
  return call("hipStreamEndCapture", "", Needs::Gpu, [&](State &all) -> int {
    std::shared_ptr<Stream> stream = all.streams.find(handle);
    if (!stream)
      return InvalidHandle;
    if (!graph)
      return InvalidValue;
    *graph = nullptr;
    if (stream->capture == Stream::Capture::None)
      return IllegalState;
    if (stream->captureMode != CaptureRelaxed &&
        stream->capturingThread != std::this_thread::get_id())
      return StreamCaptureWrongThread;
    const bool whole = stream->capture == Stream::Capture::Active;
    stream->capture = Stream::Capture::None;
    std::shared_ptr<CapturedGraph> captured = std::move(stream->captured);
    if (!whole)
      return StreamCaptureInvalidated;
    *graph = all.graphs.add(std::move(captured));
    return Success;
  });
}
