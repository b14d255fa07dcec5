//===- EmulatedDevices.cpp - AMD machine code without a GPU ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Devices.h"
#include "FakeLibrary.h"

#include "zorse/emulator/EmulatorDevice.h"

namespace zorse::cts {

const std::vector<DeviceUnderTest> &devices() {
  using Made = Result<std::unique_ptr<Device>>;
  auto emulated = [](const std::string &arch, bool checks) {
    return [=]() -> Made {
      Result<TargetDesc> target = findTarget(arch);
      if (!target)
        return target.takeError();
      Result<std::unique_ptr<EmulatorDevice>> made =
          createEmulatorDevice(*target, {.checks = checks});
      if (!made)
        return made.takeError();
      return std::unique_ptr<Device>(made.take());
    };
  };
  // Two GPUs, so that the second is not the one which HIP takes when nobody chooses.
  auto hip = [](const std::string &arch, const std::string &other) {
    return [=] { return createHipDevice({FakeLibrary(other + "," + arch).path(), 1}); };
  };
  auto old = [](const std::string &arch) {
    return [=] { return createHipDevice({FakeLibrary(arch, true).path(), 0}); };
  };
  constexpr std::array<int64_t, 3> wave = {64, 1, 1};
  static const std::vector<DeviceUnderTest> all = {
      {"emulator_gfx90a", emulated("gfx90a", false), "kernels-gfx90a.hsaco", wave},
      {"emulator_gfx942", emulated("gfx942", false), "kernels-gfx942.hsaco", wave},
      {"emulator_gfx942_checks", emulated("gfx942", true), "kernels-gfx942.hsaco", wave},
      {"hip_gfx90a", hip("gfx90a", "gfx942"), "kernels-gfx90a.hsaco", wave},
      {"hip_gfx942", hip("gfx942", "gfx90a"), "kernels-gfx942.hsaco", wave},
      {"hip_old_gfx90a", old("gfx90a"), "kernels-gfx90a.hsaco", wave},
  };
  return all;
}

} // namespace zorse::cts
