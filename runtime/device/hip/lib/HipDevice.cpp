//===- HipDevice.cpp - an AMD GPU behind the device interface -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hip/HipDevice.h"

#include "HipModule.h"
#include "Staging.h"

#include <atomic>
#include <cstring>
#include <mutex>

namespace zorse {
using namespace hip;

namespace {

class HipBuffer final : public Buffer {
public:
  HipBuffer(const Library &library, StreamHandle stream, void *memory, size_t bytes)
      : library(library), stream(stream), memory(memory), bytes(bytes) {}
  ~HipBuffer() override {
    // Kernels may still use it; hipFree waits as well in the releases we know, but need not.
    library->hipStreamSynchronize(stream);
    library->hipFree(memory);
  }
  uint64_t address() const override { return reinterpret_cast<uint64_t>(memory); }
  size_t size() const override { return bytes; }

private:
  const Library &library;
  StreamHandle stream;
  void *memory;
  size_t bytes;
};

class HipEvent final : public Event {
public:
  HipEvent(const Library &library, EventHandle handle) : library(library), handle(handle) {}
  ~HipEvent() override { library->hipEventDestroy(handle); }

  const Library &library;
  EventHandle handle;
};

class HipGraph final : public Graph {
public:
  HipGraph(const Library &library, StreamHandle stream) : library(library), stream(stream) {}
  ~HipGraph() override {
    if (!exec)
      return;
    library->hipStreamSynchronize(stream);
    library->hipGraphExecDestroy(exec);
  }
  size_t kernels() const override { return count; }

  const Library &library;
  StreamHandle stream;
  GraphExecHandle exec = nullptr; ///< null where there is no kernel
  size_t count = 0;
};

class HipDevice final : public Device {
public:
  explicit HipDevice(Library opened) : library(std::move(opened)) {}
  ~HipDevice() override {
    if (!stream)
      return;
    library->hipStreamSynchronize(stream);
    staging.reset();
    library->hipStreamDestroy(stream);
  }

  Status start(int index);

  const TargetDesc &target() const override { return desc; }
  std::string description() const override { return text; }

  Result<std::unique_ptr<Buffer>> allocate(size_t bytes) override {
    if (Status status = begin("allocate"); !status)
      return status.takeError();
    void *memory = nullptr;
    // HIP answers a request for nothing with no address.
    const size_t room = std::max<size_t>(bytes, 1);
    if (Status status =
            library.check(library->hipMalloc(&memory, room), "hipMalloc({} bytes)", room);
        !status)
      return status.takeError();
    return std::unique_ptr<Buffer>(new HipBuffer(library, stream, memory, bytes));
  }

  Status upload(Buffer &to, size_t offset, std::span<const uint8_t> from) override {
    for (Status status : {begin("upload"), checkCopy("upload", to, offset, from.size())})
      if (!status)
        return status;
    if (from.empty())
      return Status::success();
    std::lock_guard lock(mutex);
    return staging->upload(to.address() + offset, from);
  }

  Status download(const Buffer &from, size_t offset, std::span<uint8_t> to) override {
    for (Status status : {begin("download"), checkCopy("download", from, offset, to.size())})
      if (!status)
        return status;
    std::lock_guard lock(mutex);
    if (!to.empty()) {
      const uint64_t address = from.address() + offset;
      if (Status status = library.check(
              library->hipMemcpyAsync(to.data(), reinterpret_cast<const void *>(address), to.size(),
                                      DeviceToHost, stream),
              "hipMemcpyAsync(to the host, from {:#x}, {} bytes)", address, to.size());
          !status)
        return status;
    }
    return wait();
  }

  Result<std::unique_ptr<Module>> load(const CodeObject &object) override {
    if (Status status = begin("load"); !status)
      return status.takeError();
    if (object.arch != desc.arch)
      return Error{ErrorCode::Device,
                   fmt::format("a code object for {} cannot run on this GPU, which is {}; compile "
                               "it for the target \"{}\"",
                               object.arch.empty() ? "no target" : object.arch, desc.arch,
                               desc.arch)};
    Result<std::unique_ptr<HipModule>> module = HipModule::load(library, stream, object);
    if (!module)
      return module.takeError();
    return std::unique_ptr<Module>(module.take());
  }

