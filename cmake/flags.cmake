# How everything is compiled and linked.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_C_FLAGS_DEBUG "-O0 -g3")
# Assertions stay: they state what the programmer promised, and cost nothing that was measured.
set(CMAKE_C_FLAGS_RELEASE "-O2")

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Debug CACHE STRING "Debug or Release" FORCE)
endif()

option(HYTHE_WERROR "treat warnings as errors" ON)
set(HYTHE_SANITIZE "" CACHE STRING "for -fsanitize=, such as address,undefined")
option(HYTHE_COVERAGE "count which lines are run" OFF)
option(HYTHE_TESTS "build the unit tests" ON)
option(HYTHE_FUZZ "build the libFuzzer targets; needs clang" OFF)

add_compile_definitions(_GNU_SOURCE)
add_compile_options(
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
    -Wundef -Wformat=2 -Wcast-qual -Wpointer-arith -Wimplicit-fallthrough -Wwrite-strings
    $<$<BOOL:${HYTHE_WERROR}>:-Werror>
    -fPIC -fno-common -ffunction-sections -fdata-sections -fstack-protector-strong)
# The path of the build is no part of the program.
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
add_link_options(-Wl,--gc-sections -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)

if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT HYTHE_SANITIZE)
    add_compile_definitions(_FORTIFY_SOURCE=2)
    add_compile_options(-fstack-clash-protection -fcf-protection)
endif()
if(HYTHE_SANITIZE)
    set(CMAKE_C_FLAGS_DEBUG "-O1 -g")
    add_compile_options(
        -fsanitize=${HYTHE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${HYTHE_SANITIZE})
endif()
if(HYTHE_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(HYTHE_COVERAGE)
    add_compile_options(--coverage -fprofile-update=atomic)
    add_link_options(--coverage)
endif()

# A line " * Wraps: malloc calloc" in a program's source has the linker send these calls to its
# __wrap_malloc and __wrap_calloc, or to those of tests/lib.
function(wrap_symbols target source)
    file(STRINGS ${source} wraps REGEX "^ \\* Wraps: " LIMIT_COUNT 1)
    string(REGEX REPLACE "^ \\* Wraps: " "" wraps "${wraps}")
    string(REGEX MATCHALL "[a-z_0-9]+" wraps "${wraps}")
    foreach(symbol IN LISTS wraps)
        target_link_options(${target} PRIVATE -Wl,--wrap=${symbol},--undefined=__wrap_${symbol})
    endforeach()
endfunction()
