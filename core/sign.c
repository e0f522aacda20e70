/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign.c - Ed25519 by libsodium, and the two fixed DER structures of RFC 8410
 * around the 32 bytes of a key.
 */
#include "config.h"
#include "core/sign.h"
#include "core/path.h"
#include "core/util.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEED_LEN	32
#define FILE_MAX	4096	/* far above any Ed25519 key file */
#define BEGIN_PRIVATE	"-----BEGIN PRIVATE KEY-----"
#define END_PRIVATE	"-----END PRIVATE KEY-----"

/*
 * PrivateKeyInfo: SEQUENCE { INTEGER 0, SEQUENCE { OID 1.3.101.112 },
 * OCTET STRING { OCTET STRING (32) } }
 */
static const uint8_t private_der[16] = {
	0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70,
	0x04, 0x22, 0x04, 0x20
};
/* SubjectPublicKeyInfo: SEQUENCE { SEQUENCE { OID }, BIT STRING (32) } */
static const uint8_t public_der[12] = {
	0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00
};

#define PRIVATE_LEN	(sizeof(private_der) + SEED_LEN)
#define PUBLIC_LEN	(sizeof(public_der) + STEME_ID_LEN)

int
steme_sign_init(void)
{
	return sodium_init() < 0 ? STEME_EIO : STEME_OK;
}

void
steme_key_from_seed(struct steme_key *k, const uint8_t seed[32])
{
	memcpy(k->seed, seed, SEED_LEN);
	MUST(crypto_sign_seed_keypair(k->agent.b, k->secret, k->seed));
}

void
steme_key_generate(struct steme_key *k)
{
	uint8_t seed[SEED_LEN];

	randombytes_buf(seed, sizeof(seed));
	steme_key_from_seed(k, seed);
	sodium_memzero(seed, sizeof(seed));
}

void
steme_key_wipe(struct steme_key *k)
{
	sodium_memzero(k, sizeof(*k));
}

void
steme_sign(struct steme_sig *sig, const struct steme_key *k, const void *data,
    size_t len)
{
	MUST(crypto_sign_detached(sig->b, NULL, data, len, k->secret));
}

int
steme_verify(const struct steme_sig *sig, const struct steme_id *agent,
    const void *data, size_t len)
{
	return crypto_sign_verify_detached(sig->b, data, len, agent->b) == 0 ?
	    STEME_OK : STEME_ESIG;
}

void
steme_agent_pem(char out[128], const struct steme_id *agent)
{
	uint8_t der[PUBLIC_LEN];
	char b64[sodium_base64_ENCODED_LEN(PUBLIC_LEN,
	    sodium_base64_VARIANT_ORIGINAL)];

	memcpy(der, public_der, sizeof(public_der));
	memcpy(der + sizeof(public_der), agent->b, STEME_ID_LEN);
	sodium_bin2base64(b64, sizeof(b64), der, sizeof(der),
	    sodium_base64_VARIANT_ORIGINAL);
	snprintf(out, 128, "-----BEGIN PUBLIC KEY-----\n%s\n"
	    "-----END PUBLIC KEY-----\n", b64);
}

void
steme_key_pem(char out[STEME_KEY_PEM_MAX], const struct steme_key *k)
{
	uint8_t der[PRIVATE_LEN];
	char b64[sodium_base64_ENCODED_LEN(PRIVATE_LEN,
	    sodium_base64_VARIANT_ORIGINAL)];

	memcpy(der, private_der, sizeof(private_der));
	memcpy(der + sizeof(private_der), k->seed, SEED_LEN);
	sodium_bin2base64(b64, sizeof(b64), der, sizeof(der),
	    sodium_base64_VARIANT_ORIGINAL);
	snprintf(out, STEME_KEY_PEM_MAX, BEGIN_PRIVATE "\n%s\n" END_PRIVATE
	    "\n", b64);
	sodium_memzero(der, sizeof(der));
	sodium_memzero(b64, sizeof(b64));
}

