# fs/

# The control socket: of stemefs, and of its tests.
CTL_FILES = %D%/ctl.c %D%/ctl_conn.c %D%/ctl_out.c %D%/ctl_frames.c \
	%D%/ctl_path.c %D%/ctl_peer.c %D%/ctl.h %D%/ctl_impl.h \
	%D%/ctl_frames.h %D%/ctl_path.h %D%/ctl_peer.h
