# SPDX-License-Identifier: Apache-2.0
# Makes the ROS wheels of PyPI usable from CMake; changes nothing on an ordinary ROS installation.
#
# * Their exported targets name include directories of the machine that built them, which CMake would refuse: every
#   imported target keeps the include directories that exist.
# * A virtual environment inside the checkout (.venv) puts NumPy's headers below the source folder, which CMake refuses
#   in an exported target: they are kept for the build only.
function(_tidy_include_directories)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(directories ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(NOT directories)
      continue()
    endif()
    set(kept "")
    foreach(directory IN LISTS directories)
      if(directory MATCHES "^\\$<" OR EXISTS "${directory}")
        list(APPEND kept "${directory}")
      endif()
    endforeach()
    set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${kept}")
  endforeach()

  get_property(targets DIRECTORY PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(directories ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(NOT directories)
      continue()
    endif()
    set(kept "")
    foreach(directory IN LISTS directories)
      cmake_path(IS_PREFIX PROJECT_SOURCE_DIR "${directory}" NORMALIZE inside)
      if(inside)
        list(APPEND kept "$<BUILD_INTERFACE:${directory}>")
      else()
        list(APPEND kept "${directory}")
      endif()
    endforeach()
    set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${kept}")
  endforeach()
endfunction()

cmake_language(DEFER CALL _tidy_include_directories)
