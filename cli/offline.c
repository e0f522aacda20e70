/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offline.c - steme-offline: verify, rebuild and repair with no daemon running.  The only
 * program beside the daemon that links the store; `steme` and `stemedb-api` exec it.
 */
#include "config.h"
#include "cli/out.h"
#include "cli/report.h"
#include "core/check.h"
#include "core/conf.h"
#include "core/instance.h"
#include "core/log.h"
#include "core/repair.h"
#include "core/sign.h"
#include "core/util.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define MORE_MAX	64
#define REBUILD_BUFFER	(64u << 20)	/* of the index: half as many tables to merge */
#define REBUILD_PAD	(4 << 20)

struct offline {
	const char *dir, *wal, *kv;
	const char *more[MORE_MAX + 1];
	unsigned nmore;
	bool json, gaps, quick;
	struct steme_instance in;
	struct steme_conf conf;
	struct report rep;
	struct out_bar bar;
	struct steme_id operator_;	/* of --dir; zero: not known */
	struct steme_why why;
};

static int
fail(const struct offline *o, int err)
{
	int status = err == STEME_EBUSY || err == STEME_EREADONLY ? EX_TEMPFAIL :
	    err == STEME_EPERM ? EX_NOPERM : err == STEME_ENOTFOUND ? EX_NOINPUT :
	    err == STEME_EINVAL || err == STEME_ETOOBIG ? EX_DATAERR :
	    err == STEME_EEXIST ? EX_CANTCREAT : err == STEME_EIO ||
	    err == STEME_ENOSPC ? EX_IOERR : err == STEME_ENOMEM ? EX_OSERR :
	    err == STEME_EVERSION ? EX_PROTOCOL : 1;

	out_error(o->json, steme_errname(err), status, o->why.text[0] != '\0' ?
	    o->why.text : steme_strerror(err));
	return status;
}

static void
on_progress(void *arg, const char *what, unsigned permille)
{
	struct offline *o = arg;

	(void)what;
	out_bar_set(&o->bar, permille, "");
}

static void
on_check_progress(void *arg, unsigned permille)
{
	on_progress(arg, "", permille);
}

static void
on_finding(void *arg, const struct steme_finding *f)
{
	struct offline *o = arg;

	out_bar_clear(&o->bar);
	report_finding(&o->rep, f->err, f->lsn, &f->id, steme_str_from(f->text));
}

static void
on_warning(void *arg, const char *text)
{
	(void)arg;
	(void)text;
}

/* Who the store's operator is, should the log's first record be lost. */
static void
find_operator(struct offline *o)
{
	char path[PATH_MAX + 32];
	struct steme_key k;

	snprintf(path, sizeof(path), "%s/operator.pem", o->in.keys);
	if (steme_key_load(&k, path, NULL) == STEME_OK)
		o->operator_ = k.agent;
	steme_key_wipe(&k);
}

/* Where log and index lie: as given, else as the daemon of --dir would find them. */
static int
find_paths(struct offline *o)
{
	int err;

	if (o->wal != NULL && o->kv != NULL)
		return STEME_OK;
	if (o->wal != NULL || o->kv != NULL)
		return steme_fail(&o->why, STEME_EINVAL, "--wal-path and --kv-path go "
		    "together; or give --dir alone");
	if ((err = steme_instance_init(&o->in, o->dir, &o->why)) != STEME_OK ||
	    (err = steme_conf_load(&o->conf, o->in.conf, false, on_warning, NULL,
	    &o->why)) != STEME_OK)
		return err;
	o->wal = o->conf.wal_path[0] != '\0' ? o->conf.wal_path : o->in.wal;
	o->kv = o->conf.kv_path[0] != '\0' ? o->conf.kv_path : o->in.kv;
	find_operator(o);
	return STEME_OK;
}

/* Opening a store where there is none would make one: that is not asked here. */
static int
check_wal(struct offline *o)
{
	bool found = o->nmore > 0;
	struct dirent *e;
	DIR *d = opendir(o->wal);

	if (d == NULL)
		return steme_fail(&o->why, steme_err_from_errno(errno),
		    "the log's folder %s: %s", o->wal, strerror(errno));
	while ((e = readdir(d)) != NULL)
		if (strncmp(e->d_name, "segment.", 8) == 0 &&
		    strstr(e->d_name, ".wal") != NULL)
			found = true;
	closedir(d);
	return found ? STEME_OK : steme_fail(&o->why, STEME_ENOTFOUND,
	    "there is no log in %s", o->wal);
}

