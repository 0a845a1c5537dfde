"""A floor of the house is a list of rooms; each sees those before it, and a wrong include does not build."""

load("//tools:copts.bzl", "PEAL_COPTS")

def peal_rooms(rooms, floor_deps = [], linkopts = {}):
    """A library of the folder's name for each of `rooms`, in the order in which they may use each other.

    Args:
      rooms: names of folders.
      floor_deps: what all of them may use: the floors below.
      linkopts: room -> what its libraries need.
    """
    before = []
    for room in rooms:
        native.cc_library(
            name = room,
            linkstatic = True,
            alwayslink = True,
            srcs = native.glob([room + "/**/*.c"]),
            hdrs = native.glob([room + "/**/*.h"]),
            copts = PEAL_COPTS,
            linkopts = linkopts.get(room, []),
            deps = floor_deps + [":" + one for one in before],
        )
        before = before + [room]
