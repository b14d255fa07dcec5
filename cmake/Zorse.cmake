# The two shapes of target in this project: a static library behind a wall, and a test.

# zorse_add_library(<name> SOURCES a.cpp … DEPS Zorse::x … [PRIVATE_DEPS …])
# makes zorse_<name> with the alias Zorse::<name>; public headers lie in ./include.
function(zorse_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(zorse_${name} STATIC ${ARG_SOURCES})
  add_library(Zorse::${name} ALIAS zorse_${name})
  target_include_directories(zorse_${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include)
  target_link_libraries(zorse_${name} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
  set_target_properties(zorse_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_compile_options(zorse_${name} PRIVATE -Wall -Wextra -Wno-unused-parameter)
endfunction()

# zorse_add_test(<name> TIER cpu|isa|emu|gpu|slow SOURCES a.cpp … DEPS Zorse::x …)
# makes a googletest binary zorse_<name>_test, registered as one ctest with the tier as its label.
# ZORSE_SOURCE_DIR is defined for finding test data.
function(zorse_add_test name)
  cmake_parse_arguments(ARG "" "TIER" "SOURCES;DEPS" ${ARGN})
  add_executable(zorse_${name}_test ${ARG_SOURCES})
  target_link_libraries(zorse_${name}_test PRIVATE ${ARG_DEPS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(zorse_${name}_test PRIVATE ZORSE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  set_target_properties(zorse_${name}_test PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME unit/${name} COMMAND zorse_${name}_test)
  set_tests_properties(unit/${name} PROPERTIES LABELS ${ARG_TIER})
endfunction()

# zorse_precompile_mlir(<target>…)
# Reads the MLIR headers once for each target instead of once for each of its sources, which takes
# most of the time of a build. Call it on targets with more than three MLIR sources.
function(zorse_precompile_mlir)
  foreach(target ${ARGN})
    target_precompile_headers(${target} PRIVATE
      $<$<COMPILE_LANGUAGE:CXX>:${PROJECT_SOURCE_DIR}/cmake/MlirPrecompiled.h>)
    # Without it clang stores the time in the precompiled header and the compiler cache misses.
    target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  endforeach()
endfunction()
