# SPDX-License-Identifier: MIT
# The libraries, each compiled once and linked twice: shared and static.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
# Parents that embed the project see it as well.
set_target_properties(Threads::Threads PROPERTIES IMPORTED_GLOBAL TRUE)

# p2p_library(NAME EXPORT LINKS...): NAME (shared) and NAME-static of the objects of NAME-objects.
function(p2p_library name export)
  p2p_target(${name}-objects)
  target_link_libraries(${name}-objects PRIVATE ${ARGN})
  add_library(${name} SHARED $<TARGET_OBJECTS:${name}-objects>)
  add_library(${name}-static STATIC $<TARGET_OBJECTS:${name}-objects>)
  foreach(suffix "" "-static")
    set(target ${name}${suffix})
    p2p_target(${target})
    target_include_directories(${target} INTERFACE
      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
      $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    set_target_properties(${target} PROPERTIES
      LINKER_LANGUAGE C OUTPUT_NAME ${name} EXPORT_NAME ${export}${suffix})
    add_library(p2pswarm::${export}${suffix} ALIAS ${target})
  endforeach()
  # A shared library that misses a symbol must fail here, not in its user's hands.
  if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT P2P_SANITIZE AND NOT P2P_FUZZ)
    target_link_options(${name} PRIVATE LINKER:-z,defs)
  endif()
  set_target_properties(${name} PROPERTIES
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
endfunction()

p2p_glob(p2p_sources src/core/*.c src/loop/*.c src/format/*.c src/protocol/*.c src/swarm/*.c
  src/discovery/*.c)
p2p_glob(p2p_testing_sources src/testing/*.c)

# What the library needs, by the name that pkg-config knows it by.
set(p2p_requires libuv libsodium libgcrypt)
set(p2p_links Threads::Threads)
foreach(module ${p2p_requires})
  pkg_check_modules(${module} REQUIRED IMPORTED_TARGET GLOBAL ${module})
  list(APPEND p2p_links PkgConfig::${module})
endforeach()

add_library(p2pswarm-objects OBJECT ${p2p_sources})
p2p_library(p2pswarm p2pswarm ${p2p_links})
target_link_libraries(p2pswarm PRIVATE ${p2p_links})
target_link_libraries(p2pswarm-static PRIVATE ${p2p_links})

# The simulator's and the conformance suite's users link this as well.
if(p2p_testing_sources)
  add_library(p2pswarm-testing-objects OBJECT ${p2p_testing_sources})
  p2p_library(p2pswarm-testing testing)
  target_link_libraries(p2pswarm-testing PUBLIC p2pswarm)
  target_link_libraries(p2pswarm-testing-static PUBLIC p2pswarm-static)
endif()
