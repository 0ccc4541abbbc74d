# The dependency rule of docs/architecture.md, enforced: a module links only what this table allows.
# `sextant_module(NAME ... DEPS ... LIBS ...)` fails the configuration when a module asks for more,
# and tests/layout/check_includes.py fails the tests when a file includes more.

set(SEXTANT_MAY_USE_core)
set(SEXTANT_MAY_USE_net core)
set(SEXTANT_MAY_USE_config core)
set(SEXTANT_MAY_USE_gotemplate core)
set(SEXTANT_MAY_USE_model core)
set(SEXTANT_MAY_USE_exposition core model)
set(SEXTANT_MAY_USE_promfiles core model)
set(SEXTANT_MAY_USE_tsdb core model promfiles)
set(SEXTANT_MAY_USE_promql core model)
set(SEXTANT_MAY_USE_relabel core model config)
set(SEXTANT_MAY_USE_scrape core model config net exposition relabel)
set(SEXTANT_MAY_USE_rules core model config gotemplate promql)
set(SEXTANT_MAY_USE_alerting core model config gotemplate net)
set(SEXTANT_MAY_USE_node core model exposition)
set(SEXTANT_MAY_USE_dashboards core config net)
set(SEXTANT_MAY_USE_api core model config net gotemplate exposition promfiles tsdb promql relabel scrape rules alerting
    node dashboards)
set(SEXTANT_MAY_USE_app ${SEXTANT_MAY_USE_api} api)

# sextant_module(<name> DEPS <modules...> LIBS <third-party targets...>)
# Builds the static library sextant_<name> of all *.cc here, and <name>_test of all *_test.cc here.
function(sextant_module name)
  cmake_parse_arguments(arg "" "" "DEPS;LIBS" ${ARGN})
  foreach(dep ${arg_DEPS})
    if(NOT dep IN_LIST SEXTANT_MAY_USE_${name})
      message(FATAL_ERROR "module '${name}' may not use '${dep}': see cmake/Modules.cmake")
    endif()
  endforeach()

  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  if(NOT sources)
    return()
  endif()

  add_library(sextant_${name} STATIC ${sources})
  target_include_directories(sextant_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  list(TRANSFORM arg_DEPS PREPEND sextant_ OUTPUT_VARIABLE deps)
  target_link_libraries(sextant_${name} PUBLIC ${deps} PRIVATE ${arg_LIBS} Threads::Threads)

  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE sextant_${name} ${arg_LIBS} GTest::gmock GTest::gtest_main)
    target_compile_definitions(${name}_test PRIVATE
      SEXTANT_CONFORMANCE_DEFAULT="${CMAKE_SOURCE_DIR}/../shared/conformance"
      SEXTANT_PEERS_DEFAULT="${CMAKE_SOURCE_DIR}/.tools/peers")
    add_test(NAME unit.${name} COMMAND ${name}_test --gtest_brief=1)
    set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 300)
  endif()
endfunction()

# sextant_thread_test(<name> MODULES <modules...> TESTS <files...>)
# Tests of what threads do to each other, built with the thread sanitizer: the modules' own sources once more,
# since a whole tree with it would take too long. The presets with sanitizers build these tests as they are.
function(sextant_thread_test name)
  cmake_parse_arguments(arg "" "" "MODULES;TESTS" ${ARGN})
  if(SEXTANT_SANITIZE)
    return()
  endif()
  set(sources ${arg_TESTS})
  set(libs)
  foreach(module ${arg_MODULES})
    get_target_property(module_sources sextant_${module} SOURCES)
    get_target_property(module_libs sextant_${module} LINK_LIBRARIES)
    list(APPEND sources ${module_sources})
    list(APPEND libs ${module_libs})
  endforeach()
  list(FILTER libs EXCLUDE REGEX "^sextant_")
  list(REMOVE_DUPLICATES libs)
  add_executable(${name}_thread_test ${sources})
  target_include_directories(${name}_thread_test PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_compile_options(${name}_thread_test PRIVATE -fsanitize=thread -O1)
  target_link_options(${name}_thread_test PRIVATE -fsanitize=thread)
  target_link_libraries(${name}_thread_test PRIVATE ${libs} GTest::gmock GTest::gtest_main)
  add_test(NAME threads.${name} COMMAND ${name}_thread_test --gtest_brief=1)
  set_tests_properties(threads.${name} PROPERTIES LABELS unit TIMEOUT 300)
endfunction()

# sextant_fuzzer(<name> DEPS <modules...>): fuzz/<name>_fuzzer.cc with its seeds in fuzz/corpus/<name>/.
# Under `make test` it runs the seeds and a bounded number of mutations of them; the preset `fuzz` links
# libFuzzer instead.
function(sextant_fuzzer name)
  cmake_parse_arguments(arg "" "" "DEPS" ${ARGN})
  list(TRANSFORM arg_DEPS PREPEND sextant_ OUTPUT_VARIABLE deps)
  if(SEXTANT_LIBFUZZER)
    add_executable(${name}_fuzzer ${name}_fuzzer.cc)
    target_link_options(${name}_fuzzer PRIVATE -fsanitize=fuzzer)
    target_link_libraries(${name}_fuzzer PRIVATE ${deps})
  else()
    add_executable(${name}_fuzzer ${name}_fuzzer.cc mutate_main.cc)
    target_link_libraries(${name}_fuzzer PRIVATE ${deps})
    add_test(NAME fuzz.${name} COMMAND ${name}_fuzzer ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 300)
  endif()
endfunction()

# sextant_benchmark(<name> DEPS <modules...>): a Google Benchmark program from bench/micro/<name>_bench.cc.
function(sextant_benchmark name)
  cmake_parse_arguments(arg "" "" "DEPS" ${ARGN})
  list(TRANSFORM arg_DEPS PREPEND sextant_ OUTPUT_VARIABLE deps)
  add_executable(${name}_bench EXCLUDE_FROM_ALL micro/${name}_bench.cc)
  target_link_libraries(${name}_bench PRIVATE ${deps} benchmark::benchmark_main)
endfunction()
