#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes .venv from nothing: Debian packages, Python environment, torch, the ROS wheels, this package. Quick when all is
# there; after an interruption the next run carries on.
# Usage: tools/setup.sh [test]      with "test": also what `make test` needs
# PYTHON=/path/to/python3.11 chooses the interpreter (3.10, 3.11 or 3.12).
set -euo pipefail
# pip turns Ctrl-C into an ordinary failure, after which the next alternative would be tried.
trap 'printf "\nsetup: interrupted; the next run carries on\n" >&2; exit 130' INT
cd "$(dirname "$0")/.."
unset PYTHONPATH # a sourced ROS distribution's packages would count as installed
PATH="$PATH:/usr/sbin:/sbin" # ldconfig, for users other than root
say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

case ${1:-} in "" | test) ;; *) fail "unknown argument '$1'; usage: tools/setup.sh [test]" ;; esac
[ "$(uname -sm)" = "Linux x86_64" ] || fail "this is $(uname -sm), and PyPI has ROS 2 for Linux x86_64 only; use a ROS" \
  "distribution and colcon here (README.md, 'On a workstation with ROS 2')"

# --- Python -------------------------------------------------------------------------------------------------------
# Whole only where pip's own program is there (venv writes it last) and names this folder (else the checkout was moved).
venv_is_whole() { [ -x .venv/bin/python ] && grep -qsF "$(pwd -P)/.venv/bin/python" .venv/bin/pip; }
version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo "unknown (it does not run)"; }
supported() { case $1 in 3.10 | 3.11 | 3.12) ;; *) return 1 ;; esac; }

python="" version="" found=""
if venv_is_whole; then
  python=.venv/bin/python
  version=$(version_of "$python")
  supported "$version" || fail ".venv holds Python $version, not 3.10, 3.11 or 3.12; run 'make clean', then this again"
  [ -z "${PYTHON:-}" ] || [ "$(version_of "$PYTHON")" = "$version" ] || fail ".venv holds Python $version, but" \
    "PYTHON=$PYTHON is version $(version_of "$PYTHON"); run 'make clean' to start anew with it, or leave PYTHON unset"
