"""Peal's kinds of tests."""

load("//tools:copts.bzl", "PEAL_COPTS")

def peal_unit_test(name, deps, data = [], size = "small", tags = []):
    """A cmocka test of the source <name>.c; with tags = ["values"] of what threads do not change."""
    native.cc_test(
        name = name,
        size = size,
        srcs = [name + ".c"],
        copts = PEAL_COPTS + ["-UNDEBUG"],
        tags = tags,
        data = data,
        linkopts = ["-lcmocka"],
        deps = deps + ["//tests:support"],
    )

def peal_script_test(name, data = [], size = "medium", args = [], tags = []):
    """A shell test of the program: <name>.sh finds the program in $PEAL and the helpers in tests/lib.sh."""
    native.sh_test(
        name = name,
        size = size,
        srcs = [name + ".sh"],
        args = args,
        tags = tags,
        data = data + ["//tests:lib.sh", "//tools:peal", "//tests:data"],
    )
