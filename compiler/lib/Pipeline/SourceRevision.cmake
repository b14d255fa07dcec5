# Writes a header that names the state of the compiler's own sources: part of the key of every
# compiled kernel. Run with -DROOT=<project> -DOUT=<header>.
file(GLOB_RECURSE sources LIST_DIRECTORIES false
  ${ROOT}/compiler/lib/*.cpp ${ROOT}/compiler/lib/*.h ${ROOT}/dialect/lib/*.cpp
  ${ROOT}/dialect/include/*.td ${ROOT}/dialect/desc/lib/*.cpp ${ROOT}/dialect/ops/*.json)
list(SORT sources)
set(all "")
foreach(source IN LISTS sources)
  file(SHA256 ${source} hash)
  string(APPEND all ${hash})
endforeach()
string(SHA256 revision "${all}")
string(SUBSTRING ${revision} 0 12 revision)
set(text "#define ZORSE_SOURCE_REVISION \"${revision}\"\n")
set(before "")
if(EXISTS ${OUT})
  file(READ ${OUT} before)
endif()
if(NOT before STREQUAL text)
  file(WRITE ${OUT} "${text}")
endif()
