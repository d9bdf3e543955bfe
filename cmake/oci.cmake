# The programs for container engines: hythe-runc, and containerd's launcher for it. They have no
# engine inside: what they do takes milliseconds, at every start of a container.
file(GLOB oci_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/oci/*.c)
set(oci_mains ${oci_sources})
list(FILTER oci_mains INCLUDE REGEX "_main\\.c$")
list(REMOVE_ITEM oci_sources ${oci_mains})

add_library(oci_archive STATIC ${oci_sources})
target_include_directories(
    oci_archive PUBLIC ${CMAKE_SOURCE_DIR}/src PRIVATE ${CMAKE_SOURCE_DIR}/include)
# Of the rooms only `base` is called, so the engine's libraries stay away.
target_link_libraries(oci_archive PUBLIC $<TARGET_FILE:rooms_archive> cjson)
add_dependencies(oci_archive rooms_archive)

foreach(pair IN ITEMS "hythe-runc:runc" "containerd-shim-hythe-v1:shim")
    string(REGEX MATCH "^[^:]+" target ${pair})
    string(REGEX MATCH "[^:]+$" main ${pair})
    add_executable(${target} ${CMAKE_SOURCE_DIR}/src/oci/${main}_main.c)
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/include)
    target_link_libraries(${target} PRIVATE oci_archive)
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_link_options(${target} PRIVATE -pie $<$<CONFIG:Release>:-s>)
endforeach()

# The folder that the launcher puts on PATH.
add_custom_command(
    TARGET containerd-shim-hythe-v1
    POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/shim
    COMMAND ${CMAKE_COMMAND} -E create_symlink ../hythe-runc ${CMAKE_BINARY_DIR}/shim/runc
    VERBATIM)