/* The label of the first PEM block in s, or an absent string. */
static struct steme_str
pem_label(struct steme_str s)
{
	static const struct steme_str mark = { "-----BEGIN ", 11 };
	const char *p = s.n == 0 ? NULL : memmem(s.p, s.n, mark.p, mark.n);
	const char *end;
	size_t left;

	if (p == NULL)
		return (struct steme_str){ NULL, 0 };
	p += mark.n;
	left = s.n - (size_t)(p - s.p);
	end = left == 0 ? NULL : memmem(p, left, "-----", 5);
	return end == NULL ? (struct steme_str){ NULL, 0 } :
	    (struct steme_str){ p, (size_t)(end - p) };
}

/* The base64 between the marks of the one PRIVATE KEY block in pem. */
static int
pem_body(struct steme_str pem, struct steme_str *body, struct steme_why *why)
{
	struct steme_str label = pem_label(pem), rest;
	const char *end;

	if (label.p == NULL)
		return steme_fail(why, STEME_EINVAL, "is no PEM file: there "
		    "is no line -----BEGIN PRIVATE KEY-----");
	if (steme_str_eq(label, STEME_LIT("ENCRYPTED PRIVATE KEY")))
		return steme_fail(why, STEME_EINVAL, "is encrypted; decrypt "
		    "it with: openssl pkey -in FILE -out NEWFILE");
	if (!steme_str_eq(label, STEME_LIT("PRIVATE KEY")))
		return steme_fail(why, STEME_EINVAL, "holds a PEM block '%s'; "
		    "an unencrypted PKCS#8 'PRIVATE KEY' is needed (openssl "
		    "genpkey -algorithm ed25519)", steme_quote(label).s);
	body->p = label.p + label.n + 5;
	rest = (struct steme_str){ body->p,
	    pem.n - (size_t)(body->p - pem.p) };
	end = rest.n == 0 ? NULL : memmem(rest.p, rest.n, END_PRIVATE,
	    sizeof(END_PRIVATE) - 1);
	if (end == NULL)
		return steme_fail(why, STEME_EINVAL, "is cut short: the line "
		    END_PRIVATE " is missing");
	body->n = (size_t)(end - body->p);
	rest = (struct steme_str){ end, rest.n - body->n };
	if (pem_label(rest).p != NULL)
		return steme_fail(why, STEME_EINVAL,
		    "holds more than one PEM block");
	return STEME_OK;
}

int
steme_key_parse(struct steme_key *k, const char *pem, size_t len,
    struct steme_why *why)
{
	/* Larger than wanted, to tell another kind of key from bad base64. */
	uint8_t der[FILE_MAX];
	struct steme_str body = { NULL, 0 };
	size_t n = 0;
	int err;

