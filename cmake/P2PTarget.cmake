# SPDX-License-Identifier: MIT
# What every target of the project has in common.

set(p2p_warnings
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wcast-qual -Wstrict-prototypes -Wvla
  -Wswitch-enum -Werror=implicit-function-declaration)

# p2p_target(NAME): language, visibility, warnings, sanitizers, include paths.
function(p2p_target name)
  set_target_properties(${name} PROPERTIES
    C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF
    C_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${name} PRIVATE ${p2p_warnings} $<$<BOOL:${P2P_WERROR}>:-Werror>)
  # Empty, so that a file that defines it again does not differ.
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE=
    $<$<BOOL:${P2P_FORCE_FALLBACK}>:P2P_FORCE_FALLBACK=1>)
  target_include_directories(${name} PRIVATE
    ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
  # To find a function at its first call spills registers to the stack, with what they hold of keys.
  if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    target_link_options(${name} PRIVATE LINKER:-z,relro,-z,now)
  endif()
  if(P2P_SANITIZE)
    set(sanitize -fsanitize=${P2P_SANITIZE})
    target_compile_options(${name} PRIVATE ${sanitize} -fno-sanitize-recover=all
      -fno-omit-frame-pointer -O1)
    target_link_options(${name} PRIVATE ${sanitize})
  endif()
  if(P2P_FUZZ)
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# p2p_program(NAME FOLDER SOURCES... ): a program that is not installed and keeps its asserts.
function(p2p_program name folder)
  add_executable(${name} ${ARGN})
  p2p_target(${name})
  target_compile_options(${name} PRIVATE -UNDEBUG)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/${folder})
endfunction()

# p2p_glob(OUT PATTERNS...): files, noticed when they come and go.
macro(p2p_glob out)
  file(GLOB_RECURSE ${out} CONFIGURE_DEPENDS LIST_DIRECTORIES false ${ARGN})
endmacro()
