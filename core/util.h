/* SPDX-License-Identifier: Apache-2.0 */
/* util.h - small helpers every module may use. */
#ifndef STEME_UTIL_H
#define STEME_UTIL_H

#include <stddef.h>

#define STEME_NELEM(a)	(sizeof(a) / sizeof((a)[0]))
#define STEME_MIN(a, b)	((a) < (b) ? (a) : (b))
#define STEME_MAX(a, b)	((a) > (b) ? (a) : (b))

#endif
