# What `cmake --install` makes of the C library: the library, its header, a CMake package (target
# zorse::zorse) and a pkg-config file. The folder may be moved afterwards.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/zorse)
install(TARGETS zorse_capi EXPORT zorseTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${CMAKE_CURRENT_SOURCE_DIR}/include/zorse.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT zorseTargets NAMESPACE zorse:: DESTINATION ${package_dir})

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/zorseConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/zorseConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/zorseConfigVersion.cmake
  COMPATIBILITY SameMajorVersion)
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/zorseConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/zorseConfigVersion.cmake
  DESTINATION ${package_dir})

# From the folder of the .pc file back to the prefix, so that it holds wherever the prefix goes.
file(RELATIVE_PATH ZORSE_PREFIX_FROM_PC /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${PROJECT_SOURCE_DIR}/cmake/zorse.pc.in ${CMAKE_CURRENT_BINARY_DIR}/zorse.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/zorse.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
