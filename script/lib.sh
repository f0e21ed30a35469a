# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the scripts share; to be sourced.  Sets root and cache_dir.
#
#   need_deps      installs what is missing of the tools and libraries
#   build_native   build/native: gcc, ASan and UBSan, warnings are errors
#   build_clang    build/clang: what clang says of it
#   build_arm64    build/arm64: static arm64 programs
#   hold_out       nobody else writes to out/ until this script has ended
#
# All are quick when there is nothing to do.  Errors are one line and end the
# script.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# HOME may be unset in CI.
cache_dir=${ONEREG_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/onereg}
# shellcheck disable=SC2034 # script/deps fills it
sysroot=$cache_dir/sysroot
cross_file=$cache_dir/arm64.ini
export DEBIAN_FRONTEND=noninteractive

die() {
	echo "${0##*/}: error: $*" >&2
	exit 1
}

# What takes longer than a moment says so, on a line of its own.
progress() {
	echo "${0##*/}: $*" >&2
}

as_root() {
	if [[ $(id -u) -eq 0 ]]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo DEBIAN_FRONTEND=noninteractive "$@"
	else
		die "needs root for: $*"
	fi
}

# quietly COMMAND...: its output is shown only if it fails.
quietly() {
	local output
	output=$("$@" 2>&1) && return
	tail -n 40 <<<"$output" >&2
	return 1
}

# What this script starts may write there too.
hold_out() {
	[[ -z ${ONEREG_OUT_HELD-} ]] || return 0
	mkdir -p "$root/build"
	exec {out_lock}>"$root/build/.out.lock"
	flock -n "$out_lock" || {
		progress "waits until nobody else uses out/"
		flock "$out_lock"
	}
	export ONEREG_OUT_HELD=1
}

# Locks the cache against another run of the same step.
locked() {
	local step=$1
	shift
	mkdir -p "$cache_dir"
	(
		flock 9
		"$@"
	) 9>"$cache_dir/.$step.lock"
}

apt_update() {
	progress "updating the lists of packages"
	quietly as_root apt-get update || die "apt-get update failed"
}

# apt_download DIR PACKAGE...: into DIR; refreshes old lists once.
apt_download() {
	local dir=$1
	shift
	(cd "$dir" && quietly apt-get -qq download "$@" 2>/dev/null) && return
	apt_update
	(cd "$dir" && quietly apt-get -qq download "$@") ||
		die "cannot download $*"
}

# Packages of the other architecture: known to dpkg, listed by apt.
need_arm64_packages() {
	if ! dpkg --print-foreign-architectures | grep -x arm64 >/dev/null; then
		as_root dpkg --add-architecture arm64
		apt_update
	elif ! apt-cache show libjansson-dev:arm64 >/dev/null 2>&1; then
		apt_update
	fi
}

need_deps() {
	"$root/script/deps"
}

# configure DIR OPTION...: a stale directory is configured anew, and kept if
# that fails: then the fault is in the tree.
configure() {
	local dir=$root/build/$1 old=$root/build/.old-$1 stamp
	shift
	stamp="$(meson --version) $*"
	if [[ $(cat "$dir/.configured" 2>/dev/null) == "$stamp" &&
		-e $dir/build.ninja ]]; then
		# Follows changed meson.build files; often just works.
		ninja -C "$dir" build.ninja >/dev/null 2>&1 && return
	fi
	progress "configuring ${dir#"$root"/}"
	rm -rf "$old"
	[[ ! -d $dir ]] || mv -T "$dir" "$old"
	if ! quietly meson setup "$dir" "$root" "$@"; then
		rm -rf "$dir"
		[[ ! -d $old ]] || mv -T "$old" "$dir"
		die "cannot configure ${dir#"$root"/}"
	fi
	rm -rf "$old"
	echo "$stamp" >"$dir/.configured"
}

# compile DIR TARGET...
compile() {
	local dir=$root/build/$1
	shift
	quietly ninja -C "$dir" "$@" || die "cannot build ${dir#"$root"/}"
}

build_native() {
	locked native build_in native "$@" -- \
		--werror -Db_sanitize=address,undefined -Db_lundef=false
}

# A second opinion; its programs are not run.
build_clang() {
	CC=clang locked clang build_in clang "$@" -- --werror
}

build_arm64() {
	locked arm64 build_in arm64 "$@" -- \
		--werror --cross-file "$cross_file" --prefer-static
}

# build_in DIR TARGET... -- OPTION...
build_in() {
	local dir=$1 targets=()
	shift
	while [[ $1 != -- ]]; do
		targets+=("$1")
		shift
	done
	shift
	configure "$dir" "$@"
	progress "building build/$dir"
	compile "$dir" "${targets[@]}"
}
