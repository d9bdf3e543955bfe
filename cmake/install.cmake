# What `make install` puts where.
install(TARGETS hythe_static hythe_shared)
if(TARGET hythe)
    install(TARGETS hythe)
endif()
install(TARGETS hythe-runc containerd-shim-hythe-v1)
install(CODE "
    set(shim \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/hythe/shim\")
    file(MAKE_DIRECTORY \"\${shim}\")
    file(CREATE_LINK ../../../${CMAKE_INSTALL_BINDIR}/hythe-runc \"\${shim}/runc\" SYMBOLIC)")
# What scripts/portable has made, if it has. Containers that run keep what is there already.
install(CODE "
    set(portable \"${CMAKE_SOURCE_DIR}/build/portable/hythe\")
    if(EXISTS \"\${portable}\")
        execute_process(
            COMMAND \"${CMAKE_SOURCE_DIR}/scripts/portable\" --copy \"\${portable}\"
                \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/hythe/portable\"
            COMMAND_ERROR_IS_FATAL ANY)
    endif()")
install(FILES ${engine_dir}/libhythe_engine.a DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

# The file finds its prefix from where it lies, so that an installed tree can be moved.
file(RELATIVE_PATH pc_to_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(hythe.pc.in hythe.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/hythe.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

find_program(SCDOC scdoc)
file(GLOB man_sources CONFIGURE_DEPENDS docs/man/*.scd)
if(SCDOC AND man_sources)
    foreach(source IN LISTS man_sources)
        get_filename_component(page ${source} NAME_WLE)
        string(REGEX REPLACE ".*\\." "" section ${page})
        set(made ${CMAKE_BINARY_DIR}/man/${page})
        add_custom_command(
            OUTPUT ${made}
            COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/man
            COMMAND sh -c "\"$1\" < \"$2\" > \"$3\"" sh ${SCDOC} ${source} ${made}
            DEPENDS ${source}
            VERBATIM)
        list(APPEND man_pages ${made})
        install(FILES ${made} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
    endforeach()
    add_custom_target(man ALL DEPENDS ${man_pages})
endif()

include(cmake/install_units.cmake)
