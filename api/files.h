/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.h - files that are part of the program: the web page.  The table is made by
 * api/embed.sh from the files that api/local.mk lists (API_FILES); the bytes live as
 * long as the program.
 */
#ifndef STEME_API_FILES_H
#define STEME_API_FILES_H

#include <stddef.h>

struct api_request;

struct api_file {
	const char *path;		/* the URL's */
	const char *type;		/* media type */
	const unsigned char *bytes;
	size_t len;
	const char *etag;		/* a hash of the bytes, in its quotes */
};
extern const struct api_file api_files[];
extern const size_t api_nfiles;

/*
 * Handler: answers with the file whose path is the request's, or 404.  With a strong ETag
 * (304 if the client has it), and headers that let a page load from here alone.
 */
void api_send_file(struct api_request *r);

#endif
