# The rooms: every src/<room>/ with C files, compiled once. Only the room named engine sees
# Wasmtime's headers.
file(GLOB_RECURSE room_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/*.c)
set(program_sources ${room_sources})
list(FILTER program_sources INCLUDE REGEX "/src/cli/")
set(library_sources ${room_sources})
list(FILTER library_sources EXCLUDE REGEX "/src/(cli|oci)/")

set(engine_room ${library_sources})
list(FILTER engine_room INCLUDE REGEX "/src/engine/")
set_property(
    SOURCE ${engine_room} APPEND PROPERTY COMPILE_OPTIONS -isystem ${engine_dir}/include)

add_library(rooms OBJECT ${library_sources})
target_include_directories(
    rooms PUBLIC ${CMAKE_SOURCE_DIR}/src PRIVATE ${CMAKE_SOURCE_DIR}/include)

# Linked only by what names a function of theirs, which the program should not: its start would wait
# for them to load, 50 us for nghttp2 and 30 us for libseccomp. base/library.h opens such libraries
# when they are needed, as net/openssl.c does for OpenSSL's 900 us.
set(rare_libraries
    -Wl,--push-state,--as-needed nghttp2 seccomp -Wl,--pop-state)

# What the program, the libraries and the tests are linked from. An archive, so that each takes
# only what it calls, and a test of base/ needs no engine.
add_library(rooms_archive STATIC $<TARGET_OBJECTS:rooms>)
target_include_directories(rooms_archive PUBLIC ${CMAKE_SOURCE_DIR}/src)
target_link_libraries(rooms_archive PUBLIC engine cares cjson ${rare_libraries})
