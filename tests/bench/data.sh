# shellcheck shell=bash
# data.sh - the claims to load, in the form that each side takes; kept in the build folder.

# Without npm: the sample, under enough roots to be as many claims.
sample_many () {
	local i n
	n=$(wc -l <"$TOP/etc/sample/countries.ndjson")
	for i in $(seq $((286000 / n + 1))); do
		sed "s,\"concept_path\":\",&copy$i/," "$TOP/etc/sample/countries.ndjson"
	done
}

make_data () {
	if [ ! -s "$DATA/mdn.ndjson" ]; then
		note "bench: fetching the browser support data of MDN (npm)"
		if "$TOP/etc/data/load-mdn" --cache "$DATA/packages" >"$DATA/part" 2>"$DATA/load.log"; then
			echo "claims: MDN browser support data, npm" >"$DATA/which"
		else
			cat "$DATA/load.log" >&2
			note "bench: no npm: the sample is loaded many times over instead"
			sample_many >"$DATA/part"
			echo "claims: the sample many times over (npm could not be reached)" >"$DATA/which"
		fi
		mv "$DATA/part" "$DATA/mdn.ndjson"
	fi
	NCLAIMS=$(wc -l <"$DATA/mdn.ndjson")
	NSINGLE=$((NCLAIMS < 60000 ? NCLAIMS : 60000))
	note "bench: $(cat "$DATA/which"), $NCLAIMS"
	head -n 10000 "$DATA/mdn.ndjson" >"$DATA/agents.in"
	[ -s "$DATA/mdn.tsv" ] || derive tsv mdn.ndjson mdn.tsv
	[ -s "$DATA/mdn.copy" ] || derive copy mdn.ndjson mdn.copy
	[ -s "$DATA/single.ndjson" ] || head -n "$NSINGLE" "$DATA/mdn.ndjson" >"$DATA/single.ndjson"
	[ -s "$DATA/single.sql" ] || derive insert single.ndjson single.sql
	[ -s "$DATA/signed.ndjson" ] || derive signed single.ndjson signed.ndjson
	[ -s "$DATA/batches" ] || derive batch mdn.ndjson batches
	[ -s "$DATA/agents.ndjson" ] || derive agents agents.in agents.ndjson
	[ -s "$DATA/concepts" ] || cut -f 1 "$DATA/mdn.tsv" | sort -u >"$DATA/concepts"
	[ -s "$DATA/lua" ] || make_lua
	grep -v -F '"source":null' "$DATA/mdn.ndjson" | head -n 1 >/dev/null
	CONCEPT=$(head -n 1 "$DATA/concepts")
	cat "$DATA/which" >>"$OUT/machine.txt"
}

derive () {
	note "bench: preparing $3"
	"$BUILD/bench_rows" "$1" <"$DATA/$2" >"$DATA/part" || die "bench_rows failed"
	mv "$DATA/part" "$DATA/$3"
}

# For wrk: every concept in turn, in a shuffled order that is the same each time.
make_lua () {
	{
		echo 'local paths = {'
		shuf --random-source="$DATA/concepts" "$DATA/concepts" |
		    sed 's,.*,"/v1/query?concept_path=&"\,,'
		cat <<-'END'
		}
		local i = 0
		request = function ()
			i = i % #paths + 1
			return wrk.format("GET", paths[i])
		end
		END
	} >"$DATA/lua"
}
