/* SPDX-License-Identifier: Apache-2.0 */
/* meta.c - what the index says of itself: the entries 'M', the checkpoint among them. */
#include "config.h"
#include "core/store_impl.h"
#include "core/rd.h"
#include "core/wr.h"

#include <stdlib.h>

int
steme_meta_get(struct steme_index *ix, const char *name, uint8_t **val, size_t *len)
{
	struct steme_keybuf k;

	*val = NULL;
	steme_key_meta(&k, name);
	return ix->ops->get(ix, NULL, k.b, k.n, val, len);
}

void
steme_meta_put(struct steme_batch *b, const char *name, const void *val, size_t len)
{
	struct steme_keybuf k;

	steme_key_meta(&k, name);
	steme_batch_put(b, k.b, k.n, val, len);
}

int
steme_meta_number(struct steme_index *ix, const char *name, unsigned bytes, uint64_t *out)
{
	uint8_t *val;
	size_t len;
	int err = steme_meta_get(ix, name, &val, &len);
	struct steme_rd rd = steme_rd_from(val, err == STEME_OK ? len : 0);

	*out = 0;
	if (err == STEME_OK) {
		*out = steme_rd_le(&rd, bytes);
		if (!steme_rd_done(&rd))
			err = STEME_ECORRUPT;
	}
	free(val);
	return err;
}

void
steme_rebuilt_encode(uint8_t out[25], const struct steme_meta_rebuilt *m)
{
	steme_put_le(out, (uint64_t)m->at_us, 8);
	steme_put_le(out + 8, m->assertions, 8);
	steme_put_le(out + 16, m->ms, 8);
	out[24] = m->told;
}

void
steme_rebuilt_decode(struct steme_meta_rebuilt *m, const uint8_t *val, size_t len)
{
	struct steme_rd rd = steme_rd_from(val, len);
	struct steme_meta_rebuilt t;

	t.at_us = (int64_t)steme_rd_le(&rd, 8);
	t.assertions = steme_rd_le(&rd, 8);
	t.ms = steme_rd_le(&rd, 8);
	t.told = steme_rd_le(&rd, 1) != 0;
	if (steme_rd_done(&rd))
		*m = t;
}

int
steme_checkpoint_put(struct steme_index *ix, const struct steme_applied *at, bool sync)
{
	struct steme_batch *b = steme_batch_new();
	struct steme_keybuf from, to;
	struct steme_buf v = {0};
	struct steme_iter it;
	uint64_t number;
	int err = STEME_ENOMEM;

	if (b == NULL)
		return STEME_ENOMEM;
	steme_applied_encode(&v, at);
	if (steme_buf_err(&v) != STEME_OK)
		goto out;
	steme_meta_put(b, "checkpoint", v.data, v.len);
	steme_key_range_family(&from, &to, 'W');
	err = ix->ops->iter_open(ix, NULL, from.b, from.n, to.b, to.n, false, &it);
	if (err != STEME_OK)
		goto out;
	while ((err = ix->ops->iter_next(ix, &it)) == STEME_OK) {
		err = steme_key_parse_applied(&number, it.key, it.klen);
		if (err != STEME_OK || number > at->number)
			break;
		steme_batch_del(b, it.key, it.klen);
	}
	ix->ops->iter_close(ix, &it);
	if (err == STEME_OK || err == STEME_ENOTFOUND)
		err = steme_batch_err(b);
	if (err == STEME_OK)
		err = ix->ops->write(ix, b, sync);
out:
	steme_buf_fini(&v);
	steme_batch_free(b);
	return err;
}

int
steme_kept_genesis(struct steme_store *s, struct steme_index *ix)
{
	uint8_t *val;
	size_t len;
	int err = steme_meta_get(ix, "genesis", &val, &len);

	if (err == STEME_OK)
		err = steme_genesis_decode(&s->genesis, val, len);
	free(val);
	return err;
}
