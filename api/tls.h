/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h - TLS for the listeners: certificate and key of [api] cert and key.
 *
 * TLS 1.2 and 1.3, what GnuTLS calls normal, nothing older; sessions are resumed by
 * tickets, whose key lives in memory only.  The files are read at start: a new certificate
 * takes a restart.
 */
#ifndef STEME_API_TLS_H
#define STEME_API_TLS_H

#include "core/conf.h"
#include "core/err.h"

#include <microhttpd.h>
#include <stdbool.h>

struct api_tls;

/* Does the configuration ask for TLS?  (conf.c sees to it that both are there.) */
bool api_tls_wanted(const struct steme_conf *c);
/*
 * Reads and checks the files: PEM, an unencrypted key that only its owner may read, a
 * certificate it belongs to and that holds now.  STEME_EINVAL, STEME_EPERM, STEME_ENOTFOUND:
 * why names the file and the cure.  A certificate that soon ends is only warned of.
 */
int api_tls_new(struct api_tls **out, const struct steme_conf *c,
    struct steme_why *why);
/* Wipes the key.  NULL is allowed. */
void api_tls_free(struct api_tls *t);

/* MHD_OPTION_ARRAY's content for a TLS listener; valid as long as t. */
const struct MHD_OptionItem *api_tls_options(struct api_tls *t);
/* A connection begins: allows it to be resumed. */
void api_tls_connection(struct api_tls *t, struct MHD_Connection *c);

#endif
