/* SPDX-License-Identifier: Apache-2.0 */
/* tls.c - reading and checking the files; sessions. */
#include "config.h"
#include "api/tls.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX	(256 << 10)
#define SOON_S		(14 * 86400)
#define CHAIN_MAX	16
/*
 * Of TLS 1.2 only what 1.3 has, too: authenticated encryption, and keys that a certificate's key
 * that is stolen later does not open.
 */
#define PRIORITIES	"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:" \
	"-CIPHER-ALL:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:-RSA:" \
	"%SERVER_PRECEDENCE"

struct api_tls {
	char *cert, *key;		/* PEM, NUL-terminated */
	size_t key_len;
	gnutls_datum_t ticket;
	struct MHD_OptionItem options[4];
};

bool
api_tls_wanted(const struct steme_conf *c)
{
	return c->tls_cert[0] != '\0';
}

/* What stands in path; only_owner: refuse one that others may read. */
static int
read_pem(const char *name, const char *path, bool only_owner, char **out,
    size_t *len, struct steme_why *why)
{
	struct stat st;
	ssize_t n = 0;
	char *text;
	int fd, err;

	/* O_NONBLOCK: a FIFO by that name must not hang us */
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0)
		return steme_fail(why, steme_err_from_errno(errno), "[api] %s: cannot "
		    "open %s: %s", name, path, strerror(errno));
	if ((text = malloc(FILE_MAX + 1)) == NULL) {
		close(fd);
		return STEME_ENOMEM;
	}
	*len = 0;
	err = STEME_EINVAL;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		steme_fail(why, err, "[api] %s: %s is no regular file", name, path);
	else if (only_owner && (st.st_mode & 077) != 0)
		err = steme_fail(why, STEME_EPERM, "[api] %s: %s has mode %04o: others "
		    "may read the private key; correct it with: chmod 600 %s", name,
		    path, (unsigned)(st.st_mode & 07777), path);
	else {
		while (*len < FILE_MAX &&
		    (n = read(fd, text + *len, FILE_MAX - *len)) > 0)
			*len += (size_t)n;
		if (n < 0)
			err = steme_fail(why, STEME_EIO, "[api] %s: cannot read %s: %s",
			    name, path, strerror(errno));
		else if (*len == FILE_MAX)
			steme_fail(why, err, "[api] %s: %s is over %d bytes", name,
			    path, FILE_MAX);
		else
			err = STEME_OK;
	}
	close(fd);
	text[*len] = '\0';
	*out = text;
	return err;
}

/* ---- checking ---- */

