//===- HipDeviceTest.cpp - the calls that the hip device makes ------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Devices.h"
#include "FakeLibrary.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace zorse;
using namespace zorse::cts;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

namespace {

std::string messageOf(const Status &status) { return status ? "" : status.error().message; }
template <typename T> std::string messageOf(const Result<T> &result) {
  return result ? "" : result.error().message;
}

class HipDeviceTest : public testing::Test {
protected:
  HipDeviceTest() : device(make()) { library.clearCalls(); }
  ~HipDeviceTest() override {
    buffer.reset();
    module.reset();
    device.reset();
    EXPECT_EQ(library.liveObjects(), 0u);
  }

  std::unique_ptr<Device> make() {
    Result<std::unique_ptr<Device>> made = createHipDevice({library.path(), 0});
    EXPECT_EQ(messageOf(made), "");
    return made ? made.take() : nullptr;
  }
  CodeObject object(const std::string &symbol, const std::vector<std::string> &sizes) {
    static const DeviceUnderTest under{"hip", {}, "kernels-gfx942.hsaco", {64, 1, 1}};
    return makeObject(*device, under, {{symbol, {sizes[0], "1", "1"}}}, {"x"}, {}, sizes);
  }
  /// A module of `visit` and a buffer of 8 counters.
  void loadVisit() {
    module = device->load(object("visit", {"a", "b", "c"})).take();
    buffer = device->allocate(32).take();
    ASSERT_TRUE(device->upload(*buffer, 0, std::vector<uint8_t>(32, 0)));
    ASSERT_TRUE(device->synchronize());
    library.clearCalls();
  }
  Status visit(int64_t a) {
    uint64_t slots[] = {buffer->address(), uint64_t(a), 1, 1};
    return device->launch(*module, slots, {{"a", a}, {"b", 1}, {"c", 1}});
  }

