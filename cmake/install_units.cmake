# systemd's units, which name the program where it comes to lie: that is known only when it is
# installed. /usr/local/lib/systemd/system is read as /usr/lib/systemd/system is.
install(CODE "set(unit_dir \"${CMAKE_SOURCE_DIR}/deploy/systemd\")
set(made_dir \"${CMAKE_BINARY_DIR}/units\")")
install(CODE [[
file(GLOB units "${unit_dir}/*.service" "${unit_dir}/*.socket")
foreach(unit IN LISTS units)
    get_filename_component(name "${unit}" NAME)
    file(READ "${unit}" text)
    string(REPLACE "/usr/local/bin/hythe" "${CMAKE_INSTALL_PREFIX}/bin/hythe" text "${text}")
    file(WRITE "${made_dir}/${name}" "${text}")
    file(INSTALL "${made_dir}/${name}" DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/systemd/system")
endforeach()
]])
