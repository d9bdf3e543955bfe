# Every tests/unit/**/*.c is a program and a test of its own, named after its path: a test may
# crash or hang without company. tests/lib/ is what they share. A line " * Wraps: malloc calloc" in
# a test's first comment has the linker send these calls to __wrap_malloc and __wrap_calloc of the
# test; a line " * Links: ssl crypto" links these libraries, which the rooms open when needed.
find_library(cmocka cmocka REQUIRED)
enable_testing()

file(GLOB test_lib_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/lib/*.c)
file(GLOB_RECURSE test_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/*.c)

add_library(test_lib INTERFACE)
target_include_directories(
    test_lib INTERFACE ${CMAKE_SOURCE_DIR}/tests/lib ${CMAKE_SOURCE_DIR}/include)
target_compile_definitions(test_lib INTERFACE TESTS_DIR="${CMAKE_SOURCE_DIR}/tests")
if(TARGET hythe)
    target_compile_definitions(test_lib INTERFACE PROGRAM="$<TARGET_FILE:hythe>")
endif()
if(test_lib_sources)
    add_library(test_lib_archive STATIC ${test_lib_sources})
    target_include_directories(
        test_lib_archive PUBLIC ${CMAKE_SOURCE_DIR}/tests/lib ${CMAKE_SOURCE_DIR}/include)
    target_compile_definitions(
        test_lib_archive PRIVATE TESTS_DIR="${CMAKE_SOURCE_DIR}/tests")
    target_link_libraries(test_lib_archive PUBLIC rooms_archive ${cmocka})
    target_link_libraries(test_lib INTERFACE test_lib_archive)
endif()
target_link_libraries(test_lib INTERFACE rooms_archive ${cmocka})

foreach(source IN LISTS test_sources)
    file(RELATIVE_PATH name ${CMAKE_SOURCE_DIR}/tests/unit ${source})
    string(REGEX REPLACE "\\.c$" "" name ${name})
    string(REPLACE "/" "_" name ${name})
    add_executable(unit_${name} ${source})
    target_link_libraries(unit_${name} PRIVATE test_lib)
    if(name MATCHES "^oci_")
        target_link_libraries(unit_${name} PRIVATE oci_archive)
        target_compile_definitions(
            unit_${name} PRIVATE OCI_RUNC="$<TARGET_FILE:hythe-runc>"
                                 OCI_SHIM="$<TARGET_FILE:containerd-shim-hythe-v1>")
        add_dependencies(unit_${name} hythe-runc containerd-shim-hythe-v1)
    endif()
    if(name MATCHES "^engine_")
        target_compile_options(unit_${name} PRIVATE -isystem ${engine_dir}/include)
    endif()
    wrap_symbols(unit_${name} ${source})
    file(STRINGS ${source} links REGEX "^ \\* Links: " LIMIT_COUNT 1)
    string(REGEX REPLACE "^ \\* Links: " "" links "${links}")
    string(REGEX MATCHALL "[a-z_0-9]+" links "${links}")
    target_link_libraries(unit_${name} PRIVATE ${links})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
    add_test(NAME unit_${name} COMMAND unit_${name})
    # Wasmtime switches stacks; the sanitizer's fake stacks do not follow.
    set_tests_properties(
        unit_${name}
        PROPERTIES TIMEOUT 60
                   SKIP_RETURN_CODE 77
                   ENVIRONMENT
                   "ASAN_OPTIONS=detect_stack_use_after_return=0;UBSAN_OPTIONS=print_stacktrace=1")
endforeach()

if(TARGET hythe)
    include(cmake/torture.cmake)
endif()
