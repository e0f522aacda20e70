/* SPDX-License-Identifier: Apache-2.0 */
/* errmap.c - errors of ours to errno. */
#include "config.h"
#include "fs/errmap.h"
#include "core/err.h"

#include <errno.h>

int
fs_errno(int err)
{
	switch (err) {
	case STEME_OK:
		return 0;
	case STEME_EINVAL:
	case STEME_ESKEW:
	case STEME_ESIG:
	case STEME_EPROTO:
	case STEME_EVERSION:
		return EINVAL;
	case STEME_ENOTFOUND:
		return ENOENT;
	case STEME_EEXIST:
		return EEXIST;
	case STEME_ENOMEM:
		return ENOMEM;
	case STEME_ENOSPC:
		return ENOSPC;
	case STEME_EPERM:
	case STEME_EAUTH:
		return EACCES;
	case STEME_ETOOBIG:
		return EFBIG;
	case STEME_EBUSY:
		return EBUSY;
	case STEME_EAGAIN:
	case STEME_ELIMIT:
		return EAGAIN;
	case STEME_ETIMEOUT:
		return ETIMEDOUT;
	case STEME_EREADONLY:
	case STEME_EDRAINED:
		return EROFS;
	case STEME_ESTALE:
		return ESTALE;
	case STEME_EUTF8:
		return EILSEQ;
	case STEME_ECANCELED:
		return EINTR;
	default:
		return EIO;
	}
}