else
  candidates=(python3 python3.12 python3.11 python3.10)
  [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
  for candidate in "${candidates[@]}"; do
    path=$(command -v "$candidate") || { found+="; $candidate: absent"; continue; }
    version=$(version_of "$path")
    if supported "$version"; then python=$path; break; fi
    found+="; $path: version $version"
  done
  [ -n "$python" ] || fail "Python 3.10, 3.11 or 3.12 is needed${found}. Install one (Debian 12, Ubuntu 22.04 or 24.04:" \
    "sudo apt-get install python3; elsewhere for example: uv python install 3.12), then set PYTHON=/path/to/it"
fi

# --- Debian packages: each is looked for by what it provides, so other sources of it do as well -------------------
library() { ldconfig -p | grep -F "$1" >/dev/null; }
find_missing() { # $1: as this program's
  missing=()
  command -v g++ >/dev/null || missing+=(g++)
  command -v make >/dev/null || missing+=(make)
  library libEGL.so.1 || missing+=(libegl1)
  library libGL.so.1 || missing+=(libgl1)
  compgen -G '/usr/lib/*/dri/*swrast*' >/dev/null || compgen -G '/usr/lib/*/libgallium*' >/dev/null \
    || missing+=(libgl1-mesa-dri)
  "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=("python$version-venv")
  "$python" -c 'import os, sysconfig as s, sys; sys.exit(not os.path.exists(s.get_paths()["include"] + "/Python.h"))' \
    || missing+=("python$version-dev")
  if [ "$1" = test ]; then # pyrealsense2 loads them
    library libusb-1.0.so.0 || missing+=(libusb-1.0-0)
    library libudev.so.1 || missing+=(libudev1)
  fi
}
find_missing "${1:-}"
if [ ${#missing[@]} -gt 0 ]; then
  as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
  command -v apt-get >/dev/null || fail "missing, and there is no apt-get to install them: ${missing[*]} (Debian's" \
    "names). Install what holds them on this system, then run this again"
  [ ${#as_root[@]} -eq 0 ] || "${as_root[@]}" true 2>/dev/null || fail "missing, and installing them needs a password." \
    "Run: sudo apt-get install ${missing[*]}; then this again"
  say "installing Debian packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  { "${as_root[@]}" apt-get update -qq \
      && "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; } \
    || fail "apt-get could not install ${missing[*]} (see above); install them by hand, then run this again"
  find_missing "${1:-}"
  [ ${#missing[@]} -eq 0 ] || fail "still missing after apt-get: ${missing[*]}. $python may not be Debian's own Python:" \
    "set PYTHON=/usr/bin/python3, or install its headers and its venv module the way it was installed"
fi

# --- Python environment -------------------------------------------------------------------------------------------
if ! venv_is_whole; then
  [ ! -e .venv ] || say "the .venv here is unfinished or was moved: making it anew"
  say "creating .venv with $("$python" --version) ($python)"
  "$python" -m venv --clear .venv || fail "$python -m venv could not make .venv (see above)"
fi
python=.venv/bin/python
pip() { # standard error without the warning about package indexes that lack a package
  { "$python" -m pip --disable-pip-version-check "$@" 2>&1 >&3 | { grep -v "WARNING: Location" || true; } >&2; } 3>&1
}

sets=(build runtime ros sim)
[ "${1:-}" != test ] || sets+=(hardware test)
arguments=() changed=""
for set in "${sets[@]}"; do
  arguments+=(-r "requirements/$set.txt")
  cmp -s "requirements/$set.txt" ".venv/installed-$set.txt" || changed+=" $set"
done
if [ -n "$changed" ]; then
  # Older ones look for versions that fit together for more than ten minutes (23.0, which comes with Python 3.10).
  pip install -q "pip>=25.1" || fail "pip could not renew itself (see above); run this again when that is solved"
  # A package whose installation was cut short has no RECORD yet; without its other metadata pip installs it again.
  for metadata in .venv/lib/python*/site-packages/*.dist-info; do
    [ -e "$metadata/RECORD" ] || rm -rf "$metadata"
  done
  if ! "$python" -c 'import torch' 2>/dev/null; then
    torch="torch==$(sed -n 's/^# torch-build: //p' requirements/runtime.txt)"
    if nvidia-smi >/dev/null 2>&1; then
      say "installing $torch (a GPU is here: CUDA build, 5 GB on disk)"
      pip install -q "$torch" || fail "pip could not install $torch (see above); run this again when that is solved"
    else
      say "installing $torch (CPU build)"
      log=.venv/torch-cpu-build.log
      if ! pip install -q "$torch+cpu" 2>"$log" && ! pip install -q --retries 1 --timeout 15 \
        --index-url https://download.pytorch.org/whl/cpu "$torch+cpu" 2>>"$log"; then
        say "no CPU build to be had ($(grep ERROR "$log" | tail -n 1)): installing PyPI's CUDA build instead, which" \
          "runs on the CPU too (5 GB on disk)"
        pip install -q "$torch" || fail "pip could not install $torch (see above); run this again when that is solved"
      fi
    fi
  fi
  say "installing requirements:$changed (a few minutes the first time)"
  pip install -q "${arguments[@]}" || fail "pip could not install requirements/{$(IFS=,; echo "${sets[*]}")}.txt (see above);" \
    "run this again when that is solved"
  for set in "${sets[@]}"; do cp "requirements/$set.txt" ".venv/installed-$set.txt"; done
fi

# --- this package -------------------------------------------------------------------------------------------------
sources=$( { find eschernet_ros msg action cmake launch config scripts requirements -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum
             sha256sum setup.py pyproject.toml CMakeLists.txt package.xml README.md; } | sha256sum | cut -c1-16)
if [ "$(cat .venv/.package 2>/dev/null)" != "$sources" ]; then
  say "building and installing eschernet_ros"
  rm -rf .venv/.package build/lib* build/bdist*
  pip install -q --no-build-isolation --no-deps --force-reinstall . \
    || fail "eschernet_ros could not be built or installed (see above); 'make clean' starts from nothing"
  echo "$sources" > .venv/.package
fi
say "ready: $("$python" --version), eschernet_ros $("$python" -c 'from importlib.metadata import version; print(version("eschernet_ros"))')"