  FakeLibrary library{"gfx942"};
  std::unique_ptr<Device> device;
  std::unique_ptr<Module> module;
  std::unique_ptr<Buffer> buffer;
};

TEST_F(HipDeviceTest, SaysWhatItRunsOn) {
  EXPECT_EQ(device->target().arch, "gfx942");
  EXPECT_EQ(device->description(), "Emulated gfx942, gfx942:sramecc+:xnack-, " +
                                       std::to_string(device->target().computeUnits) +
                                       " compute units, HIP 6.2.41134 (" + library.path() + ")");
  EXPECT_TRUE(device->asynchronous());
}

TEST_F(HipDeviceTest, StartsWithTheFewestCalls) {
  device.reset();
  library.clearCalls();
  device = make();
  EXPECT_THAT(namesOf(library.calls()),
              ElementsAre("hipInit", "hipGetDeviceCount", "hipGetDevicePropertiesR0600",
                          "hipDeviceGetAttribute", "hipDeviceGetAttribute", "hipRuntimeGetVersion",
                          "hipStreamCreateWithFlags", "hipHostMalloc", "hipEventCreateWithFlags",
                          "hipEventCreateWithFlags"));
}

TEST_F(HipDeviceTest, LoadsAndLaunchesThroughTheModuleInterface) {
  loadVisit();
  module = device->load(object("visit", {"a", "b", "c"})).take();
  EXPECT_THAT(namesOf(library.calls()), ElementsAre("hipModuleLoadData", "hipModuleGetFunction",
                                                    "hipStreamSynchronize", "hipModuleUnload"));
  library.clearCalls();
  ASSERT_TRUE(visit(7));
  EXPECT_THAT(library.calls(),
              ElementsAre("hipModuleLaunchKernel(visit, 7 x 1 x 1, 64 x 1 x 1) = 0"));
}

TEST_F(HipDeviceTest, NothingWaitsBeforeItMust) {
  loadVisit();
  ASSERT_TRUE(visit(8));
  ASSERT_TRUE(device->upload(*buffer, 0, std::vector<uint8_t>(4, 1)));
  ASSERT_TRUE(visit(8));
  EXPECT_EQ(countOf(library.calls(), "hipStreamSynchronize"), 0u);
  // The fake runs nothing before somebody waits, and its memory is the host's.
  EXPECT_EQ(reinterpret_cast<const int32_t *>(buffer->address())[1], 0);
  ASSERT_TRUE(device->synchronize());
  EXPECT_EQ(countOf(library.calls(), "hipStreamSynchronize"), 1u);
  EXPECT_EQ(reinterpret_cast<const int32_t *>(buffer->address())[1], 2);
  EXPECT_EQ(reinterpret_cast<const int32_t *>(buffer->address())[0], 0x01010102);
}

TEST_F(HipDeviceTest, AReplayIsOneCall) {
  loadVisit();
  Result<std::unique_ptr<Graph>> graph = device->capture([&] {
    Status status = visit(8);
    return status ? visit(3) : status;
  });
  ASSERT_TRUE(graph) << messageOf(graph);
  EXPECT_THAT(namesOf(library.calls()),
              ElementsAre("hipStreamBeginCapture", "hipModuleLaunchKernel", "hipModuleLaunchKernel",
                          "hipStreamEndCapture", "hipGraphInstantiate", "hipGraphDestroy"));
  library.clearCalls();
  ASSERT_TRUE(device->replay(**graph));
  EXPECT_THAT(namesOf(library.calls()), ElementsAre("hipGraphLaunch"));
  EXPECT_EQ((*graph)->kernels(), 2u);
  library.clearCalls();
  graph->reset(); // waits for the replay first
  EXPECT_THAT(namesOf(library.calls()), ElementsAre("hipStreamSynchronize", "hipGraphExecDestroy"));
  for (const std::string &call : library.calls())
    EXPECT_THAT(call, EndsWith(" = 0"));
}

TEST_F(HipDeviceTest, AFailedBodyStillEndsTheCapture) {
  loadVisit();
  EXPECT_EQ(messageOf(device->capture([&] { return Status(usageError("no")); })), "no");
  EXPECT_THAT(namesOf(library.calls()),
              ElementsAre("hipStreamBeginCapture", "hipStreamEndCapture", "hipGraphDestroy"));
}

TEST_F(HipDeviceTest, LargeUploadsWaitSmallOnesUsePinnedMemoryInTurns) {
  std::unique_ptr<Buffer> large = device->allocate(size_t(1) << 20).take();
  library.clearCalls();
  ASSERT_TRUE(device->upload(*large, 0, std::vector<uint8_t>(size_t(1) << 20)));
  EXPECT_THAT(namesOf(library.calls()), ElementsAre("hipMemcpyAsync", "hipStreamSynchronize"));
  library.clearCalls();
  for (int i = 0; i < 40; ++i) // 2.5 MiB through two halves of 512 KiB
    ASSERT_TRUE(device->upload(*large, 0, std::vector<uint8_t>(65536, uint8_t(i))));
  EXPECT_EQ(countOf(library.calls(), "hipMemcpyAsync"), 40u);
  EXPECT_EQ(countOf(library.calls(), "hipEventRecord"), 4u);
  EXPECT_EQ(countOf(library.calls(), "hipEventSynchronize"), 3u);
  EXPECT_EQ(countOf(library.calls(), "hipStreamSynchronize"), 0u);
  std::vector<uint8_t> back(65536);
  ASSERT_TRUE(device->download(*large, 0, back));
  EXPECT_EQ(back, std::vector<uint8_t>(65536, 39));
}

TEST_F(HipDeviceTest, AFailedKernelShowsAtTheNextWait) {
  module = device->load(object("stray", {"n"})).take();
  buffer = device->allocate(64).take();
  uint64_t slots[] = {buffer->address(), 1};
  EXPECT_TRUE(device->launch(*module, slots, {{"n", 1}}));
  Status status = device->synchronize();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::Runtime);
  EXPECT_EQ(status.error().message,
            "hipStreamSynchronize() failed: hipErrorLaunchFailure (719), unspecified launch "
            "failure; a kernel launched before this call has failed; the device emulator (--device "
            "emulator) shows where; this process cannot use the GPU any more");
  EXPECT_THAT(messageOf(device->allocate(4)), StartsWith("hipMalloc(4 bytes) failed: "));
}

