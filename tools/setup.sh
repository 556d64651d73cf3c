#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes .venv from nothing: Debian packages, Python, torch, the ROS wheels, this package. Quick when all is there.
# Usage: tools/setup.sh [test]      with "test": also what `make test` needs
# PYTHON=/path/to/python3.11 chooses the interpreter (3.10, 3.11 or 3.12).
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

supported='import sys; sys.exit(not ((3, 10) <= sys.version_info[:2] <= (3, 12)))'
find_python() {
  for candidate in ${PYTHON:-python3 python3.12 python3.11 python3.10}; do
    if command -v "$candidate" >/dev/null && "$candidate" -c "$supported" 2>/dev/null; then
      command -v "$candidate"; return
    fi
  done
  fail "no Python 3.10, 3.11 or 3.12 found (tried: ${PYTHON:-python3 python3.12 python3.11 python3.10}); set PYTHON=/path/to/one"
}

# --- Debian packages: each is looked for by what it provides, so other sources of it do as well -------------------
missing=()
python=$(find_python)
command -v g++ >/dev/null || missing+=(g++)
command -v make >/dev/null || missing+=(make)
library() { ldconfig -p | grep -q "$1"; }
library libEGL.so.1 || missing+=(libegl1)
compgen -G '/usr/lib/*/dri/*swrast*' >/dev/null || compgen -G '/usr/lib/*/libgallium*' >/dev/null || missing+=(libgl1-mesa-dri)
if [ ! -x .venv/bin/python ]; then
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=("python$version-venv")
  "$python" -c 'import os, sysconfig as s, sys; sys.exit(not os.path.exists(os.path.join(s.get_paths()["include"], "Python.h")))' \
    || missing+=("python$version-dev")
fi
if [ ${#missing[@]} -gt 0 ]; then
  mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
  as_root=""
  if [ "$(id -u)" -ne 0 ]; then
    if sudo -n true 2>/dev/null; then as_root="sudo -n"; else as_root="none"; fi
  fi
  if ! command -v apt-get >/dev/null || [ "$as_root" = none ]; then
    fail "these packages are missing and cannot be installed from here: ${missing[*]}. Run: sudo apt-get install ${missing[*]}"
  fi
  say "installing Debian packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  $as_root apt-get update -qq && $as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null \
    || fail "apt-get could not install ${missing[*]}; install them by hand and run this again"
fi

# --- Python environment -----------------------------------------------------------------------------------------
if [ ! -x .venv/bin/python ]; then
  say "creating .venv with $("$python" --version) ($python)"
  "$python" -m venv .venv
fi
venv_python=.venv/bin/python
"$venv_python" -c "$supported" || fail ".venv holds $("$venv_python" --version); remove it and run this again"
pip() { "$venv_python" -m pip --disable-pip-version-check "$@"; }

sets=(build runtime ros sim); [ "${1:-}" = test ] && sets+=(test)
arguments=(); for set in "${sets[@]}"; do arguments+=(-r "requirements/$set.txt"); done
stamp=.venv/.requirements-$(for set in "${sets[@]}"; do cat "requirements/$set.txt"; done | sha256sum | cut -c1-16)
if [ ! -e "$stamp" ]; then
  if ! "$venv_python" -c 'import torch' 2>/dev/null; then
    torch="torch==$(sed -n 's/^# torch-build: //p' requirements/runtime.txt)"
    if nvidia-smi >/dev/null 2>&1; then
      say "installing $torch (a GPU is here: CUDA build, several GB)"
      pip install -q "$torch"
    elif pip install -q "$torch+cpu" 2>/dev/null; then
      say "installed $torch (CPU build)"
    elif pip install -q --retries 1 --index-url https://download.pytorch.org/whl/cpu "$torch+cpu" 2>/dev/null; then
      say "installed $torch (CPU build, from PyTorch's own index)"
    else
      say "no CPU build of $torch can be had here: installing PyPI's CUDA build (several GB; it also runs on the CPU)"
      pip install -q "$torch"
    fi
  fi
  say "installing requirements: ${sets[*]} (a few minutes the first time)"
  pip install -q "${arguments[@]}" 2> >(grep -v "WARNING: Location" >&2)
  rm -f .venv/.requirements-*
  touch "$stamp"
fi

# --- this package -------------------------------------------------------------------------------------------------
sources=$( { find eschernet_ros msg action cmake launch config scripts requirements -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum
             sha256sum setup.py pyproject.toml CMakeLists.txt package.xml README.md; } | sha256sum | cut -c1-16)
if [ "$(cat .venv/.package 2>/dev/null)" != "$sources" ]; then
  say "building and installing eschernet_ros"
  rm -rf build/lib* build/bdist*
  pip install -q --no-build-isolation --no-deps --force-reinstall . 2> >(grep -v "WARNING: Location" >&2)
  echo "$sources" > .venv/.package
fi
say "ready: $("$venv_python" --version), eschernet_ros $("$venv_python" -c 'from importlib.metadata import version; print(version("eschernet_ros"))')"
