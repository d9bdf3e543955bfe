# libhythe, static and shared. Both show the names of src/hythe.map and nothing else.
set(map ${CMAKE_SOURCE_DIR}/src/hythe.map)

# Hidden visibility does not protect a static library: a program that defines a function with one
# of our internal names would silently replace ours. So the objects are linked into one, and all
# names that are not public become local to it.
set(library_object ${CMAKE_BINARY_DIR}/hythe.o)
add_custom_command(
    OUTPUT ${library_object}
    COMMAND ${CMAKE_LINKER} -r -o ${library_object} $<TARGET_OBJECTS:rooms>
    COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${library_object}
    DEPENDS $<TARGET_OBJECTS:rooms>
    COMMAND_EXPAND_LISTS VERBATIM)
set_source_files_properties(${library_object} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
add_library(hythe_static STATIC ${library_object})
set_target_properties(hythe_static PROPERTIES OUTPUT_NAME hythe LINKER_LANGUAGE C)
add_custom_command(
    TARGET hythe_static
    POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E create_symlink ${engine_dir}/libhythe_engine.a
            ${CMAKE_BINARY_DIR}/libhythe_engine.a)

add_library(hythe_shared SHARED $<TARGET_OBJECTS:rooms>)
set_target_properties(
    hythe_shared
    PROPERTIES OUTPUT_NAME hythe
               VERSION ${PROJECT_VERSION}
               SOVERSION ${PROJECT_VERSION_MAJOR}
               LINK_DEPENDS ${map})
target_link_libraries(hythe_shared PRIVATE engine cares cjson ${rare_libraries})
target_link_options(hythe_shared PRIVATE -Wl,--version-script=${map} -Wl,--exclude-libs,ALL)
