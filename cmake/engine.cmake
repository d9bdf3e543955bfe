# The engine: Wasmtime's C API as one static library, made by cargo through scripts/engine and
# kept outside the tree. Whoever changes the crate gets a new configure, and with it the library.
set(engine_crate ${CMAKE_SOURCE_DIR}/src/engine/rust)
file(GLOB_RECURSE engine_sources CONFIGURE_DEPENDS ${engine_crate}/src/*.rs)
set_property(
    DIRECTORY APPEND
    PROPERTY CMAKE_CONFIGURE_DEPENDS
             ${engine_sources} ${engine_crate}/Cargo.toml ${engine_crate}/Cargo.lock
             ${engine_crate}/build.rs ${engine_crate}/hythe_engine.h
             ${CMAKE_SOURCE_DIR}/scripts/engine)

execute_process(
    COMMAND ${CMAKE_SOURCE_DIR}/scripts/engine
    OUTPUT_VARIABLE engine_dir
    OUTPUT_STRIP_TRAILING_WHITESPACE
    RESULT_VARIABLE engine_result)
if(NOT engine_result EQUAL 0)
    message(FATAL_ERROR "scripts/engine failed; what it said stands above")
endif()

add_library(engine STATIC IMPORTED)
set_target_properties(engine PROPERTIES IMPORTED_LOCATION ${engine_dir}/libhythe_engine.a)
# Rust's runtime needs libm and the unwinder; a target with HYTHE_STATIC_RUNTIME carries them.
target_link_libraries(
    engine
    INTERFACE
        pthread dl
        "$<IF:$<BOOL:$<TARGET_PROPERTY:HYTHE_STATIC_RUNTIME>>,-Wl$<COMMA>-Bstatic$<SEMICOLON>-lm$<SEMICOLON>-lgcc_eh$<SEMICOLON>-Wl$<COMMA>-Bdynamic,m$<SEMICOLON>gcc_s>"
)