  Status launch(Module &module, std::span<const uint64_t> slots, const Sizes &sizes) override {
    std::lock_guard lock(mutex);
    Result<size_t> kernels = static_cast<HipModule &>(module).enqueue(slots, sizes);
    if (!kernels)
      return kernels.takeError();
    capturedKernels += *kernels;
    return Status::success();
  }

  bool asynchronous() const override { return true; }

  Status synchronize() override {
    if (Status status = begin("synchronize"); !status)
      return status;
    return wait();
  }

  Result<std::unique_ptr<Event>> record() override {
    if (Status status = begin("record"); !status)
      return status.takeError();
    EventHandle handle = nullptr;
    if (Status status = library.check(library->hipEventCreateWithFlags(&handle, eventDefault),
                                      "hipEventCreateWithFlags(hipEventDefault)");
        !status)
      return status.takeError();
    auto event = std::make_unique<HipEvent>(library, handle);
    std::lock_guard lock(mutex);
    if (Status status = library.check(library->hipEventRecord(handle, stream), "hipEventRecord()");
        !status)
      return status.takeError();
    return std::unique_ptr<Event>(std::move(event));
  }

  Result<double> seconds(const Event &from, const Event &to) override {
    if (Status status = begin("seconds"); !status)
      return status.takeError();
    const EventHandle first = static_cast<const HipEvent &>(from).handle;
    const EventHandle last = static_cast<const HipEvent &>(to).handle;
    for (EventHandle event : {first, last})
      if (Status status =
              library.check(library->hipEventSynchronize(event), "hipEventSynchronize()");
          !status)
        return status.takeError();
    float milliseconds = 0;
    if (Status status = library.check(library->hipEventElapsedTime(&milliseconds, first, last),
                                      "hipEventElapsedTime()");
        !status)
      return status.takeError();
    return double(milliseconds) * 1e-3;
  }

  Result<std::unique_ptr<Graph>> capture(const std::function<Status()> &body) override;

  Status replay(Graph &graph) override {
    if (Status status = begin("replay"); !status)
      return status;
    HipGraph &recorded = static_cast<HipGraph &>(graph);
    if (!recorded.exec)
      return Status::success();
    std::lock_guard lock(mutex);
    return library.check(library->hipGraphLaunch(recorded.exec, stream),
                         "hipGraphLaunch(of {} kernels)", recorded.count);
  }

private:
  /// Every call but a launch begins here: not inside of a capture, and on our device, which HIP
  /// remembers by thread.
  Status begin(const char *call) {
    if (capturing.load(std::memory_order_acquire))
      return notInCapture(call);
    return library.check(library->hipSetDevice(index), "hipSetDevice({})", index);
  }
  Status wait() {
    return library.check(library->hipStreamSynchronize(stream), "hipStreamSynchronize()");
  }
  Status identify(int count);