static struct steme_store_opts
store_opts(struct offline *o)
{
	struct steme_store_opts s = {
		.wal_dir = o->wal, .kv_dir = o->kv, .operator_ = o->operator_,
		.more_wal_dirs = o->nmore > 0 ? o->more : NULL,
		.segment_bytes = (uint64_t)o->conf.segment_mb << 20,
		.accept_gaps = o->gaps, .progress = on_progress, .arg = o,
	};

	return s;
}

/* Opening makes a damaged index anew, and what was checked is the new one. */
static void
tell_index(struct offline *o, struct steme_store *s, struct steme_check_report *r)
{
	struct steme_finding f = { .err = STEME_ECORRUPT };
	struct steme_store_stats st;

	steme_store_stats(s, &st);
	if (!st.index_was_damaged)
		return;
	snprintf(f.text, sizeof(f.text), "the index in %s was damaged; it was made anew "
	    "from the log just now", o->kv);
	r->problems++;
	on_finding(o, &f);
}

static int
verify(struct offline *o)
{
	struct steme_check_opts k = { .skip_signatures = o->quick,
	    .finding = on_finding, .progress = on_check_progress, .arg = o };
	struct steme_store_opts so = store_opts(o);
	struct steme_check_report r = { 0 };
	struct steme_store *s;
	int err;

	out_bar_init(&o->bar, isatty(STDERR_FILENO), 0, "verifying");
	if ((err = steme_store_open(&s, &so, &o->why)) != STEME_OK) {
		out_bar_clear(&o->bar);
		return fail(o, err);
	}
	err = steme_store_verify(s, &k, &r, &o->why);
	tell_index(o, s, &r);
	out_bar_clear(&o->bar);
	steme_store_close(s);
	if (err != STEME_OK && err != STEME_ECORRUPT)
		return fail(o, err);
	o->rep.n[REP_RECORDS] = r.records;
	o->rep.n[REP_OBJECTS] = r.objects;
	o->rep.n[REP_SIGNATURES] = r.signatures;
	o->rep.n[REP_BATCHES] = r.batches;
	o->rep.n[REP_SEGMENTS] = r.segments;
	o->rep.n[REP_ENTRIES] = r.index_entries;
	o->rep.n[REP_LOST] = r.lost_segment_records;
	o->rep.n[REP_PROBLEMS] = r.problems;
	o->rep.n[REP_US] = r.us;
	return report_verify(&o->rep);
}

static int
rebuild(struct offline *o)
{
	struct steme_store_opts so = store_opts(o);
	struct steme_applied at = { 0 };
	uint64_t us = 0;
	int err;

	/*
	 * LevelDB's memtables grow by 4 KiB.  An arena of a thread grows by as much, an
	 * mprotect() each time, which stops the other threads: so one arena, in steps.
	 */
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_TOP_PAD, REBUILD_PAD);
	so.write_buffer = REBUILD_BUFFER;
	out_bar_init(&o->bar, isatty(STDERR_FILENO), 0, "rebuilding");
	/* an index that somebody named as a folder is not replaced */
	err = steme_rebuild_offline(&so, o->in.dir[0] != '\0', &at, &us, &o->why);
	o->rep.n[REP_REBUILT] = at.counts.objects;
	o->rep.n[REP_REBUILD_US] = us;
	out_bar_clear(&o->bar);
	return err != STEME_OK ? fail(o, err) : report_rebuild(&o->rep);
}

static int
repair(struct offline *o)
{
	struct steme_store_opts so = store_opts(o);
	struct steme_repair_report r;
	int err = steme_repair(&so, on_finding, o, &r, &o->why);

	o->rep.n[REP_TROUBLES] = r.troubles;
	o->rep.n[REP_REFILLED] = r.refilled;
	o->rep.n[REP_GONE] = r.lost;
	o->rep.n[REP_WRITTEN] = r.written;
	o->rep.n[REP_ASIDE] = r.aside;
	return err != STEME_OK ? fail(o, err) : report_repair(&o->rep);
}

