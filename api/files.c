/* SPDX-License-Identifier: Apache-2.0 */
/* files.c - the web page and other files within the program. */
#include "config.h"
#include "api/files.h"
#include "api/api.h"
#include "core/util.h"

#include <string.h>

/*
 * Nothing inline, nothing from elsewhere, no frame around it: if a hostile value ever
 * became markup, the browser would still not run it.
 */
#define POLICY	"default-src 'none'; script-src 'self'; style-src 'self'; " \
	"connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; " \
	"frame-ancestors 'none'; require-trusted-types-for 'script'; " \
	"trusted-types 'none'"

static const struct api_file *
find(struct steme_str path)
{
	for (size_t i = 0; i < api_nfiles; i++)
		if (steme_str_eq(path, steme_str_from(api_files[i].path)))
			return &api_files[i];
	return NULL;
}

static struct MHD_Response *
make(const struct api_request *r, const struct api_file *f, bool with_body)
{
	static const char *const headers[][2] = {
		{ "X-Content-Type-Options", "nosniff" },
		{ "Content-Security-Policy", POLICY },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
		/* asked each time, so that an upgrade shows at once; 304 is cheap */
		{ "Cache-Control", "no-cache" },
	};
	struct MHD_Response *resp = MHD_create_response_from_buffer(
	    with_body ? f->len : 0, (void *)(uintptr_t)f->bytes,
	    MHD_RESPMEM_PERSISTENT);

	if (resp == NULL)
		return NULL;
	MHD_add_response_header(resp, "Content-Type", f->type);
	MHD_add_response_header(resp, "ETag", f->etag);
	for (size_t i = 0; i < STEME_NELEM(headers); i++)
		MHD_add_response_header(resp, headers[i][0], headers[i][1]);
	/* over plain HTTP from elsewhere browsers ignore it, and complain */
	if (r->api->tls != NULL || api_from_loopback(r))
		MHD_add_response_header(resp, "Cross-Origin-Opener-Policy",
		    "same-origin");
	return resp;
}

void
api_send_file(struct api_request *r)
{
	const struct api_file *f = find(r->path);
	bool same;

	if (f == NULL) {
		api_problem(r, 404, "not-found", "the page has no file %.*s; it begins "
		    "at /", (int)STEME_MIN(r->path.n, 200), r->path.p);
		return;
	}
	same = api_etag_matches(r, f->etag);
	api_queue(r, same ? 304 : 200, make(r, f, !same));
}