	if (len > FILE_MAX)
		return steme_fail(why, STEME_EINVAL, "has more than %d bytes; "
		    "an Ed25519 key file has 119", FILE_MAX);
	err = pem_body((struct steme_str){ pem, len }, &body, why);
	if (err != STEME_OK)
		return err;
	if (sodium_base642bin(der, sizeof(der), body.p, body.n, " \t\r\n", &n,
	    NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
		err = steme_fail(why, STEME_EINVAL,
		    "holds damaged base64 between its marks");
	else if (n != PRIVATE_LEN ||
	    memcmp(der, private_der, sizeof(private_der)) != 0)
		err = steme_fail(why, STEME_EINVAL, "holds a key that is no "
		    "plain Ed25519 key (RFC 8410, version 0, 48 bytes of DER; "
		    "here %zu); make one with: openssl genpkey -algorithm "
		    "ed25519", n);
	else
		steme_key_from_seed(k, der + sizeof(private_der));
	sodium_memzero(der, sizeof(der));
	return err;
}

/* The whole file at fd into buf; *len is at most FILE_MAX + 1 (too long). */
static int
read_all(int fd, char buf[FILE_MAX + 1], size_t *len)
{
	ssize_t n;

	*len = 0;
	while (*len < FILE_MAX + 1) {
		n = read(fd, buf + *len, FILE_MAX + 1 - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return steme_err_from_errno(errno);
		if (n == 0)
			break;
		*len += (size_t)n;
	}
	return STEME_OK;
}

int
steme_key_load(struct steme_key *k, const char *path, struct steme_why *why)
{
	char buf[FILE_MAX + 1];
	struct steme_why sub;
	struct stat st;
	size_t len = 0;
	int fd, e, err;

	/* O_NONBLOCK: a FIFO by that name must not hang us. */
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0) {
		e = errno;
		return steme_fail(why, steme_err_from_errno(e),
		    "cannot open the key file %s: %s", path, strerror(e));
	}
	if (fstat(fd, &st) < 0) {
		e = errno;
		err = steme_fail(why, steme_err_from_errno(e),
		    "cannot examine the key file %s: %s", path, strerror(e));
	} else if (!S_ISREG(st.st_mode)) {
		err = steme_fail(why, STEME_EINVAL,
		    "the key file %s is no regular file", path);
	} else if ((st.st_mode & 077) != 0) {
		err = steme_fail(why, STEME_EPERM, "the key file %s has mode "
		    "%04o: others may use this key; change it with: chmod 600 "
		    "%s", path, (unsigned)(st.st_mode & 07777), path);
	} else if ((err = read_all(fd, buf, &len)) != STEME_OK) {
		err = steme_fail(why, err, "cannot read the key file %s: %s",
		    path, steme_strerror(err));
	} else if ((err = steme_key_parse(k, buf, len, &sub)) != STEME_OK) {
		err = steme_fail(why, err, "the key file %s %s", path,
		    sub.text);
	}
	close(fd);
	sodium_memzero(buf, len);
	return err;
}

/* All of data to fd, down to the disk.  Closes fd.  errno tells on -1. */
static int
write_synced(int fd, const char *data, size_t len)
{
	int bad = fchmod(fd, 0600) < 0;
	ssize_t n;

	while (!bad && len > 0) {
		n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			bad = 1;
			break;
		}
		data += n;
		len -= (size_t)n;
	}
	bad = bad || fsync(fd) < 0;
	if (bad) {
		int e = errno;

		close(fd);
		errno = e;
		return -1;
	}
	return close(fd);
}

/* Gives the file tmp the name path unless that exists.  errno tells on -1. */
static int
put_in_place(const char *tmp, const char *path)
{
	if (link(tmp, path) == 0)
		return unlink(tmp);
	if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS)
		return -1;
	/* A file system without hard links. */
	return renameat2(AT_FDCWD, tmp, AT_FDCWD, path, RENAME_NOREPLACE);
}

/* Makes a new name in the folder of path durable.  errno tells on -1. */
static int
sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL ? strdup(".") : slash == path ? strdup("/") :
	    strndup(path, (size_t)(slash - path));
	int fd = -1, e, rc;

	if (dir == NULL)
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	e = errno;
	close(fd);
	errno = e;
	return rc;
}

int
steme_key_save(const struct steme_key *k, const char *path,
    struct steme_why *why)
{
	char pem[STEME_KEY_PEM_MAX];
	char *tmp = NULL;
	int fd, e, err;

	steme_key_pem(pem, k);
	if (asprintf(&tmp, "%s.XXXXXX", path) < 0) {
		sodium_memzero(pem, sizeof(pem));
		return steme_fail(why, STEME_ENOMEM, "cannot write the key "
		    "file %s: out of memory", path);
	}
	if ((fd = mkostemp(tmp, O_CLOEXEC)) < 0) {
		e = errno;
		goto out;
	}
	/* crash from here on: a file path.XXXXXX is left over, path is not there */
	if (write_synced(fd, pem, strlen(pem)) < 0 ||
	    put_in_place(tmp, path) < 0) {
		e = errno;
		unlink(tmp);
		goto out;
	}
	/* crash here: path is whole, or (if its name was not synced) not there */
	e = sync_folder(path) < 0 ? errno : 0;
out:
	sodium_memzero(pem, sizeof(pem));
	free(tmp);
	if (e == 0)
		return STEME_OK;
	err = steme_err_from_errno(e);
	if (err == STEME_EEXIST)
		return steme_fail(why, err, "the key file %s exists; it is "
		    "never overwritten", path);
	return steme_fail(why, err, "cannot write the key file %s: %s", path,
	    strerror(e));
}
