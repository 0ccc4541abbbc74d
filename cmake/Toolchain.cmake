# Compiler settings that hold for every target: warnings, hardening, linker, cache, sanitizers.

option(SEXTANT_WERROR "Treat warnings as errors" ON)
set(SEXTANT_SANITIZE "" CACHE STRING "Sanitizers to build with, as given to -fsanitize= (empty: none)")
option(SEXTANT_LIBFUZZER "Build fuzz targets with libFuzzer's own main (needs clang)" OFF)

add_compile_options(-Wall -Wextra -Wshadow=local -Wnon-virtual-dtor -Woverloaded-virtual
                    -fno-omit-frame-pointer -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these falsely from inlined libstdc++ code.
  add_compile_options(-Wno-restrict -Wno-stringop-overflow -Wno-array-bounds -Wno-maybe-uninitialized
                      -Wno-dangling-pointer)
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-Wno-shadow -Wno-gnu-zero-variadic-macro-arguments -Wno-missing-field-initializers)
endif()
if(SEXTANT_WERROR)
  add_compile_options(-Werror)
endif()

if(SEXTANT_SANITIZE)
  add_compile_options(-fsanitize=${SEXTANT_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SEXTANT_SANITIZE})
endif()
if(SEXTANT_LIBFUZZER)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(SEXTANT_MOLD mold)
if(SEXTANT_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
# All symbols are bound at the start: its pages are given back once (core/start_pages.h), those of a symbol that is
# looked up later would stay.
add_link_options(-Wl,--gc-sections -Wl,--as-needed -Wl,-z,relro -Wl,-z,now)
add_compile_options(-ffunction-sections -fdata-sections)

find_program(SEXTANT_CCACHE ccache)
if(SEXTANT_CCACHE)
  # NOHASHDIR and BASEDIR let clones in different folders share one cache.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${SEXTANT_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
endif()
