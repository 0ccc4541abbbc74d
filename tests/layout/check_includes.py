#!/usr/bin/env python3
"""The layout rules that a compiler does not check.

- A file of a module includes only what cmake/Modules.cmake lets the module use, and files outside of src/net include no
  networking library.
- No file under src/ is longer than MAX_LINES (a file has one subject).
- Headers start with a comment that says what they are, and have `#pragma once`.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
MAX_LINES = 1200
NETWORK_HEADERS = re.compile(r"#include <(boost/(asio|beast)|curl/|nghttp2/)")


def module_folders():
    """Folder below src -> module name, from the modules' own CMake files."""
    folders = {}
    for path in SRC.rglob("CMakeLists.txt"):
        match = re.search(r"sextant_module\((\w+)([^)]*)\)", path.read_text())
        if match:
            folder = path.parent.relative_to(SRC)
            folders[folder.as_posix()] = match.group(1)
            below = re.search(r"FOLDERS((?:\s+[a-z_]+)+)", match.group(2))
            for name in below.group(1).split() if below else []:
                folders[(folder / name).as_posix()] = match.group(1)
    return folders


def allowed_table():
    text = (ROOT / "cmake" / "Modules.cmake").read_text()
    table = {}
    for name, value in re.findall(r"^set\(SEXTANT_MAY_USE_(\w+)([^)]*)\)", text, re.M):
        words = value.replace("${SEXTANT_MAY_USE_api}", " ".join(table.get("api", []))).split()
        table[name] = words
    return table


def check():
    problems = []
    folders = module_folders()
    allowed = allowed_table()
    for path in sorted([*SRC.rglob("*.h"), *SRC.rglob("*.cc")]):
        folder = path.parent.relative_to(SRC).as_posix()
        name = path.relative_to(ROOT)
        module = folders.get(folder)
        if module is None:
            problems.append(f"{name}: its folder is not a module")
            continue
        text = path.read_text()
        lines = text.splitlines()
        if len(lines) > MAX_LINES:
            problems.append(f"{name}: {len(lines)} lines; split it (a file has one subject, {MAX_LINES} lines at most)")
        if module != "net" and NETWORK_HEADERS.search(text):
            problems.append(f"{name}: only net includes networking libraries")
        for number, line in enumerate(lines, 1):
            match = re.match(r'#include "([^"]+)"', line)
            if not match:
                continue
            included = pathlib.PurePosixPath(match.group(1)).parent.as_posix()
            target = folders.get(included)
            if target is None:
                if not path.name.endswith("_test.cc"):
                    problems.append(f"{name}:{number}: includes {match.group(1)}, which is in no module")
            elif target != module and target not in allowed[module]:
                problems.append(f"{name}:{number}: module {module} may not use {target} (cmake/Modules.cmake)")
        if path.suffix == ".h":
            if not text.startswith("//"):
                problems.append(f"{name}: a header opens with what it is")
            if "#pragma once" not in text:
                problems.append(f"{name}: no #pragma once")
    return problems


if __name__ == "__main__":
    found = check()
    print("\n".join(found) if found else "layout holds")
    sys.exit(1 if found else 0)
