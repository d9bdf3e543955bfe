# The version has one home, include/hythe/version.h.
set(version_header ${CMAKE_CURRENT_SOURCE_DIR}/include/hythe/version.h)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${version_header})
file(STRINGS ${version_header} version_line REGEX "^#define HYTHE_VERSION \"")
string(REGEX REPLACE ".*\"([0-9.]+)\".*" "\\1" HYTHE_VERSION "${version_line}")
if(NOT HYTHE_VERSION MATCHES "^[0-9]+\\.[0-9]+\\.[0-9]+$")
    message(FATAL_ERROR "no version found in ${version_header}")
endif()
