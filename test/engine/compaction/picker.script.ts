/**
 * Text scripts for the compaction picker. A case is a title line starting with "#", segments, tombstones and settings in
 * any order, and the expected plans, one after the other, each applied before the next is asked for:
 *
 *   settings partition=10 retention=0 max=100M now=500 cutoff=0
 *   segment 1 L0 0..9 64K @5 [purged 7] [busy]     id, level, first and last time, bytes, sequence
 *   tombstone 0..5 @8                              half-open range, sequence
 *   merge 1 2 3 -> L1 (reason)                     the output gets the next free id and the sum of the bytes
 *   move 4 -> L2
 *   nothing
 */
export const PICKER_SCRIPT: string = `
# nothing to do without segments
settings partition=10 now=5
nothing

# three flushes of a partition are left alone
settings partition=10 now=5
segment 1 L0 0..9 10K @1
segment 2 L0 0..9 10K @2
segment 3 L0 0..9 10K @3
nothing

# four flushes of a partition are merged at once
settings partition=10 now=5
segment 1 L0 0..2 10K @1
segment 2 L0 2..4 10K @2
segment 3 L0 4..6 10K @3
segment 4 L0 6..9 10K @4
merge 1 2 3 4 -> L1 (crowded partition)
nothing

# a large file is not rewritten for small ones
settings partition=10 now=5
segment 1 L0 0..9 90M @1
segment 2 L0 0..9 10K @2
segment 3 L0 0..9 10K @3
segment 4 L0 0..9 10K @4
nothing
segment 5 L0 0..9 10K @5
merge 2 3 4 5 -> L1 (crowded partition)
nothing

# flushes of different partitions of an open window wait for its end
settings partition=10 now=50
segment 1 L0 0..9 10K @1
segment 2 L0 10..19 10K @2
segment 3 L0 20..29 10K @3
segment 4 L0 30..39 10K @4
nothing

# a closed level 2 window becomes one file
settings partition=10 now=170
segment 1 L0 0..9 10K @1
segment 2 L0 10..19 10K @2
segment 3 L0 150..159 10K @3
segment 4 L0 160..169 10K @4
merge 1 2 3 -> L2 (closed window)
nothing

# a merged file that is alone in a closed window moves without rewriting
settings partition=10 now=1000
segment 1 L1 0..9 10K @1
segment 2 L1 160..199 10K @2
segment 3 L1 980..989 10K @3
move 1 2 -> L2
nothing

# a flush that is alone in its closed window is encoded again
settings partition=10 now=1000
segment 1 L0 0..9 10K @1
segment 2 L0 980..989 10K @2
merge 1 -> L2 (final form)
nothing

# a flush above the limit moves as it is
settings partition=10 now=1000 max=1M
segment 1 L0 0..9 2M @1
move 1 -> L2
nothing

# asked for the final form, open windows and little late data are merged, too
settings partition=10 now=1000
segment 1 L2 0..159 50M @1
segment 2 L0 20..29 10K @9
segment 3 L0 990..999 10K @10
nothing
settings full=yes
merge 1 2 -> L2 (closed window)
merge 3 -> L2 (final form)
nothing

# little late data does not rewrite a closed window
settings partition=10 now=1000
segment 1 L2 0..159 50M @1
segment 2 L0 20..29 10K @9
segment 3 L0 50..59 10K @10
nothing
segment 4 L0 20..29 10K @11
segment 5 L0 30..39 10K @12
merge 2 3 4 5 -> L2 (closed window)
nothing

# late data worth an eighth rewrites it
settings partition=10 now=1000
segment 1 L2 0..159 8M @1
segment 2 L0 20..29 1M @9
merge 1 2 -> L2 (closed window)
nothing

# many files of a level 1 window are merged when it closes
settings partition=10 now=60
segment 1 L0 0..9 10K @1
segment 2 L0 0..9 10K @2
segment 3 L0 10..19 10K @3
segment 4 L0 10..19 10K @4
segment 5 L0 20..29 10K @5
segment 6 L0 20..29 10K @6
segment 7 L0 30..39 10K @7
segment 8 L0 30..39 10K @8
merge 1 2 3 4 5 6 7 8 -> L1 (closed window)
nothing

# files above the limit stay apart
settings partition=10 now=1000 max=1M
segment 1 L0 0..9 600K @1
segment 2 L0 10..19 600K @2
segment 3 L0 20..29 300K @3
merge 2 3 -> L2 (closed window)
nothing

# a segment between the sequences that meets the span splits the run
settings partition=10 now=1000
segment 1 L0 0..9 10K @1
segment 2 L0 5..200 10K @2
segment 3 L0 0..9 10K @3
nothing

# a segment of the same sequence in another partition does not split it
settings partition=10 now=5
segment 1 L0 0..9 10K @1
segment 2 L0 0..9 10K @2
segment 3 L0 0..9 10K @3
segment 4 L0 0..9 10K @4
segment 5 L0 10..19 10K @2
merge 1 2 3 4 -> L1 (crowded partition)
nothing

# busy segments are left alone
settings partition=10 now=5
segment 1 L0 0..9 10K @1 busy
segment 2 L0 0..9 10K @2
segment 3 L0 0..9 10K @3
segment 4 L0 0..9 10K @4
nothing

# expired segments are left to retention
settings partition=10 now=1000 cutoff=500
segment 1 L0 0..9 10K @1
segment 2 L0 10..19 10K @2
nothing

# a tombstone rewrites what it hides, the smallest first
settings partition=10 now=30
segment 1 L0 0..9 20K @1
segment 2 L0 0..9 10K @2
segment 3 L0 10..19 10K @3
segment 4 L0 0..9 10K @9
tombstone 0..10 @5
merge 2 -> L0 (tombstones)
merge 1 -> L0 (tombstones)
nothing

# a tombstone that was applied is not applied again
settings partition=10 now=30
segment 1 L0 0..9 20K @1 purged 5
tombstone 0..10 @5
nothing
tombstone 0..10 @6
merge 1 -> L0 (tombstones)
nothing

# a short retention narrows the windows
settings partition=10 retention=80 now=1000 cutoff=0
segment 1 L0 0..9 10K @1
segment 2 L0 10..19 10K @2
segment 3 L0 20..29 10K @3
merge 1 -> L2 (final form)
merge 2 -> L2 (final form)
merge 3 -> L2 (final form)
nothing

# times before zero have windows, too
settings partition=10 now=1000
segment 1 L0 -10..-1 10K @1
segment 2 L0 -20..-11 10K @2
segment 3 L0 0..9 10K @3
merge 1 2 -> L2 (closed window)
merge 3 -> L2 (final form)
nothing
`;
