# LLVM and MLIR as one interface target, with the headers that every user includes precompiled once.
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

add_library(zorse_mlir INTERFACE)
target_include_directories(zorse_mlir SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_include_directories(zorse_mlir INTERFACE
  ${PROJECT_SOURCE_DIR}/dialect/include ${PROJECT_BINARY_DIR}/dialect/include)
target_link_libraries(zorse_mlir INTERFACE MLIR LLVM)

# A static library that sees MLIR: zorse_add_mlir_library(<name> SOURCES … DEPS … DEPENDS <tablegen targets>)
function(zorse_add_mlir_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC zorse_mlir ${ARG_DEPS})
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wno-unused-parameter)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()
