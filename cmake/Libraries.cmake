# Third-party libraries, all from Debian 12 (scripts/install-deps installs them).
# Each is an imported target; cmake/Modules.cmake says which module may use which.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(absl REQUIRED)
find_package(fmt REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(tl-expected REQUIRED)
find_package(Snappy REQUIRED)

foreach(lib libcurl libnghttp2 libfyaml re2 libdeflate libzstd liblz4 simdjson libxxhash sqlite3)
  pkg_check_modules(${lib} REQUIRED IMPORTED_TARGET GLOBAL ${lib})
endforeach()

find_path(ROARING_INCLUDE roaring/roaring.h REQUIRED)
find_library(ROARING_LIBRARY roaring REQUIRED)
add_library(roaring::roaring INTERFACE IMPORTED GLOBAL)
target_include_directories(roaring::roaring SYSTEM INTERFACE ${ROARING_INCLUDE})
target_link_libraries(roaring::roaring INTERFACE ${ROARING_LIBRARY})

# Headers only.
find_path(PROTOZERO_INCLUDE protozero/pbf_reader.hpp REQUIRED)
add_library(protozero INTERFACE IMPORTED GLOBAL)
target_include_directories(protozero SYSTEM INTERFACE ${PROTOZERO_INCLUDE})
