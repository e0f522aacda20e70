# shellcheck shell=bash
# part-mount.sh - the mount beside the same tree as files on an ext4 of its own.

# ext4_remount: nothing of it is in any cache, neither its own nor its image's pages.
ext4_remount () {
	umount "$T/ext4" 2>/dev/null
	dd if="$T/ext4.img" iflag=nocache count=0 status=none
	mount -o loop "$T/ext4.img" "$T/ext4" || die "cannot mount a loop device: run as root"
}

# The tree: the folder below web/ (or of the sample) that has between 1,000 and 3,000 claims.
pick_tree () {
	TREE=web/mathml
	grep -q "^$TREE/" "$DATA/concepts" || TREE=$(cut -d / -f 1-3 "$DATA/concepts" | sort | uniq -c | sort -n | awk '$1 >= 5 { print $2; exit }')
}

files_cat () { "$BUILD/bench_files" cat <"$1" | cut -d ' ' -f 1; }
files_stat () { "$BUILD/bench_files" stat <"$1" | cut -d ' ' -f 1; }
# The median of five passes of some milliseconds after a first one: whoever takes the
# processor during one of them does not count.
files_warm () { "$BUILD/bench_files" -r 6 "$1" <"$2" | tail -n 5 | cut -d ' ' -f 1 | median; }

warm_cat_ours () { files_warm cat "$T/files.ours"; }
warm_cat_peer () { files_warm cat "$T/files.peer"; }
warm_stat_ours () { files_warm stat "$T/files.ours"; }
warm_stat_peer () { files_warm stat "$T/files.peer"; }
# One pass a second: the median of the passes after the first.
expired_ours () { "$BUILD/bench_files" -r 4 -w 1100 cat <"$T/files.ours" | tail -n 3 | cut -d ' ' -f 1 | median; }
expired_peer () { "$BUILD/bench_files" -r 4 -w 1100 cat <"$T/files.peer" | tail -n 3 | cut -d ' ' -f 1 | median; }
cold_cat_ours () { store_up; files_cat "$T/files.ours"; }
cold_cat_peer () { ext4_remount; files_cat "$T/files.peer"; }
cold_stat_ours () { store_up; files_stat "$T/files.ours"; }
cold_stat_peer () { ext4_remount; files_stat "$T/files.peer"; }
pair_ours () { store_up; "$BUILD/bench_files" -e 2 cat <"$T/pairs.ours" | cut -d ' ' -f 1; }
pair_peer () { ext4_remount; "$BUILD/bench_files" -e 2 cat <"$T/pairs.peer" | cut -d ' ' -f 1; }
find_ours () { seconds find "$M/$TREE" -newermt 2000-01-01; }
find_peer () { seconds find "$T/ext4/tree" -newermt 2000-01-01; }
cold_find_ours () { store_up; find_ours; }
cold_find_peer () { ext4_remount; find_peer; }

part_mount () {
	local n f e
	[ -c /dev/fuse ] || die "/dev/fuse is missing: the mount cannot be measured"
	store_with_claims
	pick_tree
	truncate -s 1G "$T/ext4.img"
	mkfs.ext4 -q -F -N 200000 "$T/ext4.img" || die "mkfs.ext4 failed"
	mkdir -p "$T/ext4"
	ext4_remount
	note "bench: copying $TREE to ext4"
	cp -r "$M/$TREE" "$T/ext4/tree" || die "cannot copy the tree"
	find "$M/$TREE" -path '*/@recency/*' -type f | sort >"$T/files.ours"
	sed "s,^$M/$TREE,$T/ext4/tree," "$T/files.ours" >"$T/files.peer"
	# of each folder the first file, then the second
	awk -F / '{ d = $0; sub("/[^/]*$", "", d); if (d != last) { n = 0; last = d }
	    if (++n == 1) one = $0; else if (n == 2) { print one; print $0 } }' "$T/files.ours" >"$T/pairs.ours"
	sed "s,^$M/$TREE,$T/ext4/tree," "$T/pairs.ours" >"$T/pairs.peer"
	n=$(wc -l <"$T/files.ours")
	f="bench_files cat, $n files of $TREE/**/@recency"
	e="the same below ext4"
	in_turn 3 warm_cat_ours warm_cat_peer
	row "cat, warm" us "$ours" "$peer" "<= 2" "$f" "$e"
	in_turn 1 expired_ours expired_peer
	row "cat, once a second (names expire)" us "$ours" "$peer" "" "$f, -w 1100" "$e"
	in_turn 3 warm_stat_ours warm_stat_peer
	row "stat, warm (names live 1 s)" us "$ours" "$peer" "" "bench_files stat" "$e"
	find_ours >"$T/out1"
	e=$(find "$M/$TREE" | wc -l)
	in_turn 3 find_ours find_peer
	row "find -newermt, warm, $e names" s "$ours" "$peer" "" "find M/$TREE -newermt 2000-01-01" "find EXT4/tree -newermt 2000-01-01"
	e="the same below ext4, just mounted"
	in_turn 3 pair_ours pair_peer
	row "cat, cold file in a warm folder" us "$ours" "$peer" "" "bench_files -e 2 cat, after steme down and up" "$e"
	row "cat, cold file in a warm folder" us "$ours" - "<= 150" "the same" "-"
	in_turn 3 cold_cat_ours cold_cat_peer
	row "cat, cold" us "$ours" "$peer" "" "$f, after steme down and up" "$e"
	in_turn 3 cold_stat_ours cold_stat_peer
	row "stat, cold" us "$ours" "$peer" "" "bench_files stat, after steme down and up" "$e"
	in_turn 1 cold_find_ours cold_find_peer
	row "find -newermt, cold" s "$ours" "$peer" "" "find, after steme down and up" "$e"
	umount "$T/ext4"
}
