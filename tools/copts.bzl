"""The compiler flags of every Peal target, spelled once."""

PEAL_COPTS = [
    "-std=c17",
    "-O3",
    "-D_GNU_SOURCE",
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-Wconversion",
    "-Wno-sign-conversion",
    "-Werror",
    "-fvisibility=default",
    # Vector and plain versions of a kernel must give the same bits, so no silent fused multiply-add.
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
]
