# SPDX-License-Identifier: MIT
# The p2p command, the examples and the benchmarks.

if(P2P_CLI)
  p2p_glob(p2p_cli_sources src/cli/*.c)
endif()
if(p2p_cli_sources)
  # Linked to the shared library, so that it can use nothing that is not public.
  add_executable(p2p ${p2p_cli_sources})
  p2p_target(p2p)
  target_link_libraries(p2p PRIVATE p2pswarm)
  file(RELATIVE_PATH p2p_libdir_from_bin
    ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set(p2p_origin $<IF:$<PLATFORM_ID:Darwin>,@loader_path,$ORIGIN>)
  set_target_properties(p2p PROPERTIES INSTALL_RPATH "${p2p_origin}/${p2p_libdir_from_bin}")
endif()

if(P2P_EXAMPLES)
  p2p_glob(p2p_example_sources examples/*.c)
endif()
foreach(source ${p2p_example_sources})
  get_filename_component(name ${source} NAME_WE)
  p2p_program(example_${name} examples ${source})
  set_target_properties(example_${name} PROPERTIES OUTPUT_NAME ${name})
  target_link_libraries(example_${name} PRIVATE p2pswarm ${p2p_links})
  if(TARGET p2pswarm-testing)
    target_link_libraries(example_${name} PRIVATE p2pswarm-testing)
  endif()
endforeach()

if(P2P_BENCH)
  p2p_glob(p2p_bench_sources bench/bench_*.c)
  p2p_glob(p2p_bench_support bench/*.c)
  list(FILTER p2p_bench_support EXCLUDE REGEX "/bench_[^/]*$")
endif()
foreach(source ${p2p_bench_sources})
  get_filename_component(name ${source} NAME_WE)
  p2p_program(${name} bench ${source} ${p2p_bench_support})
  if(NOT P2P_SANITIZE)
    target_compile_options(${name} PRIVATE -O2)
  endif()
  target_link_libraries(${name} PRIVATE $<TARGET_NAME_IF_EXISTS:p2pswarm-testing-static>
    p2pswarm-static ${p2p_links} m)
endforeach()

# What makes tables and the chart of their results.
if(P2P_BENCH)
  p2p_glob(p2p_report_sources docs/gen/results_*.c)
  p2p_program(bench_report docs docs/gen/bench_report.c ${p2p_report_sources})
  target_link_libraries(bench_report PRIVATE m)
endif()
