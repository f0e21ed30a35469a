# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the scripts here share; to be sourced.  Sets kernel
# and cross.
#
#   snapshot DIR [FROM]             tree/, hooks/ and edits/ as they are now
#   stage ORIGINAL FROM OUT         what a snapshot adds to a source, changes
#   stage_new, stage_hook           one file of it, one hook or edit
#   put_file FROM TO                leaves other names of the old file alone
#
# A hook is a semantic patch (.cocci), an edit a sed script for what is not C;
# both name the files that they change, and must change each.
#
# shellcheck source-path=SCRIPTDIR source=../script/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../script/lib.sh"
# shellcheck disable=SC2034 # for those who source this
kernel=$root/kernel
# shellcheck disable=SC2034
readonly cross=aarch64-linux-gnu-

need_tools() {
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null ||
			die "$tool is missing: run script/deps"
	done
}

# snapshot DIR [FROM]: others may be editing while we work.
snapshot() {
	local from=${2-$kernel}
	{
		mkdir -p "$1" &&
			cp -r "$from/tree" "$from/hooks" "$from/edits" "$1"
	} || die "cannot copy to $1"
}

# Paths of the files that a directory holds, without it.
files_in() {
	[[ ! -d $1 ]] || find "$1" -type f -printf '%P\n' | sort
}

# The hooks and edits of a snapshot, in their order.
hooks_in() {
	find "$1/hooks" -name '[0-9][0-9]-*.cocci' | sort
	find "$1/edits" -name '[0-9][0-9]-*.sed' | sort
}

hook_files() {
	local files
	files=$(sed -nE 's@^(//|#) files: *@@p' "$1" | tr ' ' '\n')
	[[ -n $files ]] || die "${1##*/} does not say 'files:'"
	echo "$files"
}

# put_file FROM TO: the old file may have other names, in the original.
put_file() {
	{
		mkdir -p "$(dirname "$2")" && cp "$1" "$2.new.$$" &&
			mv -f "$2.new.$$" "$2"
	} || die "cannot write $2"
}

# stage_file ORIGINAL PATH OUT: once, with the headers beside it, which
# spatch reads.
stage_file() {
	local header dir=${2%/*}
	[[ -f $1/$2 ]] || die "the source has no $2: is it Linux 6.12?"
	mkdir -p "$3/now/$dir" "$3/old/$dir" || die "cannot write to $3"
	[[ ! -e $3/now/$2 ]] || return 0
	{ cp "$1/$2" "$3/now/$2" && cp "$1/$2" "$3/old/$2"; } ||
		die "cannot write to $3"
	for header in "$1/$dir"/*.h; do
		[[ ! -f $header || -e $3/now/$dir/${header##*/} ]] ||
			cp "$header" "$3/now/$dir"
	done
	echo "$2" >>"$3/touched"
}

# unmatched HOOK LOG: rules of a semantic patch that changed nothing.  spatch
# itself says nothing then, and succeeds.
unmatched() {
	awk '
	/^dependencies for rule .* (not )?satisfied/ {
		rule = $0
		sub(/^dependencies for rule /, "", rule)
		sub(/ (not )?satisfied.*/, "", rule)
		# spatch makes rules for prototypes by itself.
		if (rule ~ /^proto for /)
			rule = "."
		if (!(rule in changed))
			changed[rule] = 0
	}
	/^ *transform one node:/ { changed[rule]++ }
	END {
		for (rule in changed)
			if (rule != "." && !changed[rule])
				print rule
	}' "$2" | sort | comm -23 - <(
		# Those that another rule only leans on, or that may miss.
		sed -nE 's@^// may miss: *@@p' "$1" | sort
	)
}

run_spatch() {
	local hook=$1 dir=$2 log=$3 missed
	shift 3
	(cd "$dir" && spatch --debug --in-place --sp-file "$hook" "$@") \
		>"$log" 2>&1 || {
		grep -vE '^(bad|BAD|parse error|badcount| = )' "$log" |
			tail -n 10 >&2
		die "${hook##*/}: spatch failed"
	}
	missed=$(unmatched "$hook" "$log" | paste -sd ,)
	[[ -z $missed ]] || die "${hook##*/} does not fit this source:" \
		"nothing matched $missed"
}

run_sed() {
	local hook=$1 dir=$2
	shift 3
	(cd "$dir" && sed -E -i -f "$hook" "$@") ||
		die "${hook##*/}: sed failed"
}

# stage_hook ORIGINAL HOOK OUT: each of its files must change, and no other.
stage_hook() {
	local files file hook before
	hook=$(realpath "$2")
	files=$(hook_files "$2") || exit
	mapfile -t files <<<"$files"
	for file in "${files[@]}"; do
		stage_file "$1" "$file" "$3"
	done
	before=$(cd "$3/now" && sha256sum "${files[@]}")
	case $2 in
	*.cocci) run_spatch "$hook" "$3/now" "$3/log" "${files[@]}" ;;
	*.sed) run_sed "$hook" "$3/now" "$3/log" "${files[@]}" ;;
	esac
	for file in "${files[@]}"; do
		[[ $before != *"$(cd "$3/now" && sha256sum "$file")"* ]] ||
			die "${2##*/} changes nothing in $file:" \
				"it does not fit this source"
	done
}

# stage_new ORIGINAL FROM PATH OUT: a file of tree/ is new, never a change.
stage_new() {
	[[ ! -e $1/$3 ]] || die "$3 is there already:" \
		"was this source changed before?"
	mkdir -p "$4/now/$(dirname "$3")" || die "cannot write to $4"
	cp "$2/tree/$3" "$4/now/$3" || die "cannot write to $4"
	echo "$3" >>"$4/touched"
}

# stage ORIGINAL FROM OUT: all of a snapshot.  The changed files are those
# that OUT/touched lists, in OUT/now; as they were, in OUT/old.
stage() {
	local name
	mkdir -p "$3/now" "$3/old" || die "cannot write to $3"
	: >"$3/touched"
	while read -r name; do
		stage_new "$1" "$2" "$name" "$3"
	done < <(files_in "$2/tree")
	while read -r name; do
		stage_hook "$1" "$name" "$3"
	done < <(hooks_in "$2")
}