static void
usage(FILE *f)
{
	fputs("usage: steme-offline verify  [--skip-signatures] WHERE\n"
	    "       steme-offline rebuild [--accept-gaps] [--more-wal-path W]... WHERE\n"
	    "       steme-offline repair  [--accept-gaps] [--more-wal-path W]... WHERE\n"
	    "WHERE: --dir D, or --wal-path W --kv-path K; [--json]\n\n"
	    "Checks a store whose daemon is down, makes its index anew, or its log whole.\n"
	    "People type `steme verify`, `rebuild` and `repair`, which run this.\n\n"
	    "example: steme-offline rebuild --wal-path /var/lib/stemedb/wal "
	    "--kv-path /var/lib/stemedb/kv\n", f);
}

/* -1: go on; otherwise the exit status. */
static int
parse_options(struct offline *o, int argc, char **argv)
{
	enum { O_DIR = 256, O_WAL, O_KV, O_MORE, O_GAPS, O_QUICK, O_JSON, O_HELP,
	    O_VERSION };
	static const struct option longs[] = {
		{ "dir", required_argument, NULL, O_DIR },
		{ "wal-path", required_argument, NULL, O_WAL },
		{ "kv-path", required_argument, NULL, O_KV },
		{ "more-wal-path", required_argument, NULL, O_MORE },
		{ "accept-gaps", no_argument, NULL, O_GAPS },
		{ "skip-signatures", no_argument, NULL, O_QUICK },
		{ "json", no_argument, NULL, O_JSON },
		{ "help", no_argument, NULL, O_HELP },
		{ "version", no_argument, NULL, O_VERSION },
		{ NULL, 0, NULL, 0 }
	};
	int k;

	while ((k = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (k) {
		case O_DIR:
			o->dir = optarg;
			break;
		case O_WAL:
		case O_MORE:
			/* the first is the log, further ones are read beside it */
			if (k == O_WAL && o->wal == NULL) {
				o->wal = optarg;
			} else if (o->nmore < MORE_MAX) {
				o->more[o->nmore++] = optarg;
			} else {
				fprintf(stderr, "steme-offline: at most %d further "
				    "folders\n", MORE_MAX);
				return EX_USAGE;
			}
			break;
		case O_KV:
			o->kv = optarg;
			break;
		case O_GAPS:
			o->gaps = true;
			break;
		case O_QUICK:
			o->quick = true;
			break;
		case O_JSON:
			o->json = true;
			break;
		case O_HELP:
		case 'h':
			usage(stdout);
			return EX_OK;
		case O_VERSION:
			printf("steme-offline %s (object format 1, index format %d)\n",
			    PACKAGE_VERSION, STEME_INDEX_FORMAT);
			return EX_OK;
		default:
			usage(stderr);
			return EX_USAGE;
		}
	}
	return -1;
}

static const struct {
	const char *name;
	int (*run)(struct offline *o);
} works[] = { { "verify", verify }, { "rebuild", rebuild }, { "repair", repair } };

int
main(int argc, char **argv)
{
	static struct offline o;
	int (*work)(struct offline *o) = NULL;
	int status, err;

	umask(022);
	if ((status = parse_options(&o, argc, argv)) >= 0)
		return status;
	for (size_t i = 0; i < STEME_NELEM(works) && optind + 1 == argc; i++)
		if (strcmp(argv[optind], works[i].name) == 0)
			work = works[i].run;
	if (work == NULL) {
		usage(stderr);
		return EX_USAGE;
	}
	/* what it does is said by the report */
	steme_log_set_level(STEME_ERROR);
	report_init(&o.rep, o.json);
	steme_conf_defaults(&o.conf);
	if ((err = find_paths(&o)) != STEME_OK || (err = check_wal(&o)) != STEME_OK)
		return fail(&o, err);
	status = work(&o);
	if ((fflush(stdout) != 0 || ferror(stdout)) && status <= 1) {
		steme_fail(&o.why, STEME_EIO, "cannot write to stdout");
		status = fail(&o, STEME_EIO);
	}
	return status;
}
