# SPDX-License-Identifier: MIT
# What `cmake --install` puts where: libraries, headers, package files, program and manuals.

include(CMakePackageConfigHelpers)

set(p2p_cmakedir ${CMAKE_INSTALL_LIBDIR}/cmake/p2pswarm)
set(p2p_installed p2pswarm p2pswarm-static)
if(TARGET p2pswarm-testing)
  list(APPEND p2p_installed p2pswarm-testing p2pswarm-testing-static)
endif()
install(TARGETS ${p2p_installed} EXPORT p2pswarm-targets)
install(DIRECTORY include/p2p DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

# find_package(p2pswarm)
install(EXPORT p2pswarm-targets NAMESPACE p2pswarm:: DESTINATION ${p2p_cmakedir})
string(JOIN " " p2p_requires_words ${p2p_requires})
configure_package_config_file(cmake/p2pswarm-config.cmake.in p2pswarm-config.cmake
  INSTALL_DESTINATION ${p2p_cmakedir})
write_basic_package_version_file(p2pswarm-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/p2pswarm-config.cmake ${PROJECT_BINARY_DIR}/p2pswarm-config-version.cmake
  DESTINATION ${p2p_cmakedir})

# pkg-config. Found from where the .pc file is, so that an installed tree can be moved.
file(RELATIVE_PATH p2p_prefix_from_pc
  ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" p2p_prefix_from_pc "${p2p_prefix_from_pc}")
foreach(name p2pswarm p2pswarm-testing)
  if(TARGET ${name})
    configure_file(cmake/${name}.pc.in ${name}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/${name}.pc
      DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  endif()
endforeach()

if(TARGET p2p)
  list(APPEND p2p_installed p2p)
  install(TARGETS p2p)
endif()
add_custom_target(p2p-installed DEPENDS ${p2p_installed})
foreach(section 1 3 5 7)
  file(GLOB pages CONFIGURE_DEPENDS docs/man/*.${section})
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()

# p2p_install_completion(FILE FOLDER NAME): a shell's completions for p2p, if there are any.
function(p2p_install_completion file folder name)
  set(path ${PROJECT_SOURCE_DIR}/src/cli/completions/${file})
  if(TARGET p2p AND EXISTS ${path})
    install(FILES ${path} DESTINATION ${CMAKE_INSTALL_DATADIR}/${folder} RENAME ${name})
  endif()
endfunction()
p2p_install_completion(p2p.bash bash-completion/completions p2p)
p2p_install_completion(_p2p zsh/site-functions _p2p)
p2p_install_completion(p2p.zsh zsh/site-functions _p2p)
p2p_install_completion(p2p.fish fish/vendor_completions.d p2p.fish)
