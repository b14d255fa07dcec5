# How objects are made and linked: a compiler cache and a fast linker where the machine has them,
# sanitizers on request.

# Precompiled headers and a moved checkout must not spoil the cache, hence the variables.
find_program(ZORSE_CCACHE ccache)
if(ZORSE_CCACHE)
  foreach(language C CXX)
    if(NOT CMAKE_${language}_COMPILER_LAUNCHER)
      set(CMAKE_${language}_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
        CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} ${ZORSE_CCACHE})
    endif()
  endforeach()
endif()

find_program(ZORSE_LINKER NAMES mold ld.lld-22 ld.lld)
if(ZORSE_LINKER AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_link_options(--ld-path=${ZORSE_LINKER})
endif()

if(ZORSE_SANITIZE)
  add_compile_options(-fsanitize=${ZORSE_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ZORSE_SANITIZE})
endif()
