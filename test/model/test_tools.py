# SPDX-License-Identifier: Apache-2.0
"""The committed scripts: the bundled random checkpoint rebuilds bit for bit, lazy imports stay lazy."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from eschernet_ros.model import bundled

ROOT = Path(__file__).parents[2]


def load_tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_bundled_4dof_checkpoint_is_what_the_script_builds(tmp_path):
    load_tool("build_tiny_checkpoint").main(["--output", str(tmp_path)])
    stored = sorted(path for path in bundled("4dof").rglob("*") if path.is_file())
    assert len(stored) == 8
    for path in stored:
        rebuilt = tmp_path / "tiny-4dof" / path.relative_to(bundled("4dof"))
        if path.suffix == ".safetensors":
            assert rebuilt.read_bytes() == path.read_bytes(), path
        else:  # a newer library may add keys
            content = json.loads(rebuilt.read_text())
            assert content | json.loads(path.read_text()) == content, path


def run_python(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False, timeout=120
    )


def test_importing_the_package_imports_no_heavy_library():
    done = run_python(
        "import sys, eschernet_ros.model\n"
        "assert not {'torch', 'diffusers', 'transformers'} & sys.modules.keys()\n"
        "assert 'EscherNetPipeline' in dir(eschernet_ros.model)"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("library", ["torch", "diffusers", "transformers"])
def test_a_missing_library_is_named(library):
    done = run_python(f"import sys\nsys.modules[{library!r}] = None\nfrom eschernet_ros.model import EscherNetPipeline")
    assert done.returncode == 1
    assert f"the EscherNet model needs the Python module '{library}'" in done.stderr
    assert "pip install torch diffusers transformers" in done.stderr


def test_unknown_names_are_attribute_errors():
    import eschernet_ros.model

    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        eschernet_ros.model.nothing  # noqa: B018
