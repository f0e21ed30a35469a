# SPDX-License-Identifier: MIT
#
# script/run: a part of out/report.json for people, "runs" or "linux".
def spaces($n): [range($n) | " "] | add // "";
def left($n): tostring | . + spaces($n - length);
def right($n): tostring | spaces($n - length) + .;
# 1234567 as 1,234,567
def commas: tostring | [while(. != ""; .[:-3]) | .[-3:]] | reverse | join(",");
# ns as ms with one digit more
def ms: . / 100000 | round | "\(. / 10 | floor).\(. % 10)";

def run:
	"",
	"Linux \(.source) -> Linux \(.destination), \(.vcpus) vCPUs, guest: \(.guest)",
	"  guest before     \(.guest_before)",
	"  saved            \(.registers_saved) registers, \(.attributes_saved) attributes",
	"  check there      \(.check)",
	"  restored         \(.registers_written) registers, \(.attributes_written) attributes",
	"  read back        \(.registers_compared) registers, \(.attributes_compared) attributes",
	"  register calls   \(.calls.save) to save, \(.calls.restore) to restore and prove; \(.calls.vectors) with many registers each",
	"  VM-wide state    " + (if .vm_registers_written > 0 then "\(.vm_registers_written) registers written once through the VM fd" else "written once, through the first vCPU" end),
	"  differences      " + ([.differences | to_entries[] | select(.value > 0 or .key == "unexplained") | "\(.value) \(.key)"] | join(", ")),
	"  guest after      \(.guest_after)",
	"  guest went on    passes \(.passes.before) -> \(.passes.after), ticks \(.ticks.before) -> \(.ticks.after)",
	"  would go back?   \(.way_back.verdict), says onereg check --on a \(.way_back.host) host",
	(.way_back.reasons[] | "                   - " + .[0:150]);

def runs: (.runs[] | run),
	"",
	"A VM-wide register is saved and written once, and compared through every vCPU;",
	"read-only views and GIC registers at their reset value are not written.";

def parts: ["pause", "registers", "memory", "transfer", "commit", "prove", "go"];
def widths: [6, 10, 7, 9, 7, 6, 6];
# Cells of the same width in the head and in each row.
def cells(f): [parts, widths] | transpose | map(.[1] as $n | .[0] | f | right($n)) | add;

def move($i):
	. as $m |
	("\($i)  \(.from) -> \(.to)" | left(17)) + (.rounds | right(7)) +
	(.pages | commas | right(8)) + (.last_pages | commas | right(6)) +
	(.blackout_ns | ms | right(8)) +
	cells($m.blackout_parts_ns[.] | ms);

def guest($name; $found):
	($name | left(13)) + (.passes | commas | right(7)) +
	(.ticks | commas | right(10)) + (.lost | right(6)) +
	(.counted | commas | right(15)) + (.checked | commas | right(14)) +
	(.wrong | right(7)) + ($found | right(13));

def linux:
	"",
	"Linux as a guest, \(.vcpus) vCPUs, \(.memory_size / 1048576) MiB, moves while it runs",
	"",
	"                  while it runs  stands still: ms, and where they went",
	"move              rounds   pages pages     all" + cells(.),
	(.moves | to_entries[] | (.key + 1) as $i | .value | move($i)),
	"",
	"guest says:   passes     ticks  lost       counters        values  wrong  unexplained",
	(.moves[0].guest_before | guest("  before"; "")),
	(.moves | to_entries[] | (.key + 1) as $i | .value |
		.differences.unexplained as $n |
		.guest_after | guest("  after \($i)"; $n)),
	"",
	(.totals | "\(.moves) moves: \(.ticks_lost) of \(.ticks | commas) ticks lost, " +
		"\(.wrong_values) of \(.values_checked | commas) values wrong,",
		"\(.unexplained) unexplained differences in \(.registers_compared | commas) registers read back"),
	(.retried | values | "a host failed by itself, and all was done once more: \(.)");

if $part == "runs" then runs elif .linux then .linux | linux else empty end
