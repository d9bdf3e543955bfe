# Fault injection: the rooms with fault_malloc for malloc, and so on (tests/torture/fault.h). Built
# only when asked for, by scripts/torture, in the preset asan.
set(torture_dir ${CMAKE_SOURCE_DIR}/tests/torture)

set(torture_rooms ${CMAKE_BINARY_DIR}/torture_rooms.a)
add_custom_command(
    OUTPUT ${torture_rooms}
    COMMAND ${CMAKE_OBJCOPY} --redefine-syms=${torture_dir}/symbols $<TARGET_FILE:rooms_archive>
            ${torture_rooms}
    DEPENDS rooms_archive ${torture_dir}/symbols
    VERBATIM)
add_custom_target(torture_rooms DEPENDS ${torture_rooms})

set(torture_program ${CMAKE_BINARY_DIR}/torture_program.o)
add_custom_command(
    OUTPUT ${torture_program}
    COMMAND ${CMAKE_LINKER} -r -o ${torture_program} $<TARGET_OBJECTS:hythe>
    COMMAND ${CMAKE_OBJCOPY} --redefine-syms=${torture_dir}/symbols ${torture_program}
    DEPENDS $<TARGET_OBJECTS:hythe> ${torture_dir}/symbols
    COMMAND_EXPAND_LISTS VERBATIM)
set_source_files_properties(${torture_program} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)

set(torture_oci ${CMAKE_BINARY_DIR}/torture_oci.a)
add_custom_command(
    OUTPUT ${torture_oci}
    COMMAND ${CMAKE_OBJCOPY} --redefine-syms=${torture_dir}/symbols $<TARGET_FILE:oci_archive>
            ${torture_oci}
    DEPENDS oci_archive ${torture_dir}/symbols
    VERBATIM)
add_custom_target(torture_oci DEPENDS ${torture_oci})

# The libraries that the rooms link, without the rooms themselves.
get_target_property(torture_libraries rooms_archive INTERFACE_LINK_LIBRARIES)

add_executable(torture_guest EXCLUDE_FROM_ALL ${torture_dir}/guest.c ${torture_dir}/fault.c)
add_executable(torture_hythe EXCLUDE_FROM_ALL ${torture_dir}/fault.c ${torture_program})
foreach(target torture_guest torture_hythe)
    add_dependencies(${target} torture_rooms torture_oci)
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(${target} PRIVATE ${torture_oci} ${torture_rooms} ${torture_libraries})
    set_target_properties(${target} PROPERTIES LINK_DEPENDS ${torture_rooms})
endforeach()
