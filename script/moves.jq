# SPDX-License-Identifier: MIT
#
# script/linux-moves: what onereg-vmm said, each time that the guest left or
# arrived, as moves; "good" only if nothing is missing and nothing was lost.
def host: if test("onereg") then "onereg" else capture("^(?<v>[0-9]+\\.[0-9]+)").v end;
def went_on($before; $after):
	all("passes", "ticks", "counted", "checked"; $after[.] > $before[.]);
def well: .lost == 0 and .wrong == 0;

def move($from; $to): {
	from: ($from.kernel | host), to: ($to.kernel | host),
	from_kernel: $from.kernel, to_kernel: $to.kernel,
	outcome: $from.migration.outcome,
	same_stream: ($from.migration.id == $to.received.id),
	rounds: $from.migration.rounds,
	converged: $from.migration.converged,
	pages: $from.migration.pages,
	last_pages: $from.migration.last_pages,
	bytes: $from.migration.bytes,
	precopy_ns: $from.migration.precopy_ns,
	blackout_ns: $from.migration.blackout_ns,
	blackout_parts_ns: $from.migration.blackout_parts_ns,
	registers_compared: $to.registers_compared,
	differences: $to.differences,
	guest_before: $from.guest_counts, guest_after: $to.guest_counts,
	said_after: $to.guest_said };

# But for what lies between two looks at a clock.
def is_explained: (.blackout_ns - (.blackout_parts_ns | add)) as $rest |
	$rest >= 0 and $rest <= .blackout_ns / 50;

def good: .outcome == "moved" and .same_stream and .blackout_ns > 0 and
	is_explained and
	.differences.unexplained == 0 and .registers_compared > 0 and
	(.said_after | startswith("payload: ok ")) and
	(.guest_before, .guest_after | well) and
	went_on(.guest_before; .guest_after);

. as $all |
[range(1; length) | move($all[. - 1]; $all[.])] as $moves |
{
	guest: $all[0].guest, vcpus: $all[0].vcpus,
	memory_size: $all[0].memory_size, seconds: $seconds,
	# why a host failed, and all of it was done once more
	retried: (if $retried == "" then null else $retried end),
	moves: $moves,
	totals: {
		moves: ($moves | length),
		ticks: $all[-1].guest_counts.ticks,
		ticks_lost: $all[-1].guest_counts.lost,
		values_checked: $all[-1].guest_counts.checked,
		wrong_values: $all[-1].guest_counts.wrong,
		registers_compared: ($moves | map(.registers_compared) | add),
		unexplained: ($moves | map(.differences.unexplained) | add)
	},
	good: ($moves | length > 0 and all(good))
}
