# SPDX-License-Identifier: MIT
# The tests of how the project is written. Those that look at compiled objects need them as they
# are shipped: optimised, without sanitizers and asserts.

p2p_program(tables docs docs/gen/tables.c)

function(p2p_style name script)
  p2p_test(style_${name} style ${PROJECT_SOURCE_DIR}/tests/style/${script}.sh ${ARGN})
  set_property(TEST style_${name} APPEND PROPERTY ENVIRONMENT CC=${CMAKE_C_COMPILER})
endfunction()

set(root ${PROJECT_SOURCE_DIR})
foreach(name layout includes comments headers declarations links stamps)
  p2p_style(${name} ${name} ${root})
endforeach()
p2p_style(generated generated ${root} $<TARGET_FILE:tables>)
p2p_style(selftest selftest)

set(libraries $<TARGET_FILE:p2pswarm>)
set(objects $<TARGET_OBJECTS:p2pswarm-objects>)
if(TARGET p2pswarm-testing)
  list(APPEND libraries $<TARGET_FILE:p2pswarm-testing>)
  list(APPEND objects $<TARGET_OBJECTS:p2pswarm-testing-objects>)
endif()
p2p_style(symbols symbols ${root} ${libraries})
foreach(rule data pure quiet memory)
  p2p_style(${rule} objects ${rule} ${objects})
endforeach()

add_custom_target(update-symbols
  ${root}/tests/style/symbols.sh --update ${root} ${libraries} VERBATIM COMMAND_EXPAND_LISTS)
