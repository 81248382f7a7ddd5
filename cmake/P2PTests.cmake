# SPDX-License-Identifier: MIT
# Everything that ctest runs.

pkg_check_modules(cmocka IMPORTED_TARGET cmocka)
if(NOT cmocka_FOUND)
  message(FATAL_ERROR "The tests need cmocka (Debian: libcmocka-dev). "
    "Install it, let ./dev do it, or configure with -DP2P_TESTS=OFF.")
endif()

set(p2p_test_timeout 120)
if(P2P_SANITIZE)
  set(p2p_test_timeout 480)
endif()

# p2p_test(NAME LABELS COMMAND...)
function(p2p_test name labels)
  add_test(NAME ${name} COMMAND ${ARGN} COMMAND_EXPAND_LISTS
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES
    LABELS "${labels}" TIMEOUT ${p2p_test_timeout} ENVIRONMENT UBSAN_OPTIONS=print_stacktrace=1)
endfunction()

# The static libraries, so that tests reach what is internal.
set(p2p_test_links $<TARGET_NAME_IF_EXISTS:p2pswarm-testing-static> p2pswarm-static ${p2p_links} m)

# tests/test_*.c: one program each. tests/support/*.c is linked to all of them.
file(GLOB p2p_test_sources CONFIGURE_DEPENDS tests/test_*.c)
p2p_glob(p2p_test_support tests/support/*.c)
if(p2p_test_support)
  add_library(p2p-test-support STATIC ${p2p_test_support})
  p2p_target(p2p-test-support)
  target_compile_options(p2p-test-support PRIVATE -UNDEBUG)
  target_include_directories(p2p-test-support PRIVATE tests)
  target_link_libraries(p2p-test-support PRIVATE PkgConfig::cmocka ${p2p_links})
endif()
foreach(source ${p2p_test_sources})
  get_filename_component(name ${source} NAME_WE)
  p2p_program(${name} tests ${source})
  target_include_directories(${name} PRIVATE tests)
  target_link_libraries(${name} PRIVATE $<TARGET_NAME_IF_EXISTS:p2p-test-support>
    ${p2p_test_links} PkgConfig::cmocka)
  set(labels unit)
  foreach(word thread udp)
    if(name MATCHES ${word})
      list(APPEND labels ${word})
    endif()
  endforeach()
  list(TRANSFORM labels REPLACE "^thread$" "threads")
  p2p_test(${name} "${labels}" ${name})
endforeach()

# fuzz/fuzz_NAME.c: fed with fuzz/corpus/NAME/* here, by libFuzzer with P2P_FUZZ.
function(p2p_fuzz_program name)
  p2p_program(${name} fuzz ${ARGN})
  target_include_directories(${name} PRIVATE tests)
  target_link_libraries(${name} PRIVATE $<TARGET_NAME_IF_EXISTS:p2p-test-support>
    ${p2p_test_links} PkgConfig::cmocka)
endfunction()
file(GLOB p2p_fuzz_sources CONFIGURE_DEPENDS fuzz/fuzz_*.c)
foreach(source ${p2p_fuzz_sources})
  get_filename_component(target ${source} NAME_WE)
  string(REGEX REPLACE "^fuzz_" "" name ${target})
  p2p_fuzz_program(replay_${name} ${source} fuzz/replay_main.c)
  p2p_test(replay_${name} fuzz replay_${name} ${PROJECT_SOURCE_DIR}/fuzz/corpus/${name})
  if(P2P_FUZZ)
    p2p_fuzz_program(${target} ${source})
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  endif()
endforeach()

# tests/test_*.sh: scripts that get the folder of the built examples.
if(P2P_EXAMPLES)
  file(GLOB p2p_example_tests CONFIGURE_DEPENDS tests/test_*.sh)
endif()
foreach(script ${p2p_example_tests})
  get_filename_component(name ${script} NAME_WE)
  p2p_test(${name} examples bash ${script} ${PROJECT_BINARY_DIR}/examples)
endforeach()

# tests/cli/*.sh: scripts that find the program in $P2P.
if(TARGET p2p)
  file(GLOB p2p_cli_tests CONFIGURE_DEPENDS tests/cli/*.sh)
endif()
foreach(script ${p2p_cli_tests})
  get_filename_component(name ${script} NAME_WE)
  p2p_test(cli_${name} cli bash ${script})
  set_property(TEST cli_${name} APPEND PROPERTY ENVIRONMENT P2P=$<TARGET_FILE:p2p>)
endforeach()

# tests/bench/*.sh: scripts that find the programs bench_report and bench_pke in $REPORT and $PKE.
if(TARGET bench_report)
  file(GLOB p2p_bench_tests CONFIGURE_DEPENDS tests/bench/*.sh)
endif()
foreach(script ${p2p_bench_tests})
  get_filename_component(name ${script} NAME_WE)
  p2p_test(bench_${name} unit bash ${script})
  set_property(TEST bench_${name} APPEND PROPERTY ENVIRONMENT
    REPORT=$<TARGET_FILE:bench_report> PKE=$<TARGET_FILE:bench_pke>)
endforeach()

# tests/interop: with the reference, if it can be had.
p2p_program(interop_peer tests tests/interop/peer.c)
target_link_libraries(interop_peer PRIVATE p2pswarm-static ${p2p_links} m)
if(TARGET p2p)
  p2p_test(interop_go_p2p interop bash tests/interop/run.sh
    $<TARGET_FILE:interop_peer> $<TARGET_FILE:p2p> ${PROJECT_BINARY_DIR}/interop)
  set_tests_properties(interop_go_p2p PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 480)
endif()

if(NOT P2P_SANITIZE AND NOT P2P_FORCE_FALLBACK AND CMAKE_BUILD_TYPE MATCHES "^Rel")
  include(P2PStyle)
endif()

if(P2P_INSTALL AND NOT P2P_SANITIZE)
  p2p_test(install install
    ${PROJECT_SOURCE_DIR}/tests/install/run.sh ${PROJECT_BINARY_DIR})
  # It builds the libraries once more.
  set_tests_properties(install PROPERTIES TIMEOUT 480 ENVIRONMENT CC=${CMAKE_C_COMPILER})
endif()