  Library library;
  TargetDesc desc;
  std::string text;
  int index = 0;
  StreamHandle stream = nullptr;
  std::unique_ptr<Staging> staging;
  std::mutex mutex; ///< one call at a time on the stream
  std::atomic<bool> capturing = false;
  size_t capturedKernels = 0; ///< launched since the last capture began
};

/// A text inside of the property block, which ends somewhere within 256 bytes.
std::string textAt(const std::vector<char> &block, size_t offset) {
  return {block.data() + offset, strnlen(block.data() + offset, 256)};
}

/// The row of the target table for this GPU, and its description.
Status HipDevice::identify(int count) {
  std::vector<char> block(propertiesRoom);
  const char *symbol = library.isOld() ? oldPropertiesSymbol : propertiesSymbol;
  if (Status status =
          library.check(library->getProperties(block.data(), index), "{}({})", symbol, index);
      !status)
    return status;
  const std::string name = textAt(block, nameOffset);
  // With the features of the GPU behind it, as in "gfx90a:sramecc+:xnack-".
  const std::string full = textAt(block, library.isOld() ? oldArchNameOffset : archNameOffset);
  Result<TargetDesc> row = findTarget(full.substr(0, full.find(':')));
  if (!row || row->isHost()) {
    std::string known;
    for (const TargetDesc &each : allTargets())
      if (!each.isHost())
        known += (known.empty() ? "" : ", ") + each.arch;
    return Error{ErrorCode::Device,
                 fmt::format("GPU {} of {} is '{}' with the architecture '{}', expected one of {}; "
                             "choose another GPU, or take the device host (--device host)",
                             index, count, name, full, known)};
  }
  desc = row.take();
  int units = 0, lanes = 0, version = 0;
  for (auto [attribute, value, called] :
       {std::tuple(MultiprocessorCount, &units, "hipDeviceAttributeMultiprocessorCount"),
        {WarpSize, &lanes, "hipDeviceAttributeWarpSize"}})
    if (Status status = library.check(library->hipDeviceGetAttribute(value, attribute, index),
                                      "hipDeviceGetAttribute({}, {})", called, index);
        !status)
      return status;
  if (units < 1 || lanes != desc.waveSize)
    return Error{
        ErrorCode::Device,
        fmt::format("HIP says that GPU {} ({}) has {} compute units and waves of {} lanes, "
                    "expected at least 1 and {}; the HIP library {} does not fit this GPU",
                    index, full, units, lanes, desc.waveSize, library.name())};
  desc.computeUnits = units;
  if (Status status =
          library.check(library->hipRuntimeGetVersion(&version), "hipRuntimeGetVersion()");
      !status)
    return status;
  text =
      fmt::format("{}, {}, {} compute units, HIP {}.{}.{} ({})", name, full, units,
                  version / 10'000'000, version / 100'000 % 100, version % 100'000, library.name());
  if (library.isOld())
    text += "; HIP 5 is accepted, 6 and 7 are preferred: it runs no GPU younger than itself";
  return Status::success();
}

Status HipDevice::start(int wanted) {
  int count = 0;
  if (Status status = library.check(library->hipInit(0), "hipInit(0)"); !status)
    return status;
  if (Status status = library.check(library->hipGetDeviceCount(&count), "hipGetDeviceCount()");
      !status)
    return status;
  if (wanted < 0 || wanted >= count)
    return library.check(count > 0 ? InvalidDevice : NoDevice,
                         "choosing GPU {} of the {} that {} shows", wanted, count, library.name());
  index = wanted;
  if (Status status = begin("start"); !status)
    return status;
  if (Status status = identify(count); !status)
    return status;
  if (Status status = library.check(library->hipStreamCreateWithFlags(&stream, streamNonBlocking),
                                    "hipStreamCreateWithFlags(hipStreamNonBlocking)");
      !status)
    return status;
  staging = std::make_unique<Staging>(library, stream);
  return staging->allocate();
}

Result<std::unique_ptr<Graph>> HipDevice::capture(const std::function<Status()> &body) {
  if (Status status = begin("capture"); !status)
    return status.takeError();
  auto graph = std::make_unique<HipGraph>(library, stream);
  if (Status status = library.check(library->hipStreamBeginCapture(stream, CaptureThreadLocal),
                                    "hipStreamBeginCapture(hipStreamCaptureModeThreadLocal)");
      !status)
    return status.takeError();
  capturedKernels = 0;
  capturing.store(true, std::memory_order_release);
  Status status = body();
  capturing.store(false, std::memory_order_release);
  // The capture has to end whatever became of the body.
  GraphHandle recorded = nullptr;
  Status ended = library.check(library->hipStreamEndCapture(stream, &recorded),
                               "hipStreamEndCapture(after {} kernels)", capturedKernels);
  graph->count = capturedKernels;
  if (status)
    status = std::move(ended);
  if (status && graph->count > 0)
    status =
        library.check(library->hipGraphInstantiate(&graph->exec, recorded, nullptr, nullptr, 0),
                      "hipGraphInstantiate(of {} kernels)", graph->count);
  if (recorded)
    library->hipGraphDestroy(recorded);
  if (!status)
    return status.takeError();
  return std::unique_ptr<Graph>(std::move(graph));
}

} // namespace

Result<std::unique_ptr<Device>> createHipDevice(const HipOptions &options) {
  Result<Library> library = Library::open(options.library);
  if (!library)
    return library.takeError();
  auto device = std::make_unique<HipDevice>(library.take());
  if (Status status = device->start(options.device); !status)
    return status.takeError();
  return std::unique_ptr<Device>(std::move(device));
}

} // namespace zorse
