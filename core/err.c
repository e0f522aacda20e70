/* SPDX-License-Identifier: Apache-2.0 */
/* err.c - texts of the error numbers. */
#include "config.h"
#include "core/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	const char *text;
} errs[] = {
	[0] = { "OK", "success" },
	[1] = { "EINVAL", "invalid input" },
	[2] = { "ENOTFOUND", "not found" },
	[3] = { "EEXIST", "already exists" },
	[4] = { "ENOMEM", "out of memory" },
	[5] = { "EIO", "input/output error" },
	[6] = { "ENOSPC", "no space left on device" },
	[7] = { "EPERM", "not permitted" },
	[8] = { "ETOOBIG", "over a size limit" },
	[9] = { "ECORRUPT", "stored data is damaged" },
	[10] = { "ESIG", "signature verification failed" },
	[11] = { "ESKEW", "time lies too far in the future" },
	[12] = { "EPROTO", "malformed message" },
	[13] = { "EBUSY", "in use" },
	[14] = { "EAGAIN", "try again later" },
	[15] = { "ETIMEOUT", "timed out" },
	[16] = { "ECONN", "no connection" },
	[17] = { "EVERSION", "version not supported" },
	[18] = { "EGAP", "part of the log is missing" },
	[19] = { "EREADONLY", "writes are stopped" },
	[20] = { "ELIMIT", "limit used up" },
	[21] = { "EAUTH", "not authenticated" },
	[22] = { "ESTALE", "version no longer available" },
	[23] = { "EUTF8", "not valid UTF-8" },
	[24] = { "ECANCELED", "canceled" },
	[25] = { "EDRAINED", "node is draining" },
};

const char *
steme_strerror(int err)
{
	if (err > 0 || err < STEME_ERR_MIN)
		return "unknown error";
	return errs[-err].text;
}

const char *
steme_errname(int err)
{
	if (err > 0 || err < STEME_ERR_MIN)
		return "EUNKNOWN";
	return errs[-err].name;
}

int
steme_err_from_errno(int e)
{
	switch (e) {
	case 0:
		return STEME_OK;
	case ENOENT:
	case ENOTDIR:
		return STEME_ENOTFOUND;
	case EEXIST:
		return STEME_EEXIST;
	case ENOMEM:
		return STEME_ENOMEM;
	case ENOSPC:
	case EDQUOT:
		return STEME_ENOSPC;
	case EPERM:
	case EACCES:
		return STEME_EPERM;
	case EROFS:
		return STEME_EREADONLY;
	case EINVAL:
	case ENAMETOOLONG:
		return STEME_EINVAL;
	case EAGAIN:
		return STEME_EAGAIN;
	case EBUSY:
		return STEME_EBUSY;
	case ETIMEDOUT:
		return STEME_ETIMEOUT;
	case ECONNREFUSED:
	case ECONNRESET:
	case EPIPE:
	case ENOTCONN:
		return STEME_ECONN;
	default:
		return STEME_EIO;
	}
}

int
steme_fail(struct steme_why *why, int err, const char *fmt, ...)
{
	va_list ap;

	if (why != NULL) {
		va_start(ap, fmt);
		vsnprintf(why->text, sizeof(why->text), fmt, ap);
		va_end(ap);
	}
	return err;
}

int64_t
steme_again_ms(const char *why)
{
	static const char words[] = "try again in ";
	const char *p = strstr(why, words);
	int64_t ms = 0;

	if (p == NULL)
		return 0;
	for (p += sizeof(words) - 1; *p >= '0' && *p <= '9' && ms < INT64_MAX / 10 - 9; p++)
		ms = ms * 10 + (*p - '0');
	return strcmp(p, " ms") == 0 ? ms : 0;
}
