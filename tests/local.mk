# tests/: a check_<module> program per header, end-to-end scripts in e2e/,
# fuzz targets in fuzz/, benchmarks in bench/.  One block per module.

CHECK_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS) $(SODIUM_CFLAGS) $(JSONC_CFLAGS) \
	-DSRCDIR='"$(abs_top_srcdir)"'
BASE_TEST_LIBS = $(BASE_LIBS) $(CHECK_LIBS)
STORE_TEST_LIBS = $(STORE_LIBS) $(CHECK_LIBS)

# --- runner

EXTRA_DIST += %D%/runner.h

# --- objects


# --- log


# --- index


# --- lenses


# --- store


# --- wire, service


# --- mount


# --- command


# --- sidecar


# --- layering, scripts


# --- fuzz targets


# --- benchmarks

