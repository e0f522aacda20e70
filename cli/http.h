/* SPDX-License-Identifier: Apache-2.0 */
/* http.h - the one question the command asks over HTTP: is the sidecar well? */
#ifndef STEME_CLI_HTTP_H
#define STEME_CLI_HTTP_H

#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * GET path at host:port.  The status of the answer (200, ...), or STEME_ECONN: nobody
 * listens, STEME_ETIMEOUT, STEME_EPROTO: something that is no HTTP, STEME_EINVAL: no such host.
 * tls: by curl(1), whatever the certificate says, for this is about our own machine; without
 * curl STEME_ENOTFOUND.
 */
int http_get_status(const char *host, uint16_t port, bool tls, const char *path,
    int timeout_ms);

#endif
