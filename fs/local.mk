# fs/: stemefs, the daemon: the mount and the control socket.

sbin_PROGRAMS += stemefs
stemefs_CPPFLAGS = $(STEME_CPPFLAGS) $(FUSE_CFLAGS) $(SODIUM_CFLAGS) $(JSONC_CFLAGS) $(SYSTEMD_CFLAGS)
stemefs_LDADD = $(STORE_LIBS) $(FUSE_LIBS) $(SYSTEMD_LIBS)
stemefs_SOURCES = %D%/main.c %D%/seed.c %D%/seed.h
stemefs_SOURCES += %D%/memory.c %D%/memory.h
stemefs_SOURCES += %D%/failures.c %D%/failures.h
stemefs_SOURCES += %D%/upkeep.c %D%/upkeep.h

# --- mount
stemefs_SOURCES += %D%/mount.c %D%/mount.h %D%/fs.h %D%/ops.c %D%/attr.c
stemefs_SOURCES += %D%/resolve.c %D%/dir.c %D%/assert.c
stemefs_SOURCES += %D%/node.c %D%/node_stale.c %D%/node.h %D%/node_impl.h
stemefs_SOURCES += %D%/notify.c %D%/notify.h
stemefs_SOURCES += %D%/errmap.c %D%/errmap.h %D%/watchdog.c %D%/watchdog.h

# --- control socket
# The control socket: of stemefs, and of its tests.
CTL_FILES = %D%/ctl.c %D%/ctl_conn.c %D%/ctl_out.c %D%/ctl_end.c %D%/ctl_frames.c \
	%D%/ctl_path.c %D%/ctl_peer.c %D%/ctl.h %D%/ctl_impl.h \
	%D%/ctl_frames.h %D%/ctl_path.h %D%/ctl_peer.h
stemefs_SOURCES += $(CTL_FILES)
