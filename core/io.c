/* SPDX-License-Identifier: Apache-2.0 */
/* io.c - the io table over the operating system's own calls. */
#include "config.h"
#include "core/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* 0 or the error that errno stands for; used right after a call. */
static int
result(int r)
{
	return r < 0 ? steme_err_from_errno(errno) : STEME_OK;
}

static int
posix_open(struct steme_io *io, const char *path, int flags, mode_t mode)
{
	int fd;

	(void)io;
	do
		fd = open(path, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? steme_err_from_errno(errno) : fd;
}

static ssize_t
posix_pread(struct steme_io *io, int fd, void *buf, size_t n, off_t off)
{
	size_t done = 0;

	(void)io;
	while (done < n) {
		ssize_t r = pread(fd, (char *)buf + done, n - done,
		    off + (off_t)done);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return steme_err_from_errno(errno);
		if (r == 0)
			break;
		done += (size_t)r;
	}
	return (ssize_t)done;
}

static int
posix_pwrite(struct steme_io *io, int fd, const void *buf, size_t n, off_t off)
{
	size_t done = 0;

	(void)io;
	while (done < n) {
		ssize_t r = pwrite(fd, (const char *)buf + done, n - done,
		    off + (off_t)done);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return steme_err_from_errno(errno);
		if (r == 0)
			return STEME_EIO;
		done += (size_t)r;
	}
	return STEME_OK;
}

/* A sync is never repeated: the kernel tells an error once. */
static int
posix_datasync(struct steme_io *io, int fd)
{
	(void)io;
	return result(fdatasync(fd));
}

static int
posix_sync(struct steme_io *io, int fd)
{
	(void)io;
	return result(fsync(fd));
}

static int
posix_close(struct steme_io *io, int fd)
{
	(void)io;
	/* Linux frees the descriptor even when a signal interrupts. */
	if (close(fd) < 0 && errno != EINTR)
		return steme_err_from_errno(errno);
	return STEME_OK;
}

static int
posix_truncate(struct steme_io *io, int fd, off_t len)
{
	int r;

	(void)io;
	do
		r = ftruncate(fd, len);
	while (r < 0 && errno == EINTR);
	return result(r);
}

static int
posix_allocate(struct steme_io *io, int fd, off_t len)
{
	struct stat st;
	int r;

	(void)io;
	do
		r = fallocate(fd, 0, 0, len);
	while (r < 0 && errno == EINTR);
	if (r == 0 || (errno != EOPNOTSUPP && errno != ENOSYS))
		return result(r);
	/* The file system cannot reserve blocks: at least the length. */
	if (fstat(fd, &st) < 0)
		return steme_err_from_errno(errno);
	return st.st_size >= len ? STEME_OK : posix_truncate(io, fd, len);
}

static int
posix_rename(struct steme_io *io, const char *from, const char *to)
{
	(void)io;
	return result(rename(from, to));
}

static int
posix_unlink(struct steme_io *io, const char *path)
{
	(void)io;
	return result(unlink(path));
}

static int
posix_syncdir(struct steme_io *io, const char *path)
{
	int fd = posix_open(io, path, O_RDONLY | O_DIRECTORY, 0);
	int err, cerr;

	if (fd < 0)
		return fd;
	err = result(fsync(fd));
	cerr = posix_close(io, fd);
	return err != STEME_OK ? err : cerr;
}

static int
posix_stat(struct steme_io *io, const char *path, struct stat *st)
{
	(void)io;
	return result(stat(path, st));
}

static int
posix_fstat(struct steme_io *io, int fd, struct stat *st)
{
	(void)io;
	return result(fstat(fd, st));
}

static int
posix_mkdir(struct steme_io *io, const char *path, mode_t mode)
{
	(void)io;
	return result(mkdir(path, mode));
}

static int
posix_readdir(struct steme_io *io, const char *path,
    int (*each)(void *arg, const char *name), void *arg)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int err = STEME_OK;

	(void)io;
	if (d == NULL)
		return steme_err_from_errno(errno);
	while (err == STEME_OK) {
		errno = 0;
		if ((e = readdir(d)) == NULL) {
			err = steme_err_from_errno(errno);
			break;
		}
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			err = each(arg, e->d_name);
	}
	closedir(d);
	return err;
}

static int
posix_lock(struct steme_io *io, int fd)
{
	int r;

	(void)io;
	do
		r = flock(fd, LOCK_EX | LOCK_NB);
	while (r < 0 && errno == EINTR);
	if (r < 0 && errno == EWOULDBLOCK)
		return STEME_EBUSY;
	return result(r);
}

static const struct steme_io_ops posix_ops = {
	.open = posix_open,
	.pread = posix_pread,
	.pwrite = posix_pwrite,
	.datasync = posix_datasync,
	.sync = posix_sync,
	.close = posix_close,
	.truncate = posix_truncate,
	.allocate = posix_allocate,
	.rename = posix_rename,
	.unlink = posix_unlink,
	.syncdir = posix_syncdir,
	.stat = posix_stat,
	.fstat = posix_fstat,
	.mkdir = posix_mkdir,
	.readdir = posix_readdir,
	.lock = posix_lock,
};

struct steme_io steme_io_posix = { &posix_ops };
