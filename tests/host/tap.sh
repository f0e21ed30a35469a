# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# TAP for tests in bash; to be sourced.  Sets root, run and probe, and work, a
# directory that goes away.
#
#   host ARG...        runs host/run; leaves status, stdout and stderr; once
#                      more if the emulated host itself failed
#   host_once ARG...   ... but not once more
#   is WHAT GOT WANT   one test: both are the same
#   has WHAT TEXT IN   one test: TEXT is somewhere in IN
#   skip WHAT WHY
#   hold_out           nobody else's script/run writes to out/ from here on
#   done_testing       the plan, and the exit status
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck disable=SC2034 # for those who source this
run=$root/host/run
# shellcheck disable=SC2034
probe=$root/build/arm64/host/host-probe
[[ -x $probe ]] || {
	echo "Bail out! $probe is missing: run script/build arm64"
	exit 1
}
work=$(mktemp -d "${TMPDIR:-/tmp}/onereg-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
tests=0
failures=0

# shellcheck disable=SC2034 # what it leaves is for the caller
host_once() {
	status=0
	"$run" "$@" >"$work/stdout" 2>"$work/stderr" </dev/null || status=$?
	stdout=$(<"$work/stdout")
	stderr=$(<"$work/stderr")
}

host() {
	host_once "$@"
	[[ $status -eq 125 ]] || return 0
	echo "# the emulated host failed, once more: $(grep -m 1 'host: error' \
		"$work/stderr" || tail -n 1 "$work/stderr")"
	host_once "$@"
}

# result GOOD WHAT DETAIL
result() {
	tests=$((tests + 1))
	if [[ $1 == yes ]]; then
		echo "ok $tests - $2"
	else
		failures=$((failures + 1))
		echo "not ok $tests - $2"
		printf '%s\n' "$3" | sed 's/^/# /'
	fi
}

is() {
	local good=no
	[[ $2 != "$3" ]] || good=yes
	result "$good" "$1" "got:
$2
wanted:
$3
${stderr-}"
}

has() {
	local good=no
	[[ $3 != *"$2"* ]] || good=yes
	result "$good" "$1" "no '$2' in:
$3"
}

skip() {
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP $2"
}

# Tests may run at once, and there is one out/ in a checkout.
hold_out() {
	local lock
	exec {lock}>"$root/build/.out.lock"
	flock "$lock"
	# By the scripts that the test runs.
	export ONEREG_OUT_HELD=1
}

done_testing() {
	echo "1..$tests"
	[[ $failures -eq 0 && $tests -gt 0 ]]
}