TEST_F(HipDeviceTest, ErrorsNameTheCallItsArgumentsAndWhatToTry) {
  loadVisit();
  library.failNext("hipMalloc", 2);
  EXPECT_EQ(messageOf(device->allocate(size_t(1) << 40)),
            "hipMalloc(1099511627776 bytes) failed: hipErrorOutOfMemory (2), out of memory; use "
            "fewer slots, a shorter maximal length or a smaller model, or stop other programs on "
            "this GPU");
  library.failNext("hipModuleLaunchKernel", 701, 2);
  EXPECT_TRUE(visit(8));
  EXPECT_EQ(
      messageOf(visit(8)),
      "hipModuleLaunchKernel('visit', 8 x 1 x 1 workgroups of 64 x 1 x 1, 32 bytes of "
      "arguments) failed: hipErrorLaunchOutOfResources (701), too many resources requested "
      "for launch; choose a configuration with fewer registers, less LDS or fewer work-items");
  library.failNext("hipModuleLoadData", 209);
  Result<std::unique_ptr<Module>> refused = device->load(object("visit", {"a", "b", "c"}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Device);
  EXPECT_THAT(refused.error().message,
              HasSubstr("bytes for gfx942) failed: hipErrorNoBinaryForGpu (209), "));
}

TEST_F(HipDeviceTest, EveryCallThatFailsIsReported) {
  loadVisit();
  std::vector<uint8_t> bytes(32);
  std::unique_ptr<Event> event = device->record().take();
  auto captureVisit = [&] { return messageOf(device->capture([&] { return visit(8); })); };
  const std::vector<std::pair<std::string, std::function<std::string()>>> all = {
      {"hipSetDevice", [&] { return messageOf(device->synchronize()); }},
      {"hipMemcpyAsync", [&] { return messageOf(device->upload(*buffer, 0, bytes)); }},
      {"hipMemcpyAsync", [&] { return messageOf(device->download(*buffer, 0, bytes)); }},
      {"hipStreamSynchronize", [&] { return messageOf(device->download(*buffer, 0, bytes)); }},
      {"hipStreamSynchronize", [&] { return messageOf(device->synchronize()); }},
      {"hipEventCreateWithFlags", [&] { return messageOf(device->record()); }},
      {"hipEventRecord", [&] { return messageOf(device->record()); }},
      {"hipEventSynchronize", [&] { return messageOf(device->seconds(*event, *event)); }},
      {"hipEventElapsedTime", [&] { return messageOf(device->seconds(*event, *event)); }},
      {"hipStreamBeginCapture", captureVisit},
      {"hipModuleLaunchKernel", captureVisit},
      {"hipGraphInstantiate", captureVisit},
  };
  for (const auto &[function, use] : all) {
    library.failNext(function, 801);
    EXPECT_THAT(use(), StartsWith(function + "(")) << function;
    EXPECT_EQ(use(), "") << function << " once more";
  }
  Result<std::unique_ptr<Graph>> graph = device->capture([&] { return visit(8); });
  ASSERT_TRUE(graph);
  library.failNext("hipGraphLaunch", 901);
  EXPECT_EQ(
      messageOf(device->replay(**graph)),
      "hipGraphLaunch(of 1 kernels) failed: hipErrorStreamCaptureInvalidated (901), operation "
      "failed due to a previous error during capture; AMD_LOG_LEVEL=3 in the environment "
      "makes HIP say more");
}

TEST_F(HipDeviceTest, CodeIsCheckedBeforeHipReadsIt) {
  CodeObject code = object("visit", {"a", "b", "c"});
  const std::vector<uint8_t> whole = code.bytes;
  library.clearCalls();
  for (size_t size : {size_t(0), size_t(63), size_t(200), whole.size() / 3}) {
    code.bytes.assign(whole.begin(), whole.begin() + long(size));
    EXPECT_THAT(messageOf(device->load(code)), StartsWith("damaged code object: ")) << size;
  }
  code.bytes = readObject("kernels.so");
  EXPECT_EQ(messageOf(device->load(code)),
            "a GPU runs AMDGPU code, this is 64-bit x86-64 code (ELF machine 62)");
  EXPECT_EQ(countOf(library.calls(), "hipModuleLoadData"), 0u);
}

TEST_F(HipDeviceTest, AGridBeyondTheReachOfHipIsRefused) {
  loadVisit();
  EXPECT_EQ(messageOf(visit(int64_t(1) << 26)),
            "grid of kernel 'visit' is a = 67108864 workgroups of 64 work-items, legal are less "
            "than 2^32 work-items; split the launch");
}

TEST(HipStart, WithoutALibrary) {
  Result<std::unique_ptr<Device>> none = createHipDevice({"libabsent-hip.so.9", 0});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::Device);
  EXPECT_THAT(none.error().message,
              StartsWith("no HIP library; tried libabsent-hip.so.9 (cannot open "));
  EXPECT_THAT(none.error().message,
              EndsWith("; install the HIP runtime of ROCm, or name its library in "
                       "ZORSE_HIP_LIBRARY; without an AMD GPU take the device emulator or host "
                       "(--device emulator, --device host)"));
}

