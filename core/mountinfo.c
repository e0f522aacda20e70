/* SPDX-License-Identifier: Apache-2.0 */
/* mountinfo.c - /proc/self/mountinfo. */
#include "config.h"
#include "core/mountinfo.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Blanks and the like stand as \040 in mountinfo. */
static void
unescape(char *s)
{
	char *out = s;

	for (; *s != '\0'; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' &&
		    s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 |
			    (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

/* Links on the way are the kernel's business; the last part may be a dead mount. */
static const char *
resolve(const char *path, char real[PATH_MAX])
{
	char parent[PATH_MAX], *slash;

	snprintf(parent, sizeof(parent), "%s", path);
	if ((slash = strrchr(parent, '/')) == NULL || slash == parent)
		return path;
	*slash = '\0';
	if (realpath(parent, real) == NULL ||
	    strlen(real) + strlen(slash + 1) + 1 >= PATH_MAX)
		return path;
	if (real[1] != '\0')
		strcat(real, "/");
	return strcat(real, slash + 1);
}

/* id parent MAJ:MIN root POINT options [tags] - TYPE source ... */
static bool
parse(char *line, const char *path, struct steme_mountinfo *out)
{
	char *point = line, *dash;

	for (int i = 0; i < 4 && point != NULL; i++)
		if ((point = strchr(point, ' ')) != NULL)
			point++;
	if (point == NULL || (dash = strstr(point, " - ")) == NULL ||
	    sscanf(line, "%*d %*d %*u:%u", &out->minor) != 1)
		return false;
	*strchr(point, ' ') = '\0';
	unescape(point);
	if (strcmp(point, path) != 0)
		return false;
	snprintf(out->type, sizeof(out->type), "%.*s", (int)strcspn(dash + 3, " "),
	    dash + 3);
	return true;
}

bool
steme_mountinfo_find(const char *path, struct steme_mountinfo *out)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, real[PATH_MAX];
	struct steme_mountinfo m;
	size_t room = 0;
	bool found = false;

	path = resolve(path, real);
	while (f != NULL && getline(&line, &room, f) > 0)
		if (parse(line, path, &m)) {
			*out = m;
			found = true;
		}
	free(line);
	if (f != NULL)
		fclose(f);
	return found;
}
