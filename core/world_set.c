/* SPDX-License-Identifier: Apache-2.0 */
/* world_set.c - sets of ids and strings, and the life of parts. */
#include "config.h"
#include "core/world_impl.h"

#include <stdlib.h>

int
steme_array_grow(void *array, size_t size, uint32_t n, uint32_t *cap)
{
	void **at = array, *p;
	uint32_t more = *cap == 0 ? 8 : *cap * 2;

	if (n < *cap)
		return STEME_OK;
	if (more <= n || (p = realloc(*at, more * size)) == NULL)
		return STEME_ENOMEM;
	*at = p;
	*cap = more;
	return STEME_OK;
}

uint32_t
steme_idset_find(const struct idset *s, const struct steme_id *id)
{
	uint32_t h, i, at;

	if (s->n == 0)
		return STEME_HTAB_NONE;
	i = h = steme_hash_id(id);
	while ((at = steme_htab_next(&s->tab, h, &i)) != STEME_HTAB_NONE)
		if (steme_id_eq(&s->ids[at], id))
			break;
	return at;
}

uint32_t
steme_strset_find(const struct strset *s, struct steme_str str)
{
	uint32_t h, i, at;

	if (s->n == 0)
		return STEME_HTAB_NONE;
	i = h = steme_hash_str(str);
	while ((at = steme_htab_next(&s->tab, h, &i)) != STEME_HTAB_NONE)
		if (steme_str_eq(s->strs[at], str))
			break;
	return at;
}

int
steme_idset_add(struct idset *s, const struct steme_id *id, uint32_t *at)
{
	int err;

	if ((*at = steme_idset_find(s, id)) != STEME_HTAB_NONE)
		return STEME_OK;
	if ((err = steme_array_grow(&s->ids, sizeof(*s->ids), s->n, &s->cap)) != STEME_OK ||
	    (err = steme_htab_add(&s->tab, steme_hash_id(id), s->n)) != STEME_OK)
		return err;
	*at = s->n;
	s->ids[s->n++] = *id;
	return STEME_OK;
}

int
steme_strset_add(struct strset *s, struct steme_str str, uint32_t *at)
{
	int err;

	if ((*at = steme_strset_find(s, str)) != STEME_HTAB_NONE)
		return STEME_OK;
	if ((err = steme_array_grow(&s->strs, sizeof(*s->strs), s->n, &s->cap)) != STEME_OK ||
	    (err = steme_htab_add(&s->tab, steme_hash_str(str), s->n)) != STEME_OK)
		return err;
	*at = s->n;
	s->strs[s->n++] = str;
	return STEME_OK;
}

void
steme_idset_fini(struct idset *s)
{
	free(s->ids);
	steme_htab_fini(&s->tab);
}

void
steme_strset_fini(struct strset *s)
{
	free(s->strs);
	steme_htab_fini(&s->tab);
}

struct part *
steme_part_new(enum part_kind kind, size_t size)
{
	struct part *p = calloc(1, size);

	if (p == NULL)
		return NULL;
	atomic_init(&p->refs, 1);
	p->kind = kind;
	return p;
}

void
steme_part_put(struct part *p)
{
	static void (*const fini[NPART])(struct part *) = {
		[PART_SETTINGS] = steme_settings_fini,
		[PART_REVOKED] = steme_revoked_fini,
		[PART_ALIASES] = steme_aliases_fini,
		[PART_EPOCHS] = steme_epochs_fini,
		[PART_SOURCES] = steme_sources_fini,
		[PART_TRUST] = steme_trust_fini,
	};

	if (p == NULL || atomic_fetch_sub(&p->refs, 1) != 1)
		return;
	fini[p->kind](p);
	free(p);
}