TEST(HipStart, WithALibraryThatIsNoHip) {
  Result<std::unique_ptr<Device>> none = createHipDevice({"libc.so.6", 0});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::Device);
  EXPECT_THAT(none.error().message,
              StartsWith("libc.so.6 has no function hipDeviceGetAttribute; expected a libamdhip64 "
                         "of ROCm 5, 6 or 7, name one in ZORSE_HIP_LIBRARY; "));
}

TEST(HipStart, WithoutAGpu) {
  Result<std::unique_ptr<Device>> none = createHipDevice({FakeLibrary("").path(), 0});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::Device);
  EXPECT_THAT(none.error().message,
              StartsWith("hipInit(0) failed: hipErrorNoDevice (100), no ROCm-capable device is "
                         "detected; check that /dev/kfd and /dev/dri are there"));
}

TEST(HipStart, ChoosesAmongTheGpus) {
  FakeLibrary library("gfx942,gfx90a");
  EXPECT_EQ((*createHipDevice({library.path(), 1}))->target().arch, "gfx90a");
  for (int wrong : {-1, 2}) {
    Result<std::unique_ptr<Device>> none = createHipDevice({library.path(), wrong});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::Device);
    EXPECT_EQ(none.error().message,
              "choosing GPU " + std::to_string(wrong) + " of the 2 that " + library.path() +
                  " shows failed: hipErrorInvalidDevice (101), invalid device ordinal; name one of "
                  "the GPUs that HIP shows, counted from 0");
  }
  EXPECT_EQ(library.liveObjects(), 0u);
}

TEST(HipStart, EveryFailureIsReportedAndLeavesNothing) {
  FakeLibrary library("gfx942");
  for (const char *function :
       {"hipInit", "hipGetDeviceCount", "hipSetDevice", "hipGetDevicePropertiesR0600",
        "hipDeviceGetAttribute", "hipRuntimeGetVersion", "hipStreamCreateWithFlags",
        "hipHostMalloc", "hipEventCreateWithFlags"}) {
    library.failNext(function, 35);
    Result<std::unique_ptr<Device>> none = createHipDevice({library.path(), 0});
    ASSERT_FALSE(none) << function;
    EXPECT_EQ(none.error().code, ErrorCode::Device);
    EXPECT_THAT(none.error().message, StartsWith(std::string(function) + "("));
    EXPECT_THAT(none.error().message, HasSubstr("load the amdgpu kernel driver"));
    EXPECT_EQ(library.liveObjects(), 0u) << function;
  }
}

TEST(HipStart, HipFiveSaysItsLimits) {
  FakeLibrary library("gfx90a", /*old=*/true);
  Result<std::unique_ptr<Device>> device = createHipDevice({library.path(), 0});
  ASSERT_TRUE(device) << messageOf(device);
  EXPECT_EQ((*device)->target().arch, "gfx90a");
  EXPECT_THAT((*device)->description(),
              EndsWith("; HIP 5 is accepted, 6 and 7 are preferred: it runs no GPU younger than "
                       "itself"));
  EXPECT_EQ(countOf(library.calls(), "hipGetDeviceProperties"), 1u);
}

} // namespace