/* Does the key belong to the certificate?  GnuTLS looks when both are taken together. */
static int
check_pair(const struct steme_conf *c, const gnutls_datum_t *cert,
    const gnutls_datum_t *key, struct steme_why *why)
{
	gnutls_certificate_credentials_t cred;
	int rc;

	if (gnutls_certificate_allocate_credentials(&cred) != 0)
		return STEME_ENOMEM;
	rc = gnutls_certificate_set_x509_key_mem2(cred, cert, key,
	    GNUTLS_X509_FMT_PEM, NULL, 0);
	gnutls_certificate_free_credentials(cred);
	if (rc >= 0)
		return STEME_OK;
	if (rc == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return steme_fail(why, STEME_EINVAL, "[api] key: %s is not the key "
		    "of the certificate %s", c->tls_key, c->tls_cert);
	return steme_fail(why, STEME_EINVAL, "[api] key: %s holds no private key "
	    "in PEM that can be used without a password: %s", c->tls_key,
	    gnutls_strerror(rc));
}

static int
check_term(const struct steme_conf *c, gnutls_x509_crt_t crt,
    struct steme_why *why)
{
	time_t now = time(NULL), from = gnutls_x509_crt_get_activation_time(crt);
	time_t to = gnutls_x509_crt_get_expiration_time(crt);
	char when[32] = "";
	struct tm tm;

	if (gmtime_r(now < from ? &from : &to, &tm) != NULL)
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (now < from)
		return steme_fail(why, STEME_EINVAL, "[api] cert: %s does not hold "
		    "before %s; look at the clock, too", c->tls_cert, when);
	if (now >= to)
		return steme_fail(why, STEME_EINVAL, "[api] cert: %s ended on %s; "
		    "put a new certificate there", c->tls_cert, when);
	if (to - now < SOON_S)
		steme_log(STEME_WARN, "[api] cert: %s ends soon, on %s",
		    c->tls_cert, when);
	return STEME_OK;
}

static int
check_cert(const struct steme_conf *c, const gnutls_datum_t *pem,
    struct steme_why *why)
{
	gnutls_x509_crt_t chain[CHAIN_MAX];
	unsigned n = CHAIN_MAX;
	int rc, err;

	rc = gnutls_x509_crt_list_import(chain, &n, pem, GNUTLS_X509_FMT_PEM, 0);
	if (rc < 1)
		return steme_fail(why, STEME_EINVAL, "[api] cert: %s holds no "
		    "certificate in PEM (the server's first, then those above it, at "
		    "most %d): %s", c->tls_cert, CHAIN_MAX,
		    rc < 0 ? gnutls_strerror(rc) : "it has none");
	err = check_term(c, chain[0], why);
	for (unsigned i = 0; i < n; i++)
		gnutls_x509_crt_deinit(chain[i]);
	return err;
}

static void
set_options(struct api_tls *t)
{
	t->options[0] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0,
	    t->cert };
	t->options[1] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0,
	    t->key };
	t->options[2] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0,
	    (void *)(uintptr_t)PRIORITIES };
	t->options[3] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
}

int
api_tls_new(struct api_tls **out, const struct steme_conf *c, struct steme_why *why)
{
	gnutls_datum_t cert, key;
	struct api_tls *t;
	size_t len = 0;
	int err;

	*out = NULL;
	if ((t = calloc(1, sizeof(*t))) == NULL)
		return STEME_ENOMEM;
	if ((err = read_pem("cert", c->tls_cert, false, &t->cert, &len, why)) !=
	    STEME_OK)
		goto out;
	cert = (gnutls_datum_t){ (unsigned char *)t->cert, (unsigned)len };
	if ((err = read_pem("key", c->tls_key, true, &t->key, &t->key_len, why)) !=
	    STEME_OK)
		goto out;
	key = (gnutls_datum_t){ (unsigned char *)t->key, (unsigned)t->key_len };
	if ((err = check_cert(c, &cert, why)) != STEME_OK ||
	    (err = check_pair(c, &cert, &key, why)) != STEME_OK)
		goto out;
	err = STEME_ENOMEM;
	if (gnutls_session_ticket_key_generate(&t->ticket) < 0)
		goto out;
	set_options(t);
	*out = t;
	t = NULL;
	err = STEME_OK;
out:
	api_tls_free(t);
	return err;
}

void
api_tls_free(struct api_tls *t)
{
	if (t == NULL)
		return;
	if (t->key != NULL)
		sodium_memzero(t->key, t->key_len);
	if (t->ticket.data != NULL)
		sodium_memzero(t->ticket.data, t->ticket.size);
	gnutls_free(t->ticket.data);
	free(t->key);
	free(t->cert);
	free(t);
}

const struct MHD_OptionItem *
api_tls_options(struct api_tls *t)
{
	return t->options;
}

void
api_tls_connection(struct api_tls *t, struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *i = MHD_get_connection_info(c,
	    MHD_CONNECTION_INFO_GNUTLS_SESSION);

	/* without tickets it still works, by full handshakes */
	if (i != NULL && i->tls_session != NULL &&
	    gnutls_session_ticket_enable_server(i->tls_session, &t->ticket) < 0)
		steme_log(STEME_DEBUG, "a TLS session cannot be resumed");
}
